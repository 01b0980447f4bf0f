"""show ikev2 profile, sa, sleep interval (VPP's plugins/ikev2/ikev2_cli.c, ikev2_format.c)."""

from __future__ import annotations

import ipaddress
from typing import Any

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.ikev2.names import AUTH_NAMES, DH_NAMES, ENCR_NAMES, ID_NAMES, INTEG_NAMES, IdType, TransformType, TsType, name_of
from vppsh.engine.ikev2.payloads import Identity, Selector
from vppsh.engine.ikev2.profile import Algorithms, Profile, Profiles
from vppsh.engine.ikev2.sa import ChildSa, IkeSa
from vppsh.engine.ikev2.state import IkeSas
from vppsh.engine.ikev2.transforms import Suite
from vppsh.engine.interfaces import Interfaces
from vppsh.engine.wire.float_text import format_float
from vppsh.grammar.arguments import Args, flag, hexadecimal, keyed, line_input, options
from vppsh.registry import command

FAMILIES = {4: Protocol.IP4, 6: Protocol.IP6}


def format_identity(identity: Identity) -> str:
    """`id-type fqdn data vpp.home`."""
    if not identity.type or not identity.data:
        return "none"
    data = identity.data
    if identity.type == IdType.IP4_ADDR:
        text = str(ipaddress.IPv4Address(data[:4].ljust(4, b"\0")))
    elif identity.type == IdType.IP6_ADDR:
        text = format_address(Protocol.IP6, int.from_bytes(data[:16].ljust(16, b"\0"), "big"))
    elif identity.type in (IdType.FQDN, IdType.RFC822):
        text = data.decode(errors="replace")
    else:
        text = f"0x{data.hex()}"
    return f"id-type {name_of(ID_NAMES, identity.type)} data {text}"


def _range(selector: Selector) -> str:
    family = FAMILIES[selector.version]
    return f"{format_address(family, selector.start)} - {format_address(family, selector.end)}"


def _profile_lines(interfaces: Interfaces, profile: Profile) -> list[str]:
    lines = [f"profile {profile.name}"]
    auth = profile.auth
    if auth.data:
        shown = f"0x{auth.data.hex()}" if auth.is_hex else auth.data.decode(errors="replace")
        lines.append(f"  auth-method {name_of(AUTH_NAMES, auth.method)} auth data {shown}")
    lines += [f"  {side} {format_identity(each)}" for side, each in _sides(profile.local_id, profile.remote_id) if each.data]
    for side, selector in _sides(profile.local_ts, profile.remote_ts):
        if selector is not None and selector.start:
            ports = f"port {selector.start_port} - {selector.end_port}"
            lines.append(f"  {side} traffic-selector addr {_range(selector)} {ports} protocol {selector.protocol}")
    if profile.tunnel is not None:
        lines.append(f"  protected tunnel {_interface_name(interfaces, profile.tunnel)}")
    if profile.responder is not None:
        responder = profile.responder
        address = format_address(responder.family, responder.address)
        lines.append(f"  responder {_interface_name(interfaces, responder.sw_if_index)} {address} {responder.host}")
    if profile.udp_encap:
        lines.append("  udp-encap")
    if profile.nat_disabled:
        lines.append("  NAT-T disabled")
    if profile.udp_port is not None:
        lines.append(f"  ipsec-over-udp port {profile.udp_port}")
    ike, esp, lifetime = profile.ike, profile.esp, profile.lifetime
    if ike.encr or ike.integ or ike.dh or ike.key_bits:
        lines.append(
            f"  ike-crypto-alg {name_of(ENCR_NAMES, ike.encr)} {ike.key_bits} ike-integ-alg {name_of(INTEG_NAMES, ike.integ)} "
            f"ike-dh {name_of(DH_NAMES, ike.dh)}"
        )
    if esp.encr or esp.integ:
        integ = name_of(INTEG_NAMES, esp.integ)
        lines.append(f"  esp-crypto-alg {name_of(ENCR_NAMES, esp.encr)} {esp.key_bits} esp-integ-alg {integ}")
    limits = (lifetime.seconds, lifetime.jitter, lifetime.handover, lifetime.max_bytes)
    seconds, jitter, handover, most = map(_as_int, limits)
    lines.append(f"  lifetime {seconds} jitter {jitter} handover {handover} maxdata {most}")
    return lines


