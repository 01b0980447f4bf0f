"""show cli: the commands there are, and how often each was used (VPP's vlib/cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.grammar.arguments import Args, flag, options
from vppsh.grammar.tree import CommandTree
from vppsh.registry import command


@command("show cli", options(flag("hit"), flag("clear-hit"), error=None), help="show cli [hit][clear-hit]")
def show_cli(ctx: CommandContext, args: Args) -> str:
    """The commands of vppsh by path, with their use counts."""
    tree: CommandTree = ctx.session.tree
    nodes = sorted((node for node in tree.root.commands() if node.spec), key=lambda node: node.path)
    if args.hit:
        nodes = [node for node in nodes if node.hits]
    listing = [(node.path, node.hits) for node in nodes]
    if args.clear_hit:
        for node in tree.root.commands():
            node.hits = 0
    text = "".join(f"\n{path}: {hits}" if args.hit else f"\n{path}" for path, hits in listing)
    if args.clear_hit:
        text += "\nhit counters cleared..."
    return structured(text, dict(listing))
