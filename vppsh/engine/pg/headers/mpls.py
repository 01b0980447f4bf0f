"""One MPLS label, bottom of stack, TTL 255: `MPLS: label N`, and IPv4 behind it (VPP: vnet/mpls/pg.c)."""

from __future__ import annotations

from vppsh.engine.pg.edit import Edit, Field, whole
from vppsh.engine.pg.headers.fields import read_edit
from vppsh.engine.pg.headers.ip4 import read_ip4
from vppsh.engine.pg.headers.lookup import Header, attempt
from vppsh.engine.pg.layout import Draft
from vppsh.engine.wire import ethertype, mpls
from vppsh.grammar.reader import Reader

ENTRY_BYTES = 4
TTL = 255


def read_mpls(reader: Reader, draft: Draft) -> bool:
    """A label; nothing has to follow it."""
    entry = Edit(whole(0, ENTRY_BYTES))
    draft.begin(ENTRY_BYTES, entry)
    if not read_edit(reader, entry, _entry):
        draft.drop()
        return False
    attempt(read_ip4, reader, draft)
    return True


def _entry(reader: Reader, field: Field) -> bytes | None:
    start = reader.pos
    if reader.word("MPLS: label") and (label := reader.signed()) is not None:
        return ((label << mpls.LABEL_SHIFT | 1 << mpls.EOS_SHIFT | TTL) & 0xFFFFFFFF).to_bytes(ENTRY_BYTES, "big")
    reader.pos = start
    return None


HEADERS = (Header(read_mpls, nodes=("mpls-input",), ethertypes=(ethertype.MPLS,), gre_protocols=(ethertype.MPLS,)),)
