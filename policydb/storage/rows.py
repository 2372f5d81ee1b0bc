"""A compiled assertion as a row of the store, both ways: JSON and text, nothing executable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from policydb.decision import Place
from policydb.graph import CompiledAssertion, Principals

Row = tuple[Any, ...]
"""What sqlite3 takes and gives: str, int or None in each column."""


def encode(compiled: CompiledAssertion) -> Row:
    """digest, authorizer, licensees, shape, constants, spans, local constants, text; places are kept elsewhere."""
    return (
        compiled.digest,
        compiled.authorizer,
        None if compiled.licensees is None else json.dumps(compiled.licensees),
        compiled.shape,
        json.dumps(compiled.constants),
        json.dumps(compiled.spans),
        json.dumps(compiled.local_constants),
        compiled.text,
    )


def decode(source: str, line: int, row: Sequence[Any]) -> CompiledAssertion:
    """The assertion that encode() made the row of, in its place in a source.

    Raises ValueError or TypeError for what encode() does not make, RecursionError for what is nested too deep.
    """
    digest, authorizer, licensees, shape, constants, spans, local_constants, text = row
    return CompiledAssertion(
        digest=text_of(digest),
        place=Place(source, line),
        authorizer=text_of(authorizer),
        licensees=None if licensees is None else _principals(json.loads(licensees)),
        shape=None if shape is None else text_of(shape),
        constants=tuple(map(text_of, json.loads(constants))),
        spans=tuple((number_of(start), number_of(end)) for start, end in json.loads(spans)),
        local_constants=tuple((text_of(name), text_of(value)) for name, value in json.loads(local_constants)),
        text=text_of(text),
    )


def text_of(value: object) -> str:
    """A value of a row that must be a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def number_of(value: object) -> int:
    """A value of a row that must be a whole number. Raises TypeError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a number is expected")
    return value


def _principals(decoded: object) -> Principals:
    """A Licensees field as nested tuples; recursion ends at the compiler's limit on nesting."""
    match decoded:
        case str():
            return decoded
        case []:
            return ()
        case ["and" | "or" as gate, *members]:
            return (gate, *map(_principals, members))
        case ["of", int(count), *members]:
            return ("of", count, *map(_principals, members))
        case _:
            raise TypeError("no Licensees field")
