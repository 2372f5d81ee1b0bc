"""Conditions as Python functions (RFC 2704 sections 4.6.5 and 5.2): one compiled per shape, bound to constants.

A program answers with a rank: the index of a compliance value, 0 is _MIN_TRUST. What is plain answers as fast as
Python can; what is traced also tells a Trace about every atom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Protocol, TypeAlias

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
from policydb.keynote.regex import Patterns
from policydb.keynote.rendering import MATH, render
from policydb.keynote.shapes import Op, ShapeError, load_shape

Get: TypeAlias = Callable[[str, str], str]
"""Reads an action attribute: name, and what to answer where nobody set it."""

Value: TypeAlias = "str | int | float | Outside"
"""What a side of a comparison is worth."""

_TEXTS, _SHORT = 4096, 32  # numbers as text that are kept once read, and how long one may be
_KNOWN = 65_536  # lists of constants kept of a shape
_SHAPES = 4096  # compiled shapes kept; a stranger's credentials cannot make the cache grow without end


class Trace(Protocol):
    """What the traced rendering calls, in this order, for each atom; reads of attributes are seen by its `get`."""

    def begin(self, atom: int) -> None:
        """Atom number `atom` is about to be evaluated."""

    def left(self, value: Value) -> Value:
        """The left side is worth `value`; handed through."""
        ...

    def right(self, value: Value) -> Value:
        """The right side is worth `value`; handed through."""
        ...

    def done(self, begun: None, left: Value, right: Value, result: bool) -> bool:
        """The atom holds or not; handed through."""
        ...

    def fault(self, error: Fault) -> None:
        """The clause's test ended in a runtime error."""


class Scale:
    """The compliance values of a query, lowest first; of two equal ones the first counts (RFC 2704 is silent)."""

    __slots__ = ("listed", "rank", "top", "values")

    def __init__(self, values: tuple[str, ...]) -> None:
        self.values = values
        self.top = len(values) - 1
        ranks: dict[str, int] = {}
        for index, value in enumerate(values):
            ranks.setdefault(value, index)
        self.rank = ranks.get
        self.listed = ",".join(values)


class Question:
    """What a running program sees of one query beside the attributes."""

    __slots__ = ("authorizers", "groups", "rank", "scale", "search", "top", "trace")

    def __init__(
        self, scale: Scale, authorizers: Sequence[str], patterns: Patterns, trace: Trace | None = None
    ) -> None:
        self.scale = scale
        self.top = scale.top
        self.rank = scale.rank
        self.authorizers = authorizers
        self.search = patterns.search
        self.groups: tuple[str, ...] = ()
        self.trace = trace


Program: TypeAlias = Callable[[Get, Question], int]
"""The Conditions of one assertion."""

Constants: TypeAlias = "tuple[Any, ...]"
"""What a shape's function is given of one assertion: its constants as values; last, for `$`, its local constants."""

Function: TypeAlias = Callable[[Get, Question, Constants], int]
"""The Conditions of all assertions of one shape."""

_Converter: TypeAlias = Callable[[Any], Any]


def special(question: Question, name: str) -> str:
    """A reserved attribute (RFC 2704 section 4.6.5, 'special attributes'); the requesters latest first, as in C."""
    match name:
        case "_MIN_TRUST":
            return question.scale.values[0]
        case "_MAX_TRUST":
            return question.scale.values[-1]
        case "_VALUES":
            return question.scale.listed
        case "_ACTION_AUTHORIZERS":
            return ",".join(reversed(question.authorizers))
    number = name[1:]
    if number.isdecimal() and number.isascii() and (number == "0" or number[0] != "0") and len(number) < 9:
        index = int(number)
        return question.groups[index] if index < len(question.groups) else ""
    return ""


def _dereference(get: Get, question: Question, local: Mapping[str, str], name: str) -> str:
    if name in local:
        return local[name]
    return special(question, name) if name.startswith("_") else get(name, "")


