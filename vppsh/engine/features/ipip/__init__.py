"""IP in IP (RFC 2003, 2473, 4213): tunnels between two ends or to many, of IPv4 or IPv6 over either; and 6rd (RFC 5969).

Counterpart of VPP's plugin ipip. `tunnels` has the tunnels and what packets are looked up in, `sixrd` those of 6rd,
`input` the nodes that take packets out; into a tunnel packets get by its midchain adjacencies.
"""
