"""show features, set interface feature (VPP's vnet/feature/feature.c)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.engine import Engine
from vppsh.engine.features.l2.features import format_input_features, format_output_features
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.interfaces import Interface
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyed, line_input, options, sequence, string
from vppsh.registry import command

# All arcs of VPP in the order in which it lists them; those that no feature of vppsh is on have none enabled.
ARCS = (
    "nsh-eth-output", "arp", "nsh-output", "mpls-output", "mpls-input", "ip6-drop", "ip6-punt", "ip6-local", "ip6-output",
    "ip6-multicast", "ip6-unicast", "ip4-drop", "ip4-punt", "ip4-local", "ip4-output", "ip4-multicast", "ip4-unicast",
    "l2-output-nonip", "l2-input-nonip", "l2-output-ip6", "l2-input-ip6", "l2-output-ip4", "l2-input-ip4", "ethernet-output",
    "error-drop", "interface-output", "port-rx-eth", "device-input",
)  # fmt: skip
NONE_CONFIGURED = "  none configured"


def format_features(engine: Engine, interface: Interface, verbose: bool) -> str:
    """The features of every arc that are enabled on an interface."""
    lines = [f"Feature paths configured on {interface.name}..."]
    for name in ARCS:
        lines += ["", f"{name}:"]
        lines += list(_enabled(engine, name, interface, verbose)) or [NONE_CONFIGURED]
    # Packets that are not routed have features of their own.
    l2 = engine.get(L2Interfaces)
    lines += ["", "l2-input:", format_input_features(l2.features_in_force(interface), verbose=True).removesuffix("\n")]
    lines += ["", "l2-output:"]
    if l2.of(interface).rewrite is not None:
        lines.append(f"{'VTR':>10} (--internal--)")
    lines.append(format_output_features(int(l2.output_features[interface.sw_if_index]), verbose=True).removesuffix("\n"))
    return "\n".join(lines)


def _enabled(engine: Engine, name: str, interface: Interface, verbose: bool) -> Iterator[str]:
    arc = engine.arcs.find(name)
    enabled = [] if arc is None else arc.on(interface.sw_if_index)
    for feature in enabled:
        yield f"  [{arc.features.index(feature):2d}] {feature}" if arc is not None and verbose else f"  {feature}"
    if enabled and arc is not None and verbose:
        yield f"  [end] {arc.end_on(interface.sw_if_index) or 'error-drop'}"


@command("show features", options(flag("verbose"), error=None), help="show features [verbose]")
def show_features(ctx: CommandContext, args: Args) -> str:
    """Every arc and the features that can be enabled on it, in the order in which packets meet them."""
    lines = ["Available feature paths"]
    data: dict[str, list[str]] = {}
    for index, name in enumerate(ARCS):
        arc = ctx.engine.arcs.find(name)
        data[name] = [] if arc is None else list(arc.features)
        lines.append(f"[{index:2d}] {name}:" if args.verbose else f"{name}:")
        lines += [f"  [{place:2d}]: {feature}" if args.verbose else f"  {feature}" for place, feature in enumerate(data[name])]
    return structured("\n".join(lines), data)


@command(
    "set interface feature",
    line_input(
        options(
            sequence(interface(), string("feature"), keyed("arc", string("arc"))),
            flag("disable"),
            error="parse error `%U'",
        ),
    ),
    help="set interface feature <intfc> <feature_name> arc <arc_name> [disable]",
)
def set_interface_feature(ctx: CommandContext, args: Args) -> None:
    """Enable a feature on an interface, or disable it; enabled twice it runs twice."""
    if args.feature is None or args.arc is None:
        raise CommandError("Both feature name and arc required...")
    arc = ctx.engine.arcs.find(args.arc)
    if arc is None and args.arc not in ARCS:
        raise CommandError(f"Unknown arc name ({args.arc})... ")
    if arc is None or args.feature not in arc.features:
        raise CommandError(
            f"Feature ({args.feature}) not registered to arc ({args.arc})... "
            "See 'show features verbose' for valid feature/arc combinations. "
        )
    ctx.engine.arcs.enable(arc.name, args.feature, args.interface, not args.disable)
