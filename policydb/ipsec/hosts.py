"""Hosts of ipsec.conf(5): addresses, networks, interfaces and names to what rules and section names are made of.

Nothing is looked up here: interfaces and DNS come from a Resolver that is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Protocol

from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import AnyHost, HostList, HostSpec, HostText
from grammar.nodes import Span
from policydb.connections import Address

_UNPARSABLE = "could not parse host specification"
_OCTETS = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){0,3}")
_WIDTHS = {4: 32, 6: 128}


class RuleError(Exception):
    """A rule that cannot be used: where, why and, for people, what to do. `lookup` is the name that nobody knows."""

    def __init__(self, code: IpsecCode, message: str, span: Span, hint: str = "", lookup: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.hint = hint
        self.lookup = lookup


class FatalRuleError(RuleError):
    """An error after which the original program reads no further."""


class Resolver(Protocol):
    """What has to be asked outside."""

    def interface(self, name: str) -> Sequence[Address]:
        """The addresses of an interface or interface group, link-local ones left out; () where there is none."""
        ...

    def lookup(self, name: str) -> Sequence[Address]:
        """All addresses of a DNS name, () where it has none."""
        ...


class NoResolver:
    """Looks nothing up, so that what a file means does not depend on where it is compiled."""

    def interface(self, name: str) -> Sequence[Address]:  # noqa: ARG002 - a Resolver
        """None."""
        return ()

    def lookup(self, name: str) -> Sequence[Address]:  # noqa: ARG002 - a Resolver
        """None."""
        return ()


@dataclass(frozen=True, slots=True)
class Host:
    """One address or network.

    `name` is its part of section names, `typed` what Address or Network is set to. `length` None: a single host.
    (In ipsec.conf an IPv4 network of 32 bits stays a network.) `network` is all the addresses that are meant.
    """

    name: str
    typed: str
    address: Address
    length: int | None
    network: IPv4Network | IPv6Network
    nat: Host | None = None

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.address.version

    def __str__(self) -> str:
        """The full address as flows print it, a prefix only where it is none of a single address."""
        bits = self.network.prefixlen
        return str(self.address) if bits == _WIDTHS[self.version] else f"{self.address}/{bits}"


def _host(address: Address, length: int | None, typed: str) -> Host:
    name, bits = (typed, address.max_prefixlen) if length is None else (f"{typed}/{length}", length)
    kind = IPv4Network if isinstance(address, IPv4Address) else IPv6Network
    return Host(name, typed, address, length, kind((int(address), bits), strict=False))


ANY = (
    _host(IPv4Address(0), 0, str(IPv4Address(0))),
    _host(IPv6Address(0), 0, str(IPv6Address(0))),
)
"""`any`."""


def hosts(spec: HostSpec, resolver: Resolver) -> tuple[Host, ...]:
    """What a specification stands for, in the order of the text. Raises RuleError."""
    return tuple(_members(spec, resolver))


def single(text: str, span: Span, resolver: Resolver) -> Host:
    """The host of `peer` or `local`: of a name or an interface the first address. Raises RuleError."""
    return _resolved(HostText(span, text), resolver)[0]


def _members(spec: HostSpec, resolver: Resolver) -> Iterator[Host]:
    if isinstance(spec, AnyHost):
        yield from ANY
    elif isinstance(spec, HostList):
        for each in spec.members:
            yield from _members(each, resolver)
    else:
        found = _resolved(spec, resolver)
        yield from found if spec.nat is None else _translated(found, spec.nat, resolver)


def _translated(found: Sequence[Host], before: HostText, resolver: Resolver) -> Iterator[Host]:
    """The hosts, each with the addresses that source NAT turns into it."""
    nat = _resolved(before, resolver)[0]
    for each in found:
        if each.version != nat.version:
            raise RuleError(IpsecCode.NAT, "Flow NAT address family mismatch", before.span)
        yield replace(each, nat=nat)


def _resolved(spec: HostText, resolver: Resolver) -> Sequence[Host]:
    """An interface, an IPv4 or IPv6 literal, or a name: the first that fits (ipsec.conf(5))."""
    text, length = spec.text, spec.length
    if length is None:
        addresses = resolver.interface(text)
        if addresses:
            return [_host(each, None, text) for each in addresses]
    elif not 0 <= length <= _WIDTHS[6]:
        raise FatalRuleError(IpsecCode.HOST, f"host: invalid netmask '/{length}'", spec.span)
    found = _ipv4(text, length) or _ipv6(text, length)
    if found is not None:
        return [found]
    addresses = resolver.lookup(text) if length is None and ":" not in text else ()
    if not addresses:
        hint = "a network needs its address in numbers" if length is not None else "write the numeric address"
        raise RuleError(IpsecCode.HOST, _UNPARSABLE, spec.span, hint, "" if length is not None else text)
    return [_host(each, None, str(each)) for each in addresses]


def _ipv4(text: str, length: int | None) -> Host | None:
    """A dotted quad; in front of a length its last octets may be missing."""
    if not _OCTETS.fullmatch(text):
        return None
    octets = [int(each) for each in text.split(".")]
    if any(each > 255 for each in octets) or (length is None and len(octets) < 4) or (length or 0) > _WIDTHS[4]:
        return None
    address = IPv4Address(bytes(octets + [0] * (4 - len(octets))))
    return _host(address, length, text)


def _ipv6(text: str, length: int | None) -> Host | None:
    try:
        address = IPv6Address(text)
    except ValueError:
        return None
    return _host(address, None if length == _WIDTHS[6] else length, str(address))
