"""Layer 2 switching."""

from __future__ import annotations

from vppsh.traces.fields import NodeFormat, Role

ADDRESSES = "sw_if_index {sw_if_index:int} dst {destination:mac} src {source:mac}"

INPUT = NodeFormat(("l2-input",), (f"l2-input: {ADDRESSES} [{{features:text}}]",))
LEARN = NodeFormat(("l2-learn",), (f"l2-learn: {ADDRESSES} bd_index {{bridge_domain:int}}",))
FLOOD = NodeFormat(("l2-flood",), (f"l2-flood: {ADDRESSES} bd_index {{bridge_domain:int}}",), Role.COPY)
FORWARD = NodeFormat(
    ("l2-fwd",), (f"l2-fwd:   {ADDRESSES} bd_index {{bridge_domain:int}} result [{{result:hex}}, {{result_interface:int}}] {{flags:text}}",)
)
UU_FORWARD = NodeFormat(("l2-uu-fwd",), ("l2-uu-fwd: sw_if_index {sw_if_index:int}",))
OUTPUT = NodeFormat(("l2-output",), (f"l2-output: {ADDRESSES} data {{bytes:text}}",))
TAGS = NodeFormat(("l2-input-vtr", "l2-output-vtr", "l2-efp-filter"), (f"{{:word}} {ADDRESSES} data {{bytes:text}}",))
FEATURE_ARC = NodeFormat(
    ("l2-input-feat-arc", "l2-input-feat-arc-end", "l2-output-feat-arc", "l2-output-feat-arc-end"),
    ("{:word} head {head:int} feature_bitmap {bitmap:hex} ethertype {ethertype:hex} sw_if_index {sw_if_index:int}, next_index {next:int}",),
)
BITMAP_DROP = NodeFormat(("feature-bitmap-drop",), ("feat_bitmap_drop: feature bitmap {bitmap:hex}",))
REWRITE = NodeFormat(("l2-rw",), ("l2-rw: sw_if_index {sw_if_index:int}, table {table:int}, entry {entry:int}",))
CLASSIFY = NodeFormat(
    ("l2-input-classify", "l2-output-classify"),
    ("l2-classify: sw_if_index {sw_if_index:int}, table {table:int}, offset {offset:int}, next {next:int}",),
)
