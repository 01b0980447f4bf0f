"""Files, folders and archives with a node's answers: what people have at hand when they ask why a packet went where it did.

An archive of `vppsh kube export` says in its manifest which file answers which line; of others, and of folders, each file is looked at.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vppsh.errors import InputFileError, UsageError
from vppsh.rebuilt.sections import Section, in_full, read_sections

MANIFEST = "manifest.json"
SUFFIXES = (".tar.gz", ".tgz", ".tar")
MOST = 1 << 30


def read_answers(name: str, node: str | None = None) -> list[Section]:
    """The answers in a file, a folder or an archive; none for a file that has none, a recipe.

    `node` chooses among the nodes of an archive. Raises InputFileError for what cannot be read, UsageError for a node that must be chosen.
    """
    path = Path(name)
    try:
        if path.is_dir():
            texts = {str(each.relative_to(path)): each.read_text("utf-8", "replace") for each in sorted(path.rglob("*")) if _wanted(each)}
            return _of_files(texts, name, node)
        if path.name.endswith(SUFFIXES):
            return _of_files(_of_archive(path), name, node)
        with path.open(encoding="utf-8", errors="replace") as file:
            return read_sections(file)
    except (OSError, ValueError, tarfile.TarError, EOFError) as error:
        raise InputFileError(f"{name}: {getattr(error, 'strerror', None) or error}") from error


def _wanted(path: Path) -> bool:
    return path.is_file() and (path.suffix in (".txt", ".log", ".out", "") or path.name == MANIFEST)


def _of_archive(path: Path) -> dict[str, str]:
    """The texts in an archive, by their paths without the folder that all are in."""
    found: dict[str, str] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            inner = PurePosixPath(member.name)
            if member.isfile() and member.size < MOST and inner.suffix in (".txt", ".log", ".out", ".json", ""):
                file = archive.extractfile(member)
                if file is not None:
                    found[str(inner)] = file.read().decode("utf-8", "replace")
    folders = {PurePosixPath(each).parts[0] for each in found if len(PurePosixPath(each).parts) > 1}
    if len(folders) == 1 and all(len(PurePosixPath(each).parts) > 1 for each in found):
        return {str(PurePosixPath(*PurePosixPath(each).parts[1:])): text for each, text in found.items()}
    return found


def _of_files(texts: dict[str, str], name: str, node: str | None) -> list[Section]:
    """The answers in several files."""
    if MANIFEST in texts:
        return list(_of_manifest(texts, name, node))
    if node is not None:
        chosen = {
            path: text for path, text in texts.items() if node in PurePosixPath(path).parts or PurePosixPath(path).name.startswith(node)
        }
        if not chosen:
            raise UsageError(f"--node {node}: {name} has no file of it")
        texts = chosen
    found = [section for text in texts.values() for section in read_sections(text.split("\n"))]
    if not found:
        raise InputFileError(f"{name}: there are no answers of VPP in it")
    return found


def _of_manifest(texts: dict[str, str], name: str, node: str | None) -> Iterator[Section]:
    """The answers of one node of an archive of `vppsh kube export`."""
    parts = [part for part in json.loads(texts[MANIFEST])["parts"] if part.get("node")]
    nodes = [part["node"] for part in parts]
    if node is None and len(parts) != 1:
        raise UsageError(f"{name}: say with --node which one: {', '.join(nodes) or 'it has no node'}")
    part = next((each for each in parts if node in (None, each["node"])), None)
    if part is None:
        raise UsageError(f"--node {node}: {name} has {', '.join(nodes)}")
    for entry in part["entries"]:
        text = texts.get(entry.get("file", ""))
        if text is not None and entry["command"].startswith("show ") and not entry.get("refused"):
            yield Section(in_full(entry["command"]), text.splitlines())