def _sides(local: Any, remote: Any) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return ("local", local), ("remote", remote)


def _as_int(value: int) -> int:
    """As C prints the lower half of it with %d."""
    return (value + (1 << 31) & 0xFFFFFFFF) - (1 << 31)


def _interface_name(interfaces: Interfaces, sw_if_index: int) -> str:
    return interfaces[sw_if_index].name if sw_if_index in interfaces else "DELETED"


@command("show ikev2 profile", help="show ikev2 profile")
def show_ikev2_profile(ctx: CommandContext, args: Args) -> str:
    """The profiles, secrets included, as VPP shows them."""
    lines = [line for profile in ctx.engine.get(Profiles) for line in _profile_lines(ctx.engine.interfaces, profile)]
    return structured("\n".join(lines), [_profile_data(ctx.engine.interfaces, profile) for profile in ctx.engine.get(Profiles)])


def _profile_data(interfaces: Interfaces, profile: Profile) -> dict[str, Any]:
    responder, ike, esp, lifetime = profile.responder, profile.ike, profile.esp, profile.lifetime
    return {
        "name": profile.name,
        "auth": name_of(AUTH_NAMES, profile.auth.method) if profile.auth.data else None,
        "local_id": format_identity(profile.local_id), "remote_id": format_identity(profile.remote_id),
        "local_ts": _selector_data(profile.local_ts), "remote_ts": _selector_data(profile.remote_ts),
        "tunnel": None if profile.tunnel is None else _interface_name(interfaces, profile.tunnel),
        "responder": None if responder is None else {
            "interface": _interface_name(interfaces, responder.sw_if_index),
            "address": format_address(responder.family, responder.address), "host": responder.host,
        },
        "udp_encap": profile.udp_encap, "ipsec_over_udp_port": profile.udp_port, "nat_t": not profile.nat_disabled,
        "ike": _algorithms_data(ike) | {"dh": name_of(DH_NAMES, ike.dh)}, "esp": _algorithms_data(esp),
        "lifetime": {"seconds": lifetime.seconds, "jitter": lifetime.jitter, "handover": lifetime.handover, "bytes": lifetime.max_bytes},
    }  # fmt: skip


def _algorithms_data(algorithms: Algorithms) -> dict[str, Any]:
    return {
        "crypto": name_of(ENCR_NAMES, algorithms.encr) if algorithms.encr else None, "bits": algorithms.key_bits,
        "integ": name_of(INTEG_NAMES, algorithms.integ),
    }  # fmt: skip


def _selector_data(selector: Selector | None) -> dict[str, Any] | None:
    if selector is None:
        return None
    family = FAMILIES[selector.version]
    return {
        "start": format_address(family, selector.start), "end": format_address(family, selector.end),
        "ports": [selector.start_port, selector.end_port], "protocol": selector.protocol,
    }  # fmt: skip


@command("show ikev2 sleep interval", help="show ikev2 sleep interval")
def show_ikev2_sleep_interval(ctx: CommandContext, args: Args) -> str:
    """How long the manager process sleeps."""
    return f"IKEv2 Manager sleep interval: {format_float(ctx.engine.get(IkeSas).sleep_interval, 2)} seconds"


def _format_sa(sa: IkeSa) -> str:
    initiator, responder = format_address(sa.family, sa.iaddr), format_address(sa.family, sa.raddr)
    return f"iip {initiator} ispi {sa.ispi:x} rip {responder} rspi {sa.rspi:x}"


def _pair(name: str, first: bytes, second: bytes, indent: int) -> list[str]:
    """The values of both sides, one below the other."""
    return [f"{' ' * indent}{name} i:{first.hex()}", f"{' ' * (indent + 6)}r:{second.hex()}"]


