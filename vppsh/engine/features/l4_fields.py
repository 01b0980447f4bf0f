"""The buffer columns that shallow reassembly fills in, for features that tell flows apart (see engine/l4_fields.py)."""

from __future__ import annotations

from vppsh.registry import column

L4_COLUMNS = (column("l4_ports", "u4"), column("l4_first", "u4"))
