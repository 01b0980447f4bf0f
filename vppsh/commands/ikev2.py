"""ikev2 initiate, what is set for all of IKEv2, the local key (VPP's plugins/ikev2/ikev2_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.ikev2.service import Ikev2
from vppsh.engine.ikev2.state import IkeSas
from vppsh.grammar.arguments import (
    Args,
    file_name,
    floating,
    hexadecimal,
    keyed,
    keyword,
    line_input,
    one_of,
    pattern,
    sequence,
    signed,
)  # fmt: skip
from vppsh.registry import command

ALL_ONES = 0xFFFFFFFF
PARSE_ERROR = "parse error: '%U'"


@command(
    "ikev2 initiate",
    line_input(
        one_of(
            keyed("sa-init", pattern("target", "([a-zA-Z0-9_]+)", lambda found: found[1]), keyword("", "action", Ikev2.initiate)),
            keyed("del-child-sa", hexadecimal("target"), keyword("", "action", Ikev2.delete_child)),
            keyed("del-sa", hexadecimal("target", bits=64), keyword("", "action", Ikev2.delete_ike)),
            keyed("rekey-child-sa", hexadecimal("target"), keyword("", "action", Ikev2.rekey_child)),
        ).or_error(PARSE_ERROR)
    ),
    help=(
        "ikev2 initiate sa-init <profile id>\nikev2 initiate del-child-sa <child sa ispi>\nikev2 initiate del-sa <sa ispi>\n"
        "ikev2 initiate rekey-child-sa <child sa ispi>\n"
    ),
)
def ikev2_initiate(ctx: CommandContext, args: Args) -> None:
    """Begin an IKE SA, delete one or a child SA, or replace a child SA."""
    args.action(ctx.engine.get(Ikev2), args.target)


@command("ikev2 dpd disable", help="ikev2 dpd disable")
def ikev2_dpd_disable(ctx: CommandContext, args: Args) -> None:
    """Ask no longer whether peers are there."""
    ctx.engine.get(IkeSas).dpd_disabled = True


@command(
    "ikev2 set liveness",
    line_input(sequence(signed("period"), signed("retries")).or_error(PARSE_ERROR)),
    help="ikev2 set liveness <period> <max-retires>",
)
def ikev2_set_liveness(ctx: CommandContext, args: Args) -> None:
    """How often to ask whether peers are there, and how often in vain before they are taken for dead."""
    ctx.engine.get(IkeSas).set_liveness(args.period & ALL_ONES, args.retries & ALL_ONES)


@command(
    "ikev2 set sleep interval",
    line_input(floating("interval").or_error(PARSE_ERROR)),
    help="ikev2 set sleep interval <timeout>",
)
def ikev2_set_sleep_interval(ctx: CommandContext, args: Args) -> None:
    """How long the manager process sleeps between two looks."""
    ctx.engine.get(IkeSas).set_sleep_interval(args.interval)


@command("set ikev2 local key", line_input(file_name("file").or_error(PARSE_ERROR)), help="set ikev2 local key <file>")
def set_ikev2_local_key(ctx: CommandContext, args: Args) -> None:
    """Sign with an RSA key from now on."""
    ctx.engine.get(IkeSas).load_key(args.file)
