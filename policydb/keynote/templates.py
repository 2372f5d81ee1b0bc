"""What was made of one assertion, ready to be filled with the literals of another one of the same shape.

A template is found by asking, not by knowing the language: every literal of a text is replaced by a mark of its own,
the marked text is parsed and compiled as any text, and where a mark comes out is where that literal belongs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias, cast

from grammar import nodes
from grammar.errors import GrammarError
from grammar.keynote import Piece, parse_piece
from grammar.layouts import Layout, lay_out, with_contents
from grammar.principal import canonical
from policydb.decision import Place
from policydb.graph import CompiledAssertion, Principals
from policydb.keynote.conditions import compile_assertion

_DEEPEST = 50
"""Nodes that lie deeper in each other are no case for a template."""

# No text that is left around marks holds \x01 and parses, and no name is all digits.
_MARK = re.compile("\x01([0-9]+)\x02")
_NUMBER = re.compile("70407([0-9]{4})70407")
_MOST = 9_999
_SPELLINGS = {
    '"': '"\x01{}\x02"',
    "#": "#\x01{}\x02",
    "0": "70407{:04}70407",
    "c": "Comment:\x01{}\x02",
    "k": "KeyNote-Version: 2",
}

Recipe: TypeAlias = "str | int | tuple[str | int, ...]"
"""A text, the number of a literal, or several of both to be joined."""

Position: TypeAlias = "tuple[int, int]"
"""A part of a layout, and an offset into it."""

_Fill: TypeAlias = "Callable[[Sequence[str], list[Any]], Any]"
"""Makes a field of a node from the literals and from the nodes made before."""


class NoTemplateError(Exception):
    """What was made depends on more than the shape of the text."""


@dataclass(frozen=True, slots=True)
class Template:
    """The compiled assertion of a shape, and its nodes as the steps that make them."""

    authorizer: Recipe
    licensees: Any
    shape: str | None
    constants: tuple[Recipe, ...]
    spans: tuple[tuple[Position, Position], ...]
    local_constants: tuple[tuple[str, Recipe], ...]
    steps: tuple[tuple[type, tuple[_Fill, ...]], ...]

    def compiled(
        self, piece: Piece, digest: str, source: str, layout: Layout, literals: Sequence[str]
    ) -> CompiledAssertion:
        """What compiling the piece would yield. Raises PrincipalError for a key that cannot be decoded."""
        starts = layout.starts
        licensees = self.licensees
        return CompiledAssertion(
            digest,
            Place(source, piece.line, 1),
            canonical(_filled(self.authorizer, literals)),
            None if licensees is None else _licensees(licensees, literals),
            self.shape,
            tuple([_filled(each, literals) for each in self.constants]),
            tuple([(starts[a] + b, starts[c] + d) for (a, b), (c, d) in self.spans]),
            tuple([(name, _filled(each, literals)) for name, each in self.local_constants]),
            piece.text,
        )

    def draft(self, literals: Sequence[str]) -> nodes.Assertion:
        """The nodes of the piece, but for their places and for the texts of comments, which are nobody's."""
        made: list[Any] = []
        for kind, fills in self.steps:
            made.append(kind(*[fill(literals, made) for fill in fills]))
        return cast("nodes.Assertion", made[-1])


def make_template(layout: Layout) -> Template:
    """The template of a layout's shape. Raises NoTemplateError."""
    kinds = layout.shape.partition("\0")[0]
    if len(kinds) > _MOST:
        raise NoTemplateError
    text = with_contents(layout, [_SPELLINGS[kind].format(number) for number, kind in enumerate(kinds)])
    marked = lay_out(text)
    parsed = parse_piece(Piece(0, 1, text), "")
    if marked is None or marked.shape != layout.shape or not parsed.assertions or parsed.warnings:
        raise NoTemplateError
    (assertion,) = parsed.assertions
    if assertion.signature is not None:
        raise NoTemplateError
    try:
        compiled = compile_assertion(assertion, "")
    except GrammarError:
        raise NoTemplateError from None
    steps = _Steps()
    steps.root(assertion)
    spans = tuple((_position(marked, start), _position(marked, end)) for start, end in compiled.spans)
    return Template(
        _recipe(compiled.authorizer),
        None if compiled.licensees is None else _marked_licensees(compiled.licensees),
        compiled.shape,
        tuple(_recipe(each) for each in compiled.constants),
        spans,
        tuple((name, _recipe(value)) for name, value in compiled.local_constants),
        tuple(steps.made),
    )


