"""Readers of VPP's tables: IPsec, tunnels, services, policies; against the recordings, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.answers.cnat import Backend, read_sessions, read_translations
from vppsh.answers.ipsec import read_policies, read_protections, read_sas
from vppsh.answers.mpls import read_label_tables
from vppsh.answers.npol import Rule, read_network_policies, read_policed_interfaces
from vppsh.answers.tunnels import Tunnel, read_peers, read_tunnels, tunnel_reader

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "scenarios"
KINDS = ("ipip", "gre", "vxlan", "vxlan-gpe", "geneve", "gtpu")
READERS: dict[str, Callable[[str], Any]] = {
    r"show ipsec sa( \d+)?( detail)?": read_sas,
    r"show ipsec (protect|tunnel)": read_protections,
    r"show ipsec spd( \d+)?": read_policies,
    **{f"show {kind} tunnel": tunnel_reader(kind) for kind in KINDS},
    r"show wireguard peer": read_peers,
    r"show mpls fib( \d+)?( table \d+)?": read_label_tables,
    r"show cnat translation( \d+)?": read_translations,
    r"show cnat session( (ip|port|proto|return|max).*)?": read_sessions,
    r"show npol interfaces": read_policed_interfaces,
    r"show npol policies( verbose)?": read_network_policies,
}
# What VPP says of something that is not there.
REFUSED = re.compile(r"No such |Invalid policy ID|show .*unknown |unknown input|.*: invalid ")


def recorded() -> Iterator[tuple[str, str, str]]:
    """Each recorded answer that a reader is for: where, the line, the answer."""
    for path in sorted(RECORDINGS.glob("*/*.txt")):
        for part in re.split(r"^vpp# ", path.read_text(errors="replace"), flags=re.MULTILINE)[1:]:
            line, _, text = part.partition("\n")
            if line.startswith("show ") and text.strip() and not REFUSED.match(text):
                yield path.name, line.strip(), text


def reader_of(line: str) -> Callable[[str], Any] | None:
    return next((reader for pattern, reader in READERS.items() if re.fullmatch(pattern, line)), None)


@pytest.mark.skipif(not RECORDINGS.exists(), reason="no recordings of VPP beside the checkout")
def test_every_recorded_table_is_understood_to_the_last_line_and_gives_no_secret() -> None:
    seen, odd = set(), []
    for name, line, text in recorded():
        reader = reader_of(line)
        if reader is None:
            continue
        seen.add(reader)
        value = reader(text)
        odd += [(name, line, value.odd)] if value.odd else []
        for secret in re.findall(r"alg \S+ key ([0-9a-f]{16,})|pre-shared key:(\S+) ([0-9a-f]+)|salt (0x[0-9a-f]{4,})", text):
            assert not any(each in repr(value) for each in secret if set(each) - {"1"})
    assert not odd
    assert seen >= {read_sas, read_protections, read_policies, read_peers, read_translations, read_sessions, read_policed_interfaces}


@given(st.text())
def test_no_text_makes_a_reader_fail(text: str) -> None:
    for reader in READERS.values():
        reader(text)


SA = """\
[1] sa 3221225472 (0xc0000000) spi 2000 (0x000007d0) protocol:esp flags:[esn tunnel udp-encap anti-replay inbound ]
   locks 2
   salt 0x1a2b3c4d
   inbound thread-index:0
   outbound thread-index:0
   inbound seq 4294967299
   outbound seq 0
   window-size: 128
   window: Bl <- 1110111111111111111111111111111111111111111111111111111111111111 Tl
   crypto alg aes-cbc-128 key 4a506a794f574265564551694d653768
   integrity alg sha-512-256 key 00000000: 4339314b55523947594d6d3547666b45764e6a584339314b55523947594d6d35
                                 00000020: 4339314b55523947594d6d3547666b45764e6a584339314b55523947594d6d35
   UDP:[src:4500 dst:4501]
   tx/rx:[packets:7 bytes:1176]
   SA errors:
   "packets lost":[packets:0]
   "SA replayed packet":[packets:3]
   table-ID:5 [192.168.7.2->192.168.7.1] hop-limit:0 point-to-point CS0 [resolved ] [none] [resolved via fib-entry: 16]
