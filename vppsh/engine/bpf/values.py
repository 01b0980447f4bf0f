"""Value numbers: the same number means the same value, whatever the packet.

An atom is a memory word (0 to 15), the accumulator or the index register.
"""

from __future__ import annotations

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.instructions import MEMORY_WORDS, WORD, Statement, kind, mode, operation
from vppsh.engine.bpf.program import compute

A, X = MEMORY_WORDS, MEMORY_WORDS + 1
ATOMS = MEMORY_WORDS + 2
UNKNOWN = 0


def used_by(statement: Statement) -> int:
    """The atoms that a statement (or test, or return) uses, as a bit mask."""
    code = statement.code
    match kind(code):
        case op.LD | op.LDX:
            return 1 << X if mode(code) == op.IND else 1 << statement.k if mode(code) == op.MEM else 0
        case op.ST:
            return 1 << A
        case op.STX:
            return 1 << X
        case op.JMP | op.ALU:
            return 1 << A | (1 << X if code & op.X else 0)
        case op.MISC:
            return 1 << X if code == op.TXA else 1 << A
        case _:
            return 0


def defined_by(statement: Statement) -> int | None:
    """The atom that a statement sets."""
    match kind(statement.code):
        case op.LD | op.ALU:
            return A
        case op.LDX:
            return X
        case op.ST | op.STX:
            return statement.k
        case op.MISC:
            return X if statement.code == op.TAX else A
        case _:
            return None


class Values:
    """The value numbers given out in a pass."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._constants: dict[int, int] = {}

    def number(self, code: int, first: int = 0, second: int = 0) -> int:
        """The number of what an operation makes of its operands."""
        key = (code, first, second)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self._numbers) + 1
            if kind(code) in (op.LD, op.LDX) and mode(code) == op.IMM:
                self._constants[found] = first
        return found

    def constant(self, value: int) -> int:
        """The number of a constant."""
        return self.number(op.LD | op.IMM, value)

    def known(self, number: int) -> int | None:
        """The constant behind a number, if it is one."""
        return self._constants.get(number)

    def follow(self, statement: Statement, values: list[int], alter: bool) -> bool:
        """Update the values that a statement sets; with `alter` also simplify or drop it. True when it was simplified."""
        code, k = statement.code, statement.k
        match kind(code):
            case op.LD | op.LDX:
                return self._load(statement, values, alter)
            case op.ST | op.STX:
                self._set(statement, values, k, values[A if kind(code) == op.ST else X], alter)
                return False
            case op.ALU if operation(code) == op.NEG:
                constant = self.known(values[A])
                if alter and constant is not None:
                    statement.code, statement.k = op.LD | op.IMM, -constant & WORD
                    values[A] = self.constant(statement.k)
                else:
                    values[A] = self.number(code, values[A])
                return False
            case op.ALU:
                return self._with_x(statement, values, alter) if code & op.X else self._with_k(statement, values, alter)
            case op.MISC:
                to, source = (X, A) if code == op.TAX else (A, X)
                self._set(statement, values, to, values[source], alter)
                return False
            case _:
                return False

    @staticmethod
    def _set(statement: Statement, values: list[int], atom: int, value: int, alter: bool) -> None:
        if alter and value != UNKNOWN and values[atom] == value:
            statement.dead = True
        else:
            values[atom] = value

    def _load(self, statement: Statement, values: list[int], alter: bool) -> bool:
        code, k = statement.code, statement.k
        to = A if kind(code) == op.LD else X
        simplified = False
        match mode(code):
            case op.IMM:
                value = self.constant(k)
            case op.MEM:
                value = values[k]
                constant = self.known(value)
                if alter and constant is not None:
                    statement.code, statement.k = kind(code) | op.IMM, constant
                    simplified = True
            case op.IND:
                constant = self.known(values[X])
                if alter and constant is not None:
                    statement.code, statement.k = code & ~op.IND | op.ABS, (k + constant) & WORD
                    value = self.number(statement.code, statement.k)
                    simplified = True
                else:
                    value = self.number(code, k, values[X])
            case op.LEN:
                value = self.number(code)
            case _:
                value = self.number(code, k)
        self._set(statement, values, to, value, alter)
        return simplified

    def _with_k(self, statement: Statement, values: list[int], alter: bool) -> bool:
        code, k = statement.code, statement.k
        act = operation(code)
        if alter and k == 0:
            if act in (op.ADD, op.LSH, op.RSH, op.OR, op.XOR):
                statement.dead = True
                return False
            if act in (op.MUL, op.AND):
                statement.code = op.LD | op.IMM
                values[A] = self.constant(0)
                return False
            if act in (op.DIV, op.MOD):
                raise BpfError("division by zero")
        constant = self.known(values[A])
        if alter and constant is not None:
            self._fold(statement, act, constant, k)
            values[A] = self.constant(statement.k)
            return True
        values[A] = self.number(code, values[A], self.constant(k))
        return False

    def _with_x(self, statement: Statement, values: list[int], alter: bool) -> bool:
        act = operation(statement.code)
        a, x = self.known(values[A]), self.known(values[X])
        if alter and x is not None:
            if a is not None:
                self._fold(statement, act, a, x)
                values[A] = self.constant(statement.k)
                return True
            statement.code, statement.k = op.ALU | op.K | act, x
            if act in (op.LSH, op.RSH) and x > 31:
                raise BpfError("shift by more than 31 bits")
            values[A] = self.number(statement.code, values[A], self.constant(x))
            return True
        if alter and a == 0:
            if act in (op.ADD, op.OR, op.XOR):
                statement.code = op.TXA
                self._set(statement, values, A, values[X], alter)
                return False
            if act in (op.MUL, op.DIV, op.MOD, op.AND, op.LSH, op.RSH):
                statement.code, statement.k = op.LD | op.IMM, 0
                self._set(statement, values, A, self.constant(0), alter)
                return False
        values[A] = self.number(statement.code, values[A], values[X])
        return False

    @staticmethod
    def _fold(statement: Statement, act: int, left: int, right: int) -> None:
        result = compute(act, left, right)
        if result is None:
            raise BpfError("division by zero")
        statement.code, statement.k = op.LD | op.IMM, result
