"""Reordering of chains: `A or B or C`, where A and C look at the same value, becomes `A or C or B`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.bpf.instructions import Block
from vppsh.engine.bpf.values import A

if TYPE_CHECKING:
    from vppsh.engine.bpf.optimize import Flow


def pull_up(flow: Flow, block: Block, outcome: bool) -> None:
    """Pull a test up the chain that begins at `block` and goes on by `outcome` (False: a chain of `or`)."""
    incoming = flow.facts[block].incoming
    if not incoming:
        return
    value = flow.facts[incoming[0].source].values[A]
    if any(flow.facts[edge.source].values[A] != value for edge in incoming):
        return
    exit_ = block.target(not outcome)
    own = 1 << flow.facts[block].number

    def in_chain(candidate: Block | None) -> bool:
        return candidate is not None and candidate.target(not outcome) is exit_ and bool(flow.facts[candidate].dominators & own)

    first = incoming[0].source
    # The place in the chain where a test looks at another value, and then the one that looks at `value` again.
    other = (first, first.if_true is block)
    at_top = True
    while True:
        here = other[0].target(other[1])
        if not in_chain(here) or here is None:
            return
        if flow.facts[here].values[A] != value:
            break
        other = (here, outcome)
        at_top = False
    different = here
    same = (different, outcome)
    while True:
        here = same[0].target(same[1])
        if not in_chain(here) or here is None:
            return
        if flow.facts[here].values[A] == value:
            break
        same = (here, outcome)
    pulled = here
    following = pulled.target(outcome)
    if following is None:
        return
    same[0].redirect(same[1], following)
    pulled.redirect(outcome, different)
    if at_top:
        for edge in incoming:
            edge.source.redirect(edge.source.if_true is block, pulled)
    else:
        other[0].redirect(other[1], pulled)
    flow.settled = False
