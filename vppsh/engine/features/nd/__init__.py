"""Neighbour discovery: who has which IPv6 address on a link (RFC 4861; VPP's vnet/ip6-nd and ip6_neighbor.c)."""
