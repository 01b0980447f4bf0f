"""memif: two engines in one process hand each other packets in shared memory, and survive each other's end."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from vppsh.engine.buffer_data import make_packet
from vppsh.engine.features.memif import messages
from vppsh.engine.features.memif.memifs import Memifs
from vppsh.engine.features.memif.messages import AddRing, Kind
from vppsh.engine.features.memif.model import Memif
from vppsh.engine.frame import Frame
from vppsh.session import Session
from vppsh.startup import make_session


class Side:
    """A session with one memif."""

    def __init__(self, path: Path, role: str, options: str = "", address: str = "") -> None:
        self.session: Session = make_session()
        self.engine = self.session.engine
        self.type(f"create memif socket id 1 filename {path}", f"create interface memif id 0 socket-id 1 {role} {options}")
        self.type("set interface state memif1/0 up")
        if address:
            self.type(f"set interface ip address memif1/0 {address}/24")

    def type(self, *lines: str) -> str:
        text = ""
        for line in lines:
            answer = self.session.execute(line)
            assert not answer.failed, f"{line}: {answer.text}"
            text = answer.text
        return text

    @property
    def memif(self) -> Memif:
        return next(iter(self.engine.get(Memifs)))

    def capture(self) -> list[bytes]:
        """Let what comes in end in a list, which is given."""
        seen: list[bytes] = []

        def keep(frame: Frame) -> None:
            seen.extend(self.engine.buffers.packet(index) for index in frame.indices(self.engine.buffers).tolist())

        node = self.engine.graph["ethernet-input"]

        def take(ctx: object, frame: Frame) -> None:
            keep(frame)
            self.engine.buffers.free_packets(frame)

        node.function = take
        return seen

    def send(self, packets: list[bytes]) -> None:
        indices = [make_packet(self.engine.buffers, packet) for packet in packets]
        rows = np.array(indices, np.int32)
        self.engine.dispatcher.send(self.memif.interface.hardware.output, Frame(rows, len(rows)))


def as_long(one: list[bytes], two: list[bytes]) -> bool:
    return len(one) == len(two)


def run(*sides: Side, until: Callable[[], bool] = lambda: False, rounds: int = 300) -> bool:
    """Let both run for a while; whether what was waited for came true."""
    for _ in range(rounds):
        for side in sides:
            side.engine.run_for(0.0005)
        if until():
            return True
    return False


def joined(path: Path, master: str = "", slave: str = "", **addresses: str) -> tuple[Side, Side]:
    one = Side(path, "master", master, addresses.get("one", ""))
    two = Side(path, "slave", slave, addresses.get("two", ""))
    assert run(one, two, until=lambda: one.memif.connected and two.memif.connected), one.type("show memif") + two.type("show memif")
    return one, two


def test_the_sides_ping_each_other(tmp_path: Path) -> None:
    one, two = joined(tmp_path / "m.sock", one="10.0.0.1", two="10.0.0.2")
    shown = two.type("show memif")
    assert 'remote-interface "memif1/0"' in shown
    assert "  flags admin-up slave connected" in shown
    assert "num-s2m-rings 1 num-m2s-rings 1 buffer-size 2048 num-regions 1" in shown
    one.type("trace add memif-input 5")
    for number in range(1, 4):
        ping(one, two, number)
    trace = one.type("show trace")
    assert "memif-input\n  memif: hw_if_index 1 next-index 4\n    slot: ring 0\n" in trace
    assert "rx packets" in one.type("show interface memif1/0")
    assert "packets received: " in one.type("show hardware-interfaces memif1/0")
    assert " node memif-input:\n    memif1/0 queue 0 (polling)" in one.type("show interface rx-placement")


def ping(one: Side, two: Side, number: int) -> None:
    """One echo request that is answered, by the second attempt at the latest: the first may ask for the address."""
    from vppsh.engine.fib.types import Protocol
    from vppsh.engine.ping import Ping

    pings = one.engine.get(Ping)
    run_of_pings = pings.start()
    for _ in range(2):
        pings.send(run_of_pings, Protocol.IP4, 0x0A000002, number, size=60, sw_if_index=None, table_id=0, burst=1)
        if run(one, two, until=lambda: bool(run_of_pings.replies), rounds=50):
            break
    assert run_of_pings.replies
    pings.stop(run_of_pings)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    "options",
    ["", "ring-size 8", "ring-size 64 buffer-size 100", "ring-size 4096 rx-queues 3 tx-queues 2", "buffer-size 4096"],
)
def test_packets_arrive_as_they_were_sent(tmp_path: Path, options: str, backwards: bool) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    sides = joined(tmp_path / "m.sock", options, options)
    one, two = reversed(sides) if backwards else sides
    seen, sent = two.capture(), list[bytes]()
    for burst in (1, 7, 255, 256, 1, 256, 40):
        packets = [rng.randbytes(rng.choice((60, 64, 700, 1514, rng.randrange(14, 3000)))) for _ in range(burst)]
        alike = [rng.randbytes(100) for _ in range(burst)]
        for some in (packets, alike):
            # No more than the ring takes: the rest would be dropped, as it is counted.
            room = min(one.memif.tx[0].size, 1024) // (31 if "buffer-size 100" in options else 2)
            for at in range(0, len(some), room):
                one.send(some[at : at + room])
                sent += some[at : at + room]
                assert run(one, two, until=partial(as_long, seen, sent)), f"{len(seen)} of {len(sent)}"
    assert seen == sent
    for side in sides:
        assert side.engine.buffers.free == side.engine.buffers.count


def test_a_full_ring_drops_and_counts(tmp_path: Path) -> None:
    one, two = joined(tmp_path / "m.sock", "ring-size 16", "ring-size 16")
    one.send([bytes(60)] * 50)
    one.engine.run_until_idle()
    assert one.memif.tx[0].packets == 16
    index = one.engine.errors.find("memif1/0-tx", "no_free_slots")
    assert index is not None
    assert one.engine.errors.counts[index] == 34
    assert "no tx slot: 34" in one.type("show hardware-interfaces memif1/0")
    assert one.engine.buffers.free == one.engine.buffers.count
    seen = two.capture()
    assert run(one, two, until=lambda: len(seen) == 16)


def test_a_slave_that_comes_back_is_met_again(tmp_path: Path) -> None:
    one, two = joined(tmp_path / "m.sock", one="10.0.0.1", two="10.0.0.2")
    two.type("delete interface memif memif1/0")
    assert run(one, until=lambda: not one.memif.connected)
    assert 'remote-disc-reason "interface deleted"' in one.type("show memif")
    assert "up     memif1/0" not in one.type("show hardware-interfaces memif1/0")
    three = Side(tmp_path / "m.sock", "slave", "", "10.0.0.2")
    assert run(one, three, until=lambda: one.memif.connected and three.memif.connected)
    ping(one, three, 1)
    one.type("set interface state memif1/0 down", "set interface state memif1/0 up")
    ping(one, three, 2)
    one.type("delete interface memif memif1/0")
    assert not (tmp_path / "m.sock").exists()
    assert run(three, until=lambda: not three.memif.connected)
    one.type("delete memif socket id 1")


@pytest.mark.parametrize(
    ("master", "slave", "reason"),
    [
        ("secret open", "secret sesame", "incorrect secret"),
        ("secret open", "", "secret required"),
        ("mode ip", "", "mode mismatch"),
    ],
)
def test_who_does_not_fit_is_told_why(tmp_path: Path, master: str, slave: str, reason: str) -> None:
    one, two = Side(tmp_path / "m.sock", "master", master), Side(tmp_path / "m.sock", "slave", slave)
    assert run(one, two, until=lambda: two.memif.remote_reason == reason)
    assert f'remote-disc-reason "{reason}"' in two.type("show memif")
    assert not one.memif.connected


def test_bare_ip(tmp_path: Path) -> None:
    one, two = joined(tmp_path / "m.sock", "mode ip", "mode ip", one="10.0.0.1", two="10.0.0.2")
    one.type("trace add memif-input 1")
    ping(one, two, 1)
    assert "next-index 0" in one.type("show trace")  # ip4-input-no-checksum


def test_rings_that_others_have_spoilt_do_no_harm(tmp_path: Path) -> None:
    """The other side can write what it likes into the shared memory."""
    one, two = joined(tmp_path / "m.sock", "ring-size 64", "ring-size 64")
    seen = one.capture()
    queue, rng = two.memif.tx[0], random.Random(1)
    for _ in range(300):
        for slot in range(64):
            queue.descriptors[slot] = (
                rng.choice((0, 1, 7)),
                rng.choice((0, 0, 1)),
                rng.choice((0, 60, 1 << 31, 5000)),
                rng.getrandbits(32),
                0,
            )
        queue.head[0] = rng.randrange(1 << 16)
        os.eventfd_write(queue.wakeup, 1)
        one.engine.run_for(0.0005)
    back = one.memif.tx[0]
    for _ in range(50):
        for slot in range(64):
            back.descriptors[slot] = (0, rng.choice((0, 3)), rng.choice((0, 60, 2048, 1 << 31)), rng.getrandbits(32), 0)
        back.head[0] = rng.randrange(1 << 16)
        one.send([bytes(200)] * 8)
        one.engine.run_until_idle()
    assert one.engine.buffers.free == one.engine.buffers.count
    assert len(seen) < 300 * 64


def test_strange_slaves_are_sent_away(tmp_path: Path) -> None:
    one = Side(tmp_path / "m.sock", "master")
    rng = random.Random(2)
    ring = messages.add_ring(AddRing(True, 0, 9, 1 << 31, 3))
    conversations = [
        [b""], [b"short"], [messages.packed(Kind.CONNECT)], [messages.init(9, 0, "", "x")], [messages.init(0, 1, "", "x")],
        [messages.init(0, 0, "", "x"), messages.packed(Kind.HELLO)], [messages.init(0, 0, "", "x"), messages.add_region(0, 1 << 60)],
        [messages.init(0, 0, "", "x"), ring], [messages.init(0, 0, "", "x"), messages.add_region(3, 5), ring],
        [messages.init(0, 0, "", "x"), messages.named(Kind.CONNECT, "x"), bytes(128)],
        *([messages.init(0, 0, "", "x"), *(rng.randbytes(128) for _ in range(3))] for _ in range(20)),
        *(
            [messages.init(0, 0, "", "x"), *(messages.packed(Kind(rng.randrange(1, 9)), rng.randbytes(60)) for _ in range(5))]
            for _ in range(40)
        ),
    ]  # fmt: skip
    for conversation in conversations:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as slave:
            slave.connect(str(tmp_path / "m.sock"))
            for message in conversation:
                run(one, rounds=2)
                given = [os.memfd_create("given")] if rng.random() < 0.7 else []
                try:
                    socket.send_fds(slave, [message], given)
                except OSError:
                    break
                finally:
                    for descriptor in given:
                        os.close(descriptor)
            run(one, rounds=2)
        assert run(one, until=lambda: one.memif.connection is None, rounds=50)
    two = Side(tmp_path / "m.sock", "slave")
    assert run(one, two, until=lambda: one.memif.connected and two.memif.connected)
