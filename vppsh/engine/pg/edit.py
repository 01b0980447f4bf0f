"""Edits: one field of a packet, and the value or range of values a stream gives it.

Counterpart of VPP's pg/edit.h. A field is named by its least significant bit and its width, as bits of
the header counted from the left; values are kept as the bytes VPP keeps, because some of its quirks
(ranges of bit fields, ranges of IPv6 addresses) come from how it reads those bytes back.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from msgspec import Struct

MASK64 = (1 << 64) - 1


class EditKind(enum.Enum):
    """How a field's value comes about."""

    FIXED = "fixed"
    INCREMENT = "increment"
    RANDOM = "random"
    UNSPECIFIED = "unspecified"


class Field(Struct, frozen=True):
    """Where an edit writes.

    lsb   bit offset of the least significant bit: 8 * byte + its place in that byte
    bits  width
    """

    lsb: int
    bits: int

    def moved(self, n_bytes: int) -> Field:
        """The same field `n_bytes` further on."""
        return Field(self.lsb + 8 * n_bytes, self.bits)

    @property
    def n_bytes(self) -> int:
        """How many bytes the value takes (pg_edit_n_alloc_bytes)."""
        odd = self.lsb % 8
        rest = max(self.bits - odd, 0) if odd else self.bits
        return (1 if odd and self.bits else 0) + (rest + 7) // 8


def whole(at: int, n_bytes: int) -> Field:
    """A field that is `n_bytes` whole bytes, beginning at byte `at` of its header."""
    return Field(8 * (at + n_bytes - 1), 8 * n_bytes)


def bit_field(at: int, n_bytes: int, low_bit: int, bits: int) -> Field:
    """`bits` bits from bit `low_bit` up (0 is the least significant) of a big-endian word at byte `at`."""
    return Field(8 * (at + (8 * n_bytes - low_bit - 1) // 8) + low_bit % 8, bits)


def encode(field: Field, value: int) -> bytes:
    """A number as an edit's bytes: big-endian, shifted to the field's place in its last byte."""
    octets = []
    left, odd = field.bits, field.lsb % 8
    if left > 0 and odd:
        octets.append((value << odd) & 0xFF)
        value >>= 8 - odd
        left -= 8 - odd
    while left > 0:
        octets.append(value & 0xFF)
        value >>= 8
        left -= 8
    return bytes(reversed(octets))


@dataclass(slots=True)
class Edit:
    """One field of a header while its stream is being defined."""

    field: Field
    kind: EditKind = EditKind.UNSPECIFIED
    low: bytes = b""
    high: bytes = b""

    def fix(self, value: int) -> None:
        """Give the field one value."""
        self.kind = EditKind.FIXED
        self.low = encode(self.field, value)

    def take(self, other: Edit) -> None:
        """Take over the kind and values of another edit, which loses them."""
        self.kind, self.low, self.high = other.kind, other.low, other.high
        other.kind, other.low, other.high = EditKind.UNSPECIFIED, b"", b""

    def value(self, octets: bytes) -> int:
        """The number VPP reads from an edit's bytes: of more than eight, the last eight."""
        n = (self.field.bits + 7) // 8
        return int.from_bytes(octets[:n].ljust(n, b"\0"), "big") & MASK64

    @property
    def low_value(self) -> int:
        """The lowest value, or the fixed one."""
        return self.value(self.low)

    @property
    def high_value(self) -> int:
        """The highest value."""
        return self.value(self.high)


def put(edit: Edit, data: bytearray, mask: bytearray) -> None:
    """Write a fixed edit into a header's bytes, and mark its bits in the mask."""
    at, odd = divmod(edit.field.lsb, 8)
    left = edit.field.bits
    n = edit.field.n_bytes
    octets = edit.low.ljust(n, b"\0")
    k = n - 1
    if odd and left > 0:
        width = min(left, 8 - odd)
        bits = ((1 << width) - 1) << odd
        data[at] |= octets[k] & bits
        mask[at] |= bits
        at, k, left = at - 1, k - 1, left - width
    whole_bytes = left // 8
    if whole_bytes:
        data[at - whole_bytes + 1 : at + 1] = octets[k - whole_bytes + 1 : k + 1]
        mask[at - whole_bytes + 1 : at + 1] = b"\xff" * whole_bytes
        at, k, left = at - whole_bytes, k - whole_bytes, left - 8 * whole_bytes
    if left > 0:
        bits = (1 << left) - 1
        data[at] |= octets[k] & bits
        mask[at] |= bits
