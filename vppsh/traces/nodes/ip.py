"""IPv4 and IPv6: lookup, rewrite, local delivery, reassembly, fragmentation, what features write."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat, Role

LOOKUP = NodeFormat(
    ("ip4-lookup", "ip6-lookup", "ip4-load-balance", "ip6-load-balance"),
    (
        "fib {fib:int} dpo-idx {dpo:int} flow hash: {flow_hash:hex}",
        "fib {fib:int} dpo-idx {dpo:int} : {adjacency:text} flow hash: {flow_hash:hex}",
        "fib:{fib:int} adj:{dpo:int} flow:{flow_hash:hex}",
    ),
)

MIDCHAIN_LINES = (
    "tx_sw_if_index {tx_sw_if_index:int} dpo-idx {adjacency:int} : {description:text} flow hash: {flow_hash:hex}",
    "tx_sw_if_index {tx_sw_if_index:int} adj-idx {adjacency:int} : {description:text} flow hash: {flow_hash:hex}",
    "tx_sw_if_index {tx_sw_if_index:int} dpo-idx {adjacency:int} : {description:text}",
    "tx_sw_if_index {tx_sw_if_index:int} adj-idx {adjacency:int} : {description:text}",
    "adj-midchain:[{adjacency:int}]:{description:text}",
    "adj-idx {adjacency:int} : {description:text} flow hash: {flow_hash:hex}",
    "adj-idx {adjacency:int} : {description:text}",
    "stacked-on entry:{entry:int}:",
    "stacked-on:",
    "[@{:int}]: {stacked:text} flow hash: {flow_hash:hex}",
    "[@{:int}]: {stacked:text}",
    "[{:int}] [@{:int}]: {stacked:text}",
)
REWRITE = NodeFormat(
    (
        "ip4-rewrite",
        "ip6-rewrite",
        "ip4-rewrite-mcast",
        "ip6-rewrite-mcast",
        "ip4-rewrite-bcast",
        "ip6-rewrite-bcast",
        "adj-l2-rewrite",
        "ip4-rewrite-bier",
    ),
    MIDCHAIN_LINES,
)

MIDCHAIN = NodeFormat(
    ("ip4-midchain", "ip6-midchain", "ip4-mcast-midchain", "ip6-mcast-midchain", "adj-l2-midchain", "mpls-midchain"),
    MIDCHAIN_LINES,
    Role.ENCAPSULATE,
)

MIDCHAIN_TX = NodeFormat(("tunnel-output", "tunnel-output-no-count", "adj-midchain-tx", "adj-midchain-tx-no-count"), MIDCHAIN_LINES)

FORWARD_LINES = (
    "fib:{fib:int} adj:{adjacency:int} flow:{flow_hash:hex}",
    "fib {fib:int} adj-idx {adjacency:int} : {:text} flow hash: {flow_hash:hex}",
)
LOCAL = NodeFormat(
    (
        "ip4-receive",
        "ip6-receive",
        "ip4-local",
        "ip6-local",
        "ip4-arp",
        "ip4-glean",
        "ip6-discover-neighbor",
        "ip6-glean",
        "ip4-not-enabled",
        "ip6-not-enabled",
        "ip4-local-end-of-arc",
        "ip6-local-end-of-arc",
        "ip4-*-bypass",
        "ip6-*-bypass",
        "ip4-multicast",
        "ip6-multicast",
    ),
    FORWARD_LINES,
)

IP_DROP = NodeFormat(("ip4-drop", "ip6-drop", "ip4-punt", "ip6-punt"), FORWARD_LINES)

NULL = NodeFormat(("ip4-null", "ip6-null"), ("{:word} action:{action}",))

ICMP_ERROR = NodeFormat(("ip4-icmp-error", "ip6-icmp-error"), role=Role.ERROR)

ANSWER = NodeFormat(
    (
        "ip4-icmp-echo-request",
        "ip6-icmp-echo-request",
        "icmp6-neighbor-solicitation",
        "icmp6-router-solicitation",
        "ip6-multicast-nd-proxy",
        "ip6-unicast-nd-proxy",
    ),
    ("{interface} {kind}",),
    Role.ANSWER,
)

ECHO_REPLY = NodeFormat(
    ("ip4-icmp-echo-reply", "ip6-icmp-echo-reply"),
    ("{:word} echo id {id:int} seq {sequence:int}{:text}",),
    Role.DELIVER,
)

TRANSPORT = NodeFormat(
    (
        "tcp4-input",
        "tcp6-input",
        "tcp4-input-nolookup",
        "tcp6-input-nolookup",
        "tcp4-established",
        "tcp6-established",
        "tcp4-listen",
        "tcp6-listen",
        "tcp4-syn-sent",
        "tcp6-syn-sent",
        "tcp4-rcv-process",
        "tcp6-rcv-process",
        "udp4-input",
        "udp6-input",
        "session-queue",
        "sctp4-input",
        "sctp6-input",
        "ikev2-ip4",
        "ikev2-ip6",
        "ikev2-ip4-natt",
        "bfd-udp4-input",
        "bfd-udp6-input",
        "vrrp4-input",
        "vrrp6-input",
        "igmp-input",
        "dhcp-client-process",
        "udp-ping-local",
        "dns46_reply",
        "ip4-probe-neighbor",
    ),
    role=Role.DELIVER,
)

REASSEMBLY = NodeFormat(
    (
        "ip4-full-reassembly",
        "ip4-full-reassembly-feature",
        "ip4-full-reassembly-custom",
        "ip4-local-full-reassembly",
        "ip6-full-reassembly",
        "ip6-full-reassembly-feature",
        "ip6-full-reassembly-custom",
        "ip6-local-full-reassembly",
    ),
    (
        (
            "reass id: {reassembly:int}, op id: {operation:int}, first bi: {first_buffer:int}, data len: {length:int}, "
            "ip/fragment[{first:int}, {last:int}]"
        ),
        "new range: [{first:int}, {last:int}], off {offset:int}, len {:int}, bi {buffer:int}",
        "{action} reassembly",
    ),
    Role.HOLD,
)

SHALLOW = NodeFormat(
    ("ip4-sv-reassembly*", "ip6-sv-reassembly*"),
    (
        "[{state:text}, ip proto={protocol:int}, src_port={source_port:int}, dst_port={destination_port:int}]",
        (
            "reass id: {reassembly:int}, op id: {operation:int} [{state:text}, ip proto={protocol:int}, src_port={source_port:int}, "
            "dst_port={destination_port:int}]"
        ),
        "[{state:text}]",
    ),
    Role.HOLD,
)

HAND_OFF = NodeFormat(
    ("worker-handoff", "*-handoff", "*-handoff-*", "handoff-dispatch"),
    (
        "worker-handoff: sw_if_index {sw_if_index:int}, next_worker {next_worker:int}, buffer {buffer:hex}",
        "{:word}: next-worker {next_worker:int} trace index {trace_index:int}",
        "{:word}: next-worker {next_worker:int}",
        "{:text}next-worker {next_worker:int}{:text}",
    ),
    Role.HAND_OFF,
)
HANDED_OFF = NodeFormat(("handoff_trace", "handoff-trace"), ("HANDED-OFF: from thread {from_thread:int} trace index {from_trace:int}",))

FRAGMENT = NodeFormat(
    ("ip4-frag", "ip6-frag"), ("mtu: {mtu:int} pkt-size: {bytes:int} fragments: {fragments:int} next: {next:int}",), Role.COPY
)

REPLICATE = NodeFormat(("ip4-replicate", "ip6-replicate", "mpls-replicate"), ("replicate: {replicate:int} via {via:text}",), Role.COPY)

MFIB = NodeFormat(
    ("ip4-mfib-forward-lookup", "ip6-mfib-forward-lookup", "ip4-mfib-forward-rpf", "ip6-mfib-forward-rpf"),
    (
        "fib {fib:int} entry {entry:int}",
        "entry {entry:int} itf {interface:int} flags {flags:text}",
        "entry {entry:int} itf {interface:int} flags",
    ),
)

URPF = NodeFormat(("ip4-*urpf*", "ip6-*urpf*"), ("uRPF:{urpf:int} fib:{fib:int}",))

PORT_RANGE = NodeFormat(
    ("ip4-source-and-port-range-check-rx", "ip4-source-and-port-range-check-tx"),
    ("fib {fib:int} src ip {source:ip} {protocol} dst port {port:int}: {result}",),
)

OPTIONS = NodeFormat(("ip4-options",), ("option:[{option:text}]",))
HOP_BY_HOP = NodeFormat(
    ("ip6-hop-by-hop", "ip6-local-hop-by-hop"),
    (
        "IP6_HOP_BY_HOP: next index {next:int} len {length:int} traced {traced:int}",
        "IP6_LOCAL_HOP_BY_HOP: protocol {protocol:int},  next index {next:int}",
        "unrecognized option {option:int} length {option_length:int}",
    ),
)
LINK_LOCAL = NodeFormat(("ip6-link-local",), ("sw_if_index:{sw_if_index:int} fib_index:{fib:int}",))
MSS = NodeFormat(("tcp-mss-clamping-*",), ("max mss: {mss:int} clamped: {clamped:int}",))
LOOKUP_AGAIN = NodeFormat(
    ("lookup-*",),
    (
        "fib-index:{fib:int} addr:{address:ip} load-balance:{load_balance:int}",
        "fib-index:{fib:int} hdr:{label:text} load-balance:{load_balance:int}",
    ),
)
SVS = NodeFormat(("svs-ip4", "svs-ip6"), ("fib_index {fib:int}",))
ABF = NodeFormat(("abf-input-ip4", "abf-input-ip6"), ("next {next:int} index {policy:int}",))
QOS_RECORD = NodeFormat(("*-qos-record", "*-qos-store"), ("qos:{qos:int}",))
QOS_MARK = NodeFormat(("*-qos-mark",), ("source:{source} qos:{qos:int} used:{used}",))
PATH_MTU = NodeFormat(("ip4-pmtu-dpo", "ip6-pmtu-dpo"), ("path mtu:{mtu:int} packet size:{bytes:int}",))
INTERFACE_RX = NodeFormat(("interface-rx-dpo-ip4", "interface-rx-dpo-ip6"), ("sw_if_index:{sw_if_index:int}",))
