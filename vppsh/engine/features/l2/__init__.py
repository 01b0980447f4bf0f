"""Layer 2: interfaces whose packets are not routed. So far cross-connects and VLAN tag rewriting.

Counterpart of vnet/l2. `features` has the bits that say what happens to a packet, `modes` which of them an
interface has, `tag_rewrite` the rewriting of tags; the nodes are in `input`, `input_vtr` and `output`.
"""
