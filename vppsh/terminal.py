"""The terminal of a session, as VPP sees it (vlib/unix/cli.c)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Terminal:
    """What VPP keeps of a session's terminal."""

    name: str = "unix-cli-local:1"
    node: str = "unix-cli-process-0"
    interactive: bool = False
    line_mode: bool = True
    width: int = 80
    height: int = 24
    ansi: bool = False
    history: bool = False
    history_limit: int = 50
    pager: bool = False
    pager_limit: int = 100000
    crlf: bool = True
    is_socket: bool = False
    process_index: int = 0
    descriptor: int = 0
