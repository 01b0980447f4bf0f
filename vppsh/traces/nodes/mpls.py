"""MPLS: input, lookup, imposition, disposition."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat, Role
from vppsh.traces.nodes.ip import MIDCHAIN_LINES

INPUT = NodeFormat(
    ("mpls-input",),
    (
        "MPLS: next {next}[{:int}]  label {label:int} ttl {ttl:int} exp {exp:int}",
        "MPLS: next {:text} label {label:int} ttl {ttl:int} exp {exp:int}",
    ),
)
LOOKUP = NodeFormat(
    ("mpls-lookup", "mpls-load-balance"),
    (
        (
            "MPLS: next [{next:int}], lookup fib index {fib:int}, LB index {load_balance:int} hash {flow_hash:hex} "
            "label {label:int} eos {eos:int}"
        ),
        "MPLS: next [{next:int}], LB index {load_balance:int} hash {flow_hash:hex}{:text}",
    ),
)
IMPOSITION = NodeFormat(
    ("mpls-label-imposition-*", "ip4-mpls-label-imposition-*", "ip6-mpls-label-imposition-*"),
    ("mpls-header:[{label:text}]",),
    Role.ENCAPSULATE,
)
DISPOSITION = NodeFormat(
    ("ip4-mpls-label-disposition-*", "ip6-mpls-label-disposition-*"), ("rpf-id:{rpf_id:int} {protocol}, {mode}",), Role.DECAPSULATE
)
OUTPUT = NodeFormat(("mpls-output", "mpls-midchain-output"), MIDCHAIN_LINES)
DROP = NodeFormat(("mpls-drop", "mpls-not-enabled", "mpls-punt"), ("drop",))
FRAGMENT = NodeFormat(("mpls-frag",), ("mtu:{mtu:int} pkt-size:{bytes:int}",), Role.COPY)
INCOMPLETE = NodeFormat(("mpls-adj-incomplete",), ("next:{next:int}",))
