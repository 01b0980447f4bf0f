"""Network namespaces of the host, named as VPP names them (vppinfra/linux/netns.c)."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from vppsh.errors import CommandError

CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"


def path_of(name: str) -> str:
    """The file of a namespace: `pid:1` is that of a process, `/a/path` itself, and any other name one made by `ip netns`."""
    if name.startswith("pid:"):
        digits = re.match(r"\d*", name[len("pid:") :])
        return f"/proc/{int((digits[0] if digits else '') or 0)}/ns/net"
    return name if name.startswith("/") else f"/var/run/netns/{name}"


@contextmanager
def inside(name: str | None) -> Iterator[None]:
    """Have the calling thread in another namespace for a while; None is its own (CommandError if that cannot be)."""
    if name is None:
        yield
        return
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            there = os.open(path_of(name), os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise CommandError(f"clib_netns_open '{name}': {getattr(error, 'strerror', None) or error}") from error
        try:
            _enter(there, name)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _enter(home, "of our own")
    finally:
        os.close(home)


def _enter(descriptor: int, name: str) -> None:
    """setns(2), which the standard library has only from Python 3.12 on."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, CLONE_NEWNET) < 0:
        raise CommandError(f"setns '{name}': {os.strerror(ctypes.get_errno())}")
