"""calicovppctl's name for `export NODE`."""

from __future__ import annotations

from vppsh.kube.commands.export import add_arguments, main

__all__ = ["HELP", "add_arguments", "main"]

HELP = "the same as export, as calicovppctl calls it"
