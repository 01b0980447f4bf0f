"""Blocks of BPF instructions from arithmetic: `tcp[13] & 2 != 0`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.expression import Arithmetic, Binary, Length, Load, Negative, Number, Relation
from vppsh.engine.bpf.instructions import MEMORY_WORDS, Condition, Statement, both, negated

if TYPE_CHECKING:
    from vppsh.engine.bpf.generate import Generator

OPERATIONS = {
    "+": op.ADD, "-": op.SUB, "*": op.MUL, "/": op.DIV, "%": op.MOD, "&": op.AND, "|": op.OR, "^": op.XOR, "<<": op.LSH, ">>": op.RSH,
}  # fmt: skip
# A relation is a test, or the negation of one.
RELATIONS = {
    ">": (op.JGT, False), ">=": (op.JGE, False), "=": (op.JEQ, False), "<=": (op.JGT, True), "<": (op.JGE, True), "!=": (op.JEQ, True),
}  # fmt: skip
SIZES = {1: op.B, 2: op.H, 4: op.W}
BEHIND_IP4 = ("tcp", "udp", "sctp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp")
NETWORK = ("ip", "arp", "rarp", "ip6", "decnet", "sca", "lat", "moprc", "mopdl")
ICMP6 = 58
IP6_BYTES = 40


@dataclass
class Term:
    """Code that leaves a value in a memory word, and what must hold of a packet for it to make sense."""

    statements: list[Statement]
    register: int
    condition: Condition | None = None


class ArithmeticGenerator:
    """Generates the code of arithmetic, with the memory words that it needs."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._used = [False] * MEMORY_WORDS
        self._next = 0

    def relation(self, relation: Relation) -> Condition:
        """A comparison of two values."""
        jump, negate = RELATIONS[relation.operator]
        left, right = self._term(relation.left), self._term(relation.right)
        statements = [*left.statements, *right.statements, _to_x(right), _to_a(left)]
        if jump == op.JEQ:
            statements.append(Statement(op.ALU | op.SUB | op.X))
        test = self._generator.test(jump, 0, statements, against_x=jump != op.JEQ)
        if negate:
            test = negated(test)
        self._free(left)
        self._free(right)
        needed = _all_of(left.condition, right.condition)
        return test if needed is None else both(needed, test)

    def _term(self, value: Arithmetic) -> Term:
        match value:
            case Number(number):
                return self._stored([Statement(op.LD | op.IMM, number)])
            case Length():
                return self._stored([Statement(op.LD | op.LEN)])
            case Negative(inner):
                term = self._term(inner)
                term.statements += [_to_a(term), Statement(op.ALU | op.NEG), Statement(op.ST, term.register)]
                return term
            case Binary():
                return self._binary(value)
            case Load():
                return self._load(value)

    def _binary(self, value: Binary) -> Term:
        code = OPERATIONS[value.operator]
        left, right = self._term(value.left), self._term(value.right)
        constant = right.statements[0]
        if constant.code == op.LD | op.IMM:
            if code in (op.DIV, op.MOD) and constant.k == 0:
                raise BpfError("division by zero" if code == op.DIV else "modulus by zero")
            if code in (op.LSH, op.RSH) and constant.k > 31:
                raise BpfError("shift by more than 31 bits")
        statements = [*left.statements, *right.statements, _to_x(right), _to_a(left), Statement(op.ALU | op.X | code)]
        self._free(left)
        self._free(right)
        # libpcap keeps what the left side needs of a packet and forgets what the right side does.
        return self._stored(statements, left.condition)

    def _load(self, value: Load) -> Term:
        generator = self._generator
        at = self._term(value.at)
        register = self._allocate()
        self._free(at)
        if value.size not in SIZES:
            raise BpfError("data size must be 1, 2, or 4")
        load = Statement(op.LD | op.IND | SIZES[value.size])
        condition = at.condition
        if value.protocol == "link":
            statements = [_to_x(at), load]
        elif value.protocol in NETWORK:
            load.k = generator.network_at
            statements = [_to_x(at), load]
            condition = _all_of(condition, generator.protocol(value.protocol))
        elif value.protocol in BEHIND_IP4:
            load.k = generator.network_at
            statements = [Statement(op.LDX | op.MSH | op.B, generator.network_at), _to_a(at), Statement(op.ALU | op.ADD | op.X),
                          Statement(op.TAX), load]  # fmt: skip
            carried = both(generator.protocol(value.protocol), generator.not_a_later_fragment())
            carried = carried if condition is None else both(condition, carried)
            condition = both(generator.protocol("ip"), carried)
        elif value.protocol == "icmp6":
            condition = _all_of(condition, generator.protocol("ip6"))
            condition = _all_of(condition, generator.compare(generator.network_at + 6, op.B, ICMP6))
            load.k = generator.network_at + IP6_BYTES
            statements = [_to_x(at), load]
        else:
            raise BpfError("unsupported index operation")
        return Term([*at.statements, *statements, Statement(op.ST, register)], register, condition)

    def _stored(self, statements: list[Statement], condition: Condition | None = None) -> Term:
        register = self._allocate()
        return Term([*statements, Statement(op.ST, register)], register, condition)

    def _allocate(self) -> int:
        for _ in range(MEMORY_WORDS):
            if not self._used[self._next]:
                self._used[self._next] = True
                return self._next
            self._next = (self._next + 1) % MEMORY_WORDS
        raise BpfError("too many registers needed to evaluate expression")

    def _free(self, term: Term) -> None:
        self._used[term.register] = False


def _to_x(term: Term) -> Statement:
    return Statement(op.LDX | op.MEM, term.register)


def _to_a(term: Term) -> Statement:
    return Statement(op.LD | op.MEM, term.register)


def _all_of(first: Condition | None, second: Condition | None) -> Condition | None:
    if first is None or second is None:
        return second if first is None else first
    return both(first, second)
