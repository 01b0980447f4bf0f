"""pcap dispatch trace: capture packets at every node (VPP's dispatch-trace plugin)."""

from __future__ import annotations

import os

from vppsh.commands.context import CommandContext
from vppsh.commands.tmpfile import FOLDER, tmp_file
from vppsh.engine.dispatch_trace import DispatchTrace, DispatchTraceSpec
from vppsh.errors import CommandError, OutputFileError
from vppsh.grammar.arguments import Args, keyed, keyword, level, line_input, node_name, options, sequence, signed
from vppsh.registry import command

DEFAULT_PACKETS = 1000
DEFAULT_TRACES = 100
DEFAULT_FILE = f"{FOLDER}/dispatch.pcap"
POST_MORTEM_FILE = f"{FOLDER}/dispatch_post_mortem.{{}}"
WORD = 0xFFFFFFFF


@command(
    "pcap dispatch trace",
    line_input(
        options(
            level("on", "enable"),
            level("enable", "enable"),
            keyword("off", "enable", 0, 0),
            keyword("disable", "enable", 0, 0),
            keyed("max", signed("max", DEFAULT_PACKETS)),
            keyed("packets-to-capture", signed("max")),
            keyed("file", tmp_file("file")),
            level("status"),
            sequence(keyword("buffer-trace"), node_name(), signed("traces", DEFAULT_TRACES)),
            level("post-mortem"),
            level("filter"),
        )
    ),
    help="pcap dispatch trace [on|off] [max <nn>] [file <name>] [status]\n"
    "              [buffer-trace <input-node-name> <nn>][post-mortem][filter]",
)
def pcap_dispatch_trace(ctx: CommandContext, args: Args) -> str | None:
    """Begin or end a capture, or say how it goes. The file is written at its end.

    As in VPP nothing is captured before the traces of an input node are asked for (`buffer-trace`). A post-mortem capture keeps the
    packets of the last round of the main loop, and writes them to a file of its own when a node fails on them.
    """
    capture = ctx.engine.get(DispatchTrace)
    spec = capture.spec
    if args.status:
        return _status(capture, args.traces)
    if not args.enable:
        return _stop(capture)
    if spec is not None:
        raise CommandError("dispatch trace already enabled...")
    post_mortem = POST_MORTEM_FILE.format(os.getpid()) if args.post_mortem else None
    capture.start(DispatchTraceSpec(args.max & WORD, args.file or DEFAULT_FILE, bool(args.filter), post_mortem))
    if args.node is not None:
        capture.watch(args.node, args.traces)
    return None


def _status(capture: DispatchTrace, traces: int) -> str:
    spec = capture.spec
    if spec is None:
        return "pcap dispatch capture disabled"
    lines = [f"pcap dispatch capture enabled: {len(capture.records)} of {spec.limit} pkts...", f"capture to file {spec.path}"]
    if spec.filter:
        lines.append("packet filter enabled")
    # VPP shows the number typed with `status`, not the one that the capture began with.
    lines += [f"Buffer trace of {traces} pkts from {node.name} enabled..." for node in spec.nodes]
    return "\n".join(lines)


def _stop(capture: DispatchTrace) -> str:
    if capture.spec is None:
        raise CommandError("dispatch trace already disabled...")
    announced = f"Write {len(capture.records)} packets to {capture.spec.path}, and stop capture...\n"
    try:
        written = capture.stop()
    except OutputFileError as error:
        raise CommandError(f"I/O writing trace capture... {error}", output=announced) from error
    if not written:
        raise CommandError("No packets captured...")
    return announced
