"""set ip source-and-port-range-check and its kin (VPP's vnet/ip/ip4_source_and_port_range_check.c)."""

from __future__ import annotations

from msgspec import Struct

from vppsh.commands.context import CommandContext
from vppsh.engine.features.port_range_check import NO_TABLE, PortRangeChecks, PortRanges, Range, Tables
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol, Source
from vppsh.engine.wire.text import format_ip4_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, ip4, ip4_prefix, ip6_prefix, keyed, options, pattern, signed
from vppsh.registry import command

HIGHEST_PORT = 0xFFFF
UNSET = -1
"""VPP's ~0, which somebody who types -1 does not set either."""
PORT_NUMBER = r"([+-]?[0-9]{1,10})"


class Ports(Struct, frozen=True):
    """One port, or a range of them; as typed."""

    low: int
    high: int
    is_range: bool

    def checked(self) -> Range:
        """What is kept of them."""
        if not self.is_range and not 0 < self.low <= HIGHEST_PORT:
            raise CommandError(f"port {self.low} out of range")
        if self.low % (1 << 32) > self.high % (1 << 32):
            raise CommandError(f"ports {self.low} and {self.high} out of order")
        for name, port in (("low", self.low), ("high", self.high)):
            if not 0 < port <= HIGHEST_PORT:
                raise CommandError(f"{name} port {port} out of range")
        return Range(self.low, self.high + 1 & HIGHEST_PORT)


@command(
    "set ip source-and-port-range-check",
    options(
        ip4_prefix("prefix"), ip6_prefix("prefix"), keyed("vrf", signed("vrf", UNSET, metavar="<table-id>")), flag("del", "delete"),
        keyed("port", pattern("ports", PORT_NUMBER, lambda found: Ports(int(found[1]), int(found[1]), False), many=True, metavar="<port>")),
        keyed(
            "range",
            pattern("ports", PORT_NUMBER + r"[ \t\r\n]*-[ \t\r\n]*" + PORT_NUMBER, lambda found: Ports(int(found[1]), int(found[2]), True),
                    many=True, metavar="<low> - <high>"),
        ),
        error=None,
    ),
    help="set ip source-and-port-range-check vrf <table-id> <ip-addr>/<mask> {port nn | range <nn> - <nn>} [del]",
)  # fmt: skip
def set_port_ranges(ctx: CommandContext, args: Args) -> None:
    """Say to which ports sources within a prefix may send."""
    ranges = [ports.checked() for ports in args.ports or ()]
    if args.prefix is None:
        raise CommandError(" <address>/<mask> not specified")
    if args.vrf == UNSET:
        raise CommandError(" VRF ID required, not specified")
    if not ranges:
        raise CommandError(" Both VRF ID and range/port must be set for a protocol.")
    if not args.vrf:
        raise CommandError(" VRF ID can not be 0 (default).")
    if args.prefix.version == 6:
        raise CommandError(" IPv6 in subsequent patch")
    table = ctx.engine.get(Fib).ip4.find_or_create(args.vrf, Source.CLASSIFY)
    prefix = Prefix(Protocol.IP4, args.prefix.value, min(args.prefix.length, Protocol.IP4.bits))
    known = ctx.engine.get(PortRanges)
    change = known.remove if args.delete else known.add
    change(table, prefix, ranges)


@command(
    "show ip source-and-port-range-check",
    options(
        ip4("address"),
        keyed("vrf", signed("vrf", UNSET, metavar="<table-id>")),
        keyed("port", signed("port", 0, metavar="<n>")),
        error=None,
    ),
    help="show ip source-and-port-range-check vrf <table-id> <ip-addr> [port <n>]",
)
def show_port_ranges(ctx: CommandContext, args: Args) -> str:
    """The ranges of a source, or whether they have one port."""
    if args.address is None:
        raise CommandError("<address> not specified")
    if args.vrf == UNSET:
        raise CommandError("VRF ID required, not specified")
    table = ctx.engine.get(Fib).ip4.find(args.vrf)
    if table is None:
        raise CommandError(f"VRF {args.vrf} not found")
    address, known = format_ip4_address(args.address.to_bytes(4, "big")), ctx.engine.get(PortRanges)
    row = known.row_of(table.lookup(Prefix(Protocol.IP4, args.address, Protocol.IP4.bits)))
    if row is None:
        return f"{address}: src address drop"
    if args.port:
        port = args.port & HIGHEST_PORT
        passes = port and any(low <= port <= high for low, high in known.ranges(row))
        return f"{address} port {args.port} {'PASS' if passes else 'FAIL'}"
    return f"{address}: " + "".join(f"{low} - {high} " for low, high in known.ranges(row))


@command(
    "set interface ip source-and-port-range-check",
    options(
        interface(), *(keyed(f"{name}-vrf", signed(name.replace("-", "_"), metavar="<table-id>"))
                       for name in ("tcp-out", "udp-out", "tcp-in", "udp-in")),
        flag("del", "delete"), error=None,
    ),
    help="set interface ip source-and-port-range-check <interface> [tcp-out-vrf <table-id>] [udp-out-vrf <table-id>] "
    "[tcp-in-vrf <table-id>] [udp-in-vrf <table-id>] [del]",
)  # fmt: skip
def set_interface_check(ctx: CommandContext, args: Args) -> None:
    """Check the TCP and UDP packets of an interface."""
    if args.interface is None:
        raise CommandError("Interface required but not specified")
    asked = (args.tcp_out, args.udp_out, args.tcp_in, args.udp_in)
    if asked == (None,) * len(asked):
        raise CommandError("TCP or UDP VRF ID required but not specified")
    found = []
    for vrf in asked:
        if vrf == 0:
            raise CommandError("TCP, UDP VRF ID should not be 0 (default). Should be distinct VRF for this purpose. ")
        table = ctx.engine.get(Fib).ip4.find(vrf) if vrf not in (None, UNSET) else None
        if table is None and vrf not in (None, UNSET):
            raise CommandError(f"Invalid VRF ID {vrf}")
        found.append(NO_TABLE if table is None else table.index)
    ctx.engine.get(PortRangeChecks).set(args.interface, Tables(*found), not args.delete)
