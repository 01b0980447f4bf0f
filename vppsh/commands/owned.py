"""Interfaces of one kind, as the commands name them that show and delete those: memifs, taps, bonds, packet generators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from vppsh.commands.context import CommandContext
from vppsh.engine.interfaces import Interface
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args

Owned = TypeVar("Owned")


def owned(ctx: CommandContext, args: Args, of: Callable[[Interface], Owned | None], kind: str) -> Owned:
    """What stands behind `{<interface> | sw_if_index <sw_idx>}`; raises CommandError when that is none of this kind.

    of    what a feature keeps of an interface of its own
    kind  what VPP calls the kind
    """
    sw_if_index = args.sw_if_index if args.interface is None else args.interface
    if sw_if_index is None:
        raise CommandError("please specify interface name or sw_if_index")
    interfaces = ctx.engine.interfaces
    found = of(interfaces[sw_if_index]) if sw_if_index in interfaces else None
    if found is None:
        raise CommandError(f"not a {kind} interface")
    return found


def named(ctx: CommandContext, args: Args, of: Callable[[Interface], Owned | None], kind: str) -> list[Owned]:
    """What stands behind the interfaces in `named`, in their order; raises CommandError when one is not of this kind."""
    found = [of(ctx.engine.interfaces[index]) for index in args.named]
    if None in found:
        raise CommandError(f"not a {kind} interface")
    return [each for each in found if each is not None]
