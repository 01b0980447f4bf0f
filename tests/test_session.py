"""Sessions: the shell's own commands, pipes, exec, macros, terminals; and no line that breaks one."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shells import FakeEngine, shell

from vppsh.commands.context import CommandContext
from vppsh.pipes import split_pipes
from vppsh.registry import command
from vppsh.session import MAX_LINE, Session

INVALID = "invalid for non-interactive sessions\n"


@pytest.fixture
def session() -> Session:
    return shell()


def ask(session: Session, line: str) -> str:
    return session.execute(line).text


# -- VPP's own commands about the session


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("echo", ""),
        ("echo hello   there", "hello   there\n"),
        ("echo { a b c }", "a b c \n"),
        ("echo a,b;c|d", "a,b;c|d\n"),
        ("echo back\\slash", "backslash\n"),
        ("echo $(nothing)", "UNSET\n"),
        ("echo one # two", "one # two\n"),
        ("wait 0.02", "waited .020 sec.\n"),
        ("wait soon", "wait: unknown parameter: ``\n"),
        ("wait 0.01 extra", "wait: unknown parameter: ``\n"),
        ("wait -3", "wait: <sec> must be a positive value and less than 86400 (one day) with no more than msec precision.\n"),
        ("define", "define: missing variable name...\n"),
        ("define name", "define: missing value for 'name'...\n"),
        ("undefine never_set", "never_set wasn't set...\n"),
        ("history", "history: " + INVALID),
        ("set terminal pager", "set terminal pager: " + INVALID),
        ("set terminal ansi off", "set terminal ansi: " + INVALID),
        ("set terminal width 200", "set terminal: unknown input `width 200'\n"),
    ],
)
def test_answers(session: Session, line: str, answer: str) -> None:
    assert ask(session, line) == answer


def test_echo_takes_the_braces_off_only_as_input(session: Session) -> None:
    assert ask(session, "uncomment { echo x }") == "x \n"


def test_waiting_lets_the_dataplane_run(session: Session) -> None:
    session.execute("wait 2")
    session.execute("suspend")
    session.execute("%sleep 1.5")
    assert isinstance(session.engine, FakeEngine)
    assert session.engine.ran == pytest.approx(3.53)


def test_macros_last_as_long_as_the_session(session: Session) -> None:
    ask(session, "define who world")
    assert ask(session, "echo hello $(who)") == "hello world\n"
    assert ask(session, "show macro") == f"{'who':<20}world\n"
    assert shell().execute("echo $(who)").text == "UNSET\n"


def test_an_interactive_terminal_has_settings_and_a_history(session: Session) -> None:
    session.terminal.interactive = session.terminal.history = True
    for line in ("echo one", "", "echo one", "echo two"):
        session.execute(line)
    assert ask(session, "history") == "1  echo one\n2  echo two\n3  history\n"
    ask(session, "set terminal history limit 2")
    assert ask(session, "history") == "4  set terminal history limit 2\n5  history\n"
    ask(session, "set terminal pager on limit 7")
    assert "Pager limit:     7\n" in ask(session, "show terminal")
    ask(session, "set terminal history off")
    assert ask(session, "history") == "History not enabled.\n"
    ask(session, "set terminal history on")
    assert ask(session, "history") == "9  history\n"
    assert ask(session, "set terminal ansi maybe") == "set terminal ansi: unknown parameter: `maybe`\n"


def test_an_interrupt_ends_a_file_between_its_lines(tmp_path: Path) -> None:
    @command("halt")
    def halt(ctx: CommandContext, args: object) -> None:
        ctx.session.interrupt()

    session = shell(halt)
    script = tmp_path / "lines"
    script.write_text("echo one\nhalt\necho two\n")
    assert ask(session, f"%source {script}") == f"one\ninterrupted\n%source: {script}:3: the line failed\n"
    answer = session.execute(f"exec {script}")
    assert (answer.text, answer.aside) == ("exec: CLI line error: echo two\n", "one\ninterrupted\n")
    assert ask(session, "echo again") == "again\n"


@pytest.mark.parametrize("word", ["quit", "q", "exit"])
def test_quit_closes_the_session(session: Session, word: str) -> None:
    session.execute(word)
    assert session.closed


# -- exec


def test_exec_answers_aside_and_stops_at_the_first_bad_line(session: Session, tmp_path: Path) -> None:
    script = tmp_path / "lines"
    script.write_text("define x 1# note\necho seen $(x)\nfrobnicate the network\ndefine x 2\n")
    answer = session.execute(f"exec {script}")
    assert answer.text == "exec: CLI line error: frobnicate the network\n"
    assert answer.failed
    assert answer.aside == "seen 1\nunknown input `frobnicate the network'\n"
    assert ask(session, "echo $(x)") == "1\n"


def test_a_line_of_exec_that_is_read_to_its_end_quotes_nothing(session: Session, tmp_path: Path) -> None:
    script = tmp_path / "lines"
    script.write_text("sh in")
    assert ask(session, f"exec {script}") == "exec: CLI line error: \n"


def test_exec_says_why_a_file_cannot_be_read(session: Session, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    assert ask(session, "exec") == "exec: expecting file name, got `'\n"
    assert ask(session, f"exec {tmp_path}") == f"exec: not a regular file `{tmp_path}'\n"
    assert ask(session, f"exec {tmp_path}/empty") == f"exec: empty file `{tmp_path}/empty'\n"
    assert ask(session, f"exec {tmp_path}/none") == f"exec: failed to open `{tmp_path}/none': No such file or directory\n"


def test_files_that_execute_themselves_end(session: Session, tmp_path: Path) -> None:
    script = tmp_path / "again"
    script.write_text(f"exec {script}\n")
    answer = session.execute(f"exec {script}")
    assert answer.failed
    assert "nest more than" in answer.aside
    script.write_text(f"%source {script}\n")
    assert "nest more than" in ask(session, f"%source {script}")


# -- the shell's own commands


def test_saved_lines_can_be_sourced(session: Session, tmp_path: Path) -> None:
    for line in ("define x one", "frobnicate", "%sleep 0", "echo $(x)"):
        session.execute(line)
    file = tmp_path / "saved.vpp"
    assert ask(session, f"%save {file}") == f"2 lines written to {file}\n"
    other = shell()
    assert ask(other, f"%source {file}") == "one\n"
    assert other.accepted == session.accepted == ["define x one", "echo $(x)"]


def test_source_stops_at_the_first_bad_line(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "bad.vpp"
    file.write_text("echo one\n\nfrobnicate\necho two\n")
    answer = session.execute(f"%source {file}")
    assert answer.failed
    assert answer.text == f"one\nunknown input `frobnicate'\n%source: {file}:3: the line failed\n"
    file.write_text("echo one\nopen {\n")
    assert ask(session, f"%source {file}") == f"one\n%source: {file}:2: braces never closed: open {{\n"


@pytest.mark.parametrize(
    "line",
    [
        "%",
        "%nothing",
        "%sleep",
        "%sleep soon",
        "%sleep -1",
        "%sleep 1 2",
        "%save",
        "%save /no/such/folder/x",
        "%source /no/such/file",
        "%help nothing",
        "%time",
        "%time frobnicate",
        "%s 1",
    ],
)
def test_wrong_percent_lines_are_refused_in_one_line(session: Session, line: str) -> None:
    answer = session.execute(line)
    assert answer.failed
    assert answer.text.splitlines()[-1].startswith("%")


def test_percent_help_tells_every_command(session: Session) -> None:
    listing = ask(session, "%help")
    for name in session.shell.root.children:
        assert f"\n  %{name}" in listing
        assert ask(session, f"%help {name}").startswith(f"%{name}")


def test_time_shows_the_answer_and_how_long_it_took(session: Session) -> None:
    first, timing = ask(session, "%time echo x").splitlines()
    assert first == "x"
    assert timing.startswith("line ")


# -- pipes


@pytest.mark.parametrize(
    ("pipe", "answer"),
    [
        ("| grep ansi", "  set terminal ansi                        set terminal ansi [on|off]\n"),
        ("| grep -v -i TERMINAL", ""),
        ("| grep 'ansi|pager' | count", "2\n"),
        ("| head 1 | count", "1\n"),
        ("| tail 1 | grep -i PAGER | count", "1\n"),
        ("| head 0", ""),
    ],
)
def test_filters(session: Session, pipe: str, answer: str) -> None:
    assert ask(session, f"set terminal ? {pipe}") == answer


def test_answers_go_into_files(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "answers"
    assert ask(session, f"echo one > {file}") == ""
    assert ask(session, f"echo two | grep t >> {file}") == ""
    assert file.read_text() == "one\ntwo\n"
    assert session.execute(f"echo x > {tmp_path}").text == f"> {tmp_path}: Is a directory\n"


def test_json_is_the_structured_form(session: Session) -> None:
    ask(session, "define x 1")
    assert json.loads(ask(session, "show macro | json")) == {"x": "1"}
    assert json.loads(ask(session, "show macro show terminal | json"))[1]["width"] == 80
    answer = session.execute("echo x | json")
    assert answer.failed
    assert answer.text == "json: the answer of `echo x' has no structured form\n"


@pytest.mark.parametrize(
    "line",
    [
        r"echo a \| grep b",
        "echo { a | grep b }",
        "echo a |grep b",
        "echo a | b",
        "echo a -> b",
        "echo a > b c",
        "echo {a > b}",
        r"echo x \> y",
        "echo a|grep b",
    ],
)
def test_what_is_no_pipe(line: str) -> None:
    assert not split_pipes(line).stages


@pytest.mark.parametrize("pipe", ["| grep", "| grep (", "| head x", "| tail -1", "| count 5", "| head 99999999999999", "| head | json"])
def test_wrong_filters_are_refused(session: Session, pipe: str) -> None:
    assert session.execute(f"echo x {pipe}").failed


def test_errors_pass_the_pipe(session: Session) -> None:
    answer = session.execute("echo x frob | count")
    assert answer.text == "1\n"
    answer = session.execute("suspend frob | count")
    assert answer.text == "0\nunknown input `frob'\n"
    assert answer.failed


# -- whatever is typed


def test_a_fault_of_ours_is_an_answer_too(caplog: pytest.LogCaptureFixture) -> None:
    @command("show errors")
    def faulty(ctx: object, args: object) -> str:
        raise ZeroDivisionError("nothing to divide")

    session = shell(faulty)
    answer = session.execute("show errors")
    assert answer.failed
    assert answer.text == "internal error: ZeroDivisionError: nothing to divide\n"
    assert isinstance(answer.fault, ZeroDivisionError)
    assert "please report" in caplog.text
    assert ask(session, "echo alive") == "alive\n"


@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "show",
                    "set",
                    "terminal",
                    "help",
                    "?",
                    "comment",
                    "uncomment",
                    "{",
                    "}",
                    "echo",
                    "$(x)",
                    "$",
                    "\\",
                    "|",
                    ">",
                    "grep",
                    "count",
                    "json",
                    "define",
                    "x",
                    "%time",
                    "%help",
                    "exec",
                    "macro",
                    "cli",
                    "hit",
                    "-1",
                    "0.001",
                    "#",
                    "vpplog",
                    "leak-check",
                    "choices",
                    "\udcff",
                    "\n",
                    "\0",
                ]
            ),
            max_size=12,
        ).map(" ".join),
    )
)
def test_no_line_breaks_a_session(line: str) -> None:
    if "> " in line or ">\t" in line:
        line = line.replace(">", "")  # no files in the checkout
    session = shell()
    answer = session.execute(line)
    assert answer.fault is None
    assert not answer.text or answer.text.endswith("\n")
    assert session.execute("echo alive").text == "alive\n"


LONG_LINES = {
    "longest": "x" * MAX_LINE,
    "too long": "x" * (MAX_LINE + 1),
    "braces": "echo " + "{ " * 200_000,
    "nesting": "uncomment { " * 50_000,
    "pipes": " | grep x" * 50_000,
    "arrows": "| > " * 100_000,
    "macros": "$(" * 100_000,
    "pattern": "echo 1 | grep " + "(" * 5000,
    "percent": "%" * 1000,
    "number": "wait " + "9" * 500_000,
    "words": "show errors " * 50_000,
}


@pytest.mark.parametrize("line", LONG_LINES.values(), ids=LONG_LINES.keys())
def test_long_lines_are_answered_in_time(session: Session, line: str) -> None:
    start = time.perf_counter()
    assert session.execute(line).fault is None
    assert time.perf_counter() - start < 5
    assert ask(session, "echo alive") == "alive\n"
