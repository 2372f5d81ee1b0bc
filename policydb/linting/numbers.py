"""Lints of numbers and of ranges: what is read as a number and is none, what does not fit, what no value can be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from grammar import nodes
from grammar.errors import Diagnostic
from policydb.attributes import VOCABULARY, Kind
from policydb.linting.support import Subject

_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\Z")
_MOST = (1 << 31) - 1
_NOT_NUMBERS = {
    Kind.WORD: "is one of a few words, and no number: it is read as 0",
    Kind.ADDRESS: "is an address, and no number: it is read as 0",
    Kind.TIME: "has 14 digits, more than an integer of 32 bits holds: compare times as strings",
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}

_Value: TypeAlias = "str | int"


def doubtful_numbers(subject: Subject, *, is_ipsec: bool) -> Iterator[Diagnostic]:
    """Texts that are read as numbers and are none, and integers that do not fit into 32 bits."""
    constants = subject.constants
    for node in subject.all(nodes.NumberOf):
        sign = "@" if node.kind is nodes.NumberKind.INTEGER else "&"
        match node.operand:
            case nodes.StringLiteral(value=value) if not _NUMBER.match(value):
                yield subject.warning("KN123", f'"{value}" is no number: {sign} reads it as 0', node.span)
            case nodes.Attribute(name=name) if name in constants:
                if not _NUMBER.match(constants[name]):
                    message = f'{name} is "{constants[name]}", and no number: {sign} reads it as 0'
                    yield subject.warning("KN123", message, node.span)
            case nodes.Attribute(name=name) if is_ipsec and name in VOCABULARY:
                kind = VOCABULARY[name].kind
                exact = kind is Kind.TIME and sign == "&"
                if kind in _NOT_NUMBERS and not exact:
                    hint = f"compare it as a string, without {sign}"
                    yield subject.warning("KN123", f"{name} {_NOT_NUMBERS[kind]}", node.span, hint)
            case _:
                pass  # only the query knows
    least = {id(each.operand) for each in subject.all(nodes.Negation)}
    for number in subject.all(nodes.NumberLiteral):
        if number.kind is nodes.NumberKind.INTEGER and not _fits(number.text, negated=id(number) in least):
            message = f"an integer has 32 bits: the largest is {_MOST}, and a test that reaches this one is false"
            yield subject.warning("KN112", message, number.span, "floats, read with &, reach further")


def _fits(digits: str, *, negated: bool) -> bool:
    digits = digits.lstrip("0") or "0"
    return len(digits) <= len(str(_MOST)) and int(digits) <= _MOST + negated


# --- ranges that hold nothing -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bound:
    """One end of a range, where `value` itself is in it or not, and the comparison that sets it."""

    value: _Value
    within: bool
    comparison: nodes.Comparison


_Bounds: TypeAlias = "dict[tuple[str, type], _Bound]"


def contradictions(subject: Subject) -> Iterator[Diagnostic]:
    """Comparisons of one attribute, joined by &&, that no value passes together."""
    for both in subject.all(nodes.AllOf):
        above: _Bounds = {}
        below: _Bounds = {}
        for comparison in both.operands:
            found = _compared(comparison) if isinstance(comparison, nodes.Comparison) else None
            if found is None or found[0] in subject.constants:
                continue
            name, operator, bound = found
            key = name, type(bound.value)
            if operator in {"==", ">", ">="}:
                _tighten(above, key, bound, lower=True)
            if operator in {"==", "<", "<="}:
                _tighten(below, key, bound, lower=False)
            low, high = above.get(key), below.get(key)
            if low and high and _is_empty(low, high):
                other = (low if high.comparison is bound.comparison else high).comparison.span
                message = f"no value of {name} passes this and the test in line {other.line}, column {other.column}"
                yield subject.warning("KN113", message, bound.comparison.span, "join alternatives with ||")
                break


def _compared(comparison: nodes.Comparison) -> tuple[str, str, _Bound] | None:
    """The attribute that is compared with a constant, the operator with the attribute on its left, and the bound."""
    operator = comparison.operator
    name, value = _attribute(comparison.left), _constant(comparison.right)
    if name is None:
        name, value = _attribute(comparison.right), _constant(comparison.left)
        operator = _MIRRORED.get(operator, operator)
    if name is None or value is None:
        return None
    return name, operator, _Bound(value, operator in {"==", ">=", "<="}, comparison)


def _attribute(node: nodes.Operand) -> str | None:
    if isinstance(node, nodes.NumberOf) and node.kind is nodes.NumberKind.INTEGER:
        node = node.operand
    return node.name if isinstance(node, nodes.Attribute) and not node.name.startswith("_") else None


def _constant(node: nodes.Operand) -> _Value | None:
    match node:
        case nodes.StringLiteral(value=text):
            return text
        case nodes.NumberLiteral(kind=nodes.NumberKind.INTEGER, text=digits) if _fits(digits, negated=False):
            return int(digits)
    return None


def _tighten(bounds: _Bounds, key: tuple[str, type], bound: _Bound, *, lower: bool) -> None:
    """Keeps the bound that leaves less."""
    known = bounds.get(key)
    if known is None:
        bounds[key] = bound
    elif bound.value == known.value:
        bounds[key] = known if bound.within else bound
    elif (_rank(bound) > _rank(known)) is lower:
        bounds[key] = bound


def _rank(bound: _Bound) -> tuple[int, str]:
    return (bound.value, "") if isinstance(bound.value, int) else (0, bound.value)


def _is_empty(low: _Bound, high: _Bound) -> bool:
    if isinstance(low.value, int) and isinstance(high.value, int):
        return low.value + (not low.within) > high.value - (not high.within)
    return _rank(low) > _rank(high) or (low.value == high.value and not (low.within and high.within))
