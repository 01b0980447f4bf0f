"""Nodes at the end of a packet's way: output, transmission, drop, punt."""

from __future__ import annotations

from vppsh.traces.fields import BUFFER_LINES, NodeFormat, Role
from vppsh.traces.nodes.inputs import MBUF, TPACKET

# Not the output of an interface, though the names look so.
PASSING = NodeFormat(("interface-output", "interface-tx"))

OUTPUT = NodeFormat(("*-output", "*-output-deleted"), ("{interface} flags {flags:hex}", "sw_if_index: {sw_if_index:int}"))

TRANSMIT = NodeFormat(
    ("*-tx", "*-tx-deleted"),
    (
        "{interface} tx queue {queue:int}",
        "af_packet: hw_if_index {hw_if_index:int} tx-queue {queue:int}",
        "buffer {buffer:hex}:",
        *MBUF,
        *TPACKET,
        *BUFFER_LINES,
    ),
    Role.TRANSMIT,
)

ERROR_DROP = NodeFormat(("error-drop", "error-punt"), ("rx:{rx_interface:text}",))

DROP = NodeFormat(("drop",), ("{error_node}: {error:text}",), Role.DROP)

PUNT = NodeFormat(("punt",), ("{error_node}: {error:text}",), Role.PUNT)

PUNT_DISPATCH = NodeFormat(("punt-dispatch",), ("reason: [{reason:int}] {reason_name} flags: {flags:text}",))

PUNT_REDIRECT = NodeFormat(("ip4-punt-redirect", "ip6-punt-redirect"), ("via redirect:{redirect:int}",))
