"""BPF programs: laid out from blocks, run on packets, listed as bpf_image lists them."""

from __future__ import annotations

from msgspec import Struct

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.instructions import MEMORY_WORDS, WORD, Block, Exit, kind, mode, operation

MAX_JUMP = 255

_LOADS = {op.LD | op.W | op.ABS: "ld", op.LD | op.H | op.ABS: "ldh", op.LD | op.B | op.ABS: "ldb"}
_INDIRECT = {op.LD | op.W | op.IND: "ld", op.LD | op.H | op.IND: "ldh", op.LD | op.B | op.IND: "ldb"}
_JUMPS = {op.JGT: "jgt", op.JGE: "jge", op.JEQ: "jeq", op.JSET: "jset"}
_ARITHMETIC = {
    op.ADD: "add", op.SUB: "sub", op.MUL: "mul", op.DIV: "div", op.MOD: "mod",
    op.AND: "and", op.OR: "or", op.XOR: "xor", op.LSH: "lsh", op.RSH: "rsh",
}  # fmt: skip
_IN_HEX = {op.AND, op.OR, op.XOR}
_SIMPLE = {
    op.LD | op.IMM: ("ld", "#0x{k:x}"), op.LDX | op.IMM: ("ldx", "#0x{k:x}"), op.LD | op.W | op.LEN: ("ld", "#pktlen"),
    op.LDX | op.MSH | op.B: ("ldxb", "4*([{signed}]&0xf)"), op.LD | op.MEM: ("ld", "M[{signed}]"), op.LDX | op.MEM: ("ldx", "M[{signed}]"),
    op.ST: ("st", "M[{signed}]"), op.STX: ("stx", "M[{signed}]"), op.RET | op.K: ("ret", "#{signed}"),
    op.ALU | op.NEG: ("neg", ""), op.TAX: ("tax", ""), op.TXA: ("txa", ""),
}  # fmt: skip


class Instruction(Struct, frozen=True):
    """One instruction; jt and jf count the instructions to skip."""

    code: int
    k: int = 0
    jt: int = 0
    jf: int = 0


