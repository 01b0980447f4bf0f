"""IPv6: one file per part of the path (RFC 8200; VPP's vnet/ip/ip6_*.c)."""
