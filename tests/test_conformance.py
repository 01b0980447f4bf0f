"""Sessions recorded from a real VPP, replayed: no area may answer less than it once did.

The recordings and their checker live beside the checkout (`../shared/conformance`), not in it.
`conformance-levels.json` holds the share of equal answers that each area has reached, in per
cent; raise it when an area improves.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CHECK = HERE.parent.parent / "shared" / "conformance" / "check.py"
LEVELS: dict[str, float] = json.loads((HERE / "conformance-levels.json").read_text())


@pytest.mark.conformance
@pytest.mark.skipif(not CHECK.exists(), reason="the recorded sessions (../shared/conformance) are not beside this checkout")
@pytest.mark.parametrize("area", sorted(LEVELS))
def test_area_answers_as_vpp(area: str, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    command = [sys.executable, str(CHECK), "--vppsh", f"{sys.executable} -m vppsh", "--area", area, "--json", str(results), "-j", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert results.exists(), done.stdout + done.stderr
    scenarios = json.loads(results.read_text())
    total = sum(scenario["total"] for scenario in scenarios)
    matched = sum(scenario["matched"] for scenario in scenarios)
    short = [f"{s['scenario']}: {s['matched']}/{s['total']}" for s in scenarios if s["matched"] < s["total"]]
    assert total, f"area {area} has no recorded answers"
    assert 100 * matched / total >= LEVELS[area], f"{matched}/{total} answers of {area} equal, wanted {LEVELS[area]} %:\n" + "\n".join(
        short
    )
