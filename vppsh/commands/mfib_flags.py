"""Flags of multicast entries and interfaces as they are typed; show mfib route flags, show mfib itf flags.

VPP's vnet/mfib/mfib_types.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.mfib.types import (
    ENTRY_FLAG_NAMES,
    ENTRY_FLAG_SHORT_NAMES,
    INTERFACE_FLAG_NAMES,
    INTERFACE_FLAG_SHORT_NAMES,
    EntryFlag,
    InterfaceFlag,
)
from vppsh.grammar.arguments import Args, Reader
from vppsh.registry import command


def _read_flags(reader: Reader, *lists: Sequence[str]) -> int:
    """Any flags, each once, in the order of the lists; as in VPP a name need not end at a blank."""
    flags = 0
    for names in lists:
        for bit, name in enumerate(names):
            if reader.word(name):
                flags |= 1 << bit
    return flags


def read_interface_flags(reader: Reader) -> InterfaceFlag | None:
    """What an entry does on an interface: `Accept Forward`, or `A F`."""
    return InterfaceFlag(_read_flags(reader, INTERFACE_FLAG_NAMES, INTERFACE_FLAG_SHORT_NAMES)) or None


def read_entry_flags(reader: Reader) -> EntryFlag | None:
    """What an entry does besides forwarding: `Signal`, or `S`."""
    return EntryFlag(_read_flags(reader, ENTRY_FLAG_NAMES, ENTRY_FLAG_SHORT_NAMES)) or None


def _show(short: Sequence[str], names: Sequence[str]) -> str:
    known = dict(zip(short, names, strict=True))
    return structured("\n".join(f"{letters} = {name}" for letters, name in known.items()), known)


@command("show mfib route flags", help="Flags applicable to an MFIB route")
def show_route_flags(ctx: CommandContext, args: Args) -> str:
    """What can be said of a multicast entry."""
    return _show(ENTRY_FLAG_SHORT_NAMES, ENTRY_FLAG_NAMES)


@command("show mfib itf flags", help="Flags applicable to an MFIB interfaces")
def show_interface_flags(ctx: CommandContext, args: Args) -> str:
    """What can be said of an interface of a multicast entry."""
    return _show(INTERFACE_FLAG_SHORT_NAMES, INTERFACE_FLAG_NAMES)
