"""`show version` (VPP's vpp/app/version.c)."""

from __future__ import annotations


def read_version(text: str) -> str:
    """The version, without who built it and where; the whole line when it has another shape."""
    line = text.strip().partition("\n")[0]
    words = line.split()
    return words[1] if len(words) > 1 and words[0] == "vpp" else line
