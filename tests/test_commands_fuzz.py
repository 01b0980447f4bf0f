"""Every command of vppsh, with arguments that completion offers and with nonsense: nothing is ever a fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.registry import Catalog, discover
from vppsh.session import Session

CATALOG: Catalog = discover()
# Those that end the session or touch files, and those that make links and sockets of the machine.
APART = (
    "exec",
    "%source",
    "%save",
    "quit",
    "q",
    "exit",
    "create tap",
    "create host-interface",
    "create memif socket",
    "create interface memif",
)
PATHS = sorted(spec.path for spec in CATALOG.commands if spec.path not in APART)
TOKENS = st.sampled_from(
    [
        "0",
        "1",
        "-1",
        "5",
        "255",
        "256",
        "1500",
        "4294967295",
        "99999999999999999999",
        "0.5",
        "0x10",
        "1e3",
        "local0",
        "loop0",
        "pg0",
        "loop0.100",
        "nosuch0",
        "10.0.0.1",
        "10.0.0.1/24",
        "10.0.0.0/33",
        "0.0.0.0/0",
        "2001:db8::1",
        "2001:db8::1/64",
        "::/0",
        "fe80::1",
        "224.0.0.1",
        "02:fe:00:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "02fe.0000.0001",
        "{",
        "}",
        "{ }",
        "{{",
        "all",
        "default",
        "verbose",
        "del",
        "add",
        "up",
        "down",
        "on",
        "off",
        "table",
        "ip4-input",
        "ethernet-input",
        "drop",
        "via",
        "x",
        "",
        "\\",
        "$(x)",
        "-",
        "->",
        "?",
        "help",
        "hex",
        "0xdeadbeef",
        "UDP:",
        "IP4:",
        "incrementing",
        "dot1q",
        "any",
        "exact-match",
        "max",
        "mac",
        "é",
        "\0",
    ]
)
SETUP = (
    "create loopback interface",
    "create packet-generator interface pg0",
    "set interface state pg0 up",
    "set interface ip address pg0 10.0.0.1/24",
    "trace add pg-input 5",
)


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Commands that write files write them there."""
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def fresh() -> Session:
    session = Session(Engine(CATALOG, clock=FakeClock(), random=np.random.default_rng(1)))
    for line in SETUP:
        session.execute(line)
    return session


def arguments(session: Session, line: str, data: st.DataObject) -> str:
    """The line with arguments: mostly what completion offers there, sometimes something else."""
    for _ in range(data.draw(st.integers(0, 8))):
        offered = sorted({c.text for c in session.complete(line + " ", len(line) + 1) if c.text})
        token = data.draw(st.sampled_from(offered) if offered and data.draw(st.integers(0, 3)) else TOKENS)
        line = f"{line} {token}"
    return line


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_no_arguments_are_too_odd(data: st.DataObject) -> None:
    session = fresh()
    for path in data.draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=6)):
        line = arguments(session, path, data)
        answer = session.execute(line)
        assert answer.fault is None, line
        assert not answer.text or answer.text.endswith("\n")
        session.help(line)
        session.spans(line)
        session.engine.run_until_idle()


@pytest.mark.parametrize("path", PATHS)
def test_every_command_stands_alone_and_with_nonsense(path: str) -> None:
    session = fresh()
    for rest in ("", " ", " nonsense", " {", " }", " 99999999999999999999", " -1", " \\", " ?", " " + "x" * 5000, " { } { }", " \0é\udc80"):
        assert session.execute(path + rest).fault is None, path + rest
    session.engine.run_until_idle()
