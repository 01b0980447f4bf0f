"""ARP: who has which IPv4 address on a link (RFC 826; VPP's vnet/arp and vnet/ip-neighbor/ip4_neighbor.c)."""
