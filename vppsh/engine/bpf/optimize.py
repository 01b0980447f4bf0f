"""Fewer blocks: the optimizations of libpcap (after BPF+, 1999), in its order, so that the programs are the same.

Two fixed points are reached one after the other: first jumps are moved past tests whose outcome is known,
then statements are dropped. What is known comes from value numbers: two registers with the same number
hold the same value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.instructions import MEMORY_WORDS, Block, Statement
from vppsh.engine.bpf.pullup import pull_up
from vppsh.engine.bpf.simplify import simplify_block
from vppsh.engine.bpf.values import ATOMS, UNKNOWN, A, Values, X, defined_by, used_by

QUIET_PASSES = 100


@dataclass(slots=True, eq=False)
class Edge:
    """One way out of a block."""

    number: int
    source: Block
    outcome: bool
    dominators: int = 0

    @property
    def target(self) -> Block | None:
        return self.source.target(self.outcome)


@dataclass(slots=True)
class Facts:
    """What is known of a block during a pass; sets are bit masks of block numbers, edge numbers or atoms.

    values   value number of each atom on leaving the block
    operand  value number of what its test compares with
    """

    number: int
    true: Edge
    false: Edge
    level: int = 0
    dominators: int = 0
    in_use: int = 0
    out_use: int = 0
    kills: int = 0
    operand: int = UNKNOWN
    values: list[int] = field(default_factory=lambda: [UNKNOWN] * ATOMS)
    incoming: list[Edge] = field(default_factory=list)


class Flow:
    """The blocks of a program, and what is known of them."""

    def __init__(self, root: Block) -> None:
        self.root = root
        self.blocks = _numbered(root)
        count = len(self.blocks)
        self.facts = {
            block: Facts(number, Edge(number, block, True), Edge(count + number, block, False)) for number, block in enumerate(self.blocks)
        }
        self.edges = [self.facts[block].true for block in self.blocks] + [self.facts[block].false for block in self.blocks]
        self.levels: list[list[Block]] = []
        self.values = Values()
        self.settled = True
        self.only_moved_jumps = True

    def changed(self) -> None:
        """Something other than a jump was changed in this pass."""
        self.settled = False
        self.only_moved_jumps = False

    def top_down(self) -> Iterator[Block]:
        """Blocks from the root on, level by level."""
        for level in reversed(self.levels):
            yield from level

    def bottom_up(self) -> Iterator[Block]:
        """Blocks with a test, from the leaves on, level by level."""
        for level in self.levels[1:]:
            yield from level

    def targets(self, block: Block) -> tuple[Block, ...]:
        """Where the outcomes of a block's test lead; nowhere for a return."""
        return () if block.if_true is None or block.if_false is None else (block.if_true, block.if_false)

    # What a pass begins with.

    def survey(self) -> None:
        """Find levels, dominators and uses of registers anew."""
        self._find_levels()
        everything = (1 << len(self.blocks)) - 1
        every_edge = (1 << len(self.edges)) - 1
        for facts in self.facts.values():
            facts.dominators = everything
            facts.true.dominators = facts.false.dominators = every_edge
        root = self.facts[self.root]
        root.dominators = root.true.dominators = root.false.dominators = 0
        for block in self.top_down():
            facts = self.facts[block]
            facts.dominators |= 1 << facts.number
            for edge in (facts.true, facts.false):
                edge.dominators |= 1 << edge.number
                if edge.target is not None:
                    reached = self.facts[edge.target]
                    reached.dominators &= facts.dominators
                    reached.true.dominators &= edge.dominators
                    reached.false.dominators &= edge.dominators
        for block in self.top_down():
            self._local_uses(block)
        for block in self.bottom_up():
            facts = self.facts[block]
            for target in self.targets(block):
                facts.out_use |= self.facts[target].in_use
            facts.in_use |= facts.out_use & ~facts.kills

    def _find_levels(self) -> None:
        """A leaf has level 0, any other block one more than the higher of those it leads to."""
        found: dict[int, list[Block]] = {}
        seen: set[Block] = set()
        stack: list[tuple[Block, bool]] = [(self.root, False)]
        while stack:
            block, done = stack.pop()
            targets = self.targets(block)
            if done:
                facts = self.facts[block]
                facts.level = max((self.facts[target].level + 1 for target in targets), default=0)
                found.setdefault(facts.level, []).append(block)
            elif block not in seen:
                seen.add(block)
                stack.append((block, True))
                stack += [(target, False) for target in reversed(targets)]
        self.levels = [found[level][::-1] for level in range(len(found))]

    def _local_uses(self, block: Block) -> None:
        used = killed = defined = 0
        for statement in (*block.live, block.test):
            used |= used_by(statement) & ~defined
            atom = defined_by(statement)
            if atom is not None:
                killed |= (1 << atom) & ~used
                defined |= 1 << atom
        facts = self.facts[block]
        facts.in_use, facts.kills, facts.out_use = used, killed, 0

    def find_incoming(self) -> None:
        """The edges that lead to each block, the one found last first."""
        for facts in self.facts.values():
            facts.incoming = []
        for block in self.top_down():
            for edge in (self.facts[block].true, self.facts[block].false):
                if edge.target is not None:
                    self.facts[edge.target].incoming.insert(0, edge)


def optimize(root: Block) -> Block:
    """The first block of a program that decides the same with fewer instructions."""
    flow = Flow(root)
    _until_settled(flow, drop_statements=False)
    _until_settled(flow, drop_statements=True)
    _merge_equal_blocks(flow)
    return _skip_decided(root)


def _until_settled(flow: Flow, drop_statements: bool) -> None:
    quiet = 0
    while quiet < QUIET_PASSES:
        flow.settled = flow.only_moved_jumps = True
        flow.survey()
        _pass(flow, drop_statements)
        if flow.settled:
            return
        quiet = quiet + 1 if flow.only_moved_jumps else 0


