"""What the reassembly nodes trace: each step of a packet is recorded in the trace of the fragment concerned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from .assembly import Action, Assembly, Piece

if TYPE_CHECKING:
    from vppsh.engine.context import Context

WITHOUT_RANGE = (Action.FINALIZE, Action.TIMEOUT)


class ReassemblyTrace(Struct, frozen=True):
    """A step: what was done, and what packet and fragment were like afterwards; both None for whole packets."""

    action: Action
    assembly: tuple[int, int, int, int] | None = None
    piece: tuple[int, int, int, int, int, int, int] | None = None


def format_reassembly_trace(view: Any, record: ReassemblyTrace) -> str:
    """`reass id: 0, op id: 1, first bi: 5, data len: 416, ip/fragment[208, 415]`, then what was done."""
    if record.assembly is None or record.piece is None:
        return record.action.value
    number, operation, first_index, length = record.assembly
    first, last, range_first, range_last, offset, used, index = record.piece
    start = f"reass id: {number}, op id: {operation}, "
    text = f"{start}first bi: {first_index}, data len: {length}, ip/fragment[{first}, {last}]\n" + " " * (len(start) + 2)
    if record.action in WITHOUT_RANGE:
        return text + record.action.value
    text += f"{record.action.value} range: [{range_first}, {range_last}], off {offset}, len {used}, bi {index}"
    # VPP names the difference, but never works it out.
    return text + " by 0" if record.action is Action.SHRINK else text


def note(ctx: Context, assembly: Assembly, action: Action, piece: Piece) -> None:
    """Add a step to the trace of a fragment that has one."""
    if ctx.buffers.trace[piece.index] < 0:
        return
    ctx.trace(
        piece.index,
        ReassemblyTrace(
            action,
            (assembly.id, assembly.operations, assembly.first_index, assembly.data_length),
            (piece.first, piece.last, piece.range_first, piece.range_last, piece.offset, piece.length, piece.index),
        ),
    )
    assembly.operations += 1
