"""create, delete, show tap (VPP's plugins/tap/cli.c)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.owned import named, owned
from vppsh.engine.features.tap.taps import HostAddress, Tap, TapConfig, Taps
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    flag,
    interface,
    ip4,
    ip4_prefix,
    ip6,
    ip6_prefix,
    keyed,
    keyword,
    line_input,
    live,
    mac,
    options,
    signed,
    string,
    unsigned,
)
from vppsh.registry import command

# The line is taken before VPP quotes it.
NO_QUOTE = "unknown input `'"
# What VPP asks of every vhost backend, and the bits' names.
FEATURES = 0x110008000
FEATURE_NAMES = ("VIRTIO_NET_F_MRG_RXBUF(15)", "VIRTIO_RING_F_INDIRECT_DESC(28)", "VIRTIO_F_VERSION_1(32)")


@command(
    "create tap",
    line_input(
        options(
            keyed("id", unsigned("number")),
            keyed("if-name", string("name")),
            keyed("host-if-name", string("host_name")),
            keyed("host-ns", string("host_ns")),
            keyed("host-mac-addr", mac("host_mac")),
            keyed("host-bridge", string("host_bridge")),
            keyed("host-ip4-addr", ip4_prefix("host_ip4")),
            keyed("host-ip4-gw", ip4("host_gw4")),
            keyed("host-ip6-addr", ip6_prefix("host_ip6")),
            keyed("host-ip6-gw", ip6("host_gw6")),
            keyed("num-rx-queues", signed("rx_queues")),
            keyed("num-tx-queues", signed("tx_queues")),
            keyed("rx-ring-size", signed("rx_ring", 0)),
            keyed("tx-ring-size", signed("tx_ring", 0)),
            keyed("host-mtu-size", signed("host_mtu", 0)),
            keyword("no-gso", "gso", False, False),
            flag("gso"),
            flag("gro-coalesce", "coalesce"),
            flag("csum-offload", "checksum_offload"),
            flag("persist"),
            flag("attach"),
            flag("tun"),
            flag("packed"),
            flag("in-order"),
            flag("consistent-qp"),
            keyed("hw-addr", mac("mac")),
            error=NO_QUOTE,
        ),
        call_when_empty=True,
    ),
    help="create tap {id <if-id>} [hw-addr <mac-address>] [if-name <if-name>] [num-rx-queues <n>] [num-tx-queues <n>] "
    "[rx-ring-size <size>] [tx-ring-size <size>] [host-ns <netns>] [host-bridge <bridge-name>] [host-ip4-addr <ip4addr/mask>] "
    "[host-ip6-addr <ip6-addr>] [host-ip4-gw <ip4-addr>] [host-ip6-gw <ip6-addr>] [host-mac-addr <host-mac-address>] "
    "[host-if-name <name>] [host-mtu-size <size>] [no-gso|gso [gro-coalesce]|csum-offload] [persist] [attach] [tun] [packed] [in-order]",
)
def create(ctx: CommandContext, args: Args) -> str:
    """Make a tap or tun with its other end in the host, and say its name."""
    prefixes = [prefix for prefix in (args.host_ip4, args.host_ip6) if prefix is not None]
    if prefixes and args.host_bridge is not None:
        raise CommandError("Please specify either host ip address or host bridge")
    gateways = [(args.host_gw4, 4), (args.host_gw6, 16)]
    config = TapConfig(
        args.number, args.name, args.tun, args.mac, args.host_name, args.host_ns, args.host_mac, args.host_bridge, args.host_mtu,
        tuple(HostAddress(prefix.value.to_bytes(prefix.bits // 8, "big"), prefix.length) for prefix in prefixes),
        tuple(gateway.to_bytes(size, "big") for gateway, size in gateways if gateway is not None),
        args.rx_ring, args.tx_ring, args.persist, args.attach, args.gso, args.checksum_offload, args.gso and args.coalesce,
    )  # fmt: skip
    return ctx.engine.get(Taps).create(config).interface.name


@command(
    "delete tap",
    line_input(options(keyed("sw_if_index", signed("sw_if_index")), interface(), error=NO_QUOTE), empty_error="Missing <interface>"),
    help="delete tap {<interface> | sw_if_index <sw_idx>}",
)
def delete(ctx: CommandContext, args: Args) -> None:
    """Take a tap and its other end away."""
    taps = ctx.engine.get(Taps)
    taps.delete(owned(ctx, args, taps.of, "tap"))


SHOW = options(live("hw-interface", "named", many=True, metavar="<interface>"))


@command("show tap", SHOW, help="show tap {<interface>]")
def show_tap(ctx: CommandContext, args: Args) -> str:
    """What taps and tuns were made as, and how much went through them."""
    return _show(ctx, args, macs=True)


@command("show tun", SHOW, help="show tun {<interface>]")
def show_tun(ctx: CommandContext, args: Args) -> str:
    """The same without MAC addresses."""
    return _show(ctx, args, macs=False)


def _show(ctx: CommandContext, args: Args, *, macs: bool) -> str:
    taps = ctx.engine.get(Taps)
    chosen = named(ctx, args, taps.of, "tap") or list(taps)
    data = [
        {
            "interface": tap.interface.name, "id": tap.config.number, "tun": tap.config.tun, "host_name": tap.config.host_name,
            "host_ns": tap.config.host_ns, "rx": tap.rx, "tx": tap.tx,
        }
        for tap in chosen
    ]  # fmt: skip
    return structured("\n".join(line for tap in chosen for line in _describe(tap, macs)), data)


def _describe(tap: Tap, macs: bool) -> Iterator[str]:
    config, interface = tap.config, tap.interface
    assert config.host_mac is not None
    yield f"Interface: {interface.name} (ifindex {interface.hardware.hw_if_index})"
    yield f'  name "{config.host_name}"'
    if config.host_ns is not None:
        yield f'  host-ns "{config.host_ns}"'
    if config.host_mtu:
        yield f'  host-mtu-size "{config.host_mtu}"'
    if macs:
        yield f"  host-mac-addr: {format_ethernet_address(bytes(6) if config.tun else config.host_mac)}"
    yield f"  host-carrier-up: {int(not tap.gone)}"
    yield "  vhost-fds"
    yield f"  tap-fds {tap.device.descriptor}"
    yield f"  gso-enabled {int(config.gso)}"
    yield f"  csum-enabled {int(config.offload != 0)}"
    yield f"  packet-coalesce {int(config.coalesce)}"
    if macs:
        yield f"  mac Address: {format_ethernet_address(interface.mac)}"
    yield f"  device instance: {tap.instance}"
    yield f"  admin state: {'up' if interface.admin_up else 'down'}"
    yield f"  features 0x{FEATURES:x}"
    yield from (f"     {name}" for name in FEATURE_NAMES)
    yield "  remote-features 0x0"
    yield "    "
    yield "  Number of RX Virtqueue  1"
    yield "  Number of TX Virtqueue  1"
    yield "  Virtqueue (RX) 0"
    yield from _ring(config.rx_ring, tap.rx, tap.rx + config.rx_ring, config.rx_ring)
    yield "    kickfd -1, callfd -1"
    yield "  Virtqueue (TX) 0"
    yield from _ring(config.tx_ring, tap.tx, tap.tx, 0)
    yield "    kickfd -1"


def _ring(size: int, used: int, available: int, in_use: int) -> Iterator[str]:
    """What a ring of that size would say after so many packets."""
    yield f"    qsz {size}, last_used_idx {used & 0xFFFF}, desc_next {used % size}, desc_in_use {in_use}"
    yield f"    avail.flags 0x0 avail.idx {available & 0xFFFF} used.flags 0x0 used.idx {used & 0xFFFF}"