def _format_details(sa: IkeSa, now: float) -> str:
    """Everything about an IKE SA and its child SAs, keys included, with a line break at the end."""
    lines = [_format_sa(sa)]
    suite = sa.suite
    kinds = (TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.DH)
    lines.append(" " + " ".join("" if suite is None else suite.format(kind) for kind in kinds))
    lines.append(f" profile: {'' if sa.profile is None else sa.profile.name}")
    lines += [f" state: {sa.state.value}", f" uptime: {format_float(now - sa.since)} (s)", ""]
    lines += _pair("nonce", sa.i_nonce, sa.r_nonce, 1)
    keys = sa.keys
    if keys is not None:
        lines.append(f" SK_d    {keys.d.hex()}")
        if keys.ai:
            lines += _pair("SK_a ", keys.ai, keys.ar, 1)
        lines += _pair("SK_e ", keys.ei, keys.er, 1) + _pair("SK_p ", keys.pi, keys.pr, 1)
    lines += [f" identifier (i) {format_identity(sa.id_i)}", f" identifier (r) {format_identity(sa.id_r)}"]
    for index, child in enumerate(sa.children):
        lines += _child_lines(child, index, now)
    stats = sa.stats
    lines += [
        "Stats:", f" keepalives :{stats.keepalives}", f" rekey :{stats.rekey_requests}",
        f" SA init :{stats.init_requests} (retransmit: {stats.init_retransmits})", f" retransmit: {stats.retransmits}",
        f" SA auth :{stats.auth_requests}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _child_lines(child: ChildSa, index: int, now: float) -> list[str]:
    suite = None if child.chosen is None else Suite(child.chosen)
    kinds = (TransformType.ENCR, TransformType.INTEG, TransformType.ESN)
    spis = [0 if proposal is None else proposal.spi for proposal in (child.offered, child.chosen)]
    lines = [
        f"   child sa {index}:", f"    uptime: {format_float(now - child.since)} (s)",
        "    " + "".join(("" if suite is None else suite.format(kind)) + " " for kind in kinds),
        f"    spi(i) {spis[0]:x} spi(r) {spis[1]:x}",
    ]  # fmt: skip
    keys = child.keys
    if keys is not None:
        lines += _pair("SK_e ", keys.ei, keys.er, 4)
        if keys.ai:
            lines += _pair("SK_a ", keys.ai, keys.ar, 4)
    for side, selectors in (("i", child.ts_i), ("r", child.ts_r)):
        listed = [_format_selector(each, number) for number, each in enumerate(selectors)]
        lines += [f"    traffic selectors ({side}):{listed[0] if listed else ''}", *listed[1:]]
    return lines


def _format_selector(selector: Selector, index: int) -> str:
    kind = TsType.IP4_RANGE if selector.version == 4 else TsType.IP6_RANGE
    # VPP swaps the bytes of ports that are in the host's order already.
    ports = [int.from_bytes(port.to_bytes(2, "big"), "little") for port in (selector.start_port, selector.end_port)]
    return f"{index} type {kind.value} protocol_id {selector.protocol} addr {_range(selector)} port {ports[0]} - {ports[1]}"


def _sa_data(sa: IkeSa) -> dict[str, Any]:
    return {
        "initiator": format_address(sa.family, sa.iaddr), "ispi": f"{sa.ispi:x}", "responder": format_address(sa.family, sa.raddr),
        "rspi": f"{sa.rspi:x}", "state": sa.state.value, "profile": None if sa.profile is None else sa.profile.name,
        "children": [{"spi_in": f"{child.spi_in:x}", "spi_out": f"{child.spi_out:x}"} for child in sa.children],
    }  # fmt: skip


@command(
    "show ikev2 sa",
    line_input(options(keyed("rspi", hexadecimal("rspi", bits=64)), flag("details"), error=None), call_when_empty=True),
    help="show ikev2 sa [rspi <rspi>] [details]",
)
def show_ikev2_sa(ctx: CommandContext, args: Args) -> str:
    """The IKE SAs; of one, or with details, everything, keys included."""
    sas = ctx.engine.get(IkeSas)
    chosen = [sa for sa in sas if args.rspi is None or sa.rspi == args.rspi]
    if args.details or args.rspi is not None:
        text = "".join(f"{_format_details(sa, sas.now)}\n" for sa in chosen)
    else:
        text = "\n".join(map(_format_sa, chosen))
    return structured(text, [_sa_data(sa) for sa in chosen])
