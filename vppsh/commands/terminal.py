"""show terminal, set terminal, history, show cli-sessions: the terminal of a session (VPP's vlib/unix/cli.c)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.text_table import format_left
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, Argument, Candidate, Context, Follow, Reader, choice, keyed, line_input, options, unsigned
from vppsh.registry import command

if TYPE_CHECKING:
    from vppsh.terminal import Terminal

ON_OFF = {"on": True, "off": False}
UNKNOWN_PARAMETER = "unknown parameter: `%U`"


def _terminal(context: Any) -> Terminal:
    terminal: Terminal = context.session.terminal
    if not terminal.interactive:
        raise CommandError("invalid for non-interactive sessions")
    return terminal


class Interactive(Argument):
    """Arguments that are looked at only when the session is interactive."""

    def __init__(self, inner: Argument) -> None:
        self.inner = inner

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        _terminal(context)
        return self.inner.parse(reader, context, values)

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        return self.inner.follow(reader, context, out)

    def describe(self) -> str:
        return self.inner.describe()

    def defaults(self) -> dict[str, Any]:
        return self.inner.defaults()


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@command("show terminal", help="Show current session terminal settings")
def show_terminal(ctx: CommandContext, args: Args) -> str:
    """The settings, one a line."""
    terminal: Terminal = ctx.session.terminal
    no_lines_kept = " (disabled by history limit)" if terminal.history and not terminal.history_limit else ""
    lines = [
        ("Terminal name", terminal.name),
        ("Terminal node", terminal.node),
        ("Terminal mode", "line-by-line" if terminal.line_mode else "char-by-char"),
        ("Terminal width", terminal.width),
        ("Terminal height", terminal.height),
        ("ANSI capable", _yes(terminal.ansi)),
        ("Interactive", _yes(terminal.interactive)),
        ("History enabled", _yes(terminal.history) + no_lines_kept),
    ]
    if terminal.history:
        lines.append(("History limit", terminal.history_limit))
    pager = _yes(terminal.pager)
    if terminal.pager:
        pager += "" if terminal.height else " (disabled by terminal height)"
        pager += "" if terminal.pager_limit else " (disabled by buffer limit)"
    lines.append(("Pager enabled", pager))
    if terminal.pager:
        lines.append(("Pager limit", terminal.pager_limit))
    lines.append(("CRLF mode", "CR+LF" if terminal.crlf else "LF"))
    return structured("".join(f"{name + ':':<16} {value}\n" for name, value in lines), asdict(terminal))


@command(
    "set terminal pager",
    Interactive(line_input(options(choice("pager", ON_OFF), keyed("limit", unsigned("limit")), error=UNKNOWN_PARAMETER))),
    help="set terminal pager [on|off] [limit <lines>]",
)
def set_pager(ctx: CommandContext, args: Args) -> str | None:
    """Turn the pager on or off, or set how many lines it keeps."""
    terminal = _terminal(ctx)
    if args.pager is not None:
        terminal.pager = args.pager
    if args.limit is None:
        return None
    terminal.pager_limit = args.limit
    return f"Pager limit set to {args.limit} lines; note, this is global."


@command(
    "set terminal history",
    Interactive(line_input(options(choice("history", ON_OFF), keyed("limit", unsigned("limit")), error=UNKNOWN_PARAMETER))),
    help="set terminal history [on|off] [limit <lines>]",
)
def set_history(ctx: CommandContext, args: Args) -> None:
    """Turn the history on or off, or set how many lines it keeps; what is beyond the limit is forgotten."""
    terminal = _terminal(ctx)
    if args.history is not None:
        terminal.history = args.history
    if args.limit is not None:
        terminal.history_limit = args.limit
    ctx.session.trim_history()


@command("set terminal ansi", Interactive(choice("ansi", ON_OFF).or_error(UNKNOWN_PARAMETER)), help="set terminal ansi [on|off]")
def set_ansi(ctx: CommandContext, args: Args) -> None:
    """Allow or forbid colours and cursor movements."""
    _terminal(ctx).ansi = args.ansi


@command("history", help="Show current session command history")
def history(ctx: CommandContext, args: Args) -> str:
    """The lines typed in this session, numbered."""
    terminal = _terminal(ctx)
    if not (terminal.history and terminal.history_limit):
        return "History not enabled."
    lines = ctx.session.history
    first = 1 + ctx.session.lines_typed - len(lines)
    return structured("".join(f"{number}  {line}\n" for number, line in enumerate(lines, first)), list(lines))


@command("show cli-sessions", help="Show current CLI sessions")
def show_cli_sessions(ctx: CommandContext, args: Args) -> str:
    """The sessions of this engine, with what they are like: interactive, socket, line mode, broken pipe, ANSI."""
    terminals = [session.terminal for session in (ctx.session.peers() if ctx.session.peers else [ctx.session])]
    head = ("PNI  ", "FD   ", "Name", "Flags")
    rows = [(str(terminal.process_index), str(terminal.descriptor), terminal.name, _flags(terminal)) for terminal in terminals]
    return structured(format_left(head, rows), [{"name": name, "flags": flags} for _, _, name, flags in rows])


def _flags(terminal: Terminal) -> str:
    is_set = (terminal.interactive, terminal.is_socket, terminal.line_mode, False, terminal.ansi)
    return "".join(letter.upper() if yes else letter for letter, yes in zip("islpa", is_set))
