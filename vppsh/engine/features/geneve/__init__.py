"""Geneve (RFC 8926): Ethernet frames over UDP.

Counterpart of VPP's plugin geneve. `tunnels` has the tunnels and what packets are looked up in, `encap` the nodes that frames
get in by, `input` those that take them out, `bypass` a shorter way there.
"""
