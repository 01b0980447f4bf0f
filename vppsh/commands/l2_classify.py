"""set interface l2 input classify, output classify (VPP's vnet/l2/l2_input_classify.c, l2_output_classify.c)."""

from __future__ import annotations

from collections.abc import Callable

from vppsh.commands.context import CommandContext
from vppsh.engine.classify import ClassifyError, ClassifyTables
from vppsh.engine.classify_lookup import NO_TABLE
from vppsh.engine.features.classify.l2_classify import NO_TABLES, L2Classifiers
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, interface, keyed, options, signed
from vppsh.registry import command

ARGUMENTS = options(
    keyed("intfc", interface()), keyed("ip4-table", signed("ip4", NO_TABLE)), keyed("ip6-table", signed("ip6", NO_TABLE)),
    keyed("other-table", signed("other", NO_TABLE)),
    error=None,
)  # fmt: skip
FAULTS = (ClassifyError.NO_SUCH_TABLE, ClassifyError.NO_SUCH_TABLE2, ClassifyError.NO_SUCH_TABLE3)


def _set(output: bool) -> Callable[[CommandContext, Args], str | None]:
    way = "output" if output else "input"

    def set_classify(ctx: CommandContext, args: Args) -> str | None:
        """Let tables decide where an interface's bridged packets go on; without tables no longer."""
        if args.interface is None:
            raise CommandError("interface must be specified")
        classifiers, one = ctx.engine.get(L2Classifiers), ctx.engine.interfaces[args.interface]
        chosen = (args.ip4, args.ip6, args.other)
        if chosen == NO_TABLES:
            classifiers.disable(one, output)
            return "L2 classification disabled"
        for table, fault in zip(chosen, FAULTS, strict=True):
            if table != NO_TABLE and ctx.engine.get(ClassifyTables).find(table) is None:
                raise CommandError(f"vnet_l2_{way}_classify_set_tables: {int(fault)}")
        classifiers.enable(one, output, chosen)
        return None

    return set_classify


COMMANDS = tuple(
    command(
        f"set interface l2 {'output' if output else 'input'} classify",
        ARGUMENTS,
        help=f"set interface l2 {'output' if output else 'input'} classify intfc <interface-name> [ip4-table <n>]\n"
        "  [ip6-table <n>] [other-table <n>]",
    )(_set(output))
    for output in (False, True)
)
