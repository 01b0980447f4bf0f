"""IPsec security associations: what they encrypt, where their sequence numbers and replay windows are, what they refuse."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence

from vppsh.answers.ipsec import Sa, Sas, read_sas
from vppsh.targets.masking import Masker
from vppsh.tui.grid import Column, Row, Tone
from vppsh.tui.numbers import bits, duration, plot, short
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SELDOM = 10.0
_SALT = re.compile(r"(\bsalt )0x[0-9a-f]+")
ESN = 1 << 32


def without_secrets(text: str) -> str:
    """An answer about SAs without salts; VPP leaves out the keys of `detail` itself, but an older one may not."""
    return Masker().mask(_SALT.sub(r"\1[redacted]", text))


def counters(value: Sas) -> Mapping[Hashable, float]:
    """Packets, bytes, and all errors together, of each SA."""
    found: dict[Hashable, float] = {}
    for sa in value.sas:
        found[sa.id, "packets"], found[sa.id, "bytes"] = sa.packets, sa.bytes
        found[sa.id, "errors"] = sum(sa.errors.values())
    return found


DETAILS = Question("show ipsec sa detail", read_sas, counters, every=SELDOM, clean=without_secrets)


def missing(sa: Sa) -> int:
    """Of the last 64 sequence numbers, how many did not come; VPP marks those before the first as if they had."""
    return sa.seen.count("0") if sa.inbound and "anti-replay" in sa.flags else 0


def sequence(sa: Sa) -> int:
    """The highest number that came in, or the last that went out."""
    return (sa.received if sa.inbound else sa.sent) or 0


class SasTable(Report):
    """A security association each."""

    name, title, position = "sas", "IPsec SAs", 50
    questions = (DETAILS,)
    empty = "no security associations"
    help = (
        "Sequence is the last number that went out, or the highest that came in: the top of the replay window. Window is the window's\n"
        "size where replays are refused; missing, how many of the last 64 numbers have not come: packets that were lost or overtaken.\n"
        "Errors are those that VPP counts for this SA: replayed, integrity, decryption, sequence used up ... Enter tells each of them.\n"
        "A row is red while errors are counted, yellow when there were some since the baseline. Keys and salts are neither shown nor kept."
    )
    columns = (
        Column("SA", "id", 10, number=True),
        Column("SPI", "spi", 10, number=True),
        Column("Way", "way", 3),
        Column("Crypto", "crypto", 12),
        Column("sequence", "sequence", 10, number=True),
        Column("window", "window", 6, lambda size: str(size) if size else "", number=True),
        Column("missing", "missing", 7, short, number=True),
        Column("pps", "packets_rate", 7, short, number=True),
        Column("errors", "errors", 6, short, number=True),
        Column("bits", "bits_rate", 8, lambda value: bits(value / 8), number=True),
        Column("packets", "packets", 8, short, number=True),
        Column("Integrity", "integrity", 11),
        Column("Tunnel", "tunnel", 0),
        Column("Flags", "flags", 28),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """An SA each."""
        known = store.value(DETAILS)
        return [self._row(store, sa) for sa in known.sas] if known else []

    def _row(self, store: Store, sa: Sa) -> Row:
        track = store.track(DETAILS)
        errors = sum(sa.errors.values())
        window = sa.window if "anti-replay" in sa.flags and sa.inbound else 0
        rate, octets = track.rate((sa.id, "packets")), track.rate((sa.id, "bytes"))
        tunnel = f"{sa.source} to {sa.destination}" if sa.source else ""
        way = "in" if sa.inbound else "out"
        head = sa.id, sa.spi, way, sa.crypto, sequence(sa), window, missing(sa), rate, errors, 8 * octets, sa.packets
        flags = " ".join(flag for flag in sa.flags if flag != "inbound")
        values = (*head, sa.integrity if sa.integrity != "none" else "", tunnel, flags)
        bad = Tone.BAD if track.rate((sa.id, "errors")) else Tone.WARN if track.since((sa.id, "errors")) else Tone.PLAIN
        return Row(sa.id, values, bad)

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """The replay window, every error, and the rate over the last minutes."""
        known = store.value(DETAILS)
        sa = next((each for each in known.sas if each.id == key), None) if known else None
        if sa is None:
            return [f"SA {key} is gone"]
        track = store.track(DETAILS)
        lines = [f"SA {sa.id} (0x{sa.id:x}), index {sa.index}, SPI {sa.spi} (0x{sa.spi:08x}), {sa.protocol}", f"flags {' '.join(sa.flags)}"]
        lines.append(f"crypto {sa.crypto}, integrity {sa.integrity}")
        if sa.source:
            lines.append(f"tunnel {sa.source} to {sa.destination}, table {sa.table}")
        if "udp-encap" in sa.flags:
            lines.append(f"in UDP from {sa.udp[0]} to {sa.udp[1]}")
        number, high = sequence(sa), sequence(sa) // ESN
        lines.append(f"sequence {number}" + (f" (ESN: {high} in the high half, {number % ESN} in the packet)" if high else ""))
        if "anti-replay" in sa.flags and sa.inbound:
            seen = "".join("█" if bit == "1" else "·" for bit in sa.seen)
            lines.append(f"replay window of {sa.window}; the last 64, the latest first:  {seen}  {missing(sa)} missing")
        lines += ["", f"{'':<40} {'counted':>12} {'a second':>10}"]
        for name, value in (("packets", sa.packets), ("bytes", sa.bytes)):
            lines.append(f"{name:<40} {value:>12} {short(track.rate((sa.id, name))):>10}")
        lines += [f"{name:<40} {value:>12}" for name, value in sa.errors.items()] or ["no errors"]
        history, times = track.history((sa.id, "packets"), max(width - 2, 10)).tolist(), track.times(max(width - 2, 10))
        span = duration(times[-1] - times[0]) if len(times) > 1 else "no time yet"
        title = f"packets a second, highest {short(max(history, default=0)) or '0'} in {span}"
        return [*lines, "", title, *plot(history, max(width - 2, 10), 3)]
