"""Arguments that several sub-commands have."""

from __future__ import annotations

import argparse

from vppsh.errors import UsageError

MOST = 1_000_000


def count(text: str) -> int:
    """A number of packets or lines given on the command line."""
    if text.isascii() and text.isdigit() and 0 < int(text) < MOST:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not between 1 and {MOST - 1}")


def add_nodes(parser: argparse.ArgumentParser, *, several: bool = False, default: str = "all") -> None:
    """Which nodes: by position, or as calicovppctl has it. Without a default they must be named."""
    text = f"which nodes (default: {default})" if default else "which nodes"
    parser.add_argument("-n", "-node", "--node", dest="node_option", metavar="NODES", help=argparse.SUPPRESS)
    parser.add_argument("nodes", metavar="NODES", nargs="*" if several else "?", help=text)
    parser.set_defaults(all_nodes=default)


def selection_of(options: argparse.Namespace) -> str:
    """What was said about nodes, as one selection; raises UsageError when they had to be named."""
    named = options.nodes if isinstance(options.nodes, list) else [options.nodes] if options.nodes else []
    selection = ",".join([options.node_option] * bool(options.node_option) + named) or options.all_nodes
    if not selection:
        raise UsageError("which node? a name, several with commas, a pattern, or all")
    return str(selection)


def add_output(parser: argparse.ArgumentParser) -> None:
    """How the results are told."""
    parser.add_argument("--output", choices=("text", "json"), default="text", help="how results are printed (default: text)")
