"""VXLAN (RFC 7348): Ethernet frames, or packets, over UDP.

Counterpart of VPP's plugin vxlan. `tunnels` has the tunnels and what packets are looked up in, `encap` the nodes that packets
get in by, `input` those that take them out, `bypass` a shorter way there.
"""
