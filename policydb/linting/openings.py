"""What the manual's words let pass, and authors seldom mean: ESP without authentication, weak groups, other addresses.

isakmpd.policy(5) describes an SA attribute by attribute. A policy that names some of them is open in the others. Only
what POLICY itself grants is looked at: a delegate's assertions can but narrow it (RFC 2704, section 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grammar import nodes
from grammar.errors import Diagnostic
from policydb.linting.support import Subject, nodes_by_kind

_GROUPS = frozenset({"esp_group_desc", "ah_group_desc", "comp_group_desc", "phase1_group_desc"})
_LOWER, _UPPER = "_addr_lower", "_addr_upper"
_BELOW, _ABOVE = frozenset({"<", "<="}), frozenset({">", ">="})
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class _Bound:
    """A test that holds the end of an address range, say remote_filter_addr_lower, against a text."""

    name: str
    operator: str
    literal: nodes.StringLiteral
    span: nodes.Span


def openings(subject: Subject, values: Sequence[str]) -> Iterator[Diagnostic]:
    """Everything that a clause of POLICY grants and that its author has probably not thought of."""
    conditions = subject.assertion.conditions
    if conditions is None or subject.authorizer != "POLICY":
        return
    granting = [clause for clause in conditions.clauses if not _is_lowest(clause, values)]
    for clause in granting:
        # The nodes of the assertion are at hand; to gather those of a clause takes time.
        several = len(conditions.clauses) > 1
        inner = nodes_by_kind(clause) if several else None
        attributes = subject.all(nodes.Attribute) if inner is None else inner.get(nodes.Attribute, [])
        comparisons = subject.all(nodes.Comparison) if inner is None else inner.get(nodes.Comparison, [])
        first: dict[str, nodes.Attribute] = {}
        for attribute in attributes:
            if attribute.name not in subject.constants:
                first.setdefault(attribute.name, attribute)
        yield from _unauthenticated(subject, first)
        yield from _weak_groups(subject, first, comparisons)
        yield from _other_addresses(subject, first, comparisons)


def _is_lowest(clause: nodes.Clause, values: Sequence[str]) -> bool:
    """Whether the clause grants nothing: its value is the lowest, or none at all."""
    result = clause.result
    return isinstance(result, nodes.StringLiteral) and result.value not in values[1:]


def _unauthenticated(subject: Subject, named: dict[str, nodes.Attribute]) -> Iterator[Diagnostic]:
    """A clause that asks for a cipher and not for authentication."""
    if "esp_enc_alg" in named and "esp_auth_alg" not in named:
        message = "ESP without authentication passes here too: nothing asks for esp_auth_alg"
        hint = 'add && esp_auth_alg == "hmac-sha2-256", say; it is "" for AES-GCM, which authenticates by itself'
        yield subject.warning("KN125", message, named["esp_enc_alg"].span, hint)


def _weak_groups(
    subject: Subject, named: dict[str, nodes.Attribute], comparisons: Sequence[nodes.Comparison]
) -> Iterator[Diagnostic]:
    """A clause that asks for PFS, and takes any group for it."""
    if _GROUPS & named.keys():
        return
    for comparison in comparisons:
        match comparison.left, comparison.operator, comparison.right:
            case (nodes.Attribute(name="pfs"), "==", nodes.StringLiteral(value="yes")) | (
                nodes.StringLiteral(value="yes"),
                "==",
                nodes.Attribute(name="pfs"),
            ):
                message = "PFS with any group passes here, MODP_768 too: nothing asks for esp_group_desc"
                yield subject.warning("KN126", message, comparison.span, "add && @esp_group_desc >= 14")
                return
            case _:
                pass


def _other_addresses(
    subject: Subject, named: dict[str, nodes.Attribute], comparisons: Sequence[nodes.Comparison]
) -> Iterator[Diagnostic]:
    """Ranges of addresses as texts: those with one end, and those between whose ends the other family lies too."""
    lower: dict[str, _Bound] = {}
    upper: dict[str, _Bound] = {}
    for bound in map(_bound, comparisons):
        if bound is not None and bound.name.endswith(_LOWER) and bound.operator in _ABOVE:
            lower.setdefault(bound.name.removesuffix(_LOWER), bound)
        if bound is not None and bound.name.endswith(_UPPER) and bound.operator in _BELOW:
            upper.setdefault(bound.name.removesuffix(_UPPER), bound)
    for name, (ends, bound) in {
        **{name: (_LOWER, bound) for name, bound in upper.items()},
        **{name: (_UPPER, bound) for name, bound in lower.items()},
    }.items():
        if name not in named and f"{name}{ends}" not in named:
            side = "below" if ends is _LOWER else "above"
            message = f"a range with one end: all addresses {side} it pass, for nothing asks for {name}{ends}"
            yield subject.warning("KN127", message, bound.span, f"add a test of {name}{ends}")
    for name in lower.keys() & upper.keys():
        family = _family_between(lower[name].literal.value, upper[name].literal.value)
        if family and f"{name}_type" not in named and name not in named:
            message = f"{family} addresses lie between these texts too, and pass"
            hint = f'add && {name}_type ~= "^{"IPv4" if family == "IPv6" else "IPv6"} "'
            yield subject.warning("KN128", message, upper[name].span, hint)


def _bound(comparison: nodes.Comparison) -> _Bound | None:
    match comparison.left, comparison.right:
        case nodes.Attribute(name=name), nodes.StringLiteral() as literal:
            return _Bound(name, comparison.operator, literal, comparison.span)
        case nodes.StringLiteral() as literal, nodes.Attribute(name=name):
            operator = _MIRRORED.get(comparison.operator, comparison.operator)
            return _Bound(name, operator, literal, comparison.span)
    return None


def _family_between(lower: str, upper: str) -> str:
    """The other family, where some of its addresses lie between two addresses as texts; "" where none do.

    An address begins with three digits and a dot, or with four hexadecimal digits and a colon. Of IPv4 texts whose
    first numbers differ the first is followed, as text, by IPv6 addresses that begin with its digits.
    """
    if lower[3:4] == upper[3:4] == ".":
        return "IPv6" if lower[:3] < upper[:3] else ""
    if lower[4:5] == upper[4:5] == ":":
        within = any(lower <= f"{first:03d}.255" and f"{first:03d}.000" <= upper for first in range(256))
        return "IPv4" if within else ""
    return ""
