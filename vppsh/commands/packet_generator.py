"""packet-generator new, delete, enable-stream, disable-stream, configure, capture, mac-filter; show packet-generator (VPP's pg/cli.c)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.pg.interfaces import INPUT_NODE, Mode, PgInterfaces
from vppsh.engine.features.pg.streams import Stream, Streams
from vppsh.engine.pg.edit import EditKind
from vppsh.engine.pg.headers.ethernet import read_ethernet
from vppsh.engine.pg.headers.lookup import attempt, index
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft, Template
from vppsh.engine.pg.replay import read_recording
from vppsh.engine.pg.stream import StreamSpec, check_size
from vppsh.engine.wire.float_text import format_float
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    Candidate,
    Context,
    Follow,
    Reader,
    Value,
    file_name,
    flag,
    floating,
    interface,
    keyed,
    line_input,
    live,
    node_name,
    options,
    pattern,
    sequence,
    string,
    unsigned,
)
from vppsh.grammar.values import Keyword
from vppsh.registry import command
from vppsh.registry import live as live_names

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NAME_WIDTH, ENABLED_WIDTH, COUNT_WIDTH = 16, 12, 16
# The blank behind "stream output" is VPP's.
NEW_HELP = "\n".join(
    (
        "Create packet generator stream",
        "",
        "Arguments:",
        "",
        "name STRING          sets stream name",
        "interface STRING     interface for stream output ",
        "node NODE-NAME       node for stream output",
        "data STRING          specifies packet data",
        "pcap FILENAME        read packet data from pcap file",
        "rate PPS             rate to transfer packet data",
        "maxframe NPKTS       maximum number of packets per frame",
        "",
    )
)
# Nodes that look where a packet is to go; VPP sends packets of a stream that does not say into the void.
BY_TX_INTERFACE = ("interface-output", "interface-output-arc-end")
NO_OFFLOADS = "buffer flags and offloads are not supported by vppsh"


class StreamNames:
    """The names of streams; the value is the stream."""

    def __init__(self, engine: Engine) -> None:
        self._streams = engine.get(Streams)

    def read(self, reader: Reader) -> Stream | None:
        """Read one name."""
        start = reader.pos
        name = reader.string()
        stream = None if name is None else self._streams.find(name)
        if stream is None:
            reader.pos = start
        return stream

    def names(self) -> Iterable[str]:
        """All streams, in the order of their places."""
        return [stream.name for stream in self._streams]


STREAM_NAMES = live_names("stream")(StreamNames)


# Arguments.


class PacketData(Value):
    """`{ HEADERS PAYLOAD }`, kept as text: the node that gets the packets decides how it is read. It can be given once."""

    def read(self, reader: Reader, context: Context) -> str | None:
        return reader.string()

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        return values.get(self.name) is None and super().parse(reader, context, values)

    def candidates(self, context: Context) -> Iterable[Candidate]:
        return (Candidate("{", "packet data: IP4: MAC -> MAC UDP: IP -> IP UDP: PORT -> PORT incrementing N", "hint"),)


class Refused(Keyword):
    """A word of VPP's that vppsh does not support, and says so."""

    def __init__(self, literal: str, message: str) -> None:
        super().__init__(literal)
        self.message = message

    def parse(self, reader: Reader, context: Context, values: dict[str, Any]) -> bool:
        if reader.word(self.literal):
            raise CommandError(self.message)
        return False

    def follow(self, reader: Reader, context: Context, out: list[Candidate]) -> Follow:
        return Follow.MISS


def _sizes(sign: str, kind: EditKind) -> Any:
    """`size A-B` or `size A+B`."""
    return pattern("sizes", rf"size[ \t\r\n]*(\+?[0-9]{{1,10}})[ \t\r\n]*\{sign}[ \t\r\n]*(\+?[0-9]{{1,10}})", lambda found: (
        int(found[1]), int(found[2]), kind), metavar=f"size <min>{sign}<max>")  # fmt: skip


