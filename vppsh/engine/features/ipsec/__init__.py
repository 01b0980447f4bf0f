"""IPsec (RFC 4301; VPP's vnet/ipsec)."""
