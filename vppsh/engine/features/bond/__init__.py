"""Bonds: several Ethernet interfaces that act as one (VPP's vnet/bonding; IEEE 802.1AX).

`bonds` is the state, `input` and `output` are the nodes.
"""
