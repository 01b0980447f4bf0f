"""Macros and files of lines, against what VPP was seen to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.errors import InputFileError
from vppsh.grammar.macros import Macros
from vppsh.grammar.scripts import exec_lines, run_lines


@pytest.fixture
def macros(monkeypatch: pytest.MonkeyPatch) -> Macros:
    monkeypatch.setenv("VPPSH_TEST", "from outside")
    macros = Macros()
    macros.define("net", "192.168.7")
    macros.define("peer", "$(net).2")
    macros.define("loop", "$(loop)")
    return macros


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("via $(peer) $net.1", "via 192.168.7.2 192.168.7.1"),
        ("[$(nothing)] [$nothing] [$]", "[UNSET] [UNSET] [UNSET]"),
        ("$(nothing", "UNSET"),
        ("1$(n)400", "1UNSET400"),
        ("$(loop) up", " CIRCULAR up"),
        (r"\$(net) back\slash two \\ slashes", r"$(net) backslash two \ slashes"),
        ("$VPPSH_TEST", "from outside"),
        ("$ne(t) $(net)work", "192.168.7 192.168.7work"),
        ("plain", "plain"),
        ("end\\", "end"),
    ],
)
def test_expansion(macros: Macros, text: str, expanded: str) -> None:
    assert macros.expand(text) == expanded


def test_hostname_is_built_in(macros: Macros) -> None:
    assert macros.expand("$(hostname)") == socket.gethostname()


def test_definitions_are_expanded_when_used(macros: Macros) -> None:
    macros.define("full", macros.expand(r"\$(net).0/24"))
    macros.define("net", "10.0.0")
    assert macros.expand("$(full)") == "10.0.0.0/24"
    assert macros.undefine("net")
    assert not macros.undefine("net")
    assert macros.expand("$(full)") == "UNSET.0/24"


def test_growth_is_bounded() -> None:
    macros = Macros()
    macros.define("a0", "x" * 100)
    for level in range(1, 7):
        macros.define(f"a{level}", f"$(a{level - 1})" * 20)
    with pytest.raises(ValueError, match="megabyte"):
        macros.expand("$(a6)")


def test_listing_shows_values_or_definitions(macros: Macros) -> None:
    assert f"{'peer':<20}192.168.7.2\n" in macros.listing(evaluate=True)
    assert f"{'peer':<20}$(net).2\n" in macros.listing(evaluate=False)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\n\n  b # c\n# d\n", ["a", "b "]),
        ("set x \\\n  up\nnext", ["set x \n  up", "next"]),
        ("one \\  # why\ntwo", ["one \\  ", "two"]),
        ("a \\# b", ["a \\# b"]),
        ("x # y \\\n z", ["x  z"]),
        ("", []),
        (" \n\t\n", []),
        ("end\\", ["end\\"]),
    ],
)
def test_exec_files(text: str, lines: list[str]) -> None:
    assert list(exec_lines(text)) == lines


def test_run_files_join_open_braces() -> None:
    text = "# title\n  show errors  \nnew {\n  name x\n  # kept\n}\n\n%sleep 0.1\n"
    lines = [(line.number, line.text) for line in run_lines(text.split("\n"), "f")]
    assert lines == [(2, "show errors"), (3, "new { name x # kept }"), (8, "%sleep 0.1")]


def test_open_braces_at_the_end_are_an_error_with_its_place() -> None:
    lines = run_lines(["show errors", "new {", "name x"], "f.vpp")
    assert next(lines).text == "show errors"
    with pytest.raises(InputFileError, match=r"^f\.vpp:2: braces never closed: new \{ name x$"):
        next(lines)


@given(st.text(alphabet="a{}#\\ \n$(", max_size=60))
def test_no_file_is_too_odd(text: str) -> None:
    for line in exec_lines(text):
        assert line
        Macros().expand(line)
    try:
        assert all(line.text for line in run_lines(text.split("\n"), "f"))
    except InputFileError:
        assert text.count("{") > 0


def test_the_recipes_can_be_read(root: Path) -> None:
    for recipe in (root / "recipes").glob("*.vpp"):
        assert list(run_lines(recipe.read_text().split("\n"), recipe.name))
