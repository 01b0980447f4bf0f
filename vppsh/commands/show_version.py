"""show version (VPP's vpp/app/version.c).

The version is that of the VPP whose command line and dataplane vppsh reproduces, because tools that talk
to vppctl look at it; what built it is vppsh.
"""

from __future__ import annotations

import os
import platform
import sys

from vppsh import __version__
from vppsh.commands.context import CommandContext, structured
from vppsh.grammar.arguments import Args, level, options
from vppsh.registry import command

VPP_VERSION = "v26.10-rc0"


@command("show version", options(level("verbose"), level("cmdline"), error=None), help="show version [verbose] [cmdline]")
def show_version(ctx: CommandContext, args: Args) -> str:
    """One line, or the build (verbose), or how vppsh was called (cmdline)."""
    built_by = f"vppsh {__version__}"
    built_on = f"{platform.python_implementation()} {platform.python_version()}"
    lines: list[str] = []
    if args.verbose:
        for name, value in (("Version", VPP_VERSION), ("Compiled by", built_by), ("Compiler", built_on), ("Current PID", os.getpid())):
            lines.append(f"{name + ':':<25} {value}")
    if args.cmdline:
        lines.append(f"{'Command line arguments:':<25}")
        lines += [f"  {argument}" for argument in sys.argv]
    if not lines:
        lines.append(f"vpp {VPP_VERSION} built by {built_by} on {built_on}")
    return structured("\n".join(lines), {"version": VPP_VERSION, "built_by": built_by, "built_on": built_on, "pid": os.getpid()})
