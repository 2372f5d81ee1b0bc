"""What attribute changes would make an assertion's Conditions hold: proposals, each still to be checked.

The shape is read once from front to back with a stack. Of every test the sets of changes that make it true and those
that make it false are kept, the smallest few of each; `&&` unites one of each side, `||` takes either.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

from policydb.attributes import VOCABULARY
from policydb.graph import CompiledAssertion
from policydb.keynote.numbers import (
    ARITHMETIC,
    Fault,
    Outside,
    float_literal,
    floating,
    integer,
    integer_literal,
    within,
)
from policydb.keynote.programs import Programs, Question, Value, special
from policydb.keynote.samples import samples
from policydb.keynote.shapes import Op, ShapeError

Changes: TypeAlias = "frozenset[tuple[str, str]]"
"""Attribute names with the values they are to be set to."""

NOTHING: Changes = frozenset()
_KEPT = 6  # change sets kept of each test
_LONGEST = 2048  # characters of a value (RFC 2704, 4.2.1); one made of itself must not double for ever
_LARGEST = 8  # changes in a set; more than that is no near change
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_DIGITS = re.compile(r"(.*?)([0-9]+)([^0-9]*)\Z", re.DOTALL)


_NUMBERS: Mapping[str, Callable[[str], Value]] = {"integer": integer, "float": floating}
_LITERALS: Mapping[str, Callable[[str], Value]] = {"text": str, "integer": integer_literal, "float": float_literal}


@dataclass(frozen=True, slots=True)
class _Side:
    """A side of a comparison: its value (None: it ends in a runtime error), and the attribute that alone makes it."""

    value: Value | None
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class _Test:
    """How a test becomes true and how it becomes false; NOTHING among them where it is so already."""

    true: tuple[Changes, ...]
    false: tuple[Changes, ...]


class _Repairs:
    """Proposals for one assertion under one set of attributes."""

    def __init__(
        self,
        assertion: CompiledAssertion,
        operations: Iterable[Op],
        attributes: Mapping[str, str],
        question: Question,
        needed: int,
    ) -> None:
        self._constants = assertion.constants
        self._attributes = attributes
        self._local = dict(assertion.local_constants)
        self._question = question
        self._needed = needed
        self._sides: list[_Side] = []
        self._tests: list[_Test] = []
        self._guards: list[tuple[Changes, ...]] = [(NOTHING,)]
        self._found: list[Changes] = []
        for op in operations:
            self._take(op)

    def smallest(self) -> tuple[Changes, ...]:
        """The proposals with the fewest changes, none of them empty."""
        return _least(each for each in self._found if each)

    def _take(self, op: Op) -> None:
        name = op[0]
        if name in ("compare", "truth", "not", "all", "any"):
            self._take_test(op)
        elif name in ("maximum", "value", "open", "close"):
            self._take_clause(str(name))
        else:
            self._sides.append(self._side(op))

    # --- the sides of a comparison --------------------------------------------------------------------------------

    def _side(self, op: Op) -> _Side:
        """A leaf or an operator of a string or number expression."""
        match op:
            case ("text" | "integer" | "float" as kind, int(number)):
                literal = _LITERALS[kind](self._constants[number])
                return _Side(None if isinstance(literal, Outside) else literal)
            case ("attribute", str(name)):
                return self._read(name)
            case ("dereference",):
                return self._read(str(self._sides.pop().value))
            case ("number", str(kind)):
                side = self._sides.pop()
                return _Side(_in_range(_NUMBERS[kind], str(side.value)), side.attribute)
            case _:
                return _Side(self._computed(op))

    def _computed(self, op: Op) -> Value | None:
        """A value that no single attribute makes."""
        count = {"join": op[1], "negate": 1}.get(str(op[0]), 2)
        parts = [each.value for each in self._sides[-int(count) :]]
        del self._sides[-int(count) :]
        if None in parts:
            return None
        match op:
            case ("join", _):
                return "".join(map(str, parts))
            case ("negate", kind):
                return _in_range(within, -parts[0]) if kind == "integer" else -parts[0]  # type: ignore[operator]
            case (_, str(kind), str(operator)):
                return _in_range(ARITHMETIC[kind, operator], *parts)
        raise ShapeError(f"unknown operation {op[0]!r}")

    def _read(self, name: str) -> _Side:
        if name in self._local:
            return _Side(self._local[name])
        if name.startswith("_") or not (name.isascii() and name.isidentifier()):
            return _Side(special(self._question, name))
        return _Side(self._attributes.get(name, ""), name)

    # --- tests ----------------------------------------------------------------------------------------------------

    def _take_test(self, op: Op) -> None:
        match op:
            case ("compare", str(_), str(operator)):
                right, left = self._sides.pop(), self._sides.pop()
                self._tests.append(self._compared(operator, left, right))
            case ("truth", bool(value)):
                self._tests.append(_Test((NOTHING,), ()) if value else _Test((), (NOTHING,)))
            case ("not",):
                test = self._tests.pop()
                self._tests.append(_Test(test.false, test.true))
            case (name, int(count)):
                parts = self._tests[-count:]
                del self._tests[-count:]
                true, false = [each.true for each in parts], [each.false for each in parts]
                if name == "all":
                    self._tests.append(_Test(_together(true), _either(false)))
                else:
                    self._tests.append(_Test(_either(true), _together(false)))

    def _compared(self, operator: str, left: _Side, right: _Side) -> _Test:
        if left.value is None or right.value is None:
            # A runtime error: the test is neither true nor false as it is, but another value may make it either.
            opposite = _OPPOSITE.get(operator)
            return (
                _Test(_settings(operator, left, right), _settings(opposite, left, right)) if opposite else _Test((), ())
            )
        if operator == "~=":
            return self._matched(left, str(right.value))
        holds = _holds(operator, left.value, right.value)
        if holds is None:
            return _Test((), ())
        changes = _settings(_OPPOSITE[operator] if holds else operator, left, right)
        return _Test((NOTHING,), changes) if holds else _Test(changes, (NOTHING,))

    def _matched(self, left: _Side, pattern: str) -> _Test:
        try:
            holds = self._question.search(str(left.value), pattern) is not None
        except Fault:
            return _Test((), ())
        if left.attribute is None:
            return _Test((NOTHING,), ()) if holds else _Test((), (NOTHING,))
        values = _others(left) if holds else samples(pattern)
        changes = _each(left.attribute, values)
        return _Test((NOTHING,), changes) if holds else _Test(changes, (NOTHING,))

    # --- clauses --------------------------------------------------------------------------------------------------

    def _take_clause(self, name: str) -> None:
        if name == "close":
            self._guards.pop()
            return
        reaches = True
        if name == "value":
            reaches = self._question.rank(str(self._sides.pop().value), 0) >= self._needed
        changes = _together([self._guards[-1], self._tests.pop().true])
        if name == "open":
            self._guards.append(changes)
        elif reaches:
            self._found.extend(changes)


def _in_range(compute: Callable[..., Value], *operands: Value | None) -> Value | None:
    """What a number comes to; None where that is a runtime error."""
    try:
        return compute(*operands)
    except Fault:
        return None


def _holds(operator: str, left: Value, right: Value) -> bool | None:
    """Whether `left operator right`; None where the types do not fit or nothing can be said (NaN)."""
    if isinstance(left, str) != isinstance(right, str) or left != left or right != right:  # noqa: PLR0124 - NaN
        return None
    less, equal = left < right, left == right  # type: ignore[operator]
    return {"==": equal, "!=": not equal, "<": less, ">=": not less, ">": not less and not equal, "<=": less or equal}[
        operator
    ]


def _settings(operator: str, left: _Side, right: _Side) -> tuple[Changes, ...]:
    """Single changes after which `left operator right` holds."""
    found: list[Changes] = []
    for side, other, relation in ((left, right, operator), (right, left, _MIRRORED[operator])):
        if side.attribute is not None and other.value is not None and side.attribute != other.attribute:
            found.extend(_each(side.attribute, _boundaries(relation, side, other.value)))
    return tuple(found)


def _each(attribute: str, values: Iterable[str]) -> tuple[Changes, ...]:
    return tuple(frozenset([(attribute, value)]) for value in values if len(value) <= _LONGEST)


def _boundaries(operator: str, side: _Side, other: Value) -> Iterable[str]:
    """Values for `side` that put it just on the right side of `other`."""
    if isinstance(other, str):
        if operator in ("==", "<=", ">="):
            return (other,)
        if operator == "!=":
            return _others(side)
        return (other + "0",) if operator == ">" else _below(other)
    if isinstance(other, float) and not math.isfinite(other):
        return ()
    step = {"==": 0, "<=": 0, ">=": 0, "<": -1, ">": 1, "!=": 1}[operator]
    value = other + step
    return (f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value),)


def _below(text: str) -> Iterable[str]:
    """A text that sorts before `text`: its last number one less, with as many digits; else a digit shorter."""
    match = _DIGITS.match(text)
    if match is not None and int(match[2][-9:]) > 0:
        head, tail = match[2][:-9], match[2][-9:]
        return (f"{match[1]}{head}{int(tail) - 1:0{len(tail)}d}{match[3]}",)
    return (text[:-1],) if text else ()


def _others(side: _Side) -> Sequence[str]:
    """Values other than the one that `side` has: those the manual knows, else a made-up one."""
    known = VOCABULARY.get(side.attribute or "")
    values = [each for each in known.values if each not in (side.value, "")] if known is not None else []
    return values[:3] or ["another" if side.value == "other" else "other"]


def _either(choices: Sequence[tuple[Changes, ...]]) -> tuple[Changes, ...]:
    return _least(each for choice in choices for each in choice)


def _together(choices: Sequence[tuple[Changes, ...]]) -> tuple[Changes, ...]:
    """One change set of each choice, united; those that set an attribute to two values are left out."""
    united: tuple[Changes, ...] = (NOTHING,)
    for choice in choices:
        if choice == (NOTHING,):
            continue
        united = _least(each for each in (one | other for one, other in product(united, choice)) if _sound(each))
        if not united:
            break
    return united


def _sound(changes: Changes) -> bool:
    return len(changes) <= _LARGEST and len({name for name, _ in changes}) == len(changes)


def _least(sets: Iterable[Changes]) -> tuple[Changes, ...]:
    return tuple(sorted(dict.fromkeys(sets), key=len)[:_KEPT])


class Proposer:
    """Asks assertions for proposals, as many times as its budget allows; the rest go unasked."""

    def __init__(self, programs: Programs, needed: int, budget: int) -> None:
        self._programs = programs
        self._needed = needed
        self._budget = budget
        self._attributes: Mapping[str, str] = {}
        self._known: dict[tuple[Any, ...], tuple[Changes, ...]] = {}

    def ask(
        self, assertion: CompiledAssertion, attributes: Mapping[str, str], question: Question
    ) -> tuple[Changes, ...] | None:
        """The smallest proposals; None where the budget is spent."""
        if attributes is not self._attributes:
            self._attributes = attributes
            self._known.clear()
        # Assertions that agree in Conditions agree in what would mend them.
        key = (assertion.shape, assertion.constants, assertion.local_constants)
        found = self._known.get(key)
        if found is None and self._budget > 0:
            self._budget -= 1
            operations = self._programs.operations(assertion.shape)
            repairs = _Repairs(assertion, operations, attributes, question, self._needed)
            found = self._known[key] = repairs.smallest()
        return found
