"""Rules of ipsec.conf(5) to what they mean: hosts looked up, lists expanded, names completed, defaults filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grammar.errors import Diagnostic, Severity
from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import IkeNode, Mode, Traffic, TransformWord, Word
from grammar.nodes import Span
from policydb.configuration.sections import instead
from policydb.configuration.vocabulary import IP_PROTOCOLS, SERVICES
from policydb.ipsec.hosts import ANY, FatalRuleError, Host, Resolver, RuleError, hosts, single
from policydb.ipsec.tables import (
    CIPHERS,
    DEFAULT_CIPHER,
    DEFAULT_GROUP,
    DEFAULT_MAIN_HASH,
    DEFAULT_QUICK_HASH,
    TRANSFORMS,
    complete,
)

MAX_PAIRS = 100_000
"""As many pairs of from and to one rule may stand for: what a slip in two lists comes to fits into no memory."""

_PORT_PROTOCOLS = (6, 17)
_LIFETIME = re.compile(r"\s*([+-]?[0-9]+)(.?)", re.DOTALL)
_UNITS = {"": 1, "m": 60, "h": 3600}
_ERRNO = "Undefined error: 0"  # what err(3) adds where no system call failed
_INTERFACE = re.compile(r"sec([0-9]*)(.*)", re.DOTALL)
_LARGEST_UNIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules mean depends on: who can look names up, and what this machine is called."""

    resolver: Resolver
    host_name: str


@dataclass(frozen=True, slots=True)
class Selectors:
    """The traffic of one pair of from and to; 0 is any protocol or port."""

    source: Host
    destination: Host
    proto: int = 0
    source_port: int = 0
    destination_port: int = 0


@dataclass(frozen=True, slots=True)
class Transforms:
    """Completed names of algorithms; `auth` None: none was given where the cipher needs none. Lifetime in seconds."""

    auth: str | None
    enc: str | None
    group: str
    lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class IkeRule:
    """One ike rule for one pair of from and to. `peer` None is the default peer; `interface` a sec(4) unit."""

    span: Span
    file: str
    mode: str
    protocol: str
    encapsulation: str
    traffic: Selectors
    peer: Host | None
    local: Host | None
    exchange: str
    main: Transforms
    quick: Transforms
    srcid: str | None
    dstid: str | None
    psk: str | None
    tag: str | None = None
    interface: int | None = None


