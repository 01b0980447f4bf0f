"""What the reassembly of IPv4 and of IPv6 fragments have in common."""
