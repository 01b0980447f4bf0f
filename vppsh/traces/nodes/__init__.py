"""How the traces of nodes look, a family a file; a NodeFormat in a file here is found by itself (vppsh/traces/fields.py)."""
