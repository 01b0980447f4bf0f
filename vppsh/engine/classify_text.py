"""Classifier sessions and their bytes as VPP shows them, in listings and in traces (format_classify_entry in vnet_classify.c)."""

from __future__ import annotations

from vppsh.engine.classify import ClassifySession, ClassifyTable

SHORT_HEX = 32


def format_bytes(data: bytes, indent: int) -> str:
    """Up to 32 bytes as they are, more in lines of 32 with their offsets."""
    if len(data) <= SHORT_HEX:
        return data.hex()
    lines = [f"{at:08x}: {data[at : at + SHORT_HEX].hex()}" for at in range(0, len(data), SHORT_HEX)]
    return f"\n{' ' * indent}".join(lines)


def as_signed(value: int | None) -> int:
    """An index as it is shown: none is -1."""
    return -1 if value is None or value == 0xFFFFFFFF else value


def format_session(table: ClassifyTable, session: ClassifySession) -> str:
    """A session as listings and traces show it."""
    return (
        f"[{session.offset}]: next_index {session.next_index & 0xFFFF} advance {session.advance} opaque {as_signed(session.opaque)}"
        f" action {session.action} metadata {session.metadata}\n"
        f"        k: {format_bytes(session.key, 11)}\n"
        f"        hits {session.hits}, last_heard {session.last_heard:.2f}\n"
    )
