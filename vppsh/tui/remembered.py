"""What the monitor remembers of its layout between two runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def _file() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "vppsh" / "tui.json"


def recall() -> dict[str, Any]:
    """The layout of the last run; empty when there is none that can be read."""
    try:
        state = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def remember(state: dict[str, Any]) -> str:
    """Keep the layout; why it cannot be kept, if so."""
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        new.replace(path)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""
