"""TCP: `TCP: SRC -> DST [SYN] [ACK]... [window N] [seqnum N] [acknum N] [opt NAME VALUES]...` (VPP: vnet/tcp/tcp_pg.c).

Flags match as prefixes, one after the other, so `SYNACK` sets both. Options are padded to whole words.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from vppsh.engine.pg.computed import IP4_LENGTH_AT, Computation, Lengths, Packets, covered_sum, inverted, pseudo_header, said_length, store
from vppsh.engine.pg.edit import Edit, EditKind, Field, bit_field, whole
from vppsh.engine.pg.headers.fields import number, option, port, read_edit
from vppsh.engine.pg.headers.lookup import Header, attempt
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft, Group
from vppsh.engine.wire import ip_protocol, tcp
from vppsh.grammar.reader import Reader

HEADER_BYTES = 20
CHECKSUM_AT = 16
WINDOW = 4096
OPTION_SACK = 5
WORD_BYTES = 4


class TcpOption(Struct, frozen=True):
    """An option that can be typed: its kind, its length on the wire, its values' widths in bytes."""

    name: str
    kind: int
    length: int
    values: tuple[int, ...] = ()


# `sack` comes behind `sackperm`, which it would match as a prefix of.
OPTIONS = (
    TcpOption("mss", tcp.OPTION_MSS, 4, (2,)),
    TcpOption("timestamp", tcp.OPTION_TIMESTAMP, 10, (4, 4)),
    TcpOption("winscale", tcp.OPTION_WINDOW_SCALE, 3, (1,)),
    TcpOption("sackperm", tcp.OPTION_SACK_PERMITTED, 2),
    TcpOption("sack", OPTION_SACK, 8),
)


@dataclass(frozen=True, slots=True)
class TcpChecksum(Computation):
    """Checksum."""

    edit_function = "tcp_pg_edit_function"

    @property
    def checksum_at(self) -> int | None:
        """See Computation."""
        return self.at + CHECKSUM_AT

    @property
    def decided_by(self) -> tuple[int, ...]:
        """See Computation."""
        return (self.below + IP4_LENGTH_AT, self.below + IP4_LENGTH_AT + 1)

    def apply(self, packets: Packets, lengths: Lengths) -> None:
        """See Computation."""
        covered = said_length(packets, lengths, self.below, self.at)
        store(packets, self.at + CHECKSUM_AT, 0)
        total = pseudo_header(packets, self.below, covered) + covered_sum(packets, self.at, covered)
        store(packets, self.at + CHECKSUM_AT, inverted(total))


def read_tcp(reader: Reader, draft: Draft) -> bool:
    """A TCP header, its options and its payload."""
    source, destination, sequence, acknowledged = Edit(whole(0, 2)), Edit(whole(2, 2)), Edit(whole(4, 4)), Edit(whole(8, 4))
    header_words = Edit(bit_field(12, 1, 4, 4))
    flags = {name: Edit(bit_field(13, 1, bit, 1)) for bit, name in enumerate(tcp.FLAG_NAMES)}
    window, checksum, urgent = Edit(whole(14, 2)), Edit(whole(CHECKSUM_AT, 2)), Edit(whole(18, 2))
    group = draft.begin(HEADER_BYTES, source, destination, sequence, acknowledged, header_words, *flags.values(), window, checksum, urgent)
    window.fix(WINDOW)
    for edit in (sequence, acknowledged, urgent, *flags.values()):
        edit.fix(0)
    start = reader.pos
    if not (reader.word("TCP:") and read_edit(reader, source, port) and reader.word("->") and read_edit(reader, destination, port)):
        reader.pos = start
        draft.drop()
        return False
    values = (("window", window), ("checksum", checksum), ("seqnum", sequence), ("acknum", acknowledged))
    while any(option(reader, name, edit) for name, edit in values) or _read_flag(reader, flags):
        pass
    option_bytes = _read_options(reader, draft)
    if option_bytes is None:
        draft.drop()
        return False
    header_words.fix((HEADER_BYTES + option_bytes) // WORD_BYTES)
    if not attempt(read_payload, reader, draft):
        draft.drop()
        return False
    if checksum.kind is EditKind.UNSPECIFIED:
        group.computation = TcpChecksum()
    return True


def _read_flag(reader: Reader, flags: dict[str, Edit]) -> bool:
    for name, edit in flags.items():
        if reader.word(name):
            edit.fix(1)
            return True
    return False


def _read_options(reader: Reader, draft: Draft) -> int | None:
    """Options as a group of their own: their bytes, padding included; None when one does not parse."""
    group: Group | None = None
    used = 0
    while reader.word("opt"):
        group = group or draft.begin(0)
        chosen = next((known for known in OPTIONS if reader.word(known.name)), None)
        if chosen is None:
            break
        length, widths = chosen.length, chosen.values
        if not widths and (count := _read_count(reader)):
            if chosen.kind != OPTION_SACK:
                continue
            # VPP counts two blocks, however many there are.
            length, widths = 2 + 2 * chosen.length, (4,) * (2 * count)
        group.n_bytes += length
        edits = [_next_field(used + sum((1, 1, *widths)[: i + 1]), width) for i, width in enumerate((1, 1, *widths))]
        used += 2 + sum(widths)
        group.edits += edits
        edits[0].fix(chosen.kind)
        edits[1].fix(length)
        if not all(read_edit(reader, edit, number) for edit in edits[2:]):
            return None
    padding = -used % WORD_BYTES
    if padding and group is not None:
        used += padding
        edit = _next_field(used, padding)
        edit.kind, edit.low = EditKind.FIXED, bytes([tcp.OPTION_NOOP]) * padding
        group.edits.append(edit)
        group.n_bytes += padding
    return used


def _next_field(end: int, width: int) -> Edit:
    """The edit of `width` bytes before byte `end` of the options."""
    return Edit(Field(8 * (end - 1), 8 * width))


def _read_count(reader: Reader) -> int:
    start = reader.pos
    if reader.word("nvalues") and (count := reader.signed(8)) is not None and count > 0:
        return count
    reader.pos = start
    return 0


HEADERS = (Header(read_tcp, ip_protocols=(ip_protocol.TCP,)),)
