"""How VPP shows associations, policies and protected tunnels (vnet/ipsec/ipsec_format.c), and the same as data."""

from __future__ import annotations

from typing import Any

from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import format_address
from vppsh.engine.ipsec.algorithms import NO_CIPHER, NO_INTEGRITY, Cipher, Integrity
from vppsh.engine.ipsec.protect import Protection
from vppsh.engine.ipsec.sa import SA_ERROR_TEXTS, SA_FLAG_NAMES, Sa, SaError, SaFlag, Sas
from vppsh.engine.ipsec.spd import ANY_PROTOCOL, Action, NumberedPolicy, Range, Spd, Spds
from vppsh.engine.wire.ip_protocol import format_ip_protocol

KEY_BYTES_IN_LINE = 32
SIGN = 1 << 31


def as_signed(number: int) -> int:
    """An unsigned 32-bit number as `%d` prints it."""
    return number - (SIGN << 1) if number & SIGN else number


# Associations.


def format_sa(sa: Sa) -> str:
    """One line."""
    flags = "".join(f"{name} " for flag, name in SA_FLAG_NAMES.items() if sa.has(flag))
    return f"[{sa.index}] sa {sa.id} (0x{sa.id:x}) spi {sa.spi} (0x{sa.spi:08x}) protocol:{sa.protocol.value} flags:[{flags}]"


def format_sa_detail(engine: Engine, sa: Sa, *, keys: bool) -> str:
    """All of one; its keys only when it was asked for alone."""
    sas = engine.get(Sas)
    lines = [
        format_sa(sa),
        f"locks {sa.locks}",
        f"salt 0x{sa.salt:x}",
        f"inbound thread-index:{sa.thread}",
        f"outbound thread-index:{sa.thread}",
        f"inbound seq {sa.window.top}",
        f"outbound seq {sa.sent}",
        f"window-size: {sa.window.size}",
        f"window: Bl <- {sa.window.shown()} Tl",
        _with_key(f"crypto alg {sa.cipher} key ", sa.cipher, NO_CIPHER, sa.cipher_key, keys),
        _with_key(f"integrity alg {sa.integrity} key ", sa.integrity, NO_INTEGRITY, sa.integrity_key, keys),
        f"UDP:[src:{sa.src_port} dst:{sa.dst_port}]",
        f"tx/rx:[packets:{sas.counters.packets[sa.index]} bytes:{sas.counters.bytes[sa.index]}]",
        "SA errors:",
        *(f'"{SA_ERROR_TEXTS[error]}":[packets:{sas.errors[error].value[sa.index]}]' for error in SaError),
    ]
    if sa.has(SaFlag.TUNNEL):
        lines.append(sa.tunnel.format())
    return "\n   ".join(lines)


def _with_key(text: str, algorithm: Cipher | Integrity, none: Cipher | Integrity, key: bytes, keys: bool) -> str:
    if algorithm is none or not keys:
        return text + "[redacted]"
    if len(key) <= KEY_BYTES_IN_LINE:
        return text + key.hex()
    parts = [f"{at:08x}: {key[at : at + KEY_BYTES_IN_LINE].hex()}" for at in range(0, len(key), KEY_BYTES_IN_LINE)]
    # Further lines stand below the first one, which is three blanks in.
    return text + f"\n{' ' * (len(text) + 3)}".join(parts)


