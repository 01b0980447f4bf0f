"""create, delete, show teib: the peers of multipoint tunnels (VPP's vnet/teib/teib_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.tunnel.midchain import Endpoint
from vppsh.engine.tunnel.teib import Teib, TeibEntry
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, IpAddress, interface, ip_address, keyed, line_input, options, signed
from vppsh.registry import command

ALL_BITS = 0xFFFFFFFF


def _host(address: IpAddress) -> Prefix:
    protocol = Protocol.IP6 if address.version == 6 else Protocol.IP4
    return Prefix(protocol, address.value, protocol.bits)


def _peer(args: Args) -> Prefix:
    """The interface and the peer are required; zeros are no address."""
    if args.interface is None:
        raise CommandError("interface required'")
    if args.peer is None or not args.peer.value:
        raise CommandError("peer required'")
    return _host(args.peer)


@command(
    "create teib",
    line_input(
        options(
            interface(),
            keyed("peer", ip_address("peer")),
            keyed("nh-table-id", signed("table_id", 0)),
            keyed("nh", ip_address("next_hop")),
        )
    ),
    help="create teib <interface> peer <addr> nh <addr> [nh-table-id <ID>]",
)
def create_teib(ctx: CommandContext, args: Args) -> None:
    """Say behind which far end a peer of a tunnel is."""
    peer = _peer(args)
    if args.next_hop is None or not args.next_hop.value:
        raise CommandError("next-hop required'")
    next_hop = _host(args.next_hop)
    table = ctx.engine.get(Fib).tables(next_hop.protocol).find(args.table_id & ALL_BITS)
    if table is None or not ctx.engine.get(Teib).add(TeibEntry(args.interface, peer, Endpoint(table.index, next_hop))):
        raise CommandError("TEIB error")


@command("delete teib", line_input(options(interface(), keyed("peer", ip_address("peer")))), help="delete teib <interface> peer <addr>")
def delete_teib(ctx: CommandContext, args: Args) -> None:
    """Forget a peer."""
    peer = _peer(args)
    if not ctx.engine.get(Teib).remove(args.interface, peer.protocol, peer.address):
        raise CommandError("TEIB error")


@command("show teib", help="show teib")
def show_teib(ctx: CommandContext, args: Args) -> str:
    """All peers."""
    fib, lines, data = ctx.engine.get(Fib), [], []
    for index, entry in ctx.engine.get(Teib):
        next_hop = entry.endpoint.prefix
        table_id = fib.tables(next_hop.protocol)[entry.endpoint.fib_index].table_id
        name, peer = fib.interface_name(entry.sw_if_index), str(entry.peer).rpartition("/")[0]
        lines.append(f"[{index}] {name}:{peer} via [{table_id}]:{next_hop}")
        data.append({"index": index, "interface": name, "peer": peer, "table": table_id, "next_hop": str(next_hop)})
    return structured("\n".join(lines), data)
