"""show ipsec all, clear ipsec counters, set ipsec async mode (VPP's vnet/ipsec/ipsec_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.commands.ipsec_text import format_bindings, format_protection, format_sa, format_spd
from vppsh.engine.ipsec.protect import Protects
from vppsh.engine.ipsec.sa import Sas
from vppsh.engine.ipsec.spd import Spds
from vppsh.grammar.arguments import Args, keyword, line_input, options
from vppsh.registry import command


@command("show ipsec all", help="show ipsec all")
def show_ipsec_all(ctx: CommandContext, args: Args) -> str:
    """Associations, policies and what is protected."""
    engine = ctx.engine
    sas = engine.get(Sas)
    return "\n".join([
        *map(format_sa, sas), *(format_spd(engine, spd) for spd in engine.get(Spds)), format_bindings(engine),
        *map(format_protection, engine.get(Protects)), f"IPSec async mode: {'on' if sas.async_mode else 'off'}",
    ])  # fmt: skip


@command("clear ipsec counters", help="clear ipsec counters")
def clear_ipsec_counters(ctx: CommandContext, args: Args) -> None:
    """Set what was counted for policies and associations to zero."""
    ctx.engine.get(Spds).counters.clear()
    ctx.engine.get(Sas).clear_counters()


@command(
    "set ipsec async mode",
    line_input(options(keyword("on", "on"), keyword("off", "on", value=False), error="unknown input '%U'")),
    help="set ipsec async mode on|off",
)
def set_ipsec_async_mode(ctx: CommandContext, args: Args) -> None:
    """Say that packets are encrypted asynchronously: what is shown changes, not what is done."""
    ctx.engine.get(Sas).async_mode = args.on
