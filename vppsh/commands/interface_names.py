"""The names of interfaces, as arguments read them and completion offers them (VPP's vnet/interface_format.c)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vppsh.grammar.base import Context
from vppsh.grammar.reader import BLANKS, END, Reader
from vppsh.grammar.values import Live
from vppsh.registry import live

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class HardwareNames:
    """Hardware interfaces; the value is the sw_if_index."""

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.interfaces

    def read(self, reader: Reader) -> int | None:
        """Read one name."""
        start = reader.pos
        name = reader.string()
        interface = None if name is None else self._interfaces.find_hardware(name)
        if interface is None:
            reader.pos = start
            return None
        return interface.sw_if_index

    def names(self) -> Iterable[str]:
        return [interface.name for interface in self._interfaces.by_name if interface.is_hardware]


class EthernetNames(HardwareNames):
    """Hardware interfaces that are Ethernet; the value is the sw_if_index."""

    def read(self, reader: Reader) -> int | None:
        """Read one name."""
        start = reader.pos
        index = super().read(reader)
        if index is None or not self._interfaces[index].hardware.hardware_class.ethernet:
            reader.pos = start
            return None
        return index

    def names(self) -> Iterable[str]:
        return [name for name in super().names() if self._is_ethernet(name)]

    def _is_ethernet(self, name: str) -> bool:
        interface = self._interfaces.find_hardware(name)
        return interface is not None and interface.hardware.hardware_class.ethernet


class InterfaceNames:
    """Hardware interfaces and sub-interfaces; the value is the sw_if_index."""

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.interfaces
        self._hardware = HardwareNames(engine)

    def read(self, reader: Reader) -> int | None:
        """Read one name; as in VPP what looks like a sub-interface of nothing is passed over."""
        start = reader.pos
        found = reader.name_and_id()
        parent = None if found is None else self._interfaces.find_hardware(found[0])
        if found is not None and parent is not None:
            sub = parent.subs.get(found[1])
            index = None if sub is None else sub.sw_if_index
        else:
            index = self._hardware.read(reader)
        if index is None:
            reader.pos = start
        return index

    def names(self) -> Iterable[str]:
        return [interface.name for interface in self._interfaces.by_name]


class HardwareClassNames:
    """The kinds of hardware that interfaces are; the value is the name."""

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.interfaces

    def read(self, reader: Reader) -> str | None:
        """Read one name."""
        start = reader.pos
        name = reader.string()
        if name is None or name not in self.names():
            reader.pos = start
            return None
        return name

    def names(self) -> Iterable[str]:
        return sorted({interface.hardware.hardware_class.name for interface in self._interfaces})


LIVE = (
    live("hw-interface")(HardwareNames), live("ethernet-interface")(EthernetNames), live("interface")(InterfaceNames),
    live("hw-class")(HardwareClassNames),
)  # fmt: skip


class Hardware(Live):
    """A hardware interface as most of VPP's commands read it: the blanks behind it stay, and show in quotes of the rest."""

    def read(self, reader: Reader, context: Context) -> int | None:
        """Read the name."""
        index: int | None = super().read(reader, context)
        while index is not None and reader.pos != END and reader.text[reader.pos - 1] in BLANKS:
            reader.pos -= 1
        return index


def hardware(name: str = "interface") -> Hardware:
    """The name of a hardware interface at the start of a command's arguments; the value is the sw_if_index."""
    return Hardware("hw-interface", name, metavar="<interface>")
