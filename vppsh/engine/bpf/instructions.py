"""BPF instruction codes, and instructions as the compiler moves them about (The BSD Packet Filter, 1993)."""

from __future__ import annotations

from dataclasses import dataclass, field

LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)
W, H, B = 0x00, 0x08, 0x10
IMM, ABS, IND, MEM, LEN, MSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR = range(0x00, 0xB0, 0x10)
JA, JEQ, JGT, JGE, JSET = range(0x00, 0x50, 0x10)
K, X = 0x00, 0x08
TAX, TXA = MISC | 0x00, MISC | 0x80

MEMORY_WORDS = 16
WORD = 0xFFFFFFFF


def operation(code: int) -> int:
    """The operation of an arithmetic or jump instruction."""
    return code & 0xF0


def mode(code: int) -> int:
    """The addressing mode of a load."""
    return code & 0xE0


def kind(code: int) -> int:
    """The class of an instruction: LD, LDX, ST, STX, ALU, JMP, RET, MISC."""
    return code & 0x07


@dataclass(slots=True)
class Statement:
    """An instruction in the making; `dead` ones are left out of the program."""

    code: int
    k: int = 0
    dead: bool = False

    @property
    def live(self) -> bool:
        return not self.dead


@dataclass(slots=True, eq=False)
class Block:
    """Statements and then a test, or a return (whose `if_true` and `if_false` are None)."""

    statements: list[Statement]
    test: Statement
    if_true: Block | None = None
    if_false: Block | None = None

    def target(self, outcome: bool) -> Block | None:
        """Where an outcome of the test leads."""
        return self.if_true if outcome else self.if_false

    def redirect(self, outcome: bool, target: Block) -> None:
        """Let an outcome of the test lead elsewhere."""
        if outcome:
            self.if_true = target
        else:
            self.if_false = target

    @property
    def live(self) -> list[Statement]:
        return [statement for statement in self.statements if not statement.dead]


Exit = tuple[Block, bool]


@dataclass(slots=True)
class Condition:
    """Blocks that decide something: where they begin, and the exits of each outcome that lead nowhere yet."""

    head: Block
    when_true: list[Exit] = field(default_factory=list)
    when_false: list[Exit] = field(default_factory=list)

    @classmethod
    def of(cls, block: Block) -> Condition:
        """The condition that a single block tests."""
        return cls(block, [(block, True)], [(block, False)])


def both(first: Condition, second: Condition) -> Condition:
    """True when both are; the second is tested only when the first is true."""
    close(first.when_true, second.head)
    return Condition(first.head, second.when_true, second.when_false + first.when_false)


def either(first: Condition, second: Condition) -> Condition:
    """True when one of them is; the second is tested only when the first is false."""
    close(first.when_false, second.head)
    return Condition(first.head, second.when_true + first.when_true, second.when_false)


def negated(condition: Condition) -> Condition:
    """True when the condition is not."""
    return Condition(condition.head, condition.when_false, condition.when_true)


def close(exits: list[Exit], target: Block) -> None:
    """Let open exits lead to a block."""
    for block, outcome in exits:
        block.redirect(outcome, target)
