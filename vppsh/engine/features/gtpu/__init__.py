"""GTP-U (3GPP TS 29.281): packets of mobile users over UDP.

Counterpart of VPP's plugin gtpu. `tunnels` has the tunnels, what packets are looked up in, and where those go that no tunnel
takes; `encap` the nodes that packets get in by, `input` those that take them out, `bypass` a shorter way there.
"""
