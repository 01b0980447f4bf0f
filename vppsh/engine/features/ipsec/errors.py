"""What the nodes of ESP and AH count, of which associations count a part too (vnet/ipsec/ipsec.api, esp.h, ah.h).

Also how a packet is refused: an error, a drop, a count against its association.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.sa import Sa, SaError, Sas
from vppsh.registry import column, error, info

SAD_INDEX = column("sad_index", "i4")
PROTECT_INDEX = column("protect_index", "i4")
NOBODY = -1

ENCRYPT_ERRORS = (
    info("rx_pkts", "ESP pkts received"),
    info("post_rx_pkts", "ESP-post pkts received"),
    info("handoff", "Hand-off"),
    error("seq_cycled", "sequence number cycled (packet dropped)"),
    error("crypto_engine_error", "crypto engine error (packet dropped)"),
    error("crypto_queue_full", "crypto queue full (packet dropped)"),
    error("no_buffers", "no buffers (packet dropped)"),
    error("no_protection", "no protecting SA (packet dropped)"),
    error("no_encryption", "no Encrypting SA (packet dropped)"),
    error("no_avail_frame", "no available frame (packet dropped)"),
)
(RX_PKTS, _POST, _HANDOFF, SEQ_CYCLED, ENGINE_ERROR, _QUEUE_FULL, NO_BUFFERS, NO_PROTECTION, NO_ENCRYPTION, _NO_FRAME) = range(10)
ENCRYPT_SA_ERRORS = MappingProxyType({
    SEQ_CYCLED: SaError.SEQ_CYCLED, ENGINE_ERROR: SaError.CRYPTO_ENGINE_ERROR, NO_BUFFERS: SaError.NO_BUFFERS,
    NO_ENCRYPTION: SaError.NO_ENCRYPTION,
})  # fmt: skip

DECRYPT_ERRORS = (
    info("rx_pkts", "ESP pkts received"),
    info("rx_post_pkts", "ESP-POST pkts received"),
    info("handoff", "hand-off"),
    error("decryption_failed", "ESP decryption failed"),
    error("integ_error", "integrity check failed"),
    error("crypto_engine_error", "crypto engine error (packet dropped)"),
    error("replay", "SA replayed packet"),
    error("runt", "undersized packet"),
    error("no_buffers", "no buffers (packet dropped)"),
    error("oversized_header", "buffer with oversized header (dropped)"),
    error("no_tail_space", "no enough buffer tail space (dropped)"),
    error("tun_no_proto", "no tunnel protocol"),
    error("unsup_payload", "unsupported payload"),
    error("no_avail_frame", "no available frame (packet dropped)"),
)


class DecryptError:
    """Positions in DECRYPT_ERRORS."""

    DECRYPTION_FAILED = 3
    INTEG_ERROR = 4
    ENGINE_ERROR = 5
    REPLAY = 6
    RUNT = 7
    NO_BUFFERS = 8
    NO_TAIL_SPACE = 10
    TUN_NO_PROTO = 11
    UNSUP_PAYLOAD = 12


DECRYPT_SA_ERRORS = MappingProxyType({
    DecryptError.DECRYPTION_FAILED: SaError.DECRYPTION_FAILED, DecryptError.INTEG_ERROR: SaError.INTEG_ERROR,
    DecryptError.ENGINE_ERROR: SaError.CRYPTO_ENGINE_ERROR, DecryptError.REPLAY: SaError.REPLAY, DecryptError.RUNT: SaError.RUNT,
    DecryptError.NO_BUFFERS: SaError.NO_BUFFERS, DecryptError.NO_TAIL_SPACE: SaError.NO_TAIL_SPACE,
    DecryptError.TUN_NO_PROTO: SaError.TUN_NO_PROTO, DecryptError.UNSUP_PAYLOAD: SaError.UNSUP_PAYLOAD,
})  # fmt: skip

AH_ENCRYPT_ERRORS = (
    info("rx_pkts", "AH pkts received"),
    error("crypto_engine_error", "crypto engine error (packet dropped)"),
    error("seq_cycled", "sequence number cycled (packet dropped)"),
)
AH_RX_PKTS, AH_ENGINE_ERROR, AH_SEQ_CYCLED = range(3)

AH_DECRYPT_ERRORS = (
    info("rx_pkts", "AH pkts received"),
    error("decryption_failed", "AH decryption failed"),
    error("integ_error", "Integrity check failed"),
    error("no_tail_space", "not enough buffer tail space (dropped)"),
    error("drop_fragments", "IP fragments drop"),
    error("replay", "SA replayed packet"),
)
AH_DECRYPTION_FAILED, AH_INTEG_ERROR, AH_NO_TAIL_SPACE, AH_DROP_FRAGMENTS, AH_REPLAY = range(1, 6)
AH_DECRYPT_SA_ERRORS = MappingProxyType({
    AH_DECRYPTION_FAILED: SaError.DECRYPTION_FAILED, AH_INTEG_ERROR: SaError.INTEG_ERROR,
    AH_NO_TAIL_SPACE: SaError.NO_TAIL_SPACE, AH_DROP_FRAGMENTS: SaError.DROP_FRAGMENTS, AH_REPLAY: SaError.REPLAY,
})  # fmt: skip


def refuse(ctx: Context, frame: Frame, sa: Sa, fault: int, counted: SaError | None) -> None:
    """Charge all packets of a frame with an error, and their association."""
    ctx.buffers.error[frame.rows] = ctx.error_base + fault
    if counted is not None:
        ctx.get(Sas).count_error(sa, counted, frame.n)


def refuse_each(ctx: Context, frame: Frame, sa: Sa, faults: NDArray[np.integer], counted: MappingProxyType[int, SaError]) -> None:
    """Charge packets with the error that each has, 0 for none."""
    bad = faults != 0
    ctx.buffers.error[frame.indices(ctx.buffers)[bad]] = ctx.error_base + faults[bad]
    for fault, n in zip(*np.unique(faults[bad], return_counts=True)):
        ctx.get(Sas).count_error(sa, counted[int(fault)], int(n))
