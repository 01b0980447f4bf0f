"""ip punt redirect, show ip punt redirect and the same for IPv6 (VPP's vnet/ip/ip4_punt_drop.c, ip6_punt_drop.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.route_path import RoutePathArgument
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.punt_redirect import ANY, PuntRedirects
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, interface, keyed, keyword, line_input, one_of, options
from vppsh.registry import CommandSpec, command

PARSE_ERROR = "parse error `%U'"


def _redirect(protocol: Protocol) -> Callable[[CommandContext, Args], None]:
    def redirect(ctx: CommandContext, args: Args) -> None:
        """Send punted packets somewhere else than to the host."""
        if args.rx is None:
            raise CommandError(ctx.input.error_text(PARSE_ERROR))
        redirects = ctx.engine.get(PuntRedirects)
        if args.delete:
            redirects.remove(protocol, args.rx)
        elif args.routes:
            redirects.add(protocol, args.rx, args.routes)

    return redirect


def _show(protocol: Protocol) -> Callable[[CommandContext, Args], str]:
    def show(ctx: CommandContext, args: Args) -> str:
        """The redirects, and what they come to."""
        fib = ctx.engine.get(Fib)
        each = [(fib.interface_name(rx), redirect) for rx, redirect in ctx.engine.get(PuntRedirects).each(protocol)]
        facts: list[dict[str, Any]] = [
            {"rx": name, "redirect": redirect.index, "object": fib.dpos.type_name(redirect.dpo.type)} for name, redirect in each
        ]
        return structured("".join(f" rx {name} via:\n{redirect.format()}" for name, redirect in each), facts)

    return show


def _commands(ip: str, protocol: Protocol) -> tuple[CommandSpec, CommandSpec]:
    arguments = line_input(
        options(
            one_of(keyword("del", "delete"), keyword("add", "delete", value=False)),
            keyword("rx all", "rx", ANY, None),
            keyed("rx", interface("rx")),
            keyed("via", RoutePathArgument("routes", payload=protocol)),
            error=PARSE_ERROR,
        )
    )
    syntax = f"{ip} punt redirect [add|del] rx [<interface>|all] via [<nh>] <tx_interface>"
    return (
        command(f"{ip} punt redirect", arguments, help=syntax)(_redirect(protocol)),
        command(f"show {ip} punt redirect", help=f"show {ip} punt redirect")(_show(protocol)),
    )


COMMANDS = _commands("ip", Protocol.IP4) + _commands("ip6", Protocol.IP6)
