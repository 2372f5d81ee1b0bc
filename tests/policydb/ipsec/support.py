"""ipsec.conf in tests: a resolver that knows a few names, and what a text is turned into."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from grammar.ipsec import parse_ipsec
from policydb.connections import Address
from policydb.ipsec.commands import commands_of, deletion_of
from policydb.ipsec.flows import FlowRule
from policydb.ipsec.program import Expansion, expand
from policydb.ipsec.rules import IkeRule, Surroundings
from policydb.ipsec.sas import SaRule

HOST_NAME = "gw.example.org"
_INTERFACES = {"em0": ("192.0.2.7", "2001:db8::7"), "egress": ("198.51.100.1",)}
_NAMES = {"www.example.org": ("203.0.113.80", "2001:db8::80", "203.0.113.81"), "six.example.org": ("2001:db8::6",)}


class Resolver:
    """Knows em0, the group egress, www.example.org and six.example.org."""

    def interface(self, name: str) -> Sequence[Address]:
        return [ip_address(each) for each in _INTERFACES.get(name, ())]

    def lookup(self, name: str) -> Sequence[Address]:
        return [ip_address(each) for each in _NAMES.get(name, ())]


SURROUNDINGS = Surroundings(Resolver(), HOST_NAME)


def no_file(name: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", name)


def expansion(text: str, **files: str) -> Expansion:
    """What the only rule of a text becomes."""

    def read(name: str) -> str:
        return files[name] if name in files else no_file(name)

    [rule] = parse_ipsec(f"{text}\n", "ipsec.conf", no_file).rules
    return expand(rule, SURROUNDINGS, read)


def ike(text: str) -> list[IkeRule]:
    """The expanded rules of a text without anything wrong."""
    found = expansion(text)
    assert not found.diagnostics, found.diagnostics
    return [each for each in found.rules if isinstance(each, IkeRule)]


def printed(text: str) -> list[str]:
    """The lines that a flow or a static SA is printed as."""
    found = expansion(text)
    assert not found.diagnostics, found.diagnostics
    return [str(each) for each in found.rules if isinstance(each, FlowRule | SaRule)]


def commands(text: str) -> list[str]:
    """The lines for the FIFO, of all rules of a text."""
    lines = []
    for node in parse_ipsec(f"{text}\n", "ipsec.conf", no_file).rules:
        for rule in expand(node, SURROUNDINGS, no_file).rules:
            assert isinstance(rule, IkeRule)
            lines += [str(each) for each in commands_of(rule).commands]
    return lines


def deletion(text: str) -> list[str]:
    """The lines of -d."""
    return [str(each) for rule in ike(text) for each in deletion_of(rule)]


def messages(text: str, **files: str) -> list[str]:
    """What is said about a rule."""
    return [each.message for each in expansion(text, **files).diagnostics]
