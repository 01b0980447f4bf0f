"""IPv4: one file per part of the path (RFC 791, 1812; VPP's vnet/ip/ip4_*.c)."""
