"""WireGuard's commands: what they refuse, and what they show."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from tests.graphs import fill
from tests.traffic import Traffic
from tests.wireguards import PORT, PRIVATE, Duet, from_inside, from_remote, public, text
from vppsh.engine.wireguard.keys import Secret, key_of_text, text_of_key

CREATE = f"wireguard create listen-port {PORT} private-key {text(PRIVATE[0])} src 10.0.1.1"
PEER = f"wireguard peer add wg0 public-key {public(PRIVATE[1])} endpoint 10.0.1.2 dst-port {PORT}"


@pytest.fixture
def wg() -> Traffic:
    """A session with wg0."""
    traffic = Traffic()
    assert traffic(CREATE) == "wg0"
    return traffic


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("wireguard create", "wireguard create: private-key or generate-key required"),
        ("wireguard create generate-key", "wireguard create: src required"),
        (f"wireguard create private-key {text(PRIVATE[0])[:43]} src 10.0.1.1", "wireguard create: Error parsing private key"),
        (f"wireguard create private-key {text(PRIVATE[0])[:43]}! src 10.0.1.1", "wireguard create: Error parsing private key"),
        ("wireguard create private-key bogus colour", "wireguard create: Error parsing private key"),
        ("wireguard create private-key", "wireguard create: unknown input: private-key"),
        (f"{CREATE} instance 0", "wireguard create: wireguard interface create failed"),
        (f"{CREATE} instance 16384", "wireguard create: wireguard interface create failed"),
        (f"{CREATE} instance 16383", "wg16383"),
        (CREATE, "wg1"),
        ("wireguard create generate-key port 9 src 2001:db8::1 instance 4", "wg4"),
        ("wireguard delete", "wireguard delete: no such interface: "),
        ("wireguard delete pg0", "wireguard delete: wireguard interface delete failed"),
        ("wireguard peer add", ""),
        (f"{PEER}", "wireguard peer add: Allowed IPs are not specified"),
        (f"{PEER} allowed-ip 10.2.0.0/33", "wireguard peer add: Input error"),
        (f"{PEER} allowed-ip 10.2.0.0", "wireguard peer add: Input error"),
        ("wireguard peer add wg0 allowed-ip 10.0.0.0/8", "wireguard peer add: public-key required"),
        ("wireguard peer add pg0 allowed-ip 10.0.0.0/8", "wireguard peer add: Tunnel is not specified"),
        ("wireguard peer add wg0 preshared-key x", "wireguard peer add: Error parsing pre-shared key"),
        (f"{PEER} allowed-ip 10.0.0.0/8 table-id 5", "wireguard peer add: no such table: 5"),
        ("wireguard peer remove", ""),
        ("wireguard peer remove x", "wireguard peer remove: Input error"),
        ("wireguard peer remove 7", ""),
        ("set wireguard async mode", ""),
        ("set wireguard async mode of", "set wireguard async mode: unknown input 'of'"),
    ],
)
def test_answers(wg: Traffic, line: str, answer: str) -> None:
    assert wg(line) == answer


def test_the_first_44_characters_of_a_key_count(wg: Traffic) -> None:
    assert wg(f"wireguard create private-key {text(PRIVATE[1])}tail listen-port 7 src 10.0.1.1") == "wg1"
    assert f"private-key:{text(PRIVATE[1])} {PRIVATE[1].hex()}" in wg("show wireguard interface")


def test_generated_keys_differ(wg: Traffic) -> None:
    made = [Secret.generate() for _ in range(2)]
    assert made[0].private != made[1].private
    assert key_of_text(text_of_key(made[0].public)) == made[0].public
    for _ in range(2):
        wg("wireguard create generate-key listen-port 9 src 10.0.1.1")
    keys = [each["private_key"] for each in json.loads(wg("show wireguard interface | json"))]
    assert len(set(keys)) == 3


def test_peers_are_listed_by_number(wg: Traffic) -> None:
    assert wg(f"{PEER} allowed-ip 10.2.3.4/16 allowed-ip 2001:db8::5/32 persistent-keepalive 25") == ""
    assert wg(f"{PEER} allowed-ip 10.3.0.0/16") == "wireguard peer add: Peer already exist"
    second = public(PRIVATE[2])
    assert wg(f"wireguard peer add wg0 public-key {second} allowed-ip 10.4.0.0/16 preshared-key {text(PRIVATE[2])}") == ""
    lines = wg("show wireguard peer").splitlines()
    assert lines[0] == "[0] endpoint:[10.0.1.1:51820->10.0.1.2:51820] wg0 keep-alive:25 flags: 0, api-clients count: 0"
    assert lines[3] == "  allowed-ips: 10.2.0.0/16 2001:db8::/32"
    assert lines[4].startswith("[1] endpoint:[10.0.1.1:51820->0.0.0.0:0] wg0 ")
    assert lines[6] == f"  pre-shared key:{text(PRIVATE[2])} {PRIVATE[2].hex()}"
    data = json.loads(wg("show wireguard peer | json"))
    assert [peer["public_key"] for peer in data] == [public(PRIVATE[1]), second]
    # A number that is free is given out again.
    assert wg("wireguard peer remove 0") == ""
    assert wg(f"{PEER} allowed-ip 10.3.0.0/16") == ""
    assert wg("show wireguard peer").startswith("[0] ")


def test_interfaces_show_their_features_while_they_have_peers(wg: Traffic) -> None:
    wg(f"{PEER} allowed-ip 10.2.0.0/16")
    assert "wg4-output-tun" in wg("show interface features wg0")
    assert "wg6-output-tun" in wg("show interface features wg0")
    wg("wireguard peer remove 0")
    assert "output-tun" not in wg("show interface features wg0")


def test_junk_put_before_the_nodes_is_dropped() -> None:
    """Whatever a stream brings, with whatever is noted for its buffers."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, duet = random.Random(seed), Duet()
    duet.initiate()
    gateway = duet.gateway
    engine, buffers = gateway.engine, gateway.engine.buffers
    duet.delivers(duet.peer.seal(from_remote(4)))
    free = buffers.free
    (led,) = gateway.peer.adjacencies[:1]
    for name in ("wg4-output-tun", "wg6-output-tun", "wg4-input", "wg6-input"):
        for _ in range(20):
            packets = [rng.randbytes(rng.choice((0, 1, 4, 20, 43, 44, 45, 64, 300))) for _ in range(rng.randrange(1, 40))]
            frame = fill(engine, packets, sw_if_index=1, scattered=rng.random() < 0.5)
            rows = frame.indices(buffers)
            buffers.adj_index[rows] = [rng.choice((led, led, led, -1, 0, 63, 64, 1 << 20)) for _ in packets]
            buffers.save_rewrite_length[rows] = [rng.choice((44, 44, 64, 0, 14)) for _ in packets]
            engine.dispatcher.send(engine.graph[name], frame)
            gateway.settle()
    assert buffers.free == free
    counted = gateway.counted()
    assert counted["wg4-output-tun No buffers"] > 0
    assert counted["wg4-output-tun Peer error"] > 0
    assert np.count_nonzero(gateway.wireguard.peer_of >= 0) == len(gateway.peer.adjacencies)
    assert len(duet.open_all(gateway.goes_out(from_inside(4)))) == 1
