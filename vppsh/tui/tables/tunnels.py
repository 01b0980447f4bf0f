"""Tunnels of every kind that the target knows, with what goes through them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from vppsh.answers.interfaces import Interface
from vppsh.answers.tunnels import Peer, Tunnel, read_peers, tunnel_reader
from vppsh.targets.masking import Masker
from vppsh.tui.grid import Column, Row, Tone
from vppsh.tui.numbers import bits, short
from vppsh.tui.questions import INTERFACES, Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SELDOM = 60.0
KINDS = ("ipip", "gre", "vxlan", "vxlan-gpe", "geneve", "gtpu")
TUNNELS = tuple(Question(f"show {kind} tunnel", tunnel_reader(kind), every=SELDOM) for kind in KINDS)
PEERS = Question("show wireguard peer", read_peers, every=SELDOM, clean=lambda text: Masker().mask(text))
# What tells tunnels between the same two ends apart.
_NAMES = {"vni": "vni", "teid": "teid", "tteid": "to", "key": "key", "session": "session", "ip6_prefix": ""}
_ENDS = {"source", "destination", "sw_if_index", "instance", "table", "encap_dpo", *_NAMES}
DEAD, ESTABLISHED = 1, 2


class TunnelsTable(Report):
    """A tunnel or a peer each."""

    name, title, position = "tunnels", "Tunnels", 40
    questions = (*TUNNELS, PEERS, INTERFACES)
    empty = "no tunnels"
    help = (
        "IPIP, GRE, VXLAN, VXLAN-GPE, GENEVE and GTP-U tunnels, and WireGuard peers; a kind that the target does not know is left out.\n"
        "Rates are those of the tunnel's interface, of `show interface'; a WireGuard interface has those of all its peers.\n"
        "A row is dim while its interface is down, and red while a peer is dead. Keys are neither shown nor kept."
    )
    columns = (
        Column("Kind", "kind", 9),
        Column("Interface", "interface", 15),
        Column("Source", "source", 15),
        Column("Destination", "destination", 15),
        Column("Of", "of", 0),
        Column("rx pps", "rx_packets_rate", 7, short, number=True),
        Column("tx pps", "tx_packets_rate", 7, short, number=True),
        Column("rx bits", "rx_bits_rate", 8, lambda value: bits(value / 8), number=True),
        Column("tx bits", "tx_bits_rate", 8, lambda value: bits(value / 8), number=True),
        Column("Table", "table", 5),
        Column("More", "more", 30),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """The tunnels in the order of their kinds."""
        interfaces = store.value(INTERFACES)
        by_index = {each.index: each for each in interfaces.interfaces} if interfaces else {}
        by_name = {each.name: each for each in by_index.values()}
        rows = []
        for question in TUNNELS:
            answer = store.value(question)
            rows += [self._tunnel(store, each, by_index.get(int(each.values["sw_if_index"]))) for each in answer.tunnels] if answer else []
        peers = store.value(PEERS)
        return rows + ([self._peer(store, each, by_name.get(each.interface)) for each in peers.peers] if peers else [])

    def _tunnel(self, store: Store, tunnel: Tunnel, interface: Interface | None) -> Row:
        values = tunnel.values
        of = " ".join(f"{title} {values[name]}".strip() for name, title in _NAMES.items() if name in values)
        table = values.get("table", values.get("fib_index", ""))
        more = " ".join([*tunnel.words, *(f"{name} {value}" for name, value in values.items() if name not in _ENDS | {"fib_index"})])
        name = interface.name if interface else f"index {values['sw_if_index']}"
        head = tunnel.kind, name, values["source"], values.get("destination", "")
        tone = Tone.DIM if interface is not None and not interface.up else Tone.PLAIN
        return Row((tunnel.kind, tunnel.index), (*head, of, *self._rates(store, name), table, more), tone)

    def _peer(self, store: Store, peer: Peer, interface: Interface | None) -> Row:
        dead, established = bool(peer.flags & DEAD), bool(peer.flags & ESTABLISHED)
        more = [f"keep-alive {peer.keep_alive}s" if peer.keep_alive else "", f"ports {peer.source_port} to {peer.port}"]
        state = "dead" if dead else "established" if established else "no handshake yet"
        tone = Tone.BAD if dead else Tone.DIM if interface is not None and not interface.up else Tone.PLAIN
        head = "wireguard", peer.interface, peer.source, peer.destination, " ".join(peer.allowed)
        text = ", ".join(part for part in (state, *more) if part)
        return Row(("wireguard", peer.index), (*head, *self._rates(store, peer.interface), "", text), tone)

    def _rates(self, store: Store, name: str) -> tuple[float, ...]:
        track = store.track(INTERFACES)
        rx, tx = (track.rate((name, f"{way} packets")) for way in ("rx", "tx"))
        return rx, tx, 8 * track.rate((name, "rx bytes")), 8 * track.rate((name, "tx bytes"))

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """All that the target tells of it, and its interface's counters."""
        row = next((row for row in self.rows(store) if row.key == key), None)
        if row is None or not isinstance(key, tuple):
            return [f"{key} is gone"]
        shown = dict(zip((column.key for column in self.columns), row.values))
        lines = [f"{shown['kind']} {shown['interface']}: {shown['source']} to {shown['destination'] or 'several'} {shown['of']}", ""]
        if key[0] == "wireguard":
            (peer,) = (each for each in store.value(PEERS).peers if each.index == key[1])
            lines += [f"public key {peer.public_key}", f"allowed addresses {' '.join(peer.allowed)}", str(shown["more"])]
        else:
            answer = store.value(TUNNELS[KINDS.index(key[0])])
            (tunnel,) = (each for each in answer.tunnels if each.index == key[1])
            lines += [f"{name:<16} {value}" for name, value in tunnel.values.items()]
            lines += [f"{'flags':<16} {' '.join(tunnel.words)}"] if tunnel.words else []
        interfaces = store.value(INTERFACES)
        interface = next((each for each in interfaces.interfaces if each.name == shown["interface"]), None) if interfaces else None
        track = store.track(INTERFACES)
        if interface is not None:
            for counter, value in interface.counters.items():
                lines.append(f"{counter:<16} {value:>16} {short(track.rate((interface.name, counter))):>10} a second")
        return lines

    def lines(self, key: Hashable | None) -> list[str]:
        """For a row, the line that told of it, and its interface's."""
        if not isinstance(key, tuple):
            return [question.line for question in self.questions]
        return [PEERS.line if key[0] == "wireguard" else f"show {key[0]} tunnel", INTERFACES.line]

    def nothing(self, store: Store) -> str:
        """A target that knows some kinds only has none of them."""
        known = [store.known(question) for question in (*TUNNELS, PEERS)]
        return self.empty if any(each is not None and not each.failed for each in known) else super().nothing(store)
