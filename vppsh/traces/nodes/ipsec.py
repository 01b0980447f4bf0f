"""IPsec: ESP, AH, policies, tunnel input."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat, Role

ESP_ENCRYPT = NodeFormat(
    ("esp4-encrypt*", "esp6-encrypt*", "esp-mpls-encrypt*"),
    (
        "esp: sa-index {sa:int} spi {spi:int} ({:hex}) seq {seq:int} crypto {crypto} integrity {integrity}{:text}",
        "esp: sa-index {sa:int} spi {spi:int} ({:hex}) seq {seq:int} sa-seq-hi {:int} crypto {crypto} integrity {integrity}{:text}",
        "esp: spi {spi:int} seq {seq:int} crypto {crypto} integrity {integrity}{:text}",
    ),
    Role.ENCAPSULATE,
)
ESP_DECRYPT = NodeFormat(
    ("esp4-decrypt*", "esp6-decrypt*"),
    (
        "esp: crypto {crypto} integrity {integrity} pkt-seq {seq:int} sa-seq {sa_seq:int} pkt-seq-hi {seq_high:int}",
        "esp: crypto {crypto} integrity {integrity} pkt-seq {seq:int} sa-seq {sa_seq:int} sa-seq-hi {seq_high:int}",
        "esp: crypto {crypto} integrity {integrity}",
    ),
    Role.DECAPSULATE,
)
AH_ENCRYPT = NodeFormat(
    ("ah4-encrypt*", "ah6-encrypt*"),
    (
        "ah: sa-index {sa:int} spi {spi:int} ({:hex}) seq {seq:int} integrity {integrity}",
        "ah: spi {spi:int} seq {seq:int} integrity {integrity}",
    ),
    Role.ENCAPSULATE,
)
AH_DECRYPT = NodeFormat(("ah4-decrypt*", "ah6-decrypt*"), ("ah: integrity {integrity} seq-num {seq:int}",), Role.DECAPSULATE)

TUNNEL_INPUT = NodeFormat(
    ("ipsec4-tun-input", "ipsec6-tun-input"),
    (
        "IPSec: remote:{remote:ip} spi:{spi:int} ({:hex}) sa:{sa:int} tun:{tunnel:int} seq {seq:int}",
        "IPSec: remote:{remote:ip} spi:{spi:int} ({:hex}) seq {seq:int}",
        "IPSec: remote:{remote:ip} spi:{spi:int} ({:hex}) sa:{sa:int} tun:{tunnel:int} seq {seq:int}{:text}",
        "{:text}no tunnel{:text}",
    ),
)
POLICY_INPUT = NodeFormat(
    ("ipsec4-input-feature", "ipsec6-input-feature"),
    (
        "{protocol:word}: sa_id {sa_id:int} type: {type:int} spd {spd:int} policy {policy:int} spi {spi:int} ({:hex}) seq {seq:int}",
        "{protocol:word}: sa_id {sa_id:int} spd {spd:int} policy {policy:int} spi {spi:int} ({:hex}) seq {seq:int}",
    ),
)
POLICY_OUTPUT = NodeFormat(("ipsec4-output-feature", "ipsec6-output-feature"), ("spd {spd:int} policy {policy:int}",))
