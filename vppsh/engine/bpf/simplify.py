"""Simplifications within a block: pairs of statements, and the test together with what comes before it."""

from __future__ import annotations

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.instructions import WORD, Block, Statement, kind, mode, operation
from vppsh.engine.bpf.program import holds
from vppsh.engine.bpf.values import A, Values, X


def simplify_block(block: Block, out_use: int, values: list[int], known: Values) -> bool:
    """Simplify a block whose atoms have `values` behind it; True when something but its jumps was changed."""
    if not block.statements:
        return False
    changed = _pairs(block, out_use)
    if block.test.code == op.JMP | op.JEQ | op.K and not out_use >> A & 1:
        changed |= _comparison(block, values, known)
    _decide_bits(block)
    constant = known.known(values[X])
    if constant is not None and block.if_true is not None and block.test.code & op.X:
        block.test.code &= ~op.X
        block.test.k = constant
    constant = known.known(values[A])
    if constant is not None and block.if_true is not None and block.if_false is not None and not block.test.code & op.X:
        changed |= block.if_true is not block.if_false
        if holds(operation(block.test.code), constant, block.test.k):
            block.if_false = block.if_true
        else:
            block.if_true = block.if_false
    return changed


def _pairs(block: Block, out_use: int) -> bool:
    changed = False
    live = block.live
    for at, (first, second) in enumerate(zip(live, live[1:], strict=False)):
        if first.dead:
            continue
        if first.code == op.ST and second.code == op.LDX | op.MEM and first.k == second.k:
            second.code = op.TAX
            changed = True
        if first.code == op.LD | op.IMM and second.code == op.TAX:
            first.code, second.code = op.LDX | op.IMM, op.TXA
            changed = True
        if first.code == op.LD | op.IMM and not out_use >> X & 1:
            changed |= _indexed_load(first, [statement for statement in live[at + 1 :] if not statement.dead])
    return changed


def _indexed_load(constant: Statement, after: list[Statement]) -> bool:
    """`tcp[2]`: let the load add the constant that is added to the index register before it."""
    if after and after[0].code == op.LDX | op.MSH | op.B:
        after = after[1:]
    if len(after) < 3:
        return False
    add, tax, load = after[:3]
    if add.code != op.ALU | op.ADD | op.X or tax.code != op.TAX or kind(load.code) != op.LD or mode(load.code) != op.IND:
        return False
    load.k = (load.k + constant.k) & WORD
    constant.dead = add.dead = tax.dead = True
    return True


def _comparison(block: Block, values: list[int], known: Values) -> bool:
    """Let a comparison with a constant take over the subtraction, or the mask, before it."""
    test = block.test
    live = block.live
    if not live:
        return False
    last = live[-1]
    if last.code == op.ALU | op.SUB | op.X:
        constant = known.known(values[X])
        if constant is not None:
            test.k = (test.k + constant) & WORD
        elif test.k == 0:
            test.code = op.JMP | op.JEQ | op.X
        else:
            return False
    elif last.code == op.ALU | op.SUB | op.K:
        test.k = (test.k + last.k) & WORD
    elif last.code == op.ALU | op.AND | op.K and test.k == 0:
        test.code, test.k = op.JMP | op.JSET | op.K, last.k
        block.if_true, block.if_false = block.if_false, block.if_true
    else:
        return False
    last.dead = True
    return True


def _decide_bits(block: Block) -> None:
    if block.test.code == op.JMP | op.JSET | op.K:
        if block.test.k == 0:
            block.if_true = block.if_false
        if block.test.k == WORD:
            block.if_false = block.if_true
