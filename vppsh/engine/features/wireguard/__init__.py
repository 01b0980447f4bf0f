"""The nodes of WireGuard."""
