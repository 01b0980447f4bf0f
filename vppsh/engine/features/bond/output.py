"""BondEthernetN-tx: each packet goes on to the output of the member that its bond chooses for it.

Counterpart of VPP's vnet/bonding/device.c. As in VPP, packets that were
traced before leave no trace here, nor at the member's output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.buffer_data import copy_packets
from vppsh.engine.context import Context
from vppsh.engine.ethernet_hash import EthernetHash, hash_l2, hash_l23, hash_l34
from vppsh.engine.frame import Frame
from vppsh.registry import error

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.features.bond.bonds import Bond
    from vppsh.engine.interfaces import Interface, NodeFunction

TX_ERRORS = (
    error("none", "no error"),
    error("if_down", "interface down"),
    error("bad_lb_mode", "bad load balance mode"),
    error("no_member", "no member"),
)
NO_MEMBER = 3


def bond_tx(engine: Engine, interface: Interface) -> NodeFunction:
    """The tx node of one bond."""
    bond: Bond = interface.hardware.device
    from vppsh.engine.features.bond.bonds import Balance

    hashes: dict[Balance, EthernetHash] = {Balance.L2: hash_l2, Balance.L23: hash_l23, Balance.L34: hash_l34}

    def send(ctx: Context, frame: Frame) -> None:
        buffers, active = ctx.buffers, bond.active
        n = len(active)
        if not n:
            ctx.count(NO_MEMBER, frame.n)
            ctx.engine.interfaces.drops.add(bond.interface.sw_if_index, frame.n)
            buffers.free_packets(frame)
            return
        if bond.balance is Balance.BROADCAST:
            copies = [copy_packets(buffers, frame.indices(buffers)) for _ in range(n - 1)]
            _send(ctx, bond, 0, frame)
            for position, rows in enumerate(copies, 1):
                _send(ctx, bond, position, Frame(rows, len(rows), offset=frame.offset))
            return
        if n == 1 or bond.balance is Balance.ACTIVE_BACKUP:
            _send(ctx, bond, 0, frame)
            return
        if bond.balance is Balance.ROUND_ROBIN:
            start = bond.last + 1 if bond.last + 1 < n else 0
            ports = (start + np.arange(frame.n)) % n
            bond.last = int(ports[-1])
        else:
            ports = hashes[bond.balance](buffers, frame).astype(np.int64) % n
        for position in range(n):
            chosen = ports == position
            if chosen.any():
                _send(ctx, bond, position, frame.pick(buffers, chosen))

    return send


def _send(ctx: Context, bond: Bond, position: int, frame: Frame) -> None:
    """Hand packets to the output of an active member."""
    if not frame.n:
        return
    member = bond.active[position].interface
    ctx.buffers.tx_sw_if_index[frame.rows] = member.sw_if_index
    frame.traced = False
    ctx.engine.dispatcher.send(member.hardware.output, frame)
