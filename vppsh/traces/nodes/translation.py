"""Address translation: cnat (services), nat44, nat64, nat66, det44, pnat."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat

TUPLE = (
    "{protocol} [{source:ip};{source_port:int} -> {destination:ip};{destination_port:int}] node:{:int} lbi:{:int} fl:{:hex} fib:{fib:int}"
)
CNAT = NodeFormat(
    ("cnat-*", "ip4-cnat-*", "ip6-cnat-*"),
    (
        "{lookup} session",
        "session {lookup:text}",
        "writeback done",
        "in:{in_interface} out:{out_interface:text}",
        "last_seen:{last_seen:int} lifetime:{lifetime:int} ref:{references:int}",
        f"[ in ] {TUPLE}".replace("{source", "{in_source").replace("{destination", "{in_destination"),
        f"[ out] {TUPLE}".replace("{source", "{out_source").replace("{destination", "{out_destination"),
        f"[rin ] {TUPLE}".replace("{source", "{return_in_source").replace("{destination", "{return_in_destination"),
        f"[rout] {TUPLE}".replace("{source", "{return_out_source").replace("{destination", "{return_out_destination"),
        TUPLE,
    ),
)

NAT_MATCH = "saddr {:ip} sport {:int} daddr {:ip} dport {:int} proto {:word} fib_idx {:int} rewrite: "
NAT44 = NodeFormat(
    ("nat44-*-output", "nat44-*", "nat64-*", "nat66-*", "det44-*", "npt66-*"),
    (
        "{kind}: sw_if_index {sw_if_index:int}, next index {next:int}, session {session:int}, translation result '{result:text}'{via:text}",
        "{kind}: sw_if_index {sw_if_index:int}, next index {next:int}, session index {session:int}",
        "{kind}: sw_if_index {sw_if_index:int}, next index {next:int}, session {session:int}",
        "{kind}: sw_if_index {sw_if_index:int}, next index {next:int}",
        f"i2of match: {NAT_MATCH}{{in_to_out:text}}",
        f"o2if match: {NAT_MATCH}{{out_to_in:text}}",
        (
            "search key local {local:ip}:{local_port:int} remote {remote:ip}:{remote_port:int} proto {protocol} fib {fib:int} "
            "thread-index {thread:int} session-index {:int}"
        ),
        "TCP state: {tcp_state:text}",
        "slow path because {slow_path:text}",
        "no reason for slow path",
        "new dst addr {destination:ip} port {destination_port:int} fib-index {fib:int}{:text}",
    ),
)
NAT_PRE = NodeFormat(("nat-pre-*",), ("{direction} next_index {next:int} arc_next_index {arc_next:int}",))
PNAT = NodeFormat(("pnat-*",), ("pnat: index {binding:int}", "match: {{match:text}", "rewrite: {{rewrite:text}"))
