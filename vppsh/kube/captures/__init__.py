"""Captures on the nodes of a cluster, as transactions: whatever happens, a node is left as it was found."""
