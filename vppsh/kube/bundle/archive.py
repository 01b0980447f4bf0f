"""The archive: a compressed tar that is whole after each file that was added, with a manifest at its end."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from vppsh import __version__
from vppsh.errors import OutputFileError
from vppsh.targets.masking import Masker

_ODD = re.compile(r"[^A-Za-z0-9._-]+")
_SECRET = re.compile(r"psk|secret|token|passw|key", re.IGNORECASE)
MANIFEST = "manifest.json"


@dataclass
class Entry:
    """A file of the archive, or one that there could not be.

    command  what was asked: a line of VPP's, a command in a container, a path on the API server
    file     its path in the archive; empty when nothing came
    refused  VPP refused the line
    error    why there is no answer, or no whole one
    """

    command: str
    file: str = ""
    bytes: int = 0
    seconds: float = 0.0
    refused: bool = False
    error: str = ""


@dataclass
class Part:
    """A node, or the cluster itself (an empty name)."""

    node: str
    pod: str = ""
    vpp_version: str = ""
    entries: list[Entry] = field(default_factory=list)

    @property
    def lost(self) -> list[Entry]:
        """What could not be had."""
        return [entry for entry in self.entries if entry.error]


class Archive:
    """Filled by several threads; a context that ends with the manifest, whatever happened."""

    def __init__(self, path: Path, masker: Masker | None) -> None:
        """Create it, readable by its owner alone; raises OutputFileError."""
        self.path = path
        self.parts: list[Part] = []
        self._masker = masker
        self._lock = threading.Lock()
        self._started = _now()
        self._folder = path.name.split(".")[0]
        try:
            self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        except OSError as error:
            raise OutputFileError(f"{path}: {error.strerror}") from error
        self._gzip = gzip.GzipFile(fileobj=self._file, mode="wb", mtime=0)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w")  # noqa: SIM115  # closed by __exit__

    def part(self, node: str, pod: str = "") -> Part:
        """A part of the manifest."""
        part = Part(node, pod)
        with self._lock:
            self.parts.append(part)
        return part

    def add(self, part: Part, entry: Entry, text: str, suffix: str = ".txt") -> None:
        """Add what was answered, secrets masked. Raises OutputFileError."""
        folder = f"nodes/{name_of(part.node)}" if part.node else "cluster"
        with self._lock:
            part.entries.append(entry)
            if text or not entry.error:
                entry.file = f"{folder}/{name_of(entry.command)}{suffix}"
                entry.bytes = self._write(entry.file, text)

    def add_object(self, part: Part, entry: Entry, value: Any) -> None:
        """Add an object of the API server's: what is in variables with the name of a secret is masked, too."""
        with self._lock:
            masker = self._masker
            if masker is not None:
                value = _without_secrets(value, masker)
        self.add(part, entry, json.dumps(value, indent=1) + "\n", ".json")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        manifest = {
            "format": 1, "tool": f"vppsh {__version__}", "started": self._started, "ended": _now(),
            "complete": kind is None, "masked": self._masker is not None, "parts": [asdict(part) for part in self.parts],
        }  # fmt: skip
        with self._lock:
            self._write(MANIFEST, json.dumps(manifest, indent=1) + "\n")
            self._tar.close()
            self._gzip.close()
            self._file.close()

    def _write(self, name: str, text: str) -> int:
        """Add a file, so that it can be read even if nothing more is written."""
        data = (text if self._masker is None else self._masker.mask(text)).encode("utf-8", "surrogateescape")
        info = tarfile.TarInfo(f"{self._folder}/{name}")
        info.size, info.mtime, info.mode = len(data), int(time.time()), 0o600
        try:
            self._tar.addfile(info, io.BytesIO(data))
            self._gzip.flush()
            self._file.flush()
        except OSError as error:
            raise OutputFileError(f"{self.path}: {error.strerror}") from error
        return len(data)


def name_of(text: str) -> str:
    """A name for a file."""
    return _ODD.sub("-", text).strip("-.") or "_"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _without_secrets(value: Any, masker: Masker) -> Any:
    """An object without its history (which repeats it) and with variables that are secrets masked."""
    if isinstance(value, list):
        return [_without_secrets(each, masker) for each in value]
    if not isinstance(value, dict):
        return value
    found = {
        name: _without_secrets(each, masker)
        for name, each in value.items()
        if name not in ("managedFields", "kubectl.kubernetes.io/last-applied-configuration")
    }
    if isinstance(found.get("value"), str) and found["value"] and _SECRET.search(str(found.get("name", ""))):
        word = "secret "
        found["value"] = masker.mask(word + found["value"].replace(" ", "_"))[len(word) :]
    return found
