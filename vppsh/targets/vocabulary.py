"""What can be typed to a target that is not this process: its commands, and the names of what it has.

The commands come from the target itself: VPP lists them with their help when it is asked `?`. They are kept on disk
by the target's version. What may follow a command is told from its help text, in which VPP writes the words to choose
from and `<interface>` and the like where a name belongs. Names are asked for when they are needed, in the background,
with commands that do not stop VPP's workers (`show interface`, `show runtime verbose`).
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vppsh.errors import TargetError
from vppsh.grammar.base import Argument, Candidate, Follow, Resolver
from vppsh.grammar.reader import Reader
from vppsh.grammar.tree import CommandTree
from vppsh.registry import CommandSpec
from vppsh.targets.base import Target

# Names are as good as new for so many seconds.
FRESH = 5.0
# When nothing is known yet, whoever types is kept waiting this long at most: a VPP on this host answers sooner.
AT_FIRST = 0.1
# Help must never keep anybody waiting.
PATIENCE = 10.0
# The column of the paths in a listing.
_WIDTH = 40
_PATH = re.compile(r"[a-z0-9][\w-]*(?: [\w-]+)*", re.IGNORECASE)
_WORD = re.compile(r"<[^<>]*>|[A-Za-z0-9][A-Za-z0-9_.-]*")
_INTERFACE = re.compile(r"<[^>]*(?:interface|intfc|intf|iface|if-name|if_name|sw_if)[^>]*>", re.IGNORECASE)
_NODE = re.compile(r"<[^>]*node[^>]*>", re.IGNORECASE)
_STATES = "active|any wait|event wait|interrupt wa|polling|disabled|done|time wait"
# How names of a kind are asked for, and where they stand in the answer.
_NAMES = {
    "interface": ("show interface", re.compile(r"^(\S+) +\d+ +(?:up|down)\b", re.MULTILINE)),
    "node": ("show runtime verbose", re.compile(rf"^([a-z][\w.-]+) +(?:{_STATES})", re.MULTILINE)),
}


class Names:
    """Names of one kind, fetched in the background when they are old."""

    def __init__(self, fetch: Callable[[], list[str]]) -> None:
        self._fetch = fetch
        self._known: list[str] = []
        self._at = -FRESH
        self._busy = threading.Lock()
        self._fetched = threading.Event()

    def names(self) -> list[str]:
        """What is known now; what is new will be known the next time."""
        if time.monotonic() - self._at >= FRESH and self._busy.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="names", daemon=True).start()
            if not self._fetched.is_set():
                self._fetched.wait(AT_FIRST)
        return self._known

    def read(self, reader: Reader) -> str | None:
        """Any word may be a name: new ones are not known yet."""
        return reader.string()

    def _refresh(self) -> None:
        try:
            self._known = self._fetch()
        except TargetError:  # the next line that is typed will tell
            self._known = []
        finally:
            self._at = time.monotonic()
            self._fetched.set()
            self._busy.release()


class Syntax(Argument):
    """What may follow a command, as far as its help text tells."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        path_words = path.split()
        words = [word for word in _WORD.findall(text) if not word.startswith("<")]
        self._words = [word for word in dict.fromkeys(words) if word not in path_words]
        self._kinds = [kind for kind, pattern in (("interface", _INTERFACE), ("node", _NODE)) if pattern.search(text)]

    def parse(self, reader: Reader, context: Any, values: dict[str, Any]) -> bool:
        """Whatever was typed: VPP will judge."""
        reader.line()
        return True

    def follow(self, reader: Reader, context: Any, out: list[Candidate]) -> Follow:
        """The words of the help text that were not typed yet, and names."""
        typed = reader.text[reader.pos :].split() if reader.pos < len(reader.text) else []
        out.extend(Candidate(word) for word in self._words if word not in typed)
        for kind in self._kinds:
            out.extend(Candidate(name, kind, kind) for name in context.resolver(kind).names())
        return Follow.HERE

    def describe(self) -> str:
        """The help text."""
        return self._text


class Vocabulary:
    """What one target understands; a context for completion."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.input = Reader("")
        self.version = target.execute("show version", PATIENCE).text.strip()
        self.tree = CommandTree(_specs(self._listing()), vpp_commands="")
        self._names: dict[str, Names] = {kind: Names(self._fetcher(kind)) for kind in _NAMES}

    def resolver(self, kind: str) -> Resolver:
        """The names of one kind; none for kinds that nothing is known of."""
        return self._names.get(kind) or Names(list)

    def _fetcher(self, kind: str) -> Callable[[], list[str]]:
        line, pattern = _NAMES[kind]
        return lambda: list(dict.fromkeys(pattern.findall(self._target.execute(line, PATIENCE).text)))

    def _listing(self) -> str:
        """What the target answers to `?`, from disk when this version was asked before."""
        digest = hashlib.blake2b(self.version.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        file = _cache() / f"commands-{digest}.txt"
        try:
            return file.read_text()
        except (OSError, UnicodeDecodeError):
            text = self._target.execute("?", PATIENCE).text
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            new = file.with_suffix(f".{os.getpid()}")
            new.write_text(text)
            new.replace(file)
        except (OSError, UnicodeEncodeError):  # a full or read-only disk: ask again the next time
            return text
        return text


class _Unknown:
    """What is known of a target before it was asked, or that cannot be: nothing."""

    def __init__(self) -> None:
        self.input = Reader("")
        self.version = ""
        self.tree = CommandTree((), vpp_commands="")

    def resolver(self, kind: str) -> Resolver:
        """No names."""
        return Names(list)


class Vocabularies:
    """The vocabulary of each target, made in the background when first asked for."""

    def __init__(self) -> None:
        self._known: dict[str, Vocabulary | _Unknown] = {}
        self._lock = threading.Lock()

    def of(self, target: Target) -> Vocabulary | _Unknown:
        """What is known of a target by now."""
        with self._lock:
            found = self._known.get(target.name)
            if found is None:
                found = self._known[target.name] = _Unknown()
                threading.Thread(target=self._make, args=(target,), name=f"vocabulary {target.name}", daemon=True).start()
            return found

    def _make(self, target: Target) -> None:
        try:
            vocabulary = Vocabulary(target)
        except TargetError:  # nothing is lost but help; asked again with the next key
            with self._lock:
                self._known.pop(target.name, None)
            return
        with self._lock:
            self._known[target.name] = vocabulary


def _specs(listing: str) -> Iterator[CommandSpec]:
    """A command for each line of a listing of `?`; other lines are a help text that goes on."""
    for line in listing.splitlines():
        path, text = line[2 : 2 + _WIDTH], line[3 + _WIDTH :]
        if len(line) > 1 + _WIDTH and not path.endswith(" "):
            # The path fills its column. Nearly all help texts begin with the first word of their path.
            end = line.find(f" {path.split(' ', 1)[0]} ", 3)
            path, text = (line[2:end], line[end + 1 :]) if end > 0 else (line[2:], "")
        path = path.rstrip()
        if line.startswith("  ") and _PATH.fullmatch(path):
            yield CommandSpec(path, _sent, Syntax(text, path), help=text)


def _sent(context: Any, args: Any) -> None:
    """Lines are sent to the target as they were typed; nothing is executed here."""


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "vppsh"
