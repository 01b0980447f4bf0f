"""Access lists, network policies, classifiers."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat

ACL = NodeFormat(
    ("acl-plugin-*",),
    (
        (
            "acl-plugin: lc_index: {lookup_context:int}, sw_if_index {sw_if_index:int}, next index {next:int}, action: {action:int}, "
            "match: acl {acl:int} rule {rule:int} trace_bits {trace_bits:hex}"
        ),
        "pkt info {packet_info:text}",
        (
            "lc_index {:int} l3 {family} {source:ip} -> {destination:ip} l4 lsb_of_sw_if_index {:int} proto {protocol:int} "
            "l4_is_input {input:int} l4_slow_path {slow_path:int} l4_flags {:hex} port {source_port:int} -> {destination_port:int} "
            "tcp flags ({tcp_flags_valid:text}) {tcp_flags:hex} rsvd {:int}"
        ),
    ),
)
INACL = NodeFormat(
    ("ip4-inacl", "ip6-inacl", "ip4-outacl", "ip6-outacl", "l2-input-acl", "l2-output-acl"),
    (
        (
            "{kind}: sw_if_index {sw_if_index:int}, next_index {next:int}, table_index {table:int}, offset {offset:int}, "
            "action {action}, metadata {:int}"
        ),
        "{kind}: sw_if_index {sw_if_index:int}, next_index {next:int}, table {table:int}, offset {offset:int}",
        "[{:int}]: next_index {:int} advance {:int} opaque {:int} action {:int} metadata {:int}",
        "k: {key:hex}",
        "hits {hits:int}, last_heard {:text}",
    ),
)