PARAMETERS = (
    keyed("limit", floating("limit")),
    keyed("rate", floating("rate")),
    _sizes("-", EditKind.INCREMENT),
    _sizes("+", EditKind.RANDOM),
    keyed("buffer-size", unsigned("buffer_size")),
)


def number_of(name: str) -> Any:
    """`pgN`, whose value is N; VPP keeps -1 and 4294967295 apart in typing only."""
    return pattern(name, r"pg\+?([0-9]{1,10})", lambda found: (int(found[1]) + (1 << 31)) % (1 << 32) - (1 << 31), metavar="pg<n>")


# Streams.


@command(
    "packet-generator new",
    options(
        keyed("name", string("name")),
        keyed("node", live("hw-interface", "out_interface")),
        keyed("source", number_of("source")),
        Refused("buffer-flags", NO_OFFLOADS),
        Refused("buffer-offload-flags", NO_OFFLOADS),
        keyed("node", node_name("node")),
        keyed("maxframe", unsigned("maxframe")),
        keyed("worker", unsigned("worker")),
        keyed("interface", interface("rx")),
        keyed("tx-interface", interface("tx")),
        keyed("pcap", file_name("pcap")),
        keyed("data", PacketData("data")),
        *PARAMETERS,
    ),
    help="Create packet generator stream",
    long_help=NEW_HELP,
)
def new(ctx: CommandContext, args: Args) -> None:
    """Define a stream."""
    if args.data is None and args.pcap is None:
        raise CommandError("no packet data given")
    node, tx = _target(ctx.engine, args)
    spec = StreamSpec(Template(b"", (), (), ()), node, args.name, max_frame=args.maxframe, rx=args.rx, tx=tx)
    if args.source is not None:
        spec = replace(spec, source=args.source)
    spec = _with_parameters(spec, args)
    if args.pcap is not None:
        recording = read_recording(args.pcap)
        lengths = recording.packets.lengths
        shortest, longest = (int(lengths.min()), int(lengths.max())) if len(recording) else (0, 0)
        spec = replace(spec, packets=recording, min_size=shortest, max_size=longest, buffer_bytes=min(longest, 2048))
        if spec.limit == 0:
            spec = replace(spec, limit=len(recording))
    else:
        spec = replace(spec, packets=_packets(ctx.engine, spec, args.data))
    ctx.engine.get(Streams).add(spec)


def _target(engine: Engine, args: Args) -> tuple[str, int | None]:
    """The node that gets the packets, and the interface they are to go to."""
    tx: int | None = args.tx
    if args.node is not None:
        if args.node.name in BY_TX_INTERFACE and tx is None:
            raise CommandError("output interface or node not given")
        return args.node.name, tx
    if args.out_interface is not None:
        hardware = engine.interfaces[args.out_interface].hardware
        return hardware.output.name, args.out_interface if tx is None else tx
    if args.pcap is None:
        raise CommandError("output interface or node not given")
    pg = None if args.source is None else engine.get(PgInterfaces).find(args.source)
    return INPUT_NODE[Mode.ETHERNET if pg is None else pg.mode], tx


def _packets(engine: Engine, spec: StreamSpec, data: str) -> Template:
    """The packets that the packet data describes."""
    check_size(spec.max_size)
    draft = Draft(spec.min_size, spec.max_size)
    reader = Reader(data)
    read = read_ethernet if engine.get(Streams).to_wire(spec.node) else index().node.get(spec.node)
    if not attempt(read, reader, draft) and not attempt(read_payload, reader, draft):
        raise CommandError(reader.error_text("failed to parse packet data from `%U'"))
    return draft.template()


