"""Imports go one way, heavy libraries stay at the edge, and start-up loads only what it uses."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "vppsh"

# The direction of docs/architecture.md: a module may import its own level and the levels below it.
LEVELS = {
    "vppsh": 0,
    "vppsh.registry": 0,
    "vppsh.errors": 0,
    "vppsh.grammar": 0,
    "vppsh.settings": 0,
    "vppsh.knowledge": 0,
    "vppsh.terminal": 0,
    "vppsh.engine": 1,
    "vppsh.traces": 2,
    "vppsh.targets": 2,
    "vppsh.answers": 2,
    "vppsh.commands": 3,
}
FRONT_END = 4
HEAVY = ("scapy", "textual", "kubernetes")


@dataclass(frozen=True)
class Import:
    """One import that runs: where it stands and what it loads."""

    importer: str
    line: int
    module: str
    at_top: bool


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def level(module: str) -> int:
    """The level of a module: that of its nearest package listed, front end when none is."""
    known = [prefix for prefix in LEVELS if module == prefix or (prefix != "vppsh" and module.startswith(f"{prefix}."))]
    return LEVELS[max(known, key=len)] if known else FRONT_END


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def running(tree: ast.AST, at_top: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The imports that run (those for type checkers do not), and whether they run when the module is loaded."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_top
        else:
            yield from running(node, at_top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


def imports_of(path: Path) -> Iterator[Import]:
    importer = module_name(path)
    package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    for node, at_top in running(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            loaded = [alias.name for alias in node.names]
        else:
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            # `from package import name` may load the module package.name: judge by the longest that is a file.
            loaded = [f"{source}.{alias.name}" if is_module(f"{source}.{alias.name}") else source for alias in node.names]
        for module in dict.fromkeys(loaded):
            yield Import(importer, node.lineno, module, at_top)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return [found for path in sorted(PACKAGE.rglob("*.py")) for found in imports_of(path)]


def test_imports_go_one_way(imports: list[Import]) -> None:
    upward = [
        f"{found.importer}:{found.line} imports {found.module}"
        for found in imports
        if found.module.split(".")[0] == "vppsh" and level(found.module) > level(found.importer)
    ]
    assert not upward, "\n".join(upward)


def test_registry_and_errors_use_the_standard_library_and_msgspec_only(imports: list[Import]) -> None:
    foreign = [
        f"{found.importer}:{found.line} imports {found.module}"
        for found in imports
        if found.importer in ("vppsh", "vppsh.registry", "vppsh.errors")
        and found.module.split(".")[0] not in {"vppsh", "msgspec", *sys.stdlib_module_names}
    ]
    assert not foreign, "\n".join(foreign)


def test_heavy_libraries_are_each_imported_in_one_place_and_when_used(imports: list[Import]) -> None:
    """A place is a file, or a package of one subject such as vppsh.tui, which is itself loaded only when chosen."""
    places: dict[str, set[str]] = defaultdict(set)
    for found in imports:
        library = found.module.split(".")[0]
        if library not in HEAVY:
            continue
        home = ".".join(found.importer.split(".")[:2])
        own_package = home == "vppsh.tui"
        assert own_package or not found.at_top, f"{found.importer}:{found.line} imports {library} when it is loaded"
        assert level(found.importer) != LEVELS["vppsh.engine"], f"{found.importer}:{found.line}: {library} in the engine"
        places[library].add(home if own_package else found.importer)
    assert all(len(where) == 1 for where in places.values()), dict(places)


def loaded_by(*args: str) -> set[str]:
    """Top-level packages that `vppsh ARGS` has loaded when it ends."""
    program = (
        "import sys\n"
        "from vppsh.cli import main\n"
        "try:\n    status = main()\nexcept SystemExit as leaving:\n    status = leaving.code\n"
        "print('loaded', *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "no answer"
    return set(done.stderr.splitlines()[-1].split()[1:])


def test_version_loads_no_library() -> None:
    assert not loaded_by("--version") & {"numpy", "scapy", "textual", "kubernetes", "prompt_toolkit", "pygments", "cryptography"}


def test_a_line_loads_no_front_end() -> None:
    assert not loaded_by("-c", "show version") & {"scapy", "textual", "kubernetes", "prompt_toolkit", "pygments"}


def test_a_line_for_a_running_vpp_loads_no_library(tmp_path: Path) -> None:
    """`vppsh attach ... 'show version'` is as quick as vppctl."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "cli.sock"))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"\xff\xfa\x18\x01\xff\xf0")
            heard = b""
            while b"show version\n" not in heard:
                heard += connection.recv(100)
            connection.sendall(b"vpp v1\r\n\0")
            while b"quit\n" not in heard:
                heard += connection.recv(100)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        loaded = loaded_by("attach", str(tmp_path / "cli.sock"), "show version")
    finally:
        thread.join()
        listener.close()
    assert not loaded & {"numpy", "scapy", "textual", "kubernetes", "prompt_toolkit", "pygments", "cryptography"}
