"""GRE (RFC 2784, 2890): tunnels of packets, of Ethernet frames (TEB), and of mirrored frames (ERSPAN type II, towards a collector).

Counterpart of VPP's plugin gre. `tunnels` has the tunnels and what packets are looked up in, `input` the nodes that
take packets out, `encap` those that frames get in by; packets get into a tunnel by its midchain adjacencies.
"""
