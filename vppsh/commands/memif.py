"""create, delete, show memif and its sockets (VPP's plugins/memif/cli.c)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.owned import named, owned
from vppsh.engine.features.memif.memifs import Memifs
from vppsh.engine.features.memif.model import Memif, MemifConfig, Mode
from vppsh.engine.features.memif.rings import Queue
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    file_name,
    flag,
    interface,
    keyed,
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
NO_ID = 0xFFFF_FFFF
MAX_RING, MAX_QUEUES = 32768, 255


def _socket_id(args: Args) -> int:
    if args.number in (None, 0, NO_ID):
        raise CommandError("Invalid socket id")
    number: int = args.number
    return number


@command(
    "create memif socket",
    line_input(options(keyed("id", unsigned("number")), keyed("filename", file_name("path")), error=NO_QUOTE)),
    help="create memif socket [id <id>] [filename <path>]",
)
def create_socket(ctx: CommandContext, args: Args) -> None:
    """Name a socket that memifs meet at."""
    number = _socket_id(args)
    if not args.path:
        raise CommandError("Invalid socket filename")
    ctx.engine.get(Memifs).add_socket(number, args.path)


@command(
    "delete memif socket", line_input(options(keyed("id", unsigned("number")), error=NO_QUOTE)), help="delete memif socket [id <id>]"
)  # fmt: skip
def delete_socket(ctx: CommandContext, args: Args) -> None:
    """Forget a socket."""
    ctx.engine.get(Memifs).delete_socket(_socket_id(args))


@command(
    "create interface memif",
    line_input(
        options(
            keyed("id", unsigned("number", 0)),
            keyed("socket-id", unsigned("socket_id", 0)),
            keyed("secret", string("secret", "")),
            keyed("ring-size", unsigned("ring_size", 1024)),
            keyed("rx-queues", unsigned("rx_queues", 1)),
            keyed("tx-queues", unsigned("tx_queues", 1)),
            keyed("buffer-size", unsigned("buffer_size", 2048)),
            flag("master", default=False),
            flag("slave", "master", value=False),
            flag("no-zero-copy", "copy"),
            flag("mode ip", "ip"),
            keyed("hw-addr", mac("mac")),
            error=NO_QUOTE,
        )
    ),
    help="create interface memif [id <id>] [socket-id <socket-id>] [ring-size <size>] [buffer-size <size>] [hw-addr <mac-address>] "
    "<master|slave> [rx-queues <number>] [tx-queues <number>] [mode ip] [secret <string>]",
)
def create(ctx: CommandContext, args: Args) -> None:
    """Make a memif, which says nothing."""
    size = args.ring_size
    if not size or size & (size - 1):
        raise CommandError("ring size must be power of 2")
    if size > MAX_RING:
        raise CommandError("maximum ring size is 32768")
    for direction, queues in (("rx", args.rx_queues), ("tx", args.tx_queues)):
        if not 1 <= queues <= MAX_QUEUES:
            raise CommandError(f"{direction} queue must be between 1 - 255")
    if not 1 <= args.buffer_size < 1 << 16:
        raise CommandError("buffer size must be between 1 - 65535")
    mode = Mode.IP if args.ip else Mode.ETHERNET
    config = MemifConfig(
        args.number, args.socket_id, args.master, mode, args.secret, size.bit_length() - 1, args.buffer_size, args.rx_queues,
        args.tx_queues, args.mac,
    )  # fmt: skip
    ctx.engine.get(Memifs).create(config)


@command(
    "delete interface memif",
    line_input(options(keyed("sw_if_index", signed("sw_if_index")), interface(), error=NO_QUOTE)),
    help="delete interface memif {<interface> | sw_if_index <sw_idx>}",
)
def delete(ctx: CommandContext, args: Args) -> None:
    """Take a memif away."""
    memifs = ctx.engine.get(Memifs)
    memifs.delete(owned(ctx, args, memifs.of, "memif"))


@command("show memif", options(live("hw-interface", "named", many=True, metavar="<interface>")), help="show memif [<interface>]")
def show(ctx: CommandContext, args: Args) -> str:
    """The sockets, and what is known of memifs and their other sides."""
    memifs = ctx.engine.get(Memifs)
    chosen = named(ctx, args, memifs.of, "memif") or list(memifs)
    lines = ["sockets", f"  {'id':<3} {'listener':<11} filename"]
    for number in sorted(memifs.files):
        file = memifs.files[number]
        listener = "no" if file.listener is None else f"yes ({len(file.users)})"
        lines.append(f"  {number:<3} {listener:<11} {file.path}")
    lines += ["", *(line for memif in chosen for line in _describe(memif))]
    data = [
        {"interface": memif.interface.name, "connected": memif.connected, "remote": memif.remote_name, "reason": memif.local_reason}
        for memif in chosen
    ]  # fmt: skip
    return structured("\n".join(lines) + ("" if chosen else "\n"), data)


def _flags(memif: Memif) -> Iterator[str]:
    if memif.interface.admin_up:
        yield "admin-up"
    if not memif.config.master:
        yield "slave"
    if memif.connection is not None and not memif.connected and not memif.config.master:
        yield "connecting"
    if memif.connected:
        yield "connected"


def _describe(memif: Memif) -> Iterator[str]:
    listener, connection = memif.file.listener, memif.connection
    yield f"interface {memif.interface.name}"
    if memif.remote_name:
        yield f'  remote-name "{memif.remote_name}"'
    if memif.remote_interface:
        yield f'  remote-interface "{memif.remote_interface}"'
    yield f"  socket-id {memif.file.number} id {memif.config.number} mode {memif.config.mode.name.lower()}"
    yield "".join(("  flags", *(f" {word}" for word in _flags(memif))))
    yield (
        f"  listener-fd {0 if listener is None else listener.fileno()} conn-fd {0 if connection is None else connection.fileno()}"
    )  # fmt: skip
    yield (
        f"  num-s2m-rings {memif.s2m_rings} num-m2s-rings {memif.m2s_rings} buffer-size {memif.buffer_size} "
        f"num-regions {len(memif.regions)}"
    )
    if memif.local_reason:
        yield f'  local-disc-reason "{memif.local_reason}"'
    if memif.remote_reason:
        yield f'  remote-disc-reason "{memif.remote_reason}"'
    for number, region in enumerate(memif.regions):
        yield f"  region {number} size {region.size} fd {region.descriptor}"
    for queue in (*memif.tx, *memif.rx):
        yield from _queue(queue)


def _queue(queue: Queue) -> Iterator[str]:
    yield f"    {'slave-to-master' if queue.s2m else 'master-to-slave'} ring {queue.index}:"
    yield f"      region {queue.region} offset {queue.offset} ring-size {queue.size} int-fd {queue.wakeup}"
    yield (
        f"      head {int(queue.head[0])} tail {int(queue.tail[0])} flags 0x{int(queue.flags[0]):04x} interrupts {queue.interrupts}"
    )  # fmt: skip
