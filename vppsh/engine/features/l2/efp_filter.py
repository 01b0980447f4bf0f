"""l2-efp-filter: a frame leaves by a sub-interface only with the tags that would bring it in there (vnet/l2/l2_efp_filter.c)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.ports import NOBODY, TAG_FLAGS, Ports
from vppsh.engine.features.ethernet.tags import DOT1AD, HEADER_BYTES, TAG_BYTES, TWO_TAGS, WORD2, find_matches
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextOutputFeatures
from vppsh.engine.features.l2.input_vtr import TRACED_BYTES, HeaderTrace, format_header_trace
from vppsh.engine.frame import Frame
from vppsh.engine.wire import vlan
from vppsh.registry import error, node

DROP = 0
PACKETS, DROPS = range(2)
ERRORS = tuple(error(text, text) for text in ("L2 EFP filter packets", "L2 EFP filter post-rewrite drops"))
NOT_FILTER = np.uint32(features.ALL_BITS & ~features.EFP_FILTER_OUT)


@node("l2-efp-filter", nexts=("error-drop",), errors=ERRORS, trace=format_header_trace)
def l2_efp_filter(ctx: Context, frame: Frame) -> Nexts:
    """Drop what carries other tags than its interface's."""
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    sent = buffers.tx_sw_if_index[rows]
    bits = buffers.l2_features[rows] & NOT_FILTER
    buffers.l2_features[rows] = bits
    nexts = ctx.get(NextOutputFeatures).after(ctx, bits)
    leads_to = _leads_to(ctx, frame, sent)
    wrong = (leads_to != sent) | (leads_to == NOBODY)
    nexts[wrong] = DROP
    buffers.error[rows[wrong]] = ctx.error_base + DROPS
    ctx.count(PACKETS, frame.n)
    for position, index in ctx.traced(frame):
        # VPP's trace calls the node by another name.
        ctx.trace(index, HeaderTrace("l2-output-vtr", int(sent[position]), buffers.peek(index, TRACED_BYTES)))
    return nexts


def _leads_to(ctx: Context, frame: Frame, sent: NDArray[np.int32]) -> NDArray[np.int32]:
    """The interface that each packet would come in by, were it received on the port that it leaves by."""
    buffers, ports, interfaces = ctx.buffers, ctx.get(Ports), ctx.engine.interfaces
    kinds = buffers.load(frame, WORD2, HEADER_BYTES - WORD2.itemsize)
    tags = buffers.load(frame, TWO_TAGS, HEADER_BYTES)
    outer, inner = ((tags[name] & vlan.ID_MASK).astype(np.intp) for name in ("outer", "inner"))
    n_tags = np.clip((buffers.l2_len[frame.rows] - HEADER_BYTES) // TAG_BYTES, 0, len(TAG_FLAGS) - 1)
    found = np.full(frame.n, NOBODY, np.int32)
    for sw_if_index in set(sent.tolist()):
        port = ports.of(interfaces[sw_if_index]) if sw_if_index in interfaces else None
        if port is not None:
            at = np.flatnonzero(sent == sw_if_index)
            found[at] = ports.interface[find_matches(ports, port, kinds[at] == DOT1AD, outer[at], inner[at], TAG_FLAGS[n_tags[at]])]
    return found
