"""ikev2 profile: with whom to talk IKE, and how (VPP's plugins/ikev2/ikev2_cli.c)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from vppsh.commands.context import CommandContext
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ikev2.crypto import load_certificate_key
from vppsh.engine.ikev2.names import DH_NAMES, ENCR_NAMES, ID_NAMES, INTEG_NAMES, AuthMethod
from vppsh.engine.ikev2.payloads import Identity, Selector
from vppsh.engine.ikev2.profile import Algorithms, Credential, Lifetime, Profile, Profiles, Responder, check_id_type
from vppsh.engine.ikev2.service import Ikev2
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    Argument,
    IpAddress,
    choice,
    file_name,
    hex_string,
    interface,
    ip_address,
    keyed,
    keyword,
    line_input,
    one_of,
    pattern,
    sequence,
    string,
    unsigned,
)  # fmt: skip
from vppsh.registry import command

PORT_MASK, PROTOCOL_MASK = 0xFFFF, 0xFF
FAMILIES = {4: Protocol.IP4, 6: Protocol.IP6}
Action = Callable[[CommandContext, Args], None]

NAME = pattern("name", "([a-zA-Z0-9_]+)", lambda found: found[1], metavar="<id>")
ENCR = choice("encr", {name: number for number, name in ENCR_NAMES.items()})
INTEG = choice("integ", {name: number for number, name in INTEG_NAMES.items()}, 0)
DH = choice("dh", {name: number for number, name in DH_NAMES.items()})
ID_TYPE = choice("id_type", {name: number for number, name in ID_NAMES.items()})


def _profile(ctx: CommandContext, args: Args) -> Profile:
    return ctx.engine.get(Profiles)[args.name]


def _add(ctx: CommandContext, args: Args) -> None:
    ctx.engine.get(Profiles).add(args.name)


def _remove(ctx: CommandContext, args: Args) -> None:
    ctx.engine.get(Ikev2).remove_profile(args.name)


def _set_secret(ctx: CommandContext, args: Args) -> None:
    _profile(ctx, args).auth = Credential(AuthMethod.SHARED_KEY_MIC, args.secret.encode())


def _set_hex_secret(ctx: CommandContext, args: Args) -> None:
    _profile(ctx, args).auth = Credential(AuthMethod.SHARED_KEY_MIC, args.hex_secret, is_hex=True)


def _set_certificate(ctx: CommandContext, args: Args) -> None:
    profile, key = _profile(ctx, args), load_certificate_key(args.file)
    profile.auth = Credential(AuthMethod.RSA_SIG, args.file.encode(), key=key)
    if key is None:
        raise CommandError(f"load cert '{args.file}' failed")


def _set_id(ctx: CommandContext, args: Args, data: Callable[[Args], bytes], local: bool) -> None:
    check_id_type(args.id_type)
    _profile(ctx, args).set_id(Identity(args.id_type, data(args)), local=local)


def _set_selector(ctx: CommandContext, args: Args, local: bool) -> None:
    profile, start, end = _profile(ctx, args), args.start, args.end
    if start.version != end.version:
        raise CommandError("IP address version mismatch!")
    ports = args.start_port & PORT_MASK, args.end_port & PORT_MASK
    selector = Selector(start.version, args.protocol & PROTOCOL_MASK, *ports, start.value, end.value)
    if local:
        profile.local_ts = selector
    else:
        profile.remote_ts = selector


def _set_responder(ctx: CommandContext, args: Args) -> None:
    profile, address = _profile(ctx, args), args.address
    host = "" if profile.responder is None else profile.responder.host
    profile.responder = Responder(args.sw_if_index, FAMILIES[address.version], address.value, host)


def _set_responder_host(ctx: CommandContext, args: Args) -> None:
    profile = _profile(ctx, args)
    known = profile.responder or Responder(args.sw_if_index)
    profile.responder = replace(known, sw_if_index=args.sw_if_index, address=0, host=args.host)


def _set_tunnel(ctx: CommandContext, args: Args) -> None:
    _profile(ctx, args).tunnel = args.tunnel


def _set_ike(ctx: CommandContext, args: Args, with_integ: bool) -> None:
    _profile(ctx, args).set_ike(Algorithms(args.encr, args.bits, args.integ if with_integ else 0, dh=args.dh))


def _set_esp(ctx: CommandContext, args: Args, with_integ: bool) -> None:
    _profile(ctx, args).set_esp(Algorithms(args.encr, args.bits, args.integ if with_integ else 0))


def _set_lifetime(ctx: CommandContext, args: Args) -> None:
    _profile(ctx, args).lifetime = Lifetime(args.seconds, args.jitter, args.handover, args.max_bytes)


def _set_udp_encap(ctx: CommandContext, args: Args) -> None:
    _profile(ctx, args).udp_encap = True


def _set_udp_port(ctx: CommandContext, args: Args) -> None:
    profiles = ctx.engine.get(Profiles)
    profile = profiles.find(args.name)
    if profile is None:
        raise CommandError("Error: Invalid value")
    profiles.set_udp_port(profile, args.port & PORT_MASK)


def _disable_nat(ctx: CommandContext, args: Args) -> None:
    _profile(ctx, args).nat_disabled = True


def _does(action: Action) -> Argument:
    """What a form of the command does, once it was read to its end."""
    return keyword("", "action", action)


def _set(*parts: Argument, does: Action) -> Argument:
    return keyed("set", NAME, *parts, _does(does))


def _ids(side: str, local: bool) -> list[Argument]:
    """The forms of an identity: an address, bytes in hex, a text."""

    def packed(args: Args) -> bytes:
        address: IpAddress = args.address
        return address.packed

    forms: list[tuple[tuple[Argument, ...], Callable[[Args], bytes]]] = [
        ((ip_address("address"),), packed),
        ((keyword("0x"), hex_string("data")), lambda args: bytes(args.data)),
        ((string("text"),), lambda args: str(args.text).encode()),
    ]
    return [_set(keyed(f"id {side}", ID_TYPE, *parts), does=partial(_set_id, data=data, local=local)) for parts, data in forms]


def _selector(side: str, local: bool) -> Argument:
    return _set(
        keyed(f"traffic-selector {side} ip-range", ip_address("start"), keyword("-"), ip_address("end")),
        keyed("port-range", unsigned("start_port"), keyword("-"), unsigned("end_port")), keyed("protocol", unsigned("protocol")),
        does=partial(_set_selector, local=local),
    )  # fmt: skip


HELP = """\
ikev2 profile [add|del] <id>
ikev2 profile set <id> auth [rsa-sig|shared-key-mic] [cert-file|string|hex] <data>
ikev2 profile set <id> id <local|remote> <type> <data>
ikev2 profile set <id> tunnel <interface>
ikev2 profile set <id> udp-encap
ikev2 profile set <id> traffic-selector <local|remote> ip-range <start-addr> - <end-addr> port-range <start-port> - <end-port> \
protocol <protocol-number>
ikev2 profile set <id> responder <interface> <addr>
ikev2 profile set <id> ike-crypto-alg <crypto alg> <key size> ike-integ-alg <integ alg> ike-dh <dh type>
ikev2 profile set <id> esp-crypto-alg <crypto alg> <key size> [esp-integ-alg <integ alg>]
ikev2 profile set <id> sa-lifetime <seconds> <jitter> <handover> <max bytes>\
ikev2 profile set <id> disable natt
"""

FORMS = one_of(
    keyed("add", NAME, _does(_add)),
    keyed("del", NAME, _does(_remove)),
    _set(keyed("auth shared-key-mic string", string("secret")), does=_set_secret),
    _set(keyed("auth shared-key-mic hex", hex_string("hex_secret")), does=_set_hex_secret),
    _set(keyed("auth rsa-sig cert-file", file_name("file")), does=_set_certificate),
    *_ids("local", True),
    *_ids("remote", False),
    _selector("local", True),
    _selector("remote", False),
    _set(keyed("responder", interface("sw_if_index"), ip_address("address")), does=_set_responder),
    _set(keyed("responder", interface("sw_if_index"), string("host")), does=_set_responder_host),
    _set(keyed("tunnel", interface("tunnel")), does=_set_tunnel),
    _set(
        keyed("ike-crypto-alg", ENCR, unsigned("bits")), keyed("ike-integ-alg", INTEG), keyed("ike-dh", DH),
        does=partial(_set_ike, with_integ=True),
    ),
    _set(keyed("ike-crypto-alg", ENCR, unsigned("bits")), keyed("ike-dh", DH), does=partial(_set_ike, with_integ=False)),
    _set(keyed("esp-crypto-alg", ENCR, unsigned("bits")), keyed("esp-integ-alg", INTEG), does=partial(_set_esp, with_integ=True)),
    _set(keyed("esp-crypto-alg", ENCR, unsigned("bits")), does=partial(_set_esp, with_integ=False)),
    _set(
        keyed("sa-lifetime", unsigned("seconds", bits=64), unsigned("jitter"), unsigned("handover"), unsigned("max_bytes", bits=64)),
        does=_set_lifetime,
    ),
    _set(sequence(keyword("udp-encap")), does=_set_udp_encap),
    _set(keyed("ipsec-over-udp port", unsigned("port")), does=_set_udp_port),
    _set(sequence(keyword("disable natt")), does=_disable_nat),
)  # fmt: skip


@command("ikev2 profile", line_input(FORMS.or_error("parse error: '%U'")), help=HELP)
def ikev2_profile(ctx: CommandContext, args: Args) -> None:
    """Add, remove or change a profile; as in VPP what comes behind a form that fits is not looked at."""
    args.action(ctx, args)
