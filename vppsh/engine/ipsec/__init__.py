"""IPsec as a model: associations, their ciphers and replay windows, policies, protected tunnels (RFC 4301; VPP's vnet/ipsec)."""
