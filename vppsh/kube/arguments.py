"""Arguments that several sub-commands have."""

from __future__ import annotations

import argparse


def add_nodes(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Which nodes: by position, or as calicovppctl has it."""
    parser.add_argument("-n", "-node", "--node", dest="node_option", metavar="NODES", help=argparse.SUPPRESS)
    parser.add_argument("nodes", metavar="NODES", nargs="*" if several else "?", help="which nodes (default: all)")


def selection_of(options: argparse.Namespace) -> str:
    """What was said about nodes, as one selection."""
    named = options.nodes if isinstance(options.nodes, list) else [options.nodes] if options.nodes else []
    return ",".join([options.node_option] * bool(options.node_option) + named) or "all"


def add_output(parser: argparse.ArgumentParser) -> None:
    """How the results are told."""
    parser.add_argument("--output", choices=("text", "json"), default="text", help="how results are printed (default: text)")
