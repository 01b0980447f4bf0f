"""`show clock`, and its reader."""

from __future__ import annotations

import re

import pytest

from vppsh.answers.clock import read_clock
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.session import Session


def test_the_time_since_the_start_and_that_of_the_wall() -> None:
    clock = FakeClock(epoch=1_795_410_635.0)
    session = Session(Engine(clock=clock))
    clock.sleep(0.25)
    assert session.execute("show clock").text == (
        "Time now .250000, Mon, 23 Nov 2026 05:10:35 GMT\n"
        "Time last barrier release 0.000000000\n"
        "0: Time now .250000\n"
        "Thread 0 offset 0.000000000 error 0.000000000\n"
    )
    clock.sleep(100)
    told = session.execute("show clock verbose").text
    assert told.startswith("Time now 100.250000\ncpu time 100.250000 now 100250000000 ")
    assert "\nreftime 100.250000 now 1795410735.250000 " in told
    assert re.search(r"\nerror 0\.000000, clocks/sec 1000000000\.000000, Mon, 23 Nov 2026 05:12:15 GMT\n", told)
    assert read_clock(told) == 100.25


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("Time now .608123, Mon, 23 Nov 2026 05:10:35 GMT\n", 0.608123), ("Time now 86400.5, x\n", 86400.5), ("unknown input\n", None)],
)
def test_the_reader_takes_vpps_numbers(text: str, seconds: float | None) -> None:
    assert read_clock(text) == seconds
