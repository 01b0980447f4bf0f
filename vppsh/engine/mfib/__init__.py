"""The multicast FIB: who may send to a group, and where that goes (VPP's vnet/mfib)."""