def _with_parameters(spec: StreamSpec, args: Args) -> StreamSpec:
    """The definition with the parameters that were typed."""
    if args.limit is not None:
        spec = replace(spec, limit=int(max(min(args.limit, 2.0**63), -(2.0**63))))
    if args.rate is not None:
        spec = replace(spec, rate=args.rate)
    if args.sizes is not None:
        low, high, kind = args.sizes
        spec = replace(spec, min_size=low, max_size=high, size_kind=kind)
    if args.buffer_size is not None:
        spec = replace(spec, buffer_bytes=args.buffer_size)
    return spec


@command("packet-generator delete", live("stream", "stream").or_error("expected stream name `%U'"), help="Delete stream with given name")
def delete(ctx: CommandContext, args: Args) -> None:
    """Forget a stream."""
    ctx.engine.get(Streams).delete(args.stream)


@command(
    "packet-generator configure",
    sequence(live("stream", "stream").or_error("expecting stream name; got `%U'"), options(*PARAMETERS)),
    help="Change packet generator stream parameters",
)
def configure(ctx: CommandContext, args: Args) -> None:
    """Change a stream's limit, rate or sizes."""
    ctx.engine.get(Streams).configure(args.stream, _with_parameters(args.stream.spec, args))


def _enable(ctx: CommandContext, args: Args, on: bool) -> None:
    streams = ctx.engine.get(Streams)
    for stream in [args.stream] if args.stream is not None else list(streams):
        streams.enable(stream, on)


@command("packet-generator enable-stream", line_input(options(live("stream", "stream")), call_when_empty=True),
         help="Enable packet generator streams")  # fmt: skip
def enable_stream(ctx: CommandContext, args: Args) -> None:
    """Start one stream, or all."""
    _enable(ctx, args, True)


@command("packet-generator disable-stream", line_input(options(live("stream", "stream")), call_when_empty=True),
         help="Disable packet generator streams")  # fmt: skip
def disable_stream(ctx: CommandContext, args: Args) -> None:
    """Stop one stream, or all."""
    _enable(ctx, args, False)


@command("show packet-generator", options(flag("verbose"), error=None), help="show packet-generator [verbose]")
def show(ctx: CommandContext, args: Args) -> str:
    """The streams and their parameters."""
    streams = list(ctx.engine.get(Streams))
    if not streams:
        return structured("no streams currently defined", [])
    header = f"{'Name':<{NAME_WIDTH}}{_centered('Enabled', ENABLED_WIDTH)}{_centered('Count', COUNT_WIDTH)}Parameters"
    return structured("\n".join([header, *(format_stream(stream, args.verbose) for stream in streams)]), [_as_data(s) for s in streams])


def format_stream(stream: Stream, verbose: bool) -> str:
    """A line for a stream, and with `verbose` one for each header of its packets."""
    spec = stream.spec
    text = f"{stream.name:<{NAME_WIDTH}}{_centered('Yes' if stream.enabled else 'No', ENABLED_WIDTH)}{_centered(stream.sent, COUNT_WIDTH)}"
    indent = len(text)
    sign = "+" if spec.size_kind is EditKind.RANDOM else "-"
    text += f"limit {spec.limit}, rate {format_float(spec.rate, 2, 'e')} pps, size {spec.min_size}{sign}{spec.max_size}, "
    text += f"buffer-size {spec.buffer_bytes}, worker 0, "
    if verbose and isinstance(spec.packets, Template):
        for header in spec.packets.headers:
            text += f"\n{' ' * indent}hdr-size {header.n_bytes}, offset {header.at}, "
            if header.edit_function:
                text += f"edit-function {header.edit_function}, "
    return text


def _centered(value: object, width: int) -> str:
    """VPP's `%=N`: centred, the odd blank on the left."""
    text = str(value)
    right = max(width - len(text), 0) // 2
    return f"{text:>{width - right}}{' ' * right}"


def _as_data(stream: Stream) -> dict[str, Any]:
    spec = stream.spec
    return {
        "name": stream.name, "enabled": stream.enabled, "count": stream.sent, "limit": spec.limit, "rate": spec.rate,
        "size": [spec.min_size, spec.max_size], "node": spec.node,
    }  # fmt: skip
