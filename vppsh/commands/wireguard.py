"""wireguard create, delete, peer add, peer remove; show wireguard; set wireguard async mode (VPP's plugins/wireguard/wireguard_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol, format_address
from vppsh.engine.wireguard.interfaces import ANY, PeerConfig, Wireguard, WireguardInterface
from vppsh.engine.wireguard.keys import Secret, key_of_text, text_of_key
from vppsh.engine.wireguard.noise import NO_PSK
from vppsh.engine.wireguard.peer import Peer, Place
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    Argument,
    IpAddress,
    Reader,
    choice,
    flag,
    interface,
    ip_address,
    ip_prefix,
    keyed,
    line_input,
    options,
    read_with,
    signed,
)
from vppsh.registry import command

FAMILIES = {4: Protocol.IP4, 6: Protocol.IP6}
PORT = 0xFFFF
ALL_ONES = 0xFFFFFFFF


def _key(name: str, what: str) -> Argument:
    """A key in base64; another word is an error at once."""

    def read(reader: Reader) -> bytes | None:
        text = reader.string()
        if text is None:
            return None
        key = key_of_text(text)
        if key is None:
            raise CommandError(f"Error parsing {what} key")
        return key

    return read_with(name, read, metavar="<key>")


@command(
    "wireguard create",
    line_input(
        options(
            keyed("instance", signed("instance", ANY)),
            keyed("private-key", _key("private", "private")),
            keyed("listen-port", signed("port", 0)),
            keyed("port", signed("port", 0)),
            flag("generate-key"),
            keyed("src", ip_address("src")),
            error="unknown input: %U",
        ),
        call_when_empty=True,
    ),
    help="wireguard create listen-port <port> private-key <key> src <IP> [generate-key]",
)
def wireguard_create(ctx: CommandContext, args: Args) -> str:
    """Make an interface and say its name."""
    if args.private is None and not args.generate_key:
        raise CommandError("private-key or generate-key required")
    if args.src is None:
        raise CommandError("src required")
    secret = Secret.generate() if args.generate_key else Secret(args.private)
    wireguard = ctx.engine.get(Wireguard)
    made = wireguard.create(args.instance, secret, args.port & PORT, FAMILIES[args.src.version], args.src.value)
    return made.interface.name


@command("wireguard delete", options(interface("sw_if_index"), error=None), help="wireguard delete <interface>")
def wireguard_delete(ctx: CommandContext, args: Args) -> None:
    """Take an interface away."""
    if args.sw_if_index is None:
        raise CommandError(f"no such interface: {ctx.input.quote()}")
    ctx.engine.get(Wireguard).delete(ctx.engine.interfaces[args.sw_if_index])


@command(
    "wireguard peer add",
    line_input(
        options(
            keyed("preshared-key", _key("psk", "pre-shared")),
            keyed("public-key", _key("public", "public")),
            keyed("endpoint", ip_address("endpoint", IpAddress(4, 0))),
            keyed("table-id", signed("table_id", 0)),
            keyed("dst-port", signed("port", 0)),
            keyed("persistent-keepalive", signed("keepalive", 0)),
            keyed("allowed-ip", ip_prefix("allowed", many=True)),
            interface("sw_if_index"),
            error="Input error",
        )
    ),
    help="wireguard peer add <wg_int> [preshared-key <psk_key>] public-key <pub_key_other> endpoint <ip4_dst> allowed-ip <prefix> "
    "dst-port [port_dst] persistent-keepalive [keepalive_interval]",
)
def wireguard_peer_add(ctx: CommandContext, args: Args) -> None:
    """Add a peer to an interface."""
    if not args.allowed:
        raise CommandError("Allowed IPs are not specified")
    wireguard = ctx.engine.get(Wireguard)
    owner = None if args.sw_if_index is None else wireguard.of_interface(args.sw_if_index)
    if owner is None:
        raise CommandError("Tunnel is not specified")
    if args.public is None:
        raise CommandError("public-key required")
    allowed = tuple(Prefix(FAMILIES[each.version], each.value, each.length) for each in (each.normalized() for each in args.allowed))
    far = Place(args.endpoint.value, args.port & PORT)
    if ctx.engine.get(Fib).tables(far.protocol).find(args.table_id & ALL_ONES) is None:
        raise CommandError(f"no such table: {args.table_id}")
    psk = NO_PSK if args.psk is None else args.psk
    wireguard.add_peer(owner, PeerConfig(args.public, psk, far, args.table_id & ALL_ONES, allowed, args.keepalive & PORT))


@command(
    "wireguard peer remove",
    line_input(signed("index").or_error("Input error")),
    help="wireguard peer remove <index>",
)
def wireguard_peer_remove(ctx: CommandContext, args: Args) -> None:
    """Take a peer away; VPP says nothing if there is none."""
    wireguard = ctx.engine.get(Wireguard)
    peer = wireguard.peers.get(args.index)
    if peer is not None:
        wireguard.remove_peer(peer)


def _key_text(key: bytes) -> str:
    return f"{text_of_key(key)} {key.hex()}"


def _format_interface(each: WireguardInterface) -> str:
    return (
        f"[{each.index}] {each.interface.name} src:{format_address(each.protocol, each.src)} port:{each.port} "
        f"private-key:{_key_text(each.secret.private)} public-key:{_key_text(each.secret.public)} mac-key: {each.checker.mac1_key.hex()}"
    )


@command("show wireguard interface", help="show wireguard")
def show_wireguard_interface(ctx: CommandContext, args: Args) -> str:
    """The interfaces, with their keys."""
    interfaces = list(ctx.engine.get(Wireguard))
    data = [
        {
            "index": each.index, "interface": each.interface.name, "src": format_address(each.protocol, each.src), "port": each.port,
            "private_key": text_of_key(each.secret.private), "public_key": text_of_key(each.secret.public),
        }
        for each in interfaces
    ]  # fmt: skip
    return structured("\n".join(map(_format_interface, interfaces)), data)


def _format_peer(peer: Peer) -> str:
    session = peer.session
    head = f"[{peer.index}] endpoint:[{peer.near}->{peer.far}] {peer.owner.interface.name} keep-alive:{peer.keepalive}"
    adjacencies = "".join(f" {index}" for index in peer.adjacencies)
    lines = [f"{head} flags: {peer.flags}, api-clients count: 0", f"  adj:{adjacencies}"]
    if session.psk != NO_PSK:
        lines.append(f"  pre-shared key:{_key_text(session.psk)}")
    lines.append(f"  public key:{_key_text(session.public)}")
    lines.append("  allowed-ips:" + "".join(f" {prefix}" for prefix in peer.allowed.prefixes))
    return "\n".join(lines)


@command("show wireguard peer", help="show wireguard peer")
def show_wireguard_peer(ctx: CommandContext, args: Args) -> str:
    """The peers of all interfaces."""
    peers = [peer for peer in ctx.engine.get(Wireguard).peers.items if peer is not None]
    data = [
        {
            "index": peer.index, "interface": peer.owner.interface.name, "src": str(peer.near), "endpoint": str(peer.far),
            "keepalive": peer.keepalive, "established": peer.established, "public_key": text_of_key(peer.session.public),
            "allowed_ips": [str(prefix) for prefix in peer.allowed.prefixes],
        }
        for peer in peers
    ]  # fmt: skip
    return structured("\n".join(map(_format_peer, peers)), data)


@command(
    "set wireguard async mode",
    line_input(options(choice("on", {"on": True, "off": False}, False), error="unknown input '%U'")),
    help="set wireguard async mode on|off",
)
def set_wireguard_async_mode(ctx: CommandContext, args: Args) -> None:
    """Note whether packets are to be encrypted by somebody else meanwhile; there is nobody."""
    ctx.engine.get(Wireguard).async_mode = args.on


@command("show wireguard mode", help="show wireguard mode")
def show_wireguard_mode(ctx: CommandContext, args: Args) -> str:
    """Whether somebody asked for encryption by somebody else."""
    is_async = ctx.engine.get(Wireguard).async_mode
    return structured(f"Wireguard mode\n\tasync: {'enabled' if is_async else 'disabled'}", {"async": is_async})
