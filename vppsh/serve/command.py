"""`vppsh serve`: the embedded engine behind a CLI socket."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vppsh.errors import ExitStatus, OutputFileError

# Where vppctl finds a socket without being told: as root, and for everyone else.
ROOT_SOCKET = "/run/vpp/cli.sock"
USER_FOLDER = "/run/user/{uid}"


def default_socket() -> str:
    """The place where vppctl of this user would look."""
    if os.geteuid() == 0:
        return ROOT_SOCKET
    folder = Path(USER_FOLDER.format(uid=os.getuid()))
    return str(folder / "vpp" / "cli.sock") if folder.is_dir() else "./cli.sock"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vppsh serve`."""
    parser.description = (
        "Put a fresh dataplane behind a CLI socket, for vppctl (`vppctl -s PATH'), socat, vppsh attach, and scripts that expect a VPP. "
        "Ends with Ctrl-C or SIGTERM."
    )
    parser.add_argument("--cli-sock", metavar="PATH", help="the socket (default: where vppctl looks)")
    parser.add_argument("--config", metavar="FILE.vpp", help="execute these lines first")


def main(options: argparse.Namespace) -> int:
    """Serve until told to end; the exit status."""
    from vppsh.batch import run_script
    from vppsh.serve.server import Server
    from vppsh.startup import make_session

    path = options.cli_sock or default_socket()
    session = make_session(getattr(options, "vector_size", None))
    if options.config:
        status = run_script(session, options.config)
        if status is not ExitStatus.OK and not getattr(options, "keep_going", False):
            return status
    if options.cli_sock is None:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFileError(f"{Path(path).parent}: {error.strerror}") from error
    server = Server(session, path)
    with server.ended_by_signals():
        sys.stderr.write(f"vppsh: serving at {path}\n")
        sys.stderr.flush()
        server.run()
    return ExitStatus.OK
