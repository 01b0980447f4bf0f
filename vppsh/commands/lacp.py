"""show lacp, debug lacp (VPP's plugins/lacp/cli.c)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.bond.bonds import Bonds
from vppsh.engine.features.lacp.ports import LacpPorts, Port
from vppsh.engine.wire.float_text import format_float
from vppsh.engine.wire.lacp import STATE_NAMES, PortInfo
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, line_input, on_off, options
from vppsh.registry import command

NO_QUOTE = "unknown input `'"
BITS = "exp/def/dis/col/syn/agg/tim/act"


@command("show lacp", options(interface("named", many=True), flag("details")), help="show lacp [<interface>] [details]")
def show(ctx: CommandContext, args: Args) -> str:
    """What the ports of LACP bonds know of both ends."""
    ports, members = ctx.engine.get(LacpPorts), ctx.engine.get(Bonds).members
    if any(index not in members for index in args.named):
        raise CommandError("interface is not a member")
    chosen = [port for index in args.named if (port := ports.find(index)) is not None] if args.named else list(ports)
    if args.details:
        lines = [f"Number of interfaces: {len(ports)}", *(line for port in chosen for line in _details(port))]
    elif chosen or args.named or members:
        lines = [*_header(), *(line for port in chosen for line in _summary(port))]
    else:
        lines = []
    data = [
        {
            "interface": port.member.interface.name, "bond": port.member.bond.interface.name, "actor_state": port.actor.state,
            "partner_state": port.partner.state, "rx": port.rx.value, "mux": port.mux.value, "ptx": port.ptx.value,
        }
        for port in chosen
    ]  # fmt: skip
    return structured("\n".join(lines), data)


@command(
    "debug lacp",
    line_input(options(interface(), on_off("on")), empty_error="missing argument"),
    help="debug lacp <interface> <on | off>",
)
def debug(ctx: CommandContext, args: Args) -> None:
    """Log the events of the state machines, of one port or of all."""
    ports = ctx.engine.get(LacpPorts)
    if args.on is None:
        raise CommandError(NO_QUOTE)
    if args.interface is None:
        ports.debug = args.on
        return
    if args.interface not in ctx.engine.get(Bonds).members:
        raise CommandError("Please add the member interface first")
    port = ports.find(args.interface)
    if port is not None:
        port.debug = args.on


def _header() -> Iterator[str]:
    yield f"{' ':<55} {'actor state':<32} {'partner state':<32}"
    yield f"{'interface name':<25} {'sw_if_index':<12} {'bond interface':<16} {BITS:<31}  {BITS:<31}"


def _bits(info: PortInfo, width: int) -> str:
    """The bits of a state, the highest first."""
    bits = [f"{info.state >> bit & 1}" for bit in range(7, -1, -1)]
    return " ".join([bits[0].rjust(width), *(bit.rjust(3) for bit in bits[1:])])


def _lag(info: PortInfo) -> str:
    system = info.system.hex("-")
    return f"({info.system_priority:04x},{system},{info.key:04x},{info.port_priority:04x},{info.port_number:04x})"


def _machines(port: Port) -> list[str]:
    return [f"RX-state: {port.rx.value}", "TX-state: TRANSMIT", f"MUX-state: {port.mux.value}", f"PTX-state: {port.ptx.value}"]


def _summary(port: Port) -> Iterator[str]:
    member, bond = port.member.interface, port.member.bond.interface
    yield f"{member.name:<25} {member.sw_if_index:<12} {bond.name:<16} {_bits(port.actor, 3)} {_bits(port.partner, 4)}"
    yield f"  LAG ID: [{_lag(port.actor)}, {_lag(port.partner)}]"
    yield f"  {', '.join(_machines(port))}"


def _seconds(value: float) -> str:
    return format_float(value, 2).rjust(10)


def _details(port: Port) -> Iterator[str]:
    now = port.now
    yield f"  {port.member.interface.name}"
    yield f"    Good LACP PDUs received: {port.received}"
    yield f"    Bad LACP PDUs received: {port.bad}"
    yield f"    LACP PDUs sent: {port.sent}"
    for what, at in (("received", port.last_received), ("sent", port.last_sent)):
        if at is not None:
            yield f"    last LACP PDU {what}: {_seconds(now - at)} seconds ago"
    yield f"    Good Marker PDUs received: {port.markers}"
    yield f"    Bad Marker PDUs received: {port.bad_markers}"
    for what, at in (("received", port.last_marker_received), ("sent", port.last_marker_sent)):
        if at is not None:
            yield f"    last Marker PDU {what}: {_seconds(now - at)} seconds ago"
    yield f"    debug: {int(port.debug)}"
    yield f"    loopback port: {int(port.loopback)}"
    yield f"    port_enabled: {int(port.enabled)}"
    yield f"    port moved: {int(port.moved)}"
    yield f"    ready_n: {int(port.ready_n)}"
    yield f"    ready: {int(port.ready)}"
    for name, info in (("Actor", port.actor), ("Partner", port.partner)):
        yield f"    {name}"
        yield f"      system: {format_ethernet_address(info.system)}"
        yield f"      system priority: {info.system_priority}"
        yield f"      key: {info.key}"
        yield f"      port priority: {info.port_priority}"
        yield f"      port number: {info.port_number}"
        yield f"      state: 0x{info.state:x}"
        yield from (f"        {text} ({bit})" for bit, text in enumerate(STATE_NAMES) if info.state >> bit & 1)
    for name, timer in (("wait while", port.wait_while), ("current while", port.current_while), ("periodic", port.periodic)):
        yield f"      {name} timer: " + ("not running" if timer is None else f"{_seconds(timer - now)} seconds")
    yield from (f"    {line}" for line in _machines(port))
    yield ""
