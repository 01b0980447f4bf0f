"""What can be wrong with a filter expression."""

from __future__ import annotations


class BpfError(Exception):
    """An expression cannot be compiled; `ours` when libpcap could have."""

    def __init__(self, message: str, *, ours: bool = False) -> None:
        super().__init__(message)
        self.ours = ours
