"""Ethernet: ports and their VLAN sub-interfaces, and the nodes that look at an Ethernet header.

Counterpart of vnet/ethernet. `ports` is the state, `input` the nodes, `tagged` and `general` the ways
through ethernet-input that are not the fast one, `sub_interfaces` creates and deletes sub-interfaces.
"""
