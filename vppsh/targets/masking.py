"""Secrets in what a live VPP prints and in what is typed into it: keys, pre-shared secrets, tokens.

A mask tells secrets apart without giving them away: within one process equal secrets have equal masks, whether they
are written in hex, in base64 or as text, so that two ends with different keys can still be seen to differ. The masks
of another process are others.

Known are the forms in which VPP prints secrets (ipsec_format.c, ikev2_cli.c, wireguard_if.c, wireguard_peer.c), the
words before secrets in its commands, bearer tokens and private keys in PEM. What was once seen as a secret is
masked wherever it turns up later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets

_HEX = r"[0-9a-fA-F]"
_BASE64 = r"[A-Za-z0-9+/]{43}="
# The group `secret` is what is masked; what stands before it is kept.
_FORMS = (
    # show ipsec sa INDEX
    rf"\balg \S+ key (?P<secret>{_HEX}{{16,}})",
    # show ikev2 sa details: SK_d, SK_a i: and r: ...
    rf"\bSK_[a-z]+ +(?:[ir]:)?(?P<secret>{_HEX}{{16,}})",
    rf"^[ \t]*r:(?P<secret>{_HEX}{{16,}})",
    # show ikev2 profile
    r"\bauth-method shared-key-mic auth data (?:0x)?(?P<secret>[^\r\n]+)",
    # show wireguard interface, show wireguard peer: base64, then the same in hex
    rf"\b(?:private|pre-?shared|mac)[- ]key: ?(?P<secret>{_BASE64}|{_HEX}{{64}})",
    rf"\b(?:private|pre-?shared)[- ]key: ?\S+ (?P<secret>{_HEX}{{64}})\b",
    # commands, and what quotes them
    r"\b(?:crypto-key|integ-key|private-key|preshared-key|pre-shared-key|psk|password|passphrase)[ =]+(?P<secret>[^\s{}'`]{3,})",
    r"\bshared-key-mic (?:string|hex) (?:0x)?(?P<secret>[^\s{}'`]+)",
    r"\bsecret[ :=]+(?P<secret>[^\s{}'`]{3,})",
    # tokens and keys of other systems
    r"\b[Bb]earer (?P<secret>[A-Za-z0-9._~+/=-]{8,})",
    r"\b(?P<secret>eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)",
    r"(?i:\btoken)[ :=]+(?P<secret>[A-Za-z0-9._~+/=-]{16,})",
    # the end of a key that was cut off is not there
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?P<secret>[^-]+)",
)
_FORM = tuple(re.compile(form, re.MULTILINE) for form in _FORMS)
# What VPP's help has in the place of a secret.
_PLACEHOLDER = re.compile(r"\[?<[a-z][a-z_-]*>\]?")
_QUICK = re.compile(r"key|SK_|^[ \t]*r:|auth data|secret|psk|pass|earer|eyJ|oken", re.MULTILINE | re.IGNORECASE)
_PEM_BEGIN, _PEM_END = b"-----BEGIN", re.compile(rb"-----END [^-\n]*-----")
# Shorter words would turn up by chance.
SHORTEST_REMEMBERED = 8
MASK = "<masked:{}>"


class Masker:
    """Masks secrets, equal ones alike."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._seen: dict[str, str] = {}
        self._again: re.Pattern[str] | None = None

    def mask(self, text: str) -> str:
        """The text with its secrets masked."""
        if _QUICK.search(text):
            for form in _FORM:
                text = form.sub(self._replace, text)
        if self._seen:
            if self._again is None:
                self._again = re.compile("|".join(re.escape(secret) for secret in sorted(self._seen, key=len, reverse=True)))
            text = self._again.sub(lambda found: self._seen[found[0]], text)
        return text

    def has_secret(self, line: str) -> bool:
        """Whether a line has a secret in it, which is then known."""
        return self.mask(line) != line

    def _replace(self, found: re.Match[str]) -> str:
        secret = found["secret"]
        if secret.startswith("<masked:") or secret.strip() in ("", "[redacted]") or _PLACEHOLDER.fullmatch(secret):
            return found[0]
        start, end = found.span("secret")
        return found.string[found.start() : start] + self._mask_of(secret) + found.string[end : found.end()]

    def _mask_of(self, secret: str) -> str:
        mask = self._seen.get(secret)
        if mask is None:
            digest = hashlib.blake2b(_meaning(secret), key=self._salt, digest_size=4).hexdigest()
            mask = MASK.format(digest)
            if len(secret) >= SHORTEST_REMEMBERED:
                self._seen[secret] = mask
                self._again = None
        return mask


def _meaning(secret: str) -> bytes:
    """The bytes that a secret spells."""
    text = secret.strip()
    try:
        if len(text) >= 16 and len(text) % 2 == 0:
            return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        pass  # not hex: base64 or a text
    if re.fullmatch(_BASE64, text):
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            return text.encode("utf-8", "surrogateescape")
    return text.encode("utf-8", "surrogateescape")


class MaskedStream:
    """Masks an answer that comes in pieces: whole lines are given out, and a private key only when it is complete."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What can be shown by now."""
        self._held += data
        cut = self._held.rfind(b"\n") + 1
        begun = self._held.rfind(_PEM_BEGIN)
        if begun >= 0 and not _PEM_END.search(self._held, begun):
            cut = min(cut, begun)
        shown, self._held = self._held[:cut], self._held[cut:]
        return self._mask(shown)

    def end(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return self._mask(held)

    def _mask(self, data: bytes) -> bytes:
        return self._masker.mask(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape") if data else b""