def _signed(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value


def image(instruction: Instruction, at: int) -> str:
    """The line that bpf_image writes for an instruction."""
    code, k = instruction.code, instruction.k
    if code in _LOADS:
        name, operand = _LOADS[code], f"[{_signed(k)}]"
    elif code in _INDIRECT:
        name, operand = _INDIRECT[code], f"[x + {_signed(k)}]"
    elif code in _SIMPLE:
        name, form = _SIMPLE[code]
        operand = form.format(k=k, signed=_signed(k))
    elif kind(code) == op.JMP and operation(code) == op.JA:
        name, operand = "ja", str(at + 1 + k)
    elif kind(code) == op.JMP:
        name, operand = _JUMPS[operation(code)], "x" if code & op.X else f"#0x{k:x}"
        return f"({at:03}) {name:<8} {operand:<16} jt {at + 1 + instruction.jt}\tjf {at + 1 + instruction.jf}"
    else:
        name = _ARITHMETIC[operation(code)]
        operand = "x" if code & op.X else f"#0x{k:x}" if operation(code) in _IN_HEX else f"#{_signed(k)}"
    return f"({at:03}) {name:<8} {operand}"


class Program:
    """A program to run on packets."""

    def __init__(self, instructions: list[Instruction]) -> None:
        self.instructions = tuple(instructions)

    def listing(self) -> str:
        """All instructions, a line each."""
        return "".join(f"{image(instruction, at)}\n" for at, instruction in enumerate(self.instructions))

    def accepts(self, data: bytes) -> bool:
        """Whether the program returns anything but 0 for a packet."""
        return self.run(data) != 0

    def run(self, data: bytes) -> int:
        """What the program returns; a load from beyond the packet returns 0."""
        a = x = at = 0
        memory = [0] * MEMORY_WORDS
        while True:
            instruction = self.instructions[at]
            code, k = instruction.code, instruction.k
            at += 1
            match kind(code):
                case op.RET:
                    return a if code & 0x18 == 0x10 else k
                case op.LD:
                    loaded = self._load(code, k, x, data, memory)
                    if loaded is None:
                        return 0
                    a = loaded
                case op.LDX if mode(code) == op.MSH:
                    if k >= len(data):
                        return 0
                    x = (data[k] & 0xF) << 2
                case op.LDX:
                    x = memory[k] if mode(code) == op.MEM else len(data) if mode(code) == op.LEN else k
                case op.ST:
                    memory[k] = a
                case op.STX:
                    memory[k] = x
                case op.JMP if operation(code) == op.JA:
                    at += k
                case op.JMP:
                    at += instruction.jt if holds(operation(code), a, x if code & op.X else k) else instruction.jf
                case op.ALU:
                    result = compute(operation(code), a, x if code & op.X else k)
                    if result is None:
                        return 0
                    a = result
                case _:
                    if code == op.TAX:
                        x = a
                    else:
                        a = x

    @staticmethod
    def _load(code: int, k: int, x: int, data: bytes, memory: list[int]) -> int | None:
        match mode(code):
            case op.IMM:
                return k
            case op.MEM:
                return memory[k]
            case op.LEN:
                return len(data)
        at = k if mode(code) == op.ABS else (k + x) & WORD
        size = {op.W: 4, op.H: 2, op.B: 1}[code & 0x18]
        return int.from_bytes(data[at : at + size], "big") if at + size <= len(data) else None


def holds(operation: int, a: int, b: int) -> bool:
    """The outcome of a test."""
    match operation:
        case op.JEQ:
            return a == b
        case op.JGT:
            return a > b
        case op.JGE:
            return a >= b
        case _:
            return a & b != 0


def compute(operation: int, a: int, b: int) -> int | None:
    """The result of an arithmetic operation on 32-bit words; None for a division by zero."""
    match operation:
        case op.ADD:
            result = a + b
        case op.SUB:
            result = a - b
        case op.MUL:
            result = a * b
        case op.DIV | op.MOD:
            if b == 0:
                return None
            result = a // b if operation == op.DIV else a % b
        case op.AND:
            result = a & b
        case op.OR:
            result = a | b
        case op.XOR:
            result = a ^ b
        case op.LSH:
            result = a << b if b < 32 else 0
        case op.RSH:
            result = a >> b if b < 32 else 0
        case _:
            result = -a
    return result & WORD


def assemble(root: Block) -> Program:
    """Lay blocks out: what a test leads to comes after it, the way of a true outcome first."""
    order = _placed(root)
    long_jumps: set[Exit] = set()
    while True:
        instructions, too_long = _lay_out(order, long_jumps)
        if not too_long:
            return Program(instructions)
        long_jumps |= too_long


def _lay_out(order: list[Block], long_jumps: set[Exit]) -> tuple[list[Instruction], set[Exit]]:
    """The instructions of blocks, and the jumps that turn out longer than a test can make by itself."""
    start: dict[Block, int] = {}
    at = 0
    for block in order:
        start[block] = at
        at += len(block.live) + 1 + sum((block, outcome) in long_jumps for outcome in (True, False))
    instructions: list[Instruction] = []
    too_long: set[Exit] = set()
    for block in order:
        instructions += [Instruction(statement.code, statement.k) for statement in block.live]
        skips: list[int] = []
        jumps: list[Instruction] = []
        behind_test = len(instructions) + 1
        for outcome in (True, False):
            target = block.target(outcome)
            if target is None:
                break
            distance = start[target] - behind_test
            if (block, outcome) in long_jumps:
                skips.append(len(jumps))
                jumps.append(Instruction(op.JMP | op.JA, distance - len(jumps) - 1))
            else:
                skips.append(distance)
                if distance > MAX_JUMP:
                    too_long.add((block, outcome))
        instructions += [Instruction(block.test.code, block.test.k, *skips), *jumps]
    return instructions, too_long


def _placed(root: Block) -> list[Block]:
    """Blocks in the order of the program: reverse of the order in which a walk, false outcomes first, leaves them."""
    left: list[Block] = []
    seen: set[Block] = set()
    stack: list[tuple[Block, bool]] = [(root, False)]
    while stack:
        block, done = stack.pop()
        if done:
            left.append(block)
        elif block not in seen:
            seen.add(block)
            stack.append((block, True))
            stack += [(target, False) for target in (block.if_true, block.if_false) if target is not None]
    return left[::-1]
