"""The tree of commands: VPP's dispatch of a line, its errors, its help, in VPP's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shells import shell

from vppsh.errors import CommandError
from vppsh.grammar.arguments import choice, interface, line_input, optional, options, sequence, string, unsigned
from vppsh.grammar.ordering import compare_names, sort_as_vpp
from vppsh.grammar.tree import VPP_COMMANDS, CommandTree
from vppsh.registry import CommandSpec, command
from vppsh.session import Session


def answers(path: str, arguments: Any = None, help: str = "") -> CommandSpec:
    """A command that answers with its path and the values it was given."""

    def handler(ctx: Any, args: Any) -> str:
        values = ", ".join(f"{name}={value}" for name, value in vars(args).items())
        return f"{path}({values})"

    return command(path, arguments, help=help)(handler)


def refuses(path: str, message: str, output: str = "") -> CommandSpec:
    """A command that answers something and then refuses its input."""

    def handler(ctx: Any, args: Any) -> None:
        raise CommandError(ctx.input.error_text(message), output=output)

    return command(path)(handler)


STATE = sequence(
    interface().or_error("unknown interface `%U'"), choice("flags", {"up": "up", "down": "down"}).or_error("unknown flags `%U'")
)


@pytest.fixture
def session() -> Session:
    return shell(
        answers("show interface", optional(interface()), "show interface [...]"),
        answers("show errors", help="Show error counts"),
        answers("clear errors"),
        answers("clear trace"),
        answers("set interface state", STATE, "set interface state <interface> [up|down|punt|enable]"),
        answers("create loopback interface", options(sequence(string("mac"), unsigned("x")), error=None)),
        answers("trace add", line_input(options(unsigned("count"))), "trace add <input-graph-node>"),
        answers("trace filter", help="trace filter none"),
        refuses("show trace paths", "bad input `%U'", "some text\n"),
        refuses("show trace", "expected 'max COUNT', got `%U'"),
        answers("show trace timestamp-format", help="show trace timestamp-format"),
        answers("show trace filter function", help="show trace filter function"),
        answers("show trace path", help="show trace path"),
    )


@pytest.fixture
def ask(session: Session) -> Callable[[str], str]:
    return lambda line: session.execute(line).text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("show interface", "show interface(interface=None)"),
        ("sh int", "show interface(interface=None)"),
        ("show\tinterface  loop1 ", "show interface(interface=2)"),
        ("show { interface loop1 } ", "show interface(interface=2)"),
        ("show interface { loop1 }", "show interface(interface=2)"),
        ("show {interface}", "show interface(interface=None)"),
        ("uncomment { show interface }", "show interface(interface=None)"),
        ("set int st loop0 up", "set interface state(interface=1, flags=up)"),
        ("comment { show interface }", ""),
        ("comment nothing", ""),
        ("   ", ""),
        ("trace add", ""),
        ("trace add 5", "trace add(count=5)"),
    ],
)
def test_lines_that_run(ask: Callable[[str], str], line: str, expected: str) -> None:
    assert ask(line).rstrip() == expected


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("frobnicate", "unknown input `frobnicate'"),
        ("s int", "unknown input `s int'"),  # set, show, session ...
        ("sh in", "show: unknown input `in'"),  # interface, inacl, init-function
        ("cl er", "unknown input `cl er'"),  # clear, classify
        ("SHOW INTERFACE", "unknown input `SHOW INTERFACE'"),
        ("show", "show: unknown input `'"),
        ("set interface", "set interface: unknown input `'"),
        ("{ show interface }", "unknown input `{ show interface }'"),
        ("uncomment { frobnicate }", "unknown input ` frobnicate'"),
        ("set interface state", "set interface state: unknown interface `'"),
        ("set interface state loop0 sideways", "set interface state: unknown flags `sideways'"),
        ("comment show interface", "interface: unknown input `'"),
        ("trace add x", "trace add: unknown input `x'"),
        ("show trace max many", "show trace: expected 'max COUNT', got `max many'"),
        ("foo ?", "unknown input `foo ?'"),
        ("help foo", "unknown input `foo'"),
        ("help show foo", "show: unknown input `foo'"),
        ("show abf policy", "show abf policy: vppsh does not support this command"),
        ("show interface rx-placement", "show interface rx-placement: vppsh does not support this command"),
    ],
)
def test_lines_that_fail(session: Session, line: str, error: str) -> None:
    answer = session.execute(line)
    assert (answer.text, answer.failed) == (f"{error}\n", True)


def test_what_a_command_leaves_is_the_next_command(ask: Callable[[str], str]) -> None:
    assert ask("show errors clear errors") == "show errors()\nclear errors()\n"
    assert ask("clear errors frobnicate") == "clear errors()\nunknown input `frobnicate'\n"
    assert ask("set interface state loop0 upwards").splitlines()[-1] == "unknown input `wards'"
    assert ask("show { interface loop1 and more }") == "show interface(interface=2)\n"


def test_when_the_words_fail_the_parent_runs_and_their_answer_stays(ask: Callable[[str], str]) -> None:
    assert ask("show trace paths x") == "some text\nshow trace: expected 'max COUNT', got `x'\n"


def test_question_mark_lists_in_vpps_order(ask: Callable[[str], str]) -> None:
    listed = [line[2:42].rstrip() for line in ask("show trace ?").splitlines()]
    assert listed == ["show trace filter function", "show trace paths", "show trace path", "show trace timestamp-format", "show trace"]
    assert ask("show errors?") == f"  {'show errors':<40} Show error counts\n"
    assert ask("trace ?") == f"  {'trace add':<40} trace add <input-graph-node>\n  {'trace filter':<40} trace filter none\n"


def test_help_lists_what_vppsh_has(ask: Callable[[str], str]) -> None:
    assert ask("trace help") == f"  {'add':<30} trace add <input-graph-node>\n  {'filter':<30} trace filter none\n"
    assert ask("help trace") == "Packet tracer commands\n"
    assert ask("help show errors") == "Show error counts\n"
    assert ask("show errors help show trace filter function") == "show errors()\nshow trace filter function\n"
    top = [line.split()[0] for line in ask("help").splitlines()]
    assert "abf" not in top
    assert {"show", "set", "trace", "echo"} <= set(top)


def test_unsupported_commands_say_so_in_help_too(ask: Callable[[str], str]) -> None:
    assert ask("help show abf policy") == "show abf policy: vppsh does not support this command\n"


def test_words_mean_the_same_when_remembered(ask: Callable[[str], str]) -> None:
    """The tree remembers which node a word led to; special words must not be taken for it."""
    for _ in range(2):
        assert ask("sh int loop1") == "show interface(interface=2)\n"
        assert ask("sh in") == "show: unknown input `in'\n"
        assert ask("help") == ask("help")
        assert ask("comment x show errors") == "show errors()\n"


def test_hits_are_counted(session: Session) -> None:
    session.execute("show errors show errors")
    node = session.tree.node("show errors")
    assert node is not None
    assert node.hits == 2


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=3), max_size=20))
def test_sorting_keeps_all_and_orders_what_differs(names: list[str]) -> None:
    ordered = sort_as_vpp(names, lambda name: name)
    assert sorted(ordered) == sorted(names)
    if not any(compare_names(one, other) > 0 and compare_names(other, one) > 0 for one in names for other in names):
        assert ordered == sorted(names)


def test_names_that_begin_alike_are_greater_both_ways() -> None:
    assert compare_names("loop2", "loop20") == compare_names("loop20", "loop2") == 1
    assert compare_names("a", "b") == -compare_names("b", "a") == -1
    assert sort_as_vpp(["loop2", "loop20"], str) == ["loop20", "loop2"]
    assert sort_as_vpp(["loop20", "loop2"], str) == ["loop2", "loop20"]


def test_every_path_of_vpp_leads_somewhere() -> None:
    tree = CommandTree(())
    paths = [line.partition(" = ")[0] for line in VPP_COMMANDS.read_text().splitlines() if not line.startswith("#")]
    assert len(paths) == len(set(paths)) > 1000
    assert all(tree.node(path) is not None for path in paths)