"""


def test_an_sa_tells_its_window_its_errors_and_its_tunnel_but_no_key() -> None:
    (sa,) = read_sas(SA).sas
    assert (sa.index, sa.id, sa.spi, sa.protocol, sa.inbound) == (1, 3221225472, 2000, "esp", True)
    assert (sa.received, sa.sent, sa.window, sa.seen[:4], len(sa.seen)) == (4294967299, 0, 128, "1110", 64)
    assert (sa.crypto, sa.integrity, sa.udp, sa.packets, sa.bytes) == ("aes-cbc-128", "sha-512-256", (4500, 4501), 7, 1176)
    assert (sa.errors, sa.source, sa.destination, sa.table) == ({"SA replayed packet": 3}, "192.168.7.2", "192.168.7.1", 5)
    assert not any(secret in repr(sa) for secret in ("4a506a79", "4339314b", "1a2b3c4d"))
    assert not read_sas(SA).odd


def test_a_policy_on_the_fast_path_and_one_that_protects() -> None:
    text = (
        "spd 1\n ip4-outbound:\n"
        "   [1] priority 10 action protect type ip4-outbound protocol any sa 10 <fast-path>\n"
        "     local addr range 10.0.0.0 - 10.0.0.255 port range 0 - 65535\n"
        "     remote addr range 10.2.0.0 - 10.2.255.255 port range 53 - 54\n"
        "     packets 2 bytes 100\n \n ip6-outbound:\n \nspd 7\n"
    )
    read = read_policies(text)
    (policy,) = read.policies
    assert read.spds == (1, 7)
    assert (policy.protocol, policy.sa, policy.remote, policy.remote_ports, policy.bytes) == (
        "any",
        10,
        ("10.2.0.0", "10.2.255.255"),
        (53, 54),
        100,
    )
    assert not read.odd


def test_tunnels_give_what_they_have_in_common_the_same_names() -> None:
    text = "[0] lcl 192.168.1.1 rmt 192.168.1.2 lcl_port 4790 rmt_port 4790 vni 30 fib-idx 0 sw-if-idx 3 decap-next-l2 \n"
    (gpe,) = read_tunnels("vxlan-gpe", text).tunnels
    assert (gpe.values["source"], gpe.values["destination"], gpe.values["vni"], gpe.words) == (
        "192.168.1.1",
        "192.168.1.2",
        "30",
        ("decap-next-l2",),
    )
    text = "[4] instance 4 src 192.168.1.1 dst 192.168.1.6 table-ID 9 sw-if-idx 5 flags [encap-copy-dscp ] dscp CS0\nNo good\n"
    read = read_tunnels("ipip", text)
    values = {"instance": "4", "source": "192.168.1.1", "destination": "192.168.1.6", "table": "9", "sw_if_index": "5", "dscp": "CS0"}
    assert read.tunnels == (Tunnel("ipip", 4, values, ("encap-copy-dscp",)),)
    assert read.odd == ("No good",)


def test_a_peer_is_read_without_its_shared_key() -> None:
    text = (
        "[1] endpoint:[192.168.1.1:51820->2001:db8::3:51833] wg0 keep-alive:25 flags: 2, api-clients count: 0\n  adj: 4\n"
        "  pre-shared key:XWRrcnmAh46VnKOqsbi/xs3U2+Lp8Pf+BQwTGiEoLzY= 5d646b72\n  public key:q0qTuJpBofs8= ab4a93b8\n"
        "  allowed-ips: 10.3.0.0/16 fd00::/8\n"
    )
    read = read_peers(text)
    (peer,) = read.peers
    assert (peer.interface, peer.destination, peer.port, peer.flags, peer.public_key) == ("wg0", "2001:db8::3", 51833, 2, "q0qTuJpBofs8=")
    assert peer.allowed == ("10.3.0.0/16", "fd00::/8")
    assert "XWRrcnmA" not in repr(read)


def test_services_sessions_and_policies() -> None:
    text = (
        "[2] 10.96.0.10;53 TCP lb:default fhc:0x9f(default)\n0.0.0.0;0->11.0.0.65;53\n  fib-entry:14\n"
        "  [@0]: dpo-load-balance: [proto:ip4 index:17 buckets:1 uRPF:16 to:[0:0]]\n"
        "        [0] [@5]: ipv4 via 172.18.0.5 pg0: mtu:9000 next:4 flags:[features ] 02fe0000000502fe000000010800\n"
        " via:\n  [@2]: dpo-load-balance: [proto:ip4 index:20 buckets:2 uRPF:-1 to:[0:0]]\n    [0] [@0]: dpo-drop ip4\n"
    )
    (service,) = read_translations(text).translations
    assert service.backends == [Backend("11.0.0.65", 53, "0.0.0.0", 0, "ipv4 via 172.18.0.5 pg0")]
    text = (
        "CNat Sessions: now:1.25\nHash table 'CNat Session DB'\n    2 active elements 2 active buckets\n\n"
        "UDP [fd00::1;40000 -> fd00::a;53] => [return]\n  index:1 fib:2\n    last_seen:1 lifetime:30 ref:2\n"
        "    [ in ] UDP [fd00::1;40000 -> fd00::b;5353] node:65535 lbi:4294967295 fl:48 fib:0\n"
        "Please note: only the first entries displayed. To display more, specify max.\n"
    )
    sessions = read_sessions(text)
    (session,) = sessions.sessions
    assert (sessions.active, sessions.now, sessions.cut, sessions.odd) == (2, 1.25, True, ())
    assert (session.source, session.destination, session.port, session.fib, session.lifetime) == ("fd00::1", "fd00::a", 53, 2, 30)
    assert session.rewrites == [("in", "UDP fd00::1;40000 -> fd00::b;5353")]
    text = (
        "[pg0 sw_if_index=1 inverted addr=10.0.0.1 addr6=fd12::4]\n  rx:\n   rx-policy-default:1 rx-profile-default:0 \n    [policy#0]\n"
        "      rx:[rule#4;pass][dst==[ipset#2;ip+port;TCP 10.0.0.1;80,],src==[1000-2000],]\n      rx:deleted rule\n"
        "   tx-policy-default:0 tx-profile-default:0 \n  profiles:\n    [policy#1]\n"
    )
    (interface,) = read_policed_interfaces(text).interfaces
    assert (interface.name, interface.inverted, interface.addresses) == ("pg0", True, ("10.0.0.1", "fd12::4"))
    assert interface.defaults == {"rx": ("deny", "allow"), "tx": ("allow", "allow")}
    (policy,) = interface.policies["rx"]
    assert policy.rules[0] == Rule("rx", 4, "pass", "dst==[ipset#2;ip+port;TCP 10.0.0.1;80,],src==[1000-2000]")
    assert policy.rules[1].action == "deleted"
    assert [each.index for each in interface.policies["profiles"]] == [1]


def test_labels_tell_whether_they_are_the_last_and_where_they_go() -> None:
    text = (
        "MPLS-VRF:0, fib_index:0 locks:[CLI:1, ]\nip4-explicit-null:neos/21 fib:0 index:19 locks:2\n forwarding:   mpls-neos-chain\n"
        "  [@0]: dpo-load-balance: [proto:mpls index:22 buckets:1 uRPF:25 to:[3:180]]\n    [0] [@2]: dpo-punt\n"
        "100:eos/21 fib:0 index:22 locks:2\n forwarding:   mpls-eos-chain\n"
        "  [@0]: dpo-load-balance: [proto:mpls index:25 buckets:1 uRPF:17 to:[0:0]]\n    [0] [@6]: mpls-label[@1]:[200:64:0:eos]\n"
        "        [@1]: mpls via 10.0.1.2 pg1: mtu:9000 next:2 flags:[] 02fe000000bb02fe000000028847\nfive, fib_index:1 locks:[CLI:1, ]\n"
    )
    first, second = read_label_tables(text).tables
    null, label = first.routes
    assert (null.label, null.last, null.route.forwarding.packets) == ("ip4-explicit-null", False, 3)  # type: ignore[union-attr]  # it is there
    assert (label.label, label.last, label.route.ends[0].next_hop) == ("100", True, "10.0.1.2")
    assert (first.number, second.number, second.routes) == (0, None, ())
