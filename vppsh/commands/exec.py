"""exec: the lines of a file (VPP's vlib/unix/cli.c).

As in VPP, the answers of the lines go to VPP's own standard output and not to the session, and the first
line that fails ends the file; earlier lines stay in force.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vppsh.commands.context import CommandContext
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, file_name
from vppsh.grammar.scripts import exec_lines
from vppsh.registry import command


def _read(name: str) -> str:
    """The text of a file that VPP would take."""
    try:
        if not stat.S_ISREG(Path(name).stat().st_mode):
            # Opening comes first in VPP, so that a folder one may not read "failed to open"; a pipe must not block us.
            if not os.access(name, os.R_OK):
                raise PermissionError(13, "Permission denied")
            raise CommandError(f"not a regular file `{name}'")
        data = Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"failed to open `{name}': {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"failed to open `{name}': {error}") from error
    if not data:
        raise CommandError(f"empty file `{name}'")
    return data.decode(errors="surrogateescape")


@command("exec", file_name("file").or_error("expecting file name, got `%U'"), help="exec <filename>")
def exec_file(ctx: CommandContext, args: Args) -> None:
    """Execute the lines of a file."""
    for line in exec_lines(_read(args.file)):
        rest = ctx.session.execute_aside(line)
        if rest is not None:
            raise CommandError(f"CLI line error: {rest}")
