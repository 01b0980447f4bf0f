"""What tunnels have in common: adjacencies in the middle of a chain, header templates, flags, fixups."""
