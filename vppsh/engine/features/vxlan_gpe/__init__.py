"""VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe): IPv4, IPv6 and Ethernet over UDP, told apart by a number in the header.

Counterpart of VPP's plugin vxlan-gpe. `tunnels` has the tunnels and what packets are looked up in, `encap` the node that packets
get in by, `input` those that take them out, `bypass` a shorter way there.
"""
