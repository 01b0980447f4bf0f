"""%target, %attach, %detach: who answers lines of VPP's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vppsh.commands.context import ShellContext, structured
from vppsh.grammar.arguments import Args, Candidate, Reader, Value, file_name, optional, sequence, string
from vppsh.registry import command
from vppsh.targets.cli_socket import SocketTarget


class TargetName(Value):
    """The name of a target."""

    kind = "target"

    def read(self, reader: Reader, context: Any) -> str | None:
        """A word; whether there is such a target is said by who looks for it."""
        return reader.string()

    def candidates(self, context: Any) -> Iterable[Candidate]:
        """The names there are."""
        return [Candidate(target.name, target.where, self.kind) for target in context.session.targets]


@command("%target", optional(TargetName("target")), help="%target [NAME]")
def percent_target(ctx: ShellContext, args: Args) -> str | None:
    """The targets, the current one marked; with a name, make that one answer the lines that follow.

    `@NAME LINE`, `@a,b LINE`, `@node-* LINE` and `@all LINE` ask others without changing that. Several are asked at once and
    equal answers are told once; `| diff` tells what differs.
    """
    targets = ctx.session.targets
    if args.target is not None:
        targets.current = targets.get(args.target)
        return None
    width = max(len(target.name) for target in targets)
    rows = [(target, "*" if target is targets.current else " ") for target in targets]
    text = "".join(f"{mark} {target.name:<{width}}  {target.where}\n" for target, mark in rows)
    return structured(text, [{"name": target.name, "where": target.where, "current": mark == "*"} for target, mark in rows])


@command(
    "%attach",
    sequence(string("name"), optional(file_name("socket"))).or_error("expected a name, got `%U'"),
    help="%attach NAME [SOCKET]",
)
def percent_attach(ctx: ShellContext, args: Args) -> str:
    """Know a running VPP under a name: by the path of its CLI socket, or the one that vppctl would find."""
    target = SocketTarget(args.socket, args.name)
    target.connect()
    try:
        ctx.session.targets.add(target)
    except Exception:
        target.close()
        raise
    return f"{target.name} is {target.where}; `%target {target.name}' makes it the current target"


@command("%detach", TargetName("target").or_error("expected the name of a target, got `%U'"), help="%detach NAME")
def percent_detach(ctx: ShellContext, args: Args) -> None:
    """Forget a target that is not the current one."""
    ctx.session.targets.remove(ctx.session.targets.get(args.target))
