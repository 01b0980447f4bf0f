"""The configuration of a node, rebuilt from what its VPP answered to show commands: lines for a dataplane, and what they lack.

`sections` takes files apart, `bundle` archives; `node` holds what was read; `interfaces`, `tunnels`, `layer2`, `secrets`, `protection`
and `routes` write lines, each of its own subject; `build` puts them together.
"""
