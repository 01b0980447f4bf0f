"""Commands about the queues of devices: rx-mode, rx-placement, tx-queue, rss queues, tx-hash.

VPP's vnet/interface_cli.c. Taps and host interfaces have one queue for each direction, packet-generator interfaces and
loopbacks none, as in VPP.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.commands.context import CommandContext
from vppsh.engine.interfaces import Interface
from vppsh.engine.rx_queues import MODES, RxQueue, RxQueues
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    choice,
    flag,
    keyed,
    line_input,
    live,
    options,
    pattern,
    signed,
    string,
)
from vppsh.registry import command

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PARSE_ERROR = "parse error: '%U'"
HARDWARE = live("hw-interface", "interface", metavar="<interface>")
RX_MODES = {mode: mode for mode in MODES}
MAIN_THREAD = "vpp_main"
WORKERS = 0
NO_QUEUE = 0xFFFF_FFFF


class TxHash(Struct, frozen=True):
    """A function that spreads packets over the tx queues of a device."""

    name: str
    priority: int
    description: str

    def __str__(self) -> str:
        return f"[name: {self.name} priority: {self.priority} description: {self.description}]"


TX_HASHES = (
    TxHash("hash-eth-l34", 50, "Hash ethernet L34 headers"),
    TxHash("hash-eth-l23", 50, "Hash ethernet L23 headers"),
    TxHash("hash-eth-l2", 50, "Hash ethernet L2 headers"),
    TxHash("crc32c-5tuple", 50, "IPv4/IPv6 header and TCP/UDP ports"),
    TxHash("handoff-eth", 2, "Ethernet/IPv4/IPv6/MPLS headers"),
    TxHash("handoff-eth-sym", 1, "Ethernet/IPv4/IPv6/MPLS headers Symmetric"),
)


IP_HASH = TX_HASHES[3]


class QueueSettings:
    """The tx-hash of each interface."""

    def __init__(self, engine: Engine) -> None:
        self._hashes: dict[Interface, TxHash] = {}

    def tx_hash(self, interface: Interface) -> TxHash:
        """The hash of an interface."""
        return self._hashes.get(interface, TX_HASHES[0] if interface.hardware.hardware_class.ethernet else IP_HASH)

    def set_tx_hash(self, interface: Interface, chosen: TxHash) -> None:
        """Choose the hash of an interface."""
        self._hashes[interface] = chosen


def _numbers(found: re.Match[str]) -> tuple[int, ...]:
    """The highest number of each part of a list such as `0,2-3`."""
    return tuple(int(part.rpartition("-")[2]) for part in found[0].split(",") if part)


def _named(ctx: CommandContext, args: Args) -> Interface:
    if args.interface is None:
        raise CommandError("please specify valid interface name")
    return ctx.engine.interfaces[args.interface]


def _queue(ctx: CommandContext, interface: Interface, number: int) -> RxQueue:
    """A queue by its number."""
    found = next((queue for queue in ctx.engine.get(RxQueues).of(interface) if queue.number == number), None)
    if found is None:
        raise CommandError(f"unknown queue {number} on interface {interface.name}")
    return found


def queue_lines(engine: Engine, interface: Interface) -> list[str]:
    """What `show hardware-interfaces` says of queues; as many are sent by as are received by."""
    queues = engine.get(RxQueues).of(interface)
    if not queues:
        return []
    thread = f"{MAIN_THREAD} (0)"
    lines = ["  RX Queues:", f"    {'queue':<6}{'thread':<15}{'mode':<10}"]
    lines += [f"    {queue.number:<6}{thread:<15}{queue.mode:<10}" for queue in queues]
    lines += [
        "  TX Queues:",
        f"    TX Hash: {engine.get(QueueSettings).tx_hash(interface)}",
        f"    {'queue':<6}{'shared':<7}{'thread(s)':<15}",
    ]
    return [*lines, *(f"    {queue.number:<6}{'no':<7}0" for queue in queues)]


@command(
    "set interface rx-mode",
    line_input(options(HARDWARE, keyed("queue", signed("queue")), choice("mode", RX_MODES), error=PARSE_ERROR)),
    help="set interface rx-mode <interface> [queue <n>] [polling | interrupt | adaptive]",
)
def set_rx_mode(ctx: CommandContext, args: Args) -> None:
    """Say how a queue tells of its packets; without a number, all queues."""
    interface = _named(ctx, args)
    if args.mode is None:
        raise CommandError("please specify valid rx-mode")
    queues = ctx.engine.get(RxQueues).of(interface) if args.queue is None else [_queue(ctx, interface, args.queue)]
    for queue in queues:
        if args.mode not in queue.modes:
            # VPP prints the number that was typed, or that it has for none.
            number = NO_QUEUE if args.queue is None else args.queue
            raise CommandError(f"unable to set rx-mode on interface {interface.name} queue-id {number}.\n")
        queue.mode = args.mode


@command(
    "set interface default rx-mode",
    choice("mode", RX_MODES).or_error("parse error: expected polling|interrupt|adaptive"),
    help="set interface default rx-mode [polling|interrupt|adaptive]",
)
def set_default_rx_mode(ctx: CommandContext, args: Args) -> str:
    """Set the rx-mode of the queues of new devices."""
    ctx.engine.get(RxQueues).default_mode = args.mode
    return f"Default interface rx-mode set to {args.mode}"


@command("show interface default rx-mode", help="show interface default rx-mode")
def show_default_rx_mode(ctx: CommandContext, args: Args) -> str:
    """Show the rx-mode of the queues of new devices."""
    return f"Default interface rx-mode: {ctx.engine.get(RxQueues).default_mode}"


@command(
    "set interface rx-placement",
    line_input(
        options(HARDWARE, keyed("queue", signed("queue", 0)), flag("main"), keyed("worker", signed("worker")), error=PARSE_ERROR),
    ),
    help="set interface rx-placement <interface> [queue <n>] [worker <n> | main]",
)
def set_rx_placement(ctx: CommandContext, args: Args) -> None:
    """Give a queue to a thread; there is only the main one."""
    interface = _named(ctx, args)
    if not args.main and (args.worker is None or args.worker > WORKERS):
        raise CommandError("please specify valid worker thread or main")
    _queue(ctx, interface, args.queue)


@command("show interface rx-placement", help="show interface rx-placement")
def show_rx_placement(ctx: CommandContext, args: Args) -> str:
    """List the queues of the one thread, under the nodes that read them."""
    lines, node = [], ""
    for queue in ctx.engine.get(RxQueues):
        if queue.node != node:
            node = queue.node
            lines.append(f" node {node}:")
        lines.append(f"    {queue.interface.name} queue {queue.number} ({queue.mode})")
    return "\n".join([f"Thread 0 ({MAIN_THREAD}):", *lines]) if lines else ""


@command(
    "set interface tx-queue",
    line_input(
        options(
            HARDWARE, keyed("queue", signed("queue", 0)),
            keyed("threads", pattern("threads", r"[0-9]{1,9}(?:-[0-9]{1,9})?(?:,[0-9]{1,9}(?:-[0-9]{1,9})?)*,?", _numbers)),
            error=PARSE_ERROR,
        ),
    ),
    help="set interface tx-queue <interface> queue <n> [threads <list>]",
)  # fmt: skip
def set_tx_queue(ctx: CommandContext, args: Args) -> None:
    """Give a queue to threads."""
    interface = _named(ctx, args)
    highest = max(args.threads or (0,))
    if highest > WORKERS:
        raise CommandError(f"please specify valid thread(s) - last thread index {highest}")
    _queue(ctx, interface, args.queue)


@command(
    "set interface rss queues",
    line_input(options(HARDWARE, keyed("list", pattern("queues", r"[0-9]{1,9}(?:[-,][0-9]{1,9})*,?", _numbers)), error=PARSE_ERROR)),
    help="set interface rss queues <interface> <list <queue-list>>",
)
def set_rss_queues(ctx: CommandContext, args: Args) -> None:
    """Spread what is received over queues: no device does."""
    _named(ctx, args)
    if args.queues is None:
        raise CommandError("please specify the valid rss queues")
    raise CommandError("setting rss queues is not supported on this interface")


@command(
    "set interface tx-hash", line_input(options(HARDWARE, keyed("hash-name", string("hash_name")), error=PARSE_ERROR)),
    help="set interface tx-hash <interface> hash-name <hash-name>",
)  # fmt: skip
def set_tx_hash(ctx: CommandContext, args: Args) -> None:
    """Choose what spreads packets over the queues of a device."""
    interface = _named(ctx, args)
    if args.hash_name is None:
        raise CommandError("hash-name is required")
    found = next((known for known in TX_HASHES if known.name == args.hash_name), None)
    if found is None:
        raise CommandError("please specify valid hash name")
    ctx.engine.get(QueueSettings).set_tx_hash(interface, found)


@command("show interface tx-hash", line_input(options(HARDWARE, error=PARSE_ERROR)), help="show interface tx-hash [interface]")
def show_tx_hash(ctx: CommandContext, args: Args) -> str:
    """Show what spreads packets over the queues of a device."""
    return str(ctx.engine.get(QueueSettings).tx_hash(_named(ctx, args)))