def _pass(flow: Flow, drop_statements: bool) -> None:
    flow.values = Values()
    flow.find_incoming()
    for block in flow.top_down():
        _evaluate(flow, block, drop_statements)
    if drop_statements:
        return
    for block in flow.bottom_up():
        _move_jump(flow, flow.facts[block].true)
        _move_jump(flow, flow.facts[block].false)
    flow.find_incoming()
    for block in flow.bottom_up():
        pull_up(flow, block, outcome=False)
        pull_up(flow, block, outcome=True)


def _evaluate(flow: Flow, block: Block, drop_statements: bool) -> None:
    """Find the values on leaving a block, and simplify it."""
    facts = flow.facts[block]
    if not facts.incoming:
        values = [UNKNOWN] * ATOMS
    else:
        values = list(flow.facts[facts.incoming[0].source].values)
        for edge in facts.incoming[1:]:
            for atom, value in enumerate(flow.facts[edge.source].values):
                if values[atom] != value:
                    values[atom] = UNKNOWN
    facts.values = values
    before = values[A], values[X]
    for statement in block.statements:
        if not statement.dead and flow.values.follow(statement, values, alter=drop_statements):
            flow.changed()
    is_return = block.if_true is None
    idle = facts.out_use == 0 and UNKNOWN not in before and (values[A], values[X]) == before
    if drop_statements and (idle or is_return):
        if block.statements:
            block.statements = []
            flow.changed()
    else:
        if simplify_block(block, facts.out_use, values, flow.values):
            flow.changed()
        if _drop_dead_stores(block, facts.out_use):
            flow.changed()
    facts.operand = values[X] if block.test.code & op.X else flow.values.constant(block.test.k)


def _drop_dead_stores(block: Block, out_use: int) -> bool:
    """Drop statements whose result is overwritten before anyone uses it."""
    dropped = False
    pending: list[Statement | None] = [None] * ATOMS
    for statement in (*block.live, block.test):
        used = used_by(statement)
        for atom in range(ATOMS):
            if used >> atom & 1:
                pending[atom] = None
        defined = defined_by(statement)
        if defined is not None:
            overwritten = pending[defined]
            if overwritten is not None:
                overwritten.dead = dropped = True
            pending[defined] = statement
    for atom, last in enumerate(pending):
        if last is not None and not out_use >> atom & 1:
            last.dead = dropped = True
    return dropped


def _conflict(flow: Flow, block: Block, successor: Block) -> bool:
    """A register that is used after `successor` differs between leaving it and leaving `block`."""
    here, there = flow.facts[block], flow.facts[successor]
    return any(there.out_use >> atom & 1 and here.values[atom] != there.values[atom] for atom in range(MEMORY_WORDS + 2))


def _move_jump(flow: Flow, edge: Edge) -> None:
    """Let an edge lead past blocks whose test is decided by the edges that dominate it."""
    target = edge.target
    if target is None or target.if_true is None:
        return
    if target.if_true is target.if_false and not _conflict(flow, edge.source, target.if_true):
        flow.changed()
        edge.source.redirect(edge.outcome, target.if_true)
    moved = True
    while moved:
        moved = False
        for number in _bits(edge.dominators):
            target = edge.target
            further = None if target is None else _decided(flow, target, flow.edges[number])
            if further is not None and not _conflict(flow, edge.source, further):
                flow.settled = False
                edge.source.redirect(edge.outcome, further)
                if further.if_true is None:
                    return
                moved = True
                break


def _decided(flow: Flow, block: Block, edge: Edge) -> Block | None:
    """Where a block's test leads for packets that came by an edge, if that is known."""
    if block.test.code != edge.source.test.code:
        return None
    here, there = flow.facts[block], flow.facts[edge.source]
    if here.values[A] != there.values[A]:
        return None
    if here.operand == there.operand:
        return block.target(edge.outcome)
    if edge.outcome and block.test.code == op.JMP | op.JEQ | op.K:
        return block.if_false
    return None


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _merge_equal_blocks(flow: Flow) -> None:
    """Let blocks that do the same become one: that with the highest number."""
    merged = True
    while merged:
        merged = False
        reachable = set(_numbered(flow.root))
        live = [block for block in flow.blocks if block in reachable]
        instead: dict[Block, Block] = {}
        for at in range(len(live) - 2, -1, -1):
            for other in live[at + 1 :]:
                if _equal(live[at], other):
                    instead[live[at]] = instead.get(other, other)
                    break
        for block in flow.blocks:
            for outcome in (True, False):
                target = block.target(outcome)
                if target in instead:
                    block.redirect(outcome, instead[target])
                    merged = True


def _equal(one: Block, other: Block) -> bool:
    return (
        (one.test.code, one.test.k) == (other.test.code, other.test.k)
        and one.if_true is other.if_true
        and one.if_false is other.if_false
        and [(each.code, each.k) for each in one.live] == [(each.code, each.k) for each in other.live]
    )


def _skip_decided(root: Block) -> Block:
    """Begin with the first block whose outcomes differ."""
    first = root
    while first.if_true is not None and first.if_true is first.if_false:
        first = first.if_true
    if first.if_true is None:
        first.statements = []
    elif first is not root:
        first.statements = [*root.statements, *first.statements]
    return first


def _numbered(root: Block) -> list[Block]:
    """All blocks, each before those it leads to, the way of a true outcome first."""
    found: dict[Block, None] = {}
    stack = [root]
    while stack:
        block = stack.pop()
        if block not in found:
            found[block] = None
            stack += [target for target in (block.if_false, block.if_true) if target is not None]
    return list(found)