class Notes:
    """What is to be said about rules that are used all the same."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.found: list[Diagnostic] = []

    def error(self, code: IpsecCode, message: str, span: Span, hint: str = "") -> None:
        """An error: the rule stands, the file as a whole does not."""
        self.found.append(Diagnostic(code, message, self._source, span, hint))

    def warn(self, code: IpsecCode, message: str, span: Span, hint: str = "") -> None:
        """A warning."""
        self.found.append(Diagnostic(code, message, self._source, span, hint, Severity.WARNING))


def ike_rules(node: IkeNode, surroundings: Surroundings, notes: Notes) -> list[IkeRule]:
    """The rules that a node stands for, one for each pair. Raises RuleError where it cannot be used."""
    unit = _interface_unit(node.interface) if node.interface else None
    pairs = list(selectors(node.traffic, node.proto, surroundings.resolver)) if node.traffic else [_EVERYTHING]
    local = endpoint(node.local, surroundings.resolver)
    peer = endpoint(node.peer, surroundings.resolver)
    main = _main(node.main, notes)
    quick = _quick(node, notes)
    srcid = node.srcid.text if node.srcid else surroundings.host_name if node.mode == "dynamic" else None
    return [
        IkeRule(
            span=node.span,
            file=node.source,
            mode=node.mode,
            protocol=node.protocol,
            encapsulation=node.encapsulation,
            traffic=pair,
            peer=peer or default_peer(node.peer, pair.destination),
            local=local,
            exchange="AGGRESSIVE" if node.main.name == "aggressive" else "ID_PROT",
            main=main,
            quick=quick,
            srcid=srcid,
            dstid=node.dstid.text if node.dstid else None,
            psk=node.psk.text if node.psk else None,
            tag=node.tag.text if node.tag else None,
            interface=unit,
        )
        for pair in pairs
    ]


_EVERYTHING = Selectors(ANY[0], ANY[0])


def _interface_unit(word: Word) -> int:
    found = _INTERFACE.fullmatch(word.text)
    if found is None:
        raise RuleError(IpsecCode.INTERFACE, "invalid sec interface name", word.span, "write sec0, sec1, ...")
    if not found[1] or found[2] or (found[1] != "0" and found[1].startswith("0")):
        raise RuleError(IpsecCode.INTERFACE, "invalid sec interface unit: invalid", word.span)
    if len(found[1]) > 10 or int(found[1]) > _LARGEST_UNIT:
        raise RuleError(IpsecCode.INTERFACE, "invalid sec interface unit: too large", word.span)
    return int(found[1])


# --- traffic ------------------------------------------------------------------------------------------------------


def endpoint(word: Word | None, resolver: Resolver) -> Host | None:
    """The address of `peer` or `local`; None where it is left out or `any`. Raises RuleError."""
    return None if word is None or word.keyword else single(word.text, word.span, resolver)


def default_peer(word: Word | None, destination: Host) -> Host | None:
    """The peer where none is named: the destination if it is a single host. `peer any` is nobody in particular."""
    return destination if word is None and destination.length is None else None


def selectors(traffic: Traffic, proto: Word | None, resolver: Resolver) -> Iterator[Selectors]:
    """Every from with every to of its family, in the order of the lists. Raises RuleError."""
    number = _protocol(proto) if proto else 0
    source_port, destination_port = _port(traffic.source_port), _port(traffic.destination_port)
    if (source_port or destination_port) and number not in _PORT_PROTOCOLS:
        word = traffic.source_port or traffic.destination_port
        message = "no protocol supplied with source/destination ports"
        place = word.span if word else traffic.source.span
        raise RuleError(IpsecCode.PROTOCOL, message, place, "add proto tcp or proto udp in front of the hosts")
    sources, destinations = hosts(traffic.source, resolver), hosts(traffic.destination, resolver)
    for each in destinations:
        if each.nat:
            message = f"no flow NAT support for destination network: {each}"
            raise RuleError(IpsecCode.NAT, message, traffic.destination.span)
    count = sum(
        sum(one.version == each for one in sources) * sum(one.version == each for one in destinations)
        for each in (4, 6)
    )
    if count > MAX_PAIRS:
        message = f"rule expands to {count} combinations"
        raise RuleError(IpsecCode.TOO_MANY, message, traffic.source.span, f"{MAX_PAIRS} at most: write networks")
    pairs = [(one, other) for one in sources for other in destinations if one.version == other.version]
    if not pairs:
        message = "source/destination address families do not match"
        raise RuleError(IpsecCode.FAMILIES, message, traffic.destination.span)
    for source, destination in pairs:
        yield Selectors(source, destination, number, source_port, destination_port)


def _protocol(word: Word) -> int:
    if word.number:
        number = int(word.text[:9])
        if not 0 <= number <= 255:
            raise RuleError(IpsecCode.PROTOCOL, "protocol outside range", word.span, "0 to 255")
        return number
    if word.text not in IP_PROTOCOLS:
        hint = instead(word.text, IP_PROTOCOLS)
        raise RuleError(IpsecCode.PROTOCOL, f"unknown protocol: {word.text}", word.span, hint)
    return IP_PROTOCOLS[word.text]


def _port(word: Word | None) -> int:
    """A port, 0 where there is none."""
    if word is None:
        return 0
    if word.number:
        number = int(word.text[:9])
        if not 0 <= number <= 65535:
            raise RuleError(IpsecCode.PORT, "port outside range", word.span, "0 to 65535")
        return number
    if word.text not in SERVICES:
        raise RuleError(IpsecCode.PORT, f"unknown port: {word.text}", word.span, "give the number")
    return SERVICES[word.text]


# --- transforms ---------------------------------------------------------------------------------------------------


def chosen(words: Iterable[TransformWord], notes: Notes) -> dict[str, str]:
    """The completed name behind each keyword; what is unknown or said twice is noted and left out."""
    found: dict[str, str] = {}
    for each in words:
        if each.kind in found:
            notes.error(IpsecCode.TRANSFORM, f"{each.kind} already set", each.name.span)
            continue
        name = complete(each.kind, each.name.text)
        if name is None:
            hint = instead(each.name.text, TRANSFORMS[each.kind])
            notes.error(IpsecCode.TRANSFORM, f"{each.name.text} not a valid transform", each.name.span, hint)
        else:
            found[each.kind] = name
    return found


def _main(mode: Mode, notes: Notes) -> Transforms:
    found = chosen(mode.transforms, notes)
    return Transforms(
        found.get("auth", DEFAULT_MAIN_HASH),
        found.get("enc", DEFAULT_CIPHER),
        found.get("group", DEFAULT_GROUP),
        lifetime(mode.lifetime),
    )


def _quick(node: IkeNode, notes: Notes) -> Transforms:
    found = chosen(node.quick.transforms, notes)
    seconds, group = lifetime(node.quick.lifetime), found.get("group", DEFAULT_GROUP)
    enc, auth = found.get("enc"), found.get("auth")
    if node.protocol != "esp":
        return Transforms(auth or DEFAULT_QUICK_HASH, enc, group, seconds)
    enc = enc or DEFAULT_CIPHER
    if CIPHERS[enc].implicit and auth:
        place = next(each.name.span for each in node.quick.transforms if each.kind == "auth")
        raise RuleError(IpsecCode.TRANSFORM, f"authentication is implicit for {enc}", place, "leave auth out")
    if auth is None and not CIPHERS[enc].implicit and enc != "null":
        auth = DEFAULT_QUICK_HASH
    return Transforms(auth, enc, group, seconds)


def lifetime(word: Word | None) -> int | None:
    """Seconds; None where none is given, which -1 says too. Raises FatalRuleError."""
    if word is None:
        return None
    found = _LIFETIME.match(word.text)
    if found is None:
        message = f"invalid time specification: {word.text}: {_ERRNO}"
        raise FatalRuleError(IpsecCode.LIFETIME, message, word.span, "write seconds, or a number and m or h")
    if found[2].lower() not in _UNITS:
        message = f"invalid time unit: {_ERRNO}"
        raise FatalRuleError(IpsecCode.LIFETIME, message, word.span, "m is minutes, h hours; seconds have no unit")
    seconds = int(found[1][:10]) * _UNITS[found[2].lower()]
    return None if seconds == -1 else seconds
