"""The authentication header in packets, and the fields of IP headers that it does not cover (RFC 4302, 3.3.3.1).

Both directions of AH: what is covered is computed with zeros in these fields and in the check value.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.fib.types import Protocol
from vppsh.engine.ipsec.matrix import Matrix
from vppsh.engine.ipsec.sa import Sa
from vppsh.engine.wire import ah, ip4, ip6
from vppsh.engine.wire.checksum import checksums, word_sums

IP4_MULTIPLE, IP6_MULTIPLE = 4, 8
HEADERS = {Protocol.IP4: ip4.HEADER, Protocol.IP6: ip6.HEADER}
VERSION_ONLY = ip6.VERSION << 28


class AhLayout(Struct, frozen=True):
    """Lengths of the parts of a packet: IP header, check value, padding behind that."""

    family: Protocol
    icv: int
    padding: int

    @classmethod
    def of(cls, sa: Sa, family: Protocol) -> AhLayout:
        """For packets of an association."""
        multiple = IP6_MULTIPLE if family is Protocol.IP6 else IP4_MULTIPLE
        return cls(family, sa.icv_bytes, ah.padding(sa.icv_bytes, multiple))

    @property
    def ip(self) -> int:
        """Length of the IP header, without options."""
        return HEADERS[self.family].itemsize

    @property
    def ah(self) -> int:
        """Length of the whole authentication header."""
        return ah.HEADER.itemsize + self.icv + self.padding

    @property
    def icv_at(self) -> int:
        """Where the check value begins."""
        return self.ip + ah.HEADER.itemsize

    @property
    def words(self) -> int:
        """What the header says of its length."""
        return self.ah // ah.WORD_BYTES - 2


def ip_fields(packets: Matrix, family: Protocol) -> NDArray[np.void]:
    """Copies of the IP headers that packets begin with."""
    dtype = HEADERS[family]
    fields: NDArray[np.void] = packets[:, : dtype.itemsize].copy().view(dtype)[:, 0]
    return fields


def write_ip(packets: Matrix, fields: NDArray[np.void]) -> None:
    """Put IP headers where packets begin."""
    packets[:, : fields.dtype.itemsize] = fields.view(np.uint8).reshape(len(fields), fields.dtype.itemsize)


def without_mutable(fields: NDArray[np.void], family: Protocol) -> NDArray[np.void]:
    """IP headers with zero in what may change on the way."""
    covered = fields.copy()
    if family is Protocol.IP6:
        covered["version_class_and_label"], covered["hop_limit"] = VERSION_ONLY, 0
    else:
        covered["tos"], covered["flags_and_offset"], covered["ttl"], covered["checksum"] = 0, 0, 0, 0
    return covered


def with_checksum(fields: NDArray[np.void]) -> NDArray[np.void]:
    """IPv4 headers with a checksum that fits."""
    fields["checksum"] = 0
    fields["checksum"] = checksums(word_sums(fields))
    return fields