def _recipe(text: str) -> Recipe:
    """A text with marks in it as what it is made of."""
    if number := _NUMBER.fullmatch(text):
        return int(number[1])
    found: list[str | int] = []
    end = 0
    for mark in _MARK.finditer(text):
        found += [text[end : mark.start()], int(mark[1])]
        end = mark.end()
    found = [each for each in (*found, text[end:]) if each != ""]
    return "" if not found else found[0] if len(found) == 1 else tuple(found)


def _filled(recipe: Recipe, literals: Sequence[str]) -> str:
    if isinstance(recipe, int):
        return literals[recipe]
    if isinstance(recipe, str):
        return recipe
    return "".join([literals[each] if isinstance(each, int) else each for each in recipe])


def _position(layout: Layout, offset: int) -> Position:
    part = bisect_right(layout.starts, offset, hi=len(layout.parts)) - 1
    inside = offset - layout.starts[part]
    if part % 2 and inside:
        raise NoTemplateError
    return part, inside


def _marked_licensees(licensees: Principals) -> Any:  # noqa: ANN401 - the same tuples, with recipes for names
    if isinstance(licensees, str):
        return _recipe(licensees)
    # A tuple starts with its operator, and a recipe of several parts is a tuple too: it is kept in a list.
    head, members = licensees[: 2 if licensees[:1] == ("of",) else 1], licensees[2 if licensees[:1] == ("of",) else 1 :]
    return [head, [_marked_licensees(cast("Principals", each)) for each in members]]


def _licensees(recipe: Any, literals: Sequence[str]) -> Principals:  # noqa: ANN401 - see _marked_licensees
    if isinstance(recipe, list):
        head, members = recipe
        return (*head, *(_licensees(each, literals) for each in members))
    return canonical(_filled(recipe, literals))


class _Steps:
    """The nodes of a marked text as steps, leaves first; what holds no mark is shared by all that is made."""

    def __init__(self) -> None:
        self.made: list[tuple[type, tuple[_Fill, ...]]] = []

    def root(self, assertion: nodes.Assertion) -> None:
        """The last step: the assertion itself, without the texts that nobody looks at."""
        bare = replace(assertion, text="", comment="")
        parts = [getattr(bare, each.name) for each in fields(bare)]
        self._step(nodes.Assertion, _kept([self.fill(each, 1) for each in parts], parts))

    def fill(self, value: Any, depth: int) -> _Fill | None:  # noqa: ANN401 - any field of any node
        """How to make a value; None if it is the same for all."""
        if depth > _DEEPEST:
            raise NoTemplateError
        if isinstance(value, str):
            recipe = _recipe(value)
            return None if isinstance(recipe, str) else _text(recipe)
        if isinstance(value, tuple):
            fills = [self.fill(each, depth + 1) for each in value]
            return _several(_kept(fills, value)) if any(fills) else None
        if is_dataclass(value) and not isinstance(value, nodes.Span):
            parts = [getattr(value, each.name) for each in fields(value)]
            fills = [self.fill(each, depth + 1) for each in parts]
            return self._step(type(value), _kept(fills, parts)) if any(fills) else None
        return None

    def _step(self, kind: type, fills: Sequence[_Fill]) -> _Fill:
        if kind is nodes.Principal:
            span, name = fills
            fills = span, lambda literals, made: canonical(name(literals, made))
        self.made.append((kind, tuple(fills)))
        number = len(self.made) - 1
        return lambda _literals, made: made[number]


def _kept(fills: Sequence[_Fill | None], values: Sequence[Any]) -> list[_Fill]:
    return [_same(value) if fill is None else fill for fill, value in zip(fills, values, strict=True)]


def _same(value: Any) -> _Fill:  # noqa: ANN401 - any field of any node
    return lambda _literals, _made: value


def _text(recipe: Recipe) -> _Fill:
    return lambda literals, _made: _filled(recipe, literals)


def _several(fills: Sequence[_Fill]) -> _Fill:
    return lambda literals, made: tuple([fill(literals, made) for fill in fills])
