"""pcap trace: capture what is received, sent or dropped (VPP's vnet/interface_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.commands.error_names import error_name
from vppsh.commands.tmpfile import FOLDER, tmp_file
from vppsh.engine.pcap_trace import ANY, PcapTrace, PcapTraceSpec
from vppsh.errors import CommandError, OutputFileError
from vppsh.grammar.arguments import Args, flag, interface, keyed, keyword, level, line_input, options, signed, unsigned
from vppsh.registry import command

DEFAULT_PACKETS = 1000
DEFAULT_BYTES = 512
MIN_BYTES, MAX_BYTES = 32, 9000
WORD = 0xFFFFFFFF


@command(
    "pcap trace",
    line_input(
        options(
            flag("rx"),
            flag("tx"),
            flag("drop"),
            flag("off"),
            keyed("max-bytes-per-pkt", unsigned("snap", DEFAULT_BYTES)),
            keyed("max", signed("max", DEFAULT_PACKETS)),
            keyed("packets-to-capture", signed("max")),
            keyed("file", tmp_file("file")),
            level("status"),
            keyed("intfc", interface("interface", ANY)),
            keyed("interface", interface("interface")),
            keyed("error", error_name("error")),
            level("preallocate-data"),
            level("free-data"),
            keyword("intfc any", "interface", ANY, ANY),
            keyword("interface any", "interface", ANY, ANY),
            flag("filter"),
        )
    ),
    help="pcap trace [rx] [tx] [drop] [off] [max <nn>] [intfc <interface>|any]\n"
    "           [file <name>] [status] [max-bytes-per-pkt <nnnn>][filter]\n"
    "           [preallocate-data][free-data]",
)
def pcap_trace(ctx: CommandContext, args: Args) -> str | None:
    """Begin or end a capture, or say how it goes. The file is written at its end.

    Python's lists grow by themselves and are freed by themselves, so there is nothing to do for `preallocate-data` and `free-data`.
    """
    capture = ctx.engine.get(PcapTrace)
    spec = capture.spec
    if args.status:
        if spec is None:
            return "pcap dispatch capture disabled"
        what = " and ".join(name for name, on in (("rx", spec.rx), ("tx", spec.tx), ("drop", spec.drop)) if on)
        what += "with filter" if spec.filter else ""
        return f"pcap {what} dispatch capture enabled: {len(capture.packets)} of {spec.limit} pkts...\ncapture to file {spec.path}"
    kinds = [] if args.off else [kind for kind in ("rx", "tx", "drop") if getattr(args, kind)]
    if not kinds:
        return _stop(capture)
    if spec is not None:
        raise CommandError("dispatch trace already enabled...")
    if not MIN_BYTES <= args.snap <= MAX_BYTES:
        raise CommandError("Max bytes per pkt must be > 32, < 9000...")
    capture.start(
        PcapTraceSpec(
            rx="rx" in kinds,
            tx="tx" in kinds,
            drop="drop" in kinds,
            limit=args.max & WORD,
            path=args.file or f"{FOLDER}/{''.join(kinds)}.pcap",
            snap=args.snap,
            sw_if_index=args.interface,
            error=args.error,
            filter=args.filter,
        )
    )
    return None


def _stop(capture: PcapTrace) -> str:
    if capture.spec is None:
        raise CommandError("dispatch trace already disabled...")
    path = capture.spec.path
    announced = f"Write {len(capture.packets)} packets to {path}, and stop capture...\n"
    try:
        written = capture.stop()
    except OutputFileError as error:
        raise CommandError(f"I/O writing trace capture... {error}", output=announced) from error
    if not written:
        raise CommandError("No packets captured...")
    return announced
