"""A parsed ipsec.conf to its expanded rules, for whoever prints, loads or compiles them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from grammar.errors import Diagnostic
from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import FlowNode, IkeNode, RuleNode
from policydb.ipsec.flows import FlowRule, flow_rules
from policydb.ipsec.hosts import FatalRuleError, Host, RuleError
from policydb.ipsec.rules import IkeRule, Notes, Surroundings, ike_rules
from policydb.ipsec.sas import KeyReader, SaRule, sa_rules

Rule: TypeAlias = IkeRule | FlowRule | SaRule


@dataclass(frozen=True, slots=True)
class Expansion:
    """What became of one rule: what it stands for and what is wrong with it.

    `fatal`: the original program ends here. `unknown` is a name that could not be looked up.
    """

    rules: tuple[Rule, ...]
    diagnostics: tuple[Diagnostic, ...]
    fatal: bool = False
    unknown: str = ""


def expand(node: RuleNode, surroundings: Surroundings, read_key: KeyReader) -> Expansion:
    """The rules of a node. Nothing is raised for what it says."""
    notes = Notes(node.source)
    rules: list[Rule] = []
    try:
        rules.extend(_rules(node, surroundings, read_key, notes))
    except RuleError as error:
        notes.error(error.code, error.message, error.span, error.hint)
        fatal = isinstance(error, FatalRuleError)
        kept = rules if fatal else ()
        return Expansion(tuple(kept), tuple(notes.found), fatal, error.lookup)
    return Expansion(tuple(rules), tuple(notes.found))


def _rules(node: RuleNode, surroundings: Surroundings, read_key: KeyReader, notes: Notes) -> Iterator[Rule]:
    if isinstance(node, IkeNode):
        yield from ike_rules(node, surroundings, notes)
    elif isinstance(node, FlowNode):
        yield from flow_rules(node, surroundings)
    else:
        yield from sa_rules(node, surroundings, read_key, notes)


class DefaultPeer:
    """Compares the rules for any peer: the first one sets what all of them share."""

    def __init__(self) -> None:
        self._first: IkeRule | None = None

    def mismatches(self, rule: IkeRule) -> Sequence[str]:
        """What a rule says otherwise than the first one for any peer, as ipsecctl(8) puts it."""
        if rule.peer is not None:
            return ()
        if self._first is None:
            self._first = rule
            return ()
        return [f"default peer {what} mismatch" for what in _differences(self._first, rule)]


class NamedPeers:
    """Compares the rules for each named peer: they share its section, and what the later one sets has force."""

    def __init__(self) -> None:
        self._latest: dict[tuple[Host, Host | None], IkeRule] = {}

    def replaced(self, rule: IkeRule) -> tuple[IkeRule, Sequence[str]] | None:
        """The rule before this one for the same peer, and in what it differs; None where it does in nothing."""
        if rule.peer is None:
            return None
        before = self._latest.get((rule.peer, rule.local), rule)
        self._latest[rule.peer, rule.local] = rule
        differences = _differences(before, rule)
        return (before, differences) if differences else None


def _differences(first: IkeRule, rule: IkeRule) -> list[str]:
    """What two rules for one peer say otherwise where they share one setting."""
    compared = (
        ("local", first.local, rule.local),
        ("phase 1 auth", first.psk is None, rule.psk is None),
        ("psk", first.psk, rule.psk if first.psk and rule.psk else first.psk),
        ("phase 1 mode", first.exchange, rule.exchange),
        ("srcid", first.srcid, rule.srcid),
        ("dstid", first.dstid, rule.dstid),
    )
    return [what for what, one, other in compared if one != other]


def illegal(rule: IkeRule, message: str) -> Diagnostic:
    """The finding for a rule that cannot be negotiated."""
    return Diagnostic(IpsecCode.ILLEGAL, message, rule.file, rule.span)
