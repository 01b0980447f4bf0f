"""What several tests share: where things are, and how to run vppsh as a user does."""

from __future__ import annotations

import fcntl
import gc
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A shared two-core machine makes single examples slow now and then; that is not a fault of the code.
settings.register_profile("vppsh", deadline=None)
settings.load_profile("vppsh")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(autouse=True, scope="module")
def engines_go() -> Iterator[None]:
    """A session tells the collector that what is there stays; here there are hundreds of them, and they need not."""
    yield
    let_go()


def let_go() -> None:
    """Free engines that nobody has any more, with what they hold of the host."""
    gc.unfreeze()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # their sockets end with them
        gc.collect()


@pytest.fixture
def vppsh(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `vppsh ARGS...` in a process of its own, with a home and a history that are nobody's."""

    def run(*args: str | Path, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home), "TERM": "dumb"}
        return subprocess.run(
            [sys.executable, "-m", "vppsh", *map(str, args)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            cwd=ROOT,
            check=False,
        )

    return run


@pytest.fixture
def names_of_host() -> Iterator[None]:
    """Recipes use names that the host has once (devices, abstract sockets): tests that run them take turns, in whichever process."""
    with (Path(tempfile.gettempdir()) / "vppsh-tests.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        let_go()
