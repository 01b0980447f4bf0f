"""The shell's own commands: `%help`, `%sleep`, `%time`, `%save`, `%source`.

They begin with `%` so that they never stand in the way of a command of VPP's. More of them are declared
like any command, in the module of what they are about.
"""

from __future__ import annotations

import time
from inspect import cleandoc
from pathlib import Path

from vppsh import __version__
from vppsh.commands.context import ShellContext
from vppsh.errors import CommandError, InputFileError
from vppsh.grammar.arguments import Args, file_name, floating, optional, rest_of_line, string
from vppsh.grammar.scripts import run_lines
from vppsh.registry import command

MAX_SLEEP = 86400.0

PIPES = """\
After a line of VPP's, with blanks around it and outside braces:
  | grep [-i] [-v] RE        the lines of the answer that match (or do not match)
  | head [N]   | tail [N]    its first or last lines (10 unless told)
  | count                    how many lines it has
  | json                     its structured form, where it has one
  > FILE   >> FILE           into a file, or at the end of one
A bar or an arrow that is meant for VPP is written \\| or \\>.
"""


@command("%help", optional(string("name")), help="%help [COMMAND]")
def percent_help(ctx: ShellContext, args: Args) -> str:
    """The commands of the shell, or one of them in full."""
    shell = ctx.session.shell.root.children
    if args.name is None:
        listed = "".join(f"  {node.help}\n" for node in sorted(shell.values(), key=lambda node: node.name))
        return f"vppsh {__version__}. Commands of the shell; everything else is a line of VPP's (`?' lists those):\n{listed}\n{PIPES}"
    node = ctx.session.shell.root.find(args.name.lstrip("%"), whole=True)
    if node is None or node.spec is None:
        raise CommandError(f"no such command: {args.name}")
    return f"{node.help}\n{node.long_help or cleandoc(node.spec.handler.__doc__ or '')}"


@command("%sleep", floating("seconds").or_error("expected seconds, got `%U'"), help="%sleep SECONDS")
def percent_sleep(ctx: ShellContext, args: Args) -> None:
    """Let the dataplane run for that long: timers, ageing and retries go on."""
    if not 0 <= args.seconds <= MAX_SLEEP:
        raise CommandError(f"seconds must be between 0 and {MAX_SLEEP:.0f}")
    ctx.session.pause(args.seconds)


@command("%time", rest_of_line("line").or_error("expected a line to execute"), help="%time LINE")
def percent_time(ctx: ShellContext, args: Args) -> str:
    """Execute a line and say how long it took, and how long the dataplane then ran."""
    start = time.perf_counter()
    answer = ctx.session.execute_nested(args.line)
    executed = time.perf_counter()
    ctx.session.settle()
    settled = time.perf_counter()
    timing = f"line {1e3 * (executed - start):.3f} ms, dataplane {1e3 * (settled - executed):.3f} ms"
    if answer.failed:
        raise CommandError(timing, output=answer.text)
    return f"{answer.text}{timing}"


@command("%save", file_name("file").or_error("expected a file name"), help="%save FILE")
def percent_save(ctx: ShellContext, args: Args) -> str:
    """Write the lines of VPP's that this session executed without error to a file that `vppsh run` and `%source` read."""
    lines = ctx.session.accepted
    text = "".join(f"{line}\n" for line in lines)
    try:
        Path(args.file).expanduser().write_text(text, encoding="utf-8", errors="surrogateescape")
    except (OSError, RuntimeError, ValueError) as error:
        raise CommandError(f"{args.file}: {getattr(error, 'strerror', None) or error}") from error
    return f"{len(lines)} line{'' if len(lines) == 1 else 's'} written to {args.file}"


@command("%source", file_name("file").or_error("expected a file name"), help="%source FILE")
def percent_source(ctx: ShellContext, args: Args) -> str:
    """Execute the lines of a file as if typed, each followed by a run of the dataplane; the first one that fails ends it."""
    try:
        if Path(args.file).expanduser().is_fifo():
            raise CommandError(f"{args.file}: a pipe would make the dataplane wait")
        text = Path(args.file).expanduser().read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, RuntimeError, ValueError) as error:
        raise CommandError(f"{args.file}: {getattr(error, 'strerror', None) or error}") from error
    answers: list[str] = []
    try:
        for line in run_lines(text.split("\n"), args.file):
            answer = ctx.session.execute_nested(line.text)
            answers.append(answer.text)
            if answer.failed:
                raise CommandError(f"{args.file}:{line.number}: the line failed", output="".join(answers))
            ctx.session.settle()
    except InputFileError as error:
        raise CommandError(str(error), output="".join(answers)) from error
    return "".join(answers)
