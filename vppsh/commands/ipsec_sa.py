"""ipsec sa, ipsec sa bind, show and clear ipsec sa (VPP's vnet/ipsec/ipsec_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.ipsec_text import as_signed, format_sa, format_sa_detail, sa_data
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ipsec.algorithms import CIPHER_BY_NAME, INTEGRITY_BY_NAME, NO_CIPHER, NO_INTEGRITY
from vppsh.engine.ipsec.sa import MAX_KEY, NO_PORT, NO_THREAD, SaConfig, SaFlag, SaProtocol, SaRefusedError, Sas
from vppsh.engine.ipsec.tunnel import TunnelConfig
from vppsh.engine.tunnel.flags import FLAG_NAMES, Mode
from vppsh.engine.wire.ip_protocol import DSCP_NAMES
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    IpAddress,
    choice,
    flag,
    hex_string,
    hexadecimal,
    ip_address,
    keyed,
    keyword,
    line_input,
    optional,
    options,
    sequence,
    signed,
    unsigned,
)
from vppsh.registry import command

PARSE_ERROR = "parse error: '%U'"
MAX_WINDOW = 1 << 24
MODES = {"p2p": Mode.P2P, "p2mp": Mode.MP, "mp": Mode.MP}
FAMILIES = {4: Protocol.IP4, 6: Protocol.IP6}
ALL_ONES = 0xFFFFFFFF
BYTE, PORT = 0xFF, 0xFFFF
UNSPECIFIED = IpAddress(4, 0)
FLAGS = {
    "tunnel": SaFlag.TUNNEL, "replay": SaFlag.ANTI_REPLAY, "inbound": SaFlag.INBOUND, "use_anti_replay": SaFlag.ANTI_REPLAY,
    "use_esn": SaFlag.ESN, "udp_encap": SaFlag.UDP_ENCAP, "async": SaFlag.ASYNC,
}  # fmt: skip
TUNNEL = sequence(
    flag("tunnel"),
    optional(keyed("src", ip_address("src", UNSPECIFIED))),
    optional(keyed("dst", ip_address("dst", UNSPECIFIED))),
    optional(keyed("table-id", signed("table_id", 0))),
    optional(keyed("hop-limit", signed("hop_limit", 0))),
    optional(choice("dscp", {name: dscp for dscp, name in DSCP_NAMES.items()}, 0)),
    optional(choice("encap", FLAG_NAMES, many=True)),
    optional(choice("tunnel_flags", {"resolved": False, "track-mtu": True}, many=True)),
    optional(choice("mode", MODES, Mode.P2P)),
)


@command(
    "ipsec sa",
    line_input(
        options(
            sequence(keyword("add", "add"), unsigned("id")),
            sequence(keyword("del", "add", value=False), unsigned("id")),
            keyed("spi", unsigned("spi")),
            keyed("salt 0x", hexadecimal("salt", 0)),
            keyword("esp", "protocol", SaProtocol.ESP, SaProtocol.ESP),
            keyword("ah", "protocol", SaProtocol.AH, SaProtocol.ESP),
            keyed("crypto-key", hex_string("crypto_key", b"")),
            keyed("crypto-alg", choice("cipher", CIPHER_BY_NAME, NO_CIPHER)),
            keyed("integ-key", hex_string("integ_key", b"")),
            keyed("integ-alg", choice("integrity", INTEGRITY_BY_NAME, NO_INTEGRITY)),
            TUNNEL,
            keyed("udp-src-port", signed("src_port", NO_PORT)),
            keyed("udp-dst-port", signed("dst_port", NO_PORT)),
            sequence(keyed("anti-replay-size", signed("window", 0)), keyword("", "replay")),
            flag("inbound"),
            flag("use-anti-replay"),
            flag("use-esn"),
            flag("udp-encap"),
            flag("async"),
            error=PARSE_ERROR,
        )
    ),
    help="ipsec sa [add|del]",
)
def ipsec_sa(ctx: CommandContext, args: Args) -> None:
    """Add an association, or let go of one."""
    if args.id is None:
        raise CommandError("missing id")
    if args.add and args.spi is None:
        raise CommandError("missing spi")
    if args.add and args.window & ALL_ONES > MAX_WINDOW:
        raise CommandError(f"anti-replay-size is at most {MAX_WINDOW}")
    try:
        if args.add:
            ctx.engine.get(Sas).add(_config(args))
        else:
            ctx.engine.get(Sas).delete(args.id)
    except SaRefusedError as refused:
        raise CommandError(str(refused)) from None


def _config(args: Args) -> SaConfig:
    src, dst = args.src, args.dst
    flags = sum({bit for name, bit in FLAGS.items() if getattr(args, name)})
    if args.tunnel and src.version == 6:
        flags |= SaFlag.TUNNEL_V6
    tunnel = TunnelConfig(
        FAMILIES[src.version], src.value, FAMILIES[dst.version], dst.value, args.table_id & ALL_ONES, args.hop_limit & BYTE, args.dscp,
        sum(set(args.encap)), any(args.tunnel_flags), args.mode,
    )  # fmt: skip
    return SaConfig(
        args.id, args.spi, args.protocol, args.cipher, _key(args.crypto_key), args.integrity, _key(args.integ_key), args.salt, flags,
        args.src_port & PORT, args.dst_port & PORT, args.window & ALL_ONES, tunnel,
    )  # fmt: skip


def _key(key: bytes) -> bytes:
    """A key as VPP keeps it: its length is a byte, and there is an end to that."""
    return key[: min(len(key) & BYTE, MAX_KEY)]


@command(
    "ipsec sa bind",
    line_input(options(flag("unbind"), unsigned("numbers", many=True), error=PARSE_ERROR)),
    help="ipsec sa bind [unbind] <sa-id> <worker>",
)
def ipsec_sa_bind(ctx: CommandContext, args: Args) -> None:
    """Say which worker handles an association. There are none, so that only the opposite can be said."""
    if not args.numbers:
        raise CommandError("please specify SA ID")
    if not args.unbind and len(args.numbers) == 1:
        raise CommandError("please specify worker to bind to")
    sa = ctx.engine.get(Sas).find(args.numbers[0])
    if sa is None:
        raise CommandError("please specify a valid SA ID")
    if not args.unbind:
        raise CommandError("please specify a valid worker index")
    sa.thread = NO_THREAD


@command(
    "show ipsec sa",
    sequence(options(sequence(optional(unsigned("index")), flag("detail")), error=None), optional(unsigned("index"))),
    help="show ipsec sa [index]",
)
def show_ipsec_sa(ctx: CommandContext, args: Args) -> str:
    """All associations, or one of them with its keys."""
    engine, sas = ctx.engine, ctx.engine.get(Sas)
    if args.index is None or args.index == ALL_ONES:
        shown = [format_sa_detail(engine, sa, keys=False) if args.detail else format_sa(sa) for sa in sas]
        return structured("\n".join(shown), [sa_data(engine, sa) for sa in sas])
    sa = sas.at(args.index)
    if sa is None:
        return f"No such SA index: {as_signed(args.index)}"
    return structured(format_sa_detail(engine, sa, keys=True), sa_data(engine, sa))


@command("clear ipsec sa", options(unsigned("index"), error=None), help="clear ipsec sa [index]")
def clear_ipsec_sa(ctx: CommandContext, args: Args) -> None:
    """Set what was counted for associations to zero."""
    sas = ctx.engine.get(Sas)
    if args.index is None or args.index == ALL_ONES:
        for sa in sas:
            sas.clear(sa)
        return
    one = sas.at(args.index)
    if one is None:
        raise CommandError(f"unknown SA index: {as_signed(args.index)}")
    sas.clear(one)
