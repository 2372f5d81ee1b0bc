"""Runs one assertion's Conditions with tracing on: which atoms were evaluated, with what on either side."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from policydb.decision import Atom, Place
from policydb.graph import CompiledAssertion
from policydb.keynote.numbers import Fault
from policydb.keynote.programs import Programs, Question, Scale, Value
from policydb.request import Request


@dataclass(slots=True)
class _Seen:
    """An atom that is being evaluated."""

    number: int
    left: Value | None = None
    right: Value | None = None
    result: bool | None = None
    missing: list[str] = field(default_factory=list)
    error: str = ""


class _Recorder:
    """Keeps what the traced rendering tells (policydb.keynote.programs.Trace)."""

    def __init__(self, request: Request) -> None:
        self._attributes = request.attributes
        self.seen: list[_Seen] = []

    def get(self, name: str, default: str) -> str:
        value = self._attributes.get(name)
        if value is not None:
            return value
        # `$x` of an empty x reads the attribute "", which is nobody's.
        if name and self.seen and self.seen[-1].result is None and name not in self.seen[-1].missing:
            self.seen[-1].missing.append(name)
        return default

    def begin(self, atom: int) -> None:
        self.seen.append(_Seen(atom))

    def left(self, value: Value) -> Value:
        self.seen[-1].left = value
        return value

    def right(self, value: Value) -> Value:
        self.seen[-1].right = value
        return value

    def done(self, _begun: None, _left: Value, _right: Value, result: bool) -> bool:
        self.seen[-1].result = result
        return result

    def fault(self, error: Fault) -> None:
        self.seen[-1].error = str(error)


_NEWLINE = re.compile("\n")
_LONG_LINE = 240  # characters; of a longer line only the atom itself is shown


def trace(programs: Programs, assertion: CompiledAssertion, request: Request) -> tuple[int, tuple[Atom, ...]]:
    """The rank that the Conditions are worth for `request`, and the atoms in the order of their evaluation."""
    recorder = _Recorder(request)
    question = Question(Scale(request.values), request.authorizers, programs.patterns, recorder)
    rank = programs.bind(assertion, traced=True)(recorder.get, question)
    operators = [str(op[2]) for op in programs.operations(assertion.shape) if op[0] == "compare"]
    lines = [0, *(found.end() for found in _NEWLINE.finditer(assertion.text))]
    return rank, tuple([_atom(assertion, lines, each, operators[each.number]) for each in recorder.seen])


def _atom(assertion: CompiledAssertion, lines: Sequence[int], seen: _Seen, operator: str) -> Atom:
    """`lines`: where each line of the assertion's text starts."""
    start, end = assertion.spans[seen.number]
    text = assertion.text
    line = bisect_right(lines, start) - 1
    line_start = lines[line]
    line_end = lines[line + 1] - 1 if line + 1 < len(lines) else len(text)
    indent = assertion.place.column - 1 if line == 0 else 0
    long = line_end - line_start > _LONG_LINE
    source_line = text[start : min(end, line_end)] if long else " " * indent + text[line_start:line_end]
    return Atom(
        place=Place(assertion.place.source, assertion.place.line + line, start - line_start + 1 + indent),
        text=text[start:end],
        left=_shown(seen.left),
        operator=operator,
        right=_shown(seen.right),
        result=None if seen.error else seen.result,
        missing=tuple(seen.missing),
        error=seen.error,
        source_line=source_line,
        assertion=assertion.place.line,
    )


def _shown(value: Value | None) -> str:
    return "" if value is None else str(value)
