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
    """The assertion that encode() made the row of, in its place in a source."""
    digest, authorizer, licensees, shape, constants, spans, local_constants, text = row
    return CompiledAssertion(
        digest=digest,
        place=Place(source, line),
        authorizer=authorizer,
        licensees=None if licensees is None else _principals(json.loads(licensees)),
        shape=shape,
        constants=tuple(json.loads(constants)),
        spans=tuple((start, end) for start, end in json.loads(spans)),
        local_constants=tuple((name, value) for name, value in json.loads(local_constants)),
        text=text,
    )


def _principals(decoded: str | Sequence[Any]) -> Principals:
    """A Licensees field as nested tuples; recursion ends at the compiler's limit on nesting."""
    if isinstance(decoded, str):
        return decoded
    return tuple(each if isinstance(each, int) else _principals(each) for each in decoded)
