"""Blocks of BPF instructions from ports: `tcp src port 80`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.addresses import port_number, port_range
from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.expression import Direction, Name, Number, Qualifiers, Subject, Type
from vppsh.engine.bpf.instructions import Condition, Statement, both, either, negated

if TYPE_CHECKING:
    from vppsh.engine.bpf.generate import Generator

IP4, IP6 = 0x0800, 0x86DD
IP6_BYTES = 40
TRANSPORTS = {"tcp": 6, "udp": 17, "sctp": 132}

PortTest = Callable[[Callable[[], list[Statement]]], Condition]


class PortGenerator:
    """Generates tests of ports."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def condition(self, qualifiers: Qualifiers, subject: Subject) -> Condition:
        """Over IPv6 or IPv4, over one transport or any, the ports that were asked for."""
        protocol = qualifiers.protocol
        if protocol is not None and protocol not in TRANSPORTS:
            raise BpfError("illegal qualifier of 'port'")
        numbers = tuple(TRANSPORTS.values()) if protocol is None else (TRANSPORTS[protocol],)
        if isinstance(subject, Number):
            low = high = subject.value
            if low > 0xFFFF:
                raise BpfError(f"illegal port number {low} > 65535")
        elif isinstance(subject, Name) and qualifiers.type is Type.PORT:
            low, numbers = port_number(subject.text, numbers)
            high = low
        elif isinstance(subject, Name):
            low, high, numbers = port_range(subject.text, numbers)
        else:
            raise BpfError("'port' qualifier applied to address")
        atom = self._port_is(low) if qualifiers.type is Type.PORT else self._port_between(min(low, high), max(low, high))
        direction = qualifiers.direction
        over_ip6 = both(self._generator.link_type(IP6), _over_each(numbers, lambda number: self._over_ip6(number, direction, atom)))
        over_ip4 = both(self._generator.link_type(IP4), _over_each(numbers, lambda number: self._over_ip4(number, direction, atom)))
        return either(over_ip6, over_ip4)

    def _over_ip4(self, number: int, direction: Direction | None, atom: PortTest) -> Condition:
        transport = both(self._generator.compare(self._generator.network_at + 9, op.B, number), self._generator.not_a_later_fragment())

        def make(is_source: bool) -> Condition:
            return atom(lambda: [Statement(op.LDX | op.MSH | op.B, self._generator.network_at),
                                 Statement(op.LD | op.IND | op.H, self._generator.network_at + (0 if is_source else 2))])  # fmt: skip

        return both(transport, self._generator.directed(direction, make))

    def _over_ip6(self, number: int, direction: Direction | None, atom: PortTest) -> Condition:
        transport = self._generator.compare(self._generator.network_at + 6, op.B, number)

        def make(is_source: bool) -> Condition:
            return atom(lambda: [Statement(op.LD | op.ABS | op.H, self._generator.network_at + IP6_BYTES + (0 if is_source else 2))])

        return both(transport, self._generator.directed(direction, make))

    def _port_is(self, port: int) -> PortTest:
        return lambda load: self._generator.test(op.JEQ, port, load())

    def _port_between(self, low: int, high: int) -> PortTest:
        return lambda load: both(self._generator.test(op.JGE, low, load()), negated(self._generator.test(op.JGT, high, load())))


def _over_each(numbers: tuple[int, ...], make: Callable[[int], Condition]) -> Condition:
    """One of the transports; libpcap asks for the last one first, then for the others in order."""
    if len(numbers) == 1:
        return make(numbers[0])
    first = either(make(numbers[0]), make(numbers[1]))
    return either(make(numbers[2]), first) if len(numbers) > 2 else first