def _match(question: Question, text: str, pattern: str) -> bool:
    """`~=` where the clause goes on to use the groups: _0 is how many the pattern has."""
    groups = question.search(text, pattern)
    if groups is None:
        return False
    question.groups = (str(len(groups)), *groups)
    return True


_HELPERS: dict[str, Any] = {
    "__builtins__": {},
    "Fault": Fault,
    "dereference": _dereference,
    "floating": floating,
    "join": "".join,
    "match": _match,
    "special": special,
    "within": within,
    **{MATH[key]: function for key, function in ARITHMETIC.items()},
}
_CONVERSIONS: Mapping[str, Callable[[str], Any]] = {"text": intern, "integer": integer_literal, "float": float_literal}


class _Integers(dict[str, int]):
    """What `@text` is worth: questions ask for the same few texts again and again."""

    def __missing__(self, text: str) -> int:
        value = integer(text)
        if len(text) <= _SHORT:
            if len(self) >= _TEXTS:
                self.clear()
            self[text] = value
        return value


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A shape's function. `converters` make values of constants, `known` are those made so far.

    `dereferences`: it uses `$`, so it has to be given the local constants too.
    """

    function: Function
    converters: tuple[_Converter, ...]
    dereferences: bool
    known: dict[Constants, Constants] = field(default_factory=dict)


class Programs:
    """The functions of the shapes met so far, and the patterns. One object may serve many graphs and threads."""

    def __init__(self) -> None:
        self.patterns = Patterns()
        self._integers = _Integers()
        self._compiled: dict[tuple[str, bool], _Compiled] = {}
        self._operations: dict[str, tuple[Op, ...]] = {}

    def operations(self, shape: str | None) -> tuple[Op, ...]:
        """The operations of a shape, none where there is no Conditions field. Raises ShapeError."""
        if shape is None:
            return ()
        found = self._operations.get(shape)
        if found is None:
            found = load_shape(shape)
            if len(self._operations) >= _SHAPES:
                self._operations.clear()
            self._operations[shape] = found
        return found

    def bind(self, assertion: CompiledAssertion, traced: bool = False) -> Program:
        """The assertion's Conditions with its constants put in. Raises ShapeError."""
        function, constants = self.prepare(assertion, traced)
        return lambda get, question: function(get, question, constants)

    def prepare(self, assertion: CompiledAssertion, traced: bool = False) -> tuple[Function, Constants]:
        """The function of the assertion's shape, and what to give it of this assertion. Raises ShapeError."""
        shape = assertion.shape
        if shape is None:
            return _unconditional, ()
        found = self._compiled.get((shape, traced))
        if found is None:
            found = self._compile(shape, traced)
            if len(self._compiled) >= _SHAPES:
                self._compiled.clear()
            self._compiled[shape, traced] = found
        constants: Constants = assertion.constants
        if len(constants) != len(found.converters):
            raise ShapeError("a shape and its constants do not belong together")
        # Assertions of one shape often agree in constants: what is shared need not be fetched from memory again.
        values = found.known.get(constants)
        if values is None:
            if len(found.known) >= _KNOWN:
                found.known.clear()
            converted = [convert(text) for convert, text in zip(found.converters, constants, strict=True)]
            values = found.known[constants] = tuple(converted)
        return found.function, (*values, dict(assertion.local_constants)) if found.dereferences else values

    def _compile(self, shape: str, traced: bool) -> _Compiled:
        source, names = render(shape, traced)
        operations = self.operations(shape)
        kinds = {op[1]: str(op[0]) for op in operations if op[0] in _CONVERSIONS}
        converters = tuple(_CONVERSIONS[kinds[index]] for index in range(len(kinds)))
        # The text comes from the templates alone, and it runs without builtins.
        namespace = {**_HELPERS, "integers": self._integers}
        exec(compile(source, "<conditions>", "exec"), namespace)  # noqa: S102
        function: Function = namespace["make"](names)
        dereferences = any(op[0] == "dereference" for op in operations)
        return _Compiled(function, converters, dereferences)


def _unconditional(_get: Get, question: Question, _constants: Constants) -> int:
    """A Conditions field that is missing: _MAX_TRUST."""
    return question.top
