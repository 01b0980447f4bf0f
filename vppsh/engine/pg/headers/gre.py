"""GRE without options: the payload's type by VPP's name (`ip4`, `ip6`, `teb`...) and its header (VPP: gre/pg.c)."""

from __future__ import annotations

from vppsh.engine.pg.edit import Edit, EditKind, Field, whole
from vppsh.engine.pg.headers.fields import named, read_edit
from vppsh.engine.pg.headers.lookup import Header, attempt, index
from vppsh.engine.pg.layout import Draft
from vppsh.engine.wire import gre, ip_protocol
from vppsh.grammar.reader import Reader

HEADER_BYTES = 4
PROTOCOLS = {name: number for number, name in gre.PROTOCOL_NAMES.items()}


def read_gre(reader: Reader, draft: Draft) -> bool:
    """A GRE header; nothing has to follow it."""
    flags, protocol = Edit(whole(0, 2)), Edit(whole(2, 2))
    draft.begin(HEADER_BYTES, flags, protocol)
    flags.fix(0)
    if not read_edit(reader, protocol, _protocol):
        draft.drop()
        return False
    attempt(index().gre_protocol.get(protocol.low_value) if protocol.kind is EditKind.FIXED else None, reader, draft)
    return True


def _protocol(reader: Reader, field: Field) -> bytes | None:
    value = named(reader, PROTOCOLS)
    return None if value is None else value.to_bytes(2, "big")


HEADERS = (Header(read_gre, nodes=("gre4-input", "gre6-input"), ip_protocols=(ip_protocol.GRE,)),)
