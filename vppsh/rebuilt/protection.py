"""Lines for IPsec: associations, and the tunnels that they protect."""

from __future__ import annotations

from vppsh.answers.ipsec import Sa, read_protections, read_sas
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.recipe import Recipe, signed
from vppsh.rebuilt.secrets import SaKeys, sa_keys

# How long keys are, in bytes; of what is not told, the usual.
CIPHERS = {
    "aes-cbc-128": 16, "aes-cbc-192": 24, "aes-cbc-256": 32, "aes-ctr-128": 16, "aes-ctr-192": 24, "aes-ctr-256": 32,
    "aes-gcm-128": 16, "aes-gcm-192": 24, "aes-gcm-256": 32, "chacha20-poly1305": 32,
}  # fmt: skip
INTEGRITIES = {"sha1-96": 20, "sha-256-96": 32, "sha-256-128": 32, "sha-384-192": 48, "sha-512-256": 64, "md5-96": 16}
USUAL = "aes-gcm-128"
WORDS = {"esn": "use-esn", "anti-replay": "use-anti-replay", "inbound": "inbound", "udp-encap": "udp-encap"}


def write_protection(node: Node, recipe: Recipe) -> None:
    """The lines of associations and of protected tunnels."""
    keys = sa_keys(node)
    sas: dict[int, Sa] = {}
    for line in ("show ipsec sa", "show ipsec all"):
        for value in [] if line == "show ipsec all" and sas else map(read_sas, node.texts(line)):
            for sa in value.sas:
                if sa.id not in sas or sa.crypto:
                    sas[sa.id] = sa
    protections = [
        each
        for line in ("show ipsec protect", "show ipsec tunnel")
        for value in node.values(line, read_protections)
        for each in value.protections
    ]
    for sa in (sa for each in protections for sa in (*each.sends, *each.takes)):
        sas.setdefault(sa.id, sa)
    for sa in sas.values():
        recipe.add(_association(sa, keys.get(sa.id, SaKeys()), recipe))
    names = {each.name for each in node.interfaces}
    for interface, peer in dict.fromkeys((each.interface, each.peer) for each in protections):
        each = next(each for each in protections if (each.interface, each.peer) == (interface, peer))
        if interface not in names or not each.sends or not each.takes:
            recipe.note(f"what protects {interface} is not rebuilt")
            continue
        inbound = "".join(f" sa-in {signed(sa.id)}" for sa in each.takes)
        recipe.add(f"ipsec tunnel protect {interface}{f' {peer}' if peer else ''}{inbound} sa-out {signed(each.sends[-1].id)}")


def _association(sa: Sa, keys: SaKeys, recipe: Recipe) -> str:
    """The line of an association; one whose keys are not told gets keys of zeros."""
    cipher = sa.crypto if sa.crypto in CIPHERS else "" if sa.crypto or sa.protocol == "ah" else USUAL
    integrity = sa.integrity if sa.integrity in INTEGRITIES else "" if sa.protocol != "ah" else "sha1-96"
    masked = (cipher and not keys.crypto) or (integrity and not keys.integrity)
    if masked:
        recipe.note("keys of associations are masked: packets are encrypted with others, and those that come in cannot be decrypted", 1)
    line = f"ipsec sa add {sa.id} spi {sa.spi} {sa.protocol}"
    if cipher:
        line += f" crypto-alg {cipher} crypto-key {keys.crypto or '00' * CIPHERS[cipher]} salt {keys.salt}"
    if integrity:
        line += f" integ-alg {integrity} integ-key {keys.integrity or '00' * INTEGRITIES[integrity]}"
    if sa.source and sa.destination and "tunnel" in sa.flags:
        line += f" tunnel src {sa.source} dst {sa.destination}{f' table-id {sa.table}' if sa.table else ''}"
    if "udp-encap" in sa.flags and sa.udp != (0, 0):
        line += f" udp-src-port {sa.udp[0]} udp-dst-port {sa.udp[1]}"
    return line + "".join(f" {word}" for flag, word in WORDS.items() if flag in sa.flags)
