"""What can go wrong, as values, and the exit status each kind maps to.

Every error a user can meet derives from `VppshError`; its text names the thing and the place.
"""

from __future__ import annotations

import enum


class ExitStatus(enum.IntEnum):
    """Exit statuses of the `vppsh` command (the contract in docs/user-guide.md)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3


class VppshError(Exception):
    """Base of the errors shown to a user as one line."""

    status = ExitStatus.FAILED


class CommandError(VppshError):
    """A CLI command refused its line; the text is VPP's own wording, without the command's path.

    `output` is what the command had already answered before it failed.
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class UsageError(VppshError):
    """The command line of `vppsh` itself, or of a `%` command, is wrong."""

    status = ExitStatus.USAGE


class TargetError(VppshError):
    """A target cannot be reached, or went away."""

    status = ExitStatus.UNREACHABLE


class InputFileError(VppshError):
    """A file given by the user cannot be read as what it should be."""


class OutputFileError(VppshError):
    """A file that the user asked for cannot be written."""


class GraphError(VppshError):
    """Declarations do not fit together; the text lists every fault found."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