def sa_data(engine: Engine, sa: Sa) -> dict[str, Any]:
    """One as data, without keys."""
    sas = engine.get(Sas)
    data: dict[str, Any] = {
        "index": sa.index, "id": sa.id, "spi": sa.spi, "protocol": sa.protocol.value,
        "flags": [name for flag, name in SA_FLAG_NAMES.items() if sa.has(flag)], "locks": sa.locks,
        "inbound_sequence": sa.window.top, "outbound_sequence": sa.sent, "window_size": sa.window.size,
        "crypto": str(sa.cipher), "integrity": str(sa.integrity), "udp_src_port": sa.src_port, "udp_dst_port": sa.dst_port,
        "packets": int(sas.counters.packets[sa.index]), "bytes": int(sas.counters.bytes[sa.index]),
        "errors": {SA_ERROR_TEXTS[error]: int(sas.errors[error].value[sa.index]) for error in SaError},
    }  # fmt: skip
    if sa.has(SaFlag.TUNNEL):
        config = sa.tunnel.config
        data["tunnel"] = {
            "src": format_address(config.src_family, config.src), "dst": format_address(config.dst_family, config.dst),
            "table_id": config.table_id,
        }  # fmt: skip
    return data


# Policies.


def format_spd(engine: Engine, spd: Spd) -> str:
    """A database with all its lists, the empty ones too."""
    lines = [f"spd {spd.id}"]
    for kind, policies in spd.policies.items():
        lines += [f" {kind.value}:", *(format_policy(engine, numbered) for numbered in policies), " "]
    return "\n".join(lines)


def format_policy(engine: Engine, numbered: NumberedPolicy) -> str:
    """A policy and what was counted for it."""
    policy, counters, index = numbered.policy, engine.get(Spds).counters, numbered.index
    protocol = "any" if policy.protocol == ANY_PROTOCOL else format_ip_protocol(policy.protocol)
    by = f" sa {policy.sa_id}" if policy.action is Action.PROTECT else ""

    def addresses(which: Range) -> str:
        return f"{format_address(policy.family, which.start)} - {format_address(policy.family, which.stop)}"

    return (
        f"   [{index}] priority {policy.priority} action {policy.action.value} type {policy.type.value} protocol {protocol}{by}\n"
        f"     local addr range {addresses(policy.local)} port range {policy.local_ports.start} - {policy.local_ports.stop}\n"
        f"     remote addr range {addresses(policy.remote)} port range {policy.remote_ports.start} - {policy.remote_ports.stop}\n"
        f"     packets {counters.packets[index]} bytes {counters.bytes[index]}"
    )


def format_bindings(engine: Engine) -> str:
    """Which interfaces databases are bound to."""
    bindings = engine.get(Spds).bindings()
    return "\n".join(["SPD Bindings:", *(f"  {spd.id} -> {engine.interfaces[index].name}" for spd, index in bindings)])


def spd_data(engine: Engine, spd: Spd) -> dict[str, Any]:
    """A database as data."""
    spds = engine.get(Spds)
    return {
        "index": spd.index, "id": spd.id, "interfaces": [engine.interfaces[index].name for index in spds.bound_to(spd)],
        "policies": [
            {
                "index": each.index, "type": kind.value, "priority": each.policy.priority, "action": each.policy.action.value,
                "sa": each.policy.sa_id if each.policy.action is Action.PROTECT else None,
                "packets": int(spds.counters.packets[each.index]), "bytes": int(spds.counters.bytes[each.index]),
            }
            for kind, policies in spd.policies.items() for each in policies
        ],
    }  # fmt: skip


# Protected tunnels.


def format_protection(protection: Protection) -> str:
    """A protected tunnel and its associations. VPP names its flags only when there are none."""
    next_hop = protection.next_hop
    peer = f": {format_address(next_hop.family, next_hop.address)}" if next_hop.address else ""
    flags = "none" if protection.plain else ""
    return "\n".join([
        f"{protection.interface.name} flags:[{flags}]{peer}", " output-sa:", f"  {format_sa(protection.output)}", " input-sa:",
        *(f"  {format_sa(sa)}" for sa in protection.inputs),
    ])  # fmt: skip


def protection_data(protection: Protection) -> dict[str, Any]:
    """A protected tunnel as data."""
    return {
        "index": protection.index, "interface": protection.interface.name, "output_sa": protection.output.id,
        "input_sas": [sa.id for sa in protection.inputs],
    }  # fmt: skip
