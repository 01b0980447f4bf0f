"""`vppsh serve`: the embedded engine behind a CLI socket."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vppsh.errors import ExitStatus, OutputFileError
from vppsh.targets.streams import TcpAddress, tcp_address

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
        "Put a fresh dataplane behind a CLI socket, for vppctl (`vppctl -s PATH'), socat, telnet, vppsh attach, and scripts that expect "
        "a VPP. "
        "Ends with Ctrl-C or SIGTERM."
    )
    parser.add_argument("--cli-sock", metavar="PATH", help="the socket (default: where vppctl looks)")
    parser.add_argument(
        "--listen", type=_address, metavar="[HOST:]PORT",
        help="listen at a TCP port, as VPP's `cli-listen' (default host: localhost); no Unix socket then, unless --cli-sock is given, too",
    )  # fmt: skip
    parser.add_argument("--stats", metavar="PATH", help="publish counters at this socket, for clients of VPP's stats segment")
    parser.add_argument("--config", metavar="FILE.vpp", help="execute these lines first")


def _address(text: str) -> TcpAddress:
    """The address given with --listen."""
    address = tcp_address(f":{text}" if text.isdecimal() else text)
    if address is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not [HOST:]PORT")
    return address


def main(options: argparse.Namespace) -> int:
    """Serve until told to end; the exit status."""
    from vppsh.batch import run_script
    from vppsh.serve.listening import is_loopback
    from vppsh.serve.server import Server
    from vppsh.startup import make_session

    places = _places(options)
    session = make_session(getattr(options, "vector_size", None))
    if options.config:
        status = run_script(session, options.config)
        if status is not ExitStatus.OK and not getattr(options, "keep_going", False):
            return status
    server = Server(session, *places, stats=options.stats)
    if options.listen is not None and not is_loopback(options.listen):
        sys.stderr.write("vppsh: whoever reaches this port may type any line: there is no password and no encryption\n")
    with server.ended_by_signals():
        sys.stderr.write(f"vppsh: serving at {', '.join(server.places)}\n")
        sys.stderr.flush()
        server.run()
    return ExitStatus.OK


def _places(options: argparse.Namespace) -> list[str]:
    """Where to listen; the folder of the default socket is made."""
    places = [options.cli_sock] if options.cli_sock else []
    if options.listen is not None:
        places.append(str(options.listen))
    if not places:
        places = [default_socket()]
        try:
            Path(places[0]).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFileError(f"{Path(places[0]).parent}: {error.strerror}") from error
    return places
