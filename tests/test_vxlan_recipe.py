"""What the recipe `vxlan-l2.vpp` shows."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

RECIPE = Path(__file__).resolve().parent.parent / "recipes" / "vxlan-l2.vpp"


def test_the_segment_floods_learns_and_keeps_its_sites_apart(vppsh: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    answer = vppsh("run", RECIPE).stdout
    traces = [trace.partition("Packet 1")[2] for trace in answer.split("Start of thread 0")[1:]]
    out, back, short = (re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)", trace, re.MULTILINE) for trace in traces)
    assert out[2:] == ["l2-input", "l2-learn", "l2-fwd", "l2-flood", "l2-output", "vxlan4-encap", "ip4-rewrite", "pg1-output", "pg1-tx"]
    assert back[4:9] == ["ip4-receive", "ip4-udp-lookup", "vxlan4-input", "l2-input", "l2-learn"]
    assert short[2:5] == ["ip4-input", "ip4-vxlan-bypass", "vxlan4-input"]
    assert short[-1] == back[-1] == "pg0-tx"
    sent = [re.findall(r"^vxlan_tunnel(\d)\s.* tx packets +(\d+)$", part, re.MULTILINE) for part in answer.split("Counter ")[1:]]
    assert sent == [[("0", "1"), ("1", "1")], [("0", "1")], []]
    assert re.search(r"02:00:00:00:02:05 .* vxlan_tunnel0", answer)
    assert re.search(r"^ +1 +vxlan4-input +no such tunnel packets", answer, re.MULTILINE)
