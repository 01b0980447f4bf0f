"""House rules that no linter knows: size of files, no state in modules, words that must not appear."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from vppsh import registry
from vppsh.registry import PACKAGES

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "vppsh").rglob("*.py"))
LONGEST = 450
MUTATORS = {"append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear"}
DECLARING = {
    each.__name__
    for each in (registry.node, registry.input_node, registry.process, registry.arc, registry.feature, registry.column,
                 registry.table, registry.command, registry.live, registry.demux)
}  # fmt: skip


def broken(rule: Callable[[Path], Iterable[str]], paths: Iterable[Path] = SOURCES) -> str:
    """What a rule finds in each file, a line each; nothing if all keep it."""
    return "\n".join(f"{path.relative_to(ROOT)}: {found}" for path in paths for found in rule(path))


def module_names(tree: ast.Module) -> set[str]:
    """Names bound at the top level of a module."""
    names = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def local_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that a function binds itself, and so are not the module's."""
    arguments = function.args
    names = {a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg] if a}
    return names | {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def changes_of_module_state(tree: ast.Module) -> Iterator[str]:
    """Places in functions that change a value bound at module level."""
    names = module_names(tree)
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        shared = names - local_names(function)
        for node in ast.walk(function):
            changed: ast.expr | None = None
            if isinstance(node, ast.Global):
                yield f"line {node.lineno}: global {', '.join(node.names)}"
            elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
                changed = node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
                changed = node.func.value
            if isinstance(changed, ast.Name) and changed.id in shared:
                yield f"line {node.lineno}: {ast.unparse(node)[:60]}"


def test_modules_keep_no_state() -> None:
    """Two engines in one process never meet: whatever changes hangs on an instance."""
    found = broken(lambda path: changes_of_module_state(ast.parse(path.read_text())))
    assert not found, found


def test_changes_of_module_state_are_seen() -> None:
    """The rule above finds what it should, and only that."""
    text = "T = {}\nL: list = []\ndef f(x):\n    T[x] = 1\n    L.append(x)\ndef g():\n    T = {}\n    T[1] = 2\n    return len(L)\n"
    assert list(changes_of_module_state(ast.parse(text))) == ["line 4: T[x]", "line 5: L.append(x)"]


def declaring_names(tree: ast.Module) -> set[str]:
    """Functions that declare something for the registry to find, as far as a module imports them."""
    imported = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "vppsh.registry")
    return {alias.name for node in imported for alias in node.names} & DECLARING


def visited(path: Path) -> bool:
    """Whether discovery looks into a file."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return module == "vppsh.registry" or any(module.startswith(f"{package}.") for package in PACKAGES)


def test_declarations_are_where_discovery_looks() -> None:
    """What is declared elsewhere looks registered, and never is."""
    elsewhere = [path for path in SOURCES if not visited(path)]
    found = broken(lambda path: declaring_names(ast.parse(path.read_text())), elsewhere)
    assert not found, f"{found}\ndiscovery visits {', '.join(PACKAGES)} only"


def test_files_can_be_read_in_one_sitting() -> None:
    lines = {path: path.read_text().count("\n") for path in SOURCES}
    found = broken(lambda path: [f"{lines[path]} lines: split it by subject"] if lines[path] > LONGEST else [])
    assert not found, found


def disguised_loops(tree: ast.Module) -> Iterator[str]:
    """Places where np.vectorize or an array of objects makes per-packet Python look like numpy."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("vectorize", "frompyfunc") and ast.unparse(node.value) == "np":
            yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.keyword) and node.arg == "dtype" and ast.unparse(node.value) in ("object", "np.object_"):
            yield f"line {node.value.lineno}: {ast.unparse(node)}"


def test_no_vector_loop_in_disguise() -> None:
    dataplane = [path for path in SOURCES if "engine" in path.parts]
    found = broken(lambda path: disguised_loops(ast.parse(path.read_text())), dataplane)
    assert not found, found


def test_every_feature_page_says_what_is_missing() -> None:
    """docs/features/*.md end with what is not implemented and what differs: that is why they are trusted."""
    for page in sorted((ROOT / "docs" / "features").glob("*.md")):
        headings = [line.lstrip("# ").strip() for line in page.read_text().splitlines() if line.startswith("#")]
        assert {"Not implemented", "Differs from VPP"} <= set(headings), f"{page.name}: {headings}"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: no list of the project's own files")
def test_no_unfinished_work_is_marked() -> None:
    marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X "]
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    texts = {
        name: (ROOT / name).read_text(errors="replace")
        for name in files
        if name.endswith((".py", ".md", ".toml", ".vpp")) and (ROOT / name).exists()
    }
    found = [f"{name}: {mark}" for name, text in texts.items() for mark in marks if mark in text]
    assert not found, "\n".join(found)
