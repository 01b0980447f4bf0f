"""Multicast entries and tables as `show ip mfib` and its kin print them (format_mfib_entry and others in vnet/mfib)."""

from __future__ import annotations

from vppsh.engine.engine import Engine
from vppsh.engine.fib.dpo import Dpos
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol, flag_names
from vppsh.engine.hash_order import hash_order
from vppsh.engine.mfib.entry import MfibEntry
from vppsh.engine.mfib.source import MfibEntrySource, MfibInterface
from vppsh.engine.mfib.types import ENTRY_FLAG_NAMES, INTERFACE_FLAG_NAMES, NO_RPF_ID, EntryFlag, InterfaceFlag


def format_entry_flags(flags: EntryFlag) -> str:
    """` flags:Drop,`, or nothing."""
    return f" flags:{flag_names(flags, ENTRY_FLAG_NAMES)}" if flags else ""


def format_interface_flags(flags: InterfaceFlag) -> str:
    """`Accept,Forward,`."""
    return flag_names(flags, INTERFACE_FLAG_NAMES)


class EntryText:
    """Formats entries; it knows the names of interfaces and the objects that entries lead to."""

    def __init__(self, engine: Engine) -> None:
        self._fib = engine.get(Fib)
        self._dpos = engine.get(Dpos)
        self._graph = engine.graph

    def entry(self, entry: MfibEntry, *, detail: bool = False) -> str:
        """An entry, in detail with what each source says."""
        text = f"{entry.group}: {format_entry_flags(entry.flags)}"
        if detail:
            text += f"\n fib:{entry.fib_index} index:{entry.index} locks:1\n" + "".join(self._source(known) for known in entry.sources)
        text += "\n  Interfaces:" + "".join(f"\n  {self.interface(entry.interfaces[index])}" for index in hash_order(entry.interfaces))
        if entry.rpf_id != NO_RPF_ID:
            text += f"\n  RPF-ID:{entry.rpf_id}"
        ip = entry.group.protocol.text
        target = self._dpos.node(entry.dpo.type, Protocol(entry.dpo.protocol))
        slot = self._graph.next_by_name(f"{ip}-mfib-forward-rpf", target)
        return f"{text}\n  multicast-{ip}-chain\n  [@{slot}]: {self._dpos.text(entry.dpo, 2)}\n"

    def interface(self, interface: MfibInterface) -> str:
        """What is done on an interface."""
        return f" {self._fib.interface_name(interface.sw_if_index)}: {format_interface_flags(interface.flags)}"

    def _source(self, known: MfibEntrySource) -> str:
        flags = {path.index: flags for path, flags in known.path_flags.items()}
        text = f"  src:{known.source.text} flags:none locks:1: {format_entry_flags(known.flags)}\n"
        text += known.path_list.format(4) if known.path_list is not None else ""
        text += "    Extensions:\n"
        text += "".join(f"     path:{index} flags:{format_interface_flags(flags[index])}\n" for index in hash_order(flags))
        text += "    Interface-Forwarding:\n"
        return text + "".join(f"    {self.interface(known.interfaces[index])}\n" for index in hash_order(known.interfaces))
