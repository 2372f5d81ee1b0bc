"""Static SAs of ipsec.conf(5), checked and expanded, and how ipsecctl(8) prints them. Their keys are never kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import Key, SaNode, Word
from grammar.nodes import Span
from policydb.ipsec.hosts import FatalRuleError, Host, RuleError
from policydb.ipsec.rules import Notes, Surroundings, chosen, selectors
from policydb.ipsec.tables import CIPHERS, DEFAULT_CIPHER, DEFAULT_QUICK_HASH, HASHES

KeyReader: TypeAlias = Callable[[str], str]
"""Reads a key file (latin-1); raises OSError."""

_SPI = re.compile(r"(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})")
_LARGEST_SPI = 2**32 - 1
_LARGEST_RESERVED = 255
_LARGEST_FILE = 1024
_PAIR = re.compile(r"[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class SaRule:
    """One SA in one direction."""

    span: Span
    file: str
    protocol: str
    encapsulation: str
    source: Host
    destination: Host
    spi: int
    auth: str | None = None
    enc: str | None = None
    comp: str | None = None
    bundle: str | None = None

    def __str__(self) -> str:
        mode = "" if self.protocol == "tcpmd5" else f" {self.encapsulation}"
        text = f"{self.protocol}{mode} from {self.source} to {self.destination} spi 0x{self.spi:08x}"
        algorithms = (("auth", self.auth), ("enc", self.enc), ("comp", self.comp))
        return text + "".join(f" {word} {name}" for word, name in algorithms if name is not None)


@dataclass(slots=True)
class Bundles:
    """The first SA of each bundle: those with one source, destination and name belong together."""

    _heads: dict[tuple[str, str, str], SaRule] = field(default_factory=dict)

    def join(self, rule: SaRule) -> str | None:
        """The line that ties the SA to the first of its bundle; None for the first one, and without bundle."""
        if rule.bundle is None:
            return None
        head = self._heads.setdefault((str(rule.source), str(rule.destination), rule.bundle), rule)
        return None if head is rule else f"[bundle {_end(head)} with {_end(rule)}]"


def _end(rule: SaRule) -> str:
    return f"{rule.protocol} to {rule.destination} spi 0x{rule.spi:08x}"


@dataclass(frozen=True, slots=True)
class _Keys:
    """Octets of the authentication and of the encryption key of one direction, None where there is none."""

    auth: int | None
    enc: int | None


def sa_rules(node: SaNode, surroundings: Surroundings, read: KeyReader, notes: Notes) -> Iterator[SaRule]:
    """The SAs that a node stands for: for each pair one, and with a second SPI or second keys the way back.

    Raises RuleError, after the rules that are all right.
    """
    pairs = list(selectors(node.traffic, None, surroundings.resolver))
    spis = _spis(node.spi)
    found = chosen(node.transforms, notes)
    auth, enc = _keys(node.authkey, read, notes), _keys(node.enckey, read, notes)
    there = max(len(spis), len(auth), len(enc)) > 1
    for pair in pairs:
        yield _checked(node, (pair.source, pair.destination), spis[0], found, _Keys(_nth(auth, 0), _nth(enc, 0)))
        if there:
            keys = _Keys(_nth(auth, 1), _nth(enc, 1))
            try:
                yield _checked(node, (pair.destination, pair.source), spis[1] if spis[1:] else 0, found, keys)
            except RuleError as error:
                notes.error(error.code, error.message, error.span, error.hint)
                name = "tcpmd5rule" if node.protocol == "tcpmd5" else "sarule"
                raise FatalRuleError(error.code, f"{name}: expand_rule", node.span) from error


def _nth(values: list[int], place: int) -> int | None:
    return values[place] if len(values) > place else None


def _checked(node: SaNode, ends: tuple[Host, Host], spi: int, given: dict[str, str], keys: _Keys) -> SaRule:
    """The SA, checked as the original does: SPI, algorithms, authentication key, encryption key."""
    if spi == 0:
        raise RuleError(IpsecCode.SPI, "no SPI specified", node.spi.span)
    auth, enc, comp = _algorithms(node, given)
    if auth is not None:
        _check_auth(node, auth, keys.auth)
    if enc is not None:
        _check_enc(node, enc, keys.enc)
    bundle = node.bundle.text if node.bundle else None
    return SaRule(node.span, node.source, node.protocol, node.encapsulation, *ends, spi, auth, enc, comp, bundle)


_REFUSED = {
    "ah": (("enc", "ah does not provide encryption"), ("comp", "ah does not provide compression")),
    "esp": (("comp", "esp does not provide compression"),),
    "ipcomp": (
        ("auth", "no encryption or authentication with ipcomp"),
        ("enc", "no encryption or authentication with ipcomp"),
    ),
    "ipip": tuple((kind, "no encryption, authentication or compression with ipip") for kind in ("auth", "enc", "comp")),
    "tcpmd5": (),
}


def _algorithms(node: SaNode, given: dict[str, str]) -> tuple[str | None, str | None, str | None]:
    """auth, enc and comp with the defaults of the kind of SA."""
    for kind, message in _REFUSED[node.protocol]:
        if kind in given:
            raise RuleError(IpsecCode.KIND, message, _place(node, kind))
    auth, enc, comp = given.get("auth"), given.get("enc"), given.get("comp")
    if node.protocol == "ipcomp":
        comp = comp or "deflate"
    if node.protocol in {"esp", "ah"}:
        auth = auth or DEFAULT_QUICK_HASH
    if node.protocol == "esp":
        enc = enc or DEFAULT_CIPHER
        if CIPHERS[enc].key_octets is None:
            raise RuleError(IpsecCode.KIND, f"{enc} is disallowed with static keys", _place(node, "enc"))
    return auth, enc, comp


def _place(node: SaNode, kind: str) -> Span:
    return next((each.name.span for each in node.transforms if each.kind == kind), node.span)


def _check_auth(node: SaNode, name: str, octets: int | None) -> None:
    needed = HASHES[name].key_octets
    if octets is None and needed:
        raise RuleError(IpsecCode.KEY, "no authentication key specified", node.span, "add authkey 0x...")
    if octets is not None and octets != needed:
        message = f"wrong authentication key length, needs to be {8 * needed} bits"
        raise RuleError(IpsecCode.KEY, message, node.authkey.word.span if node.authkey else node.span)


def _check_enc(node: SaNode, name: str, octets: int | None) -> None:
    least, most = CIPHERS[name].key_octets or (0, 0)
    if octets is None and most:
        raise RuleError(IpsecCode.KEY, "no encryption key specified", node.span, "add enckey 0x...")
    place = node.enckey.word.span if node.enckey else node.span
    if octets is not None and octets < least:
        message = f"encryption key too short ({8 * octets} bits), minimum {8 * least} bits"
        raise RuleError(IpsecCode.KEY, message, place)
    if octets is not None and octets > most:
        message = f"encryption key too long ({8 * octets} bits), maximum {8 * most} bits"
        raise RuleError(IpsecCode.KEY, message, place)


# --- SPIs and keys ------------------------------------------------------------------------------------------------


def _spis(word: Word) -> list[int]:
    """`OUT[:IN]`, hexadecimal behind 0x, else decimal."""
    return [_spi(each, word.span) for each in word.text.split(":", 1)]


def _spi(text: str, span: Span) -> int:
    found = _SPI.fullmatch(text)
    number = int(found[1], 16 if found[1][:2].lower() == "0x" else 10) if found else -1
    if not 0 <= number <= _LARGEST_SPI:
        raise RuleError(IpsecCode.SPI, f"{text} not a valid spi", span, "0x100 to 0xffffffff")
    if 0 < number <= _LARGEST_RESERVED:
        raise RuleError(IpsecCode.SPI, f"{number} within reserved spi range", span, "0x100 to 0xffffffff")
    return number


def _keys(key: Key | None, read: KeyReader, notes: Notes) -> list[int]:
    """The octets of one or two keys; where one is in a file, its hexadecimal text is read from there."""
    if key is None:
        return []
    texts = key.word.text.split(":", 1)
    if key.is_file:
        texts = [_file(name, key.word.span, read) for name in texts]
    return [_octets(text, key.word.span, notes) for text in texts]


def _file(name: str, span: Span, read: KeyReader) -> str:
    try:
        text = read(name)
    except OSError as cause:
        raise FatalRuleError(IpsecCode.KEY, f"open {name}: {cause.strerror or cause}", span) from cause
    if not text:
        raise FatalRuleError(IpsecCode.KEY, f"{name}: key too small", span)
    if len(text) > _LARGEST_FILE:
        raise FatalRuleError(IpsecCode.KEY, f"{name}: key too large", span)
    return text


def _octets(text: str, span: Span, notes: Notes) -> int:
    """How many octets a key has; an odd last digit does not count."""
    digits = text.removeprefix("0x")
    pairs = [digits[start : start + 2] for start in range(0, len(digits) - 1, 2)]
    for each in pairs:
        if not _PAIR.fullmatch(each):
            notes.error(IpsecCode.KEY, "keys need to be specified in hex digits", span)
    return len(pairs)
