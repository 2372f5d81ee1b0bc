"""Shapes: Conditions programs without their constants, as the store keeps them.

A shape is a flat list of operations in postfix order, so that neither writing, reading nor running it recurses:

    text N, integer N, float N   constant number N          attribute NAME   the attribute NAME
    dereference                  $x                         join COUNT       a . b . c
    number KIND                  @x or &x                   negate KIND      -x
    arithmetic KIND OPERATOR     x + y                      compare KIND OPERATOR   x == y; an atom
    truth BOOL                   true, false                not, all COUNT, any COUNT
    maximum                      ends a clause `test`       value            ends a clause `test -> x`
    open ... close               a clause `test -> { ... }`
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

Op: TypeAlias = "tuple[str | int | bool, ...]"


class ShapeError(ValueError):
    """A shape that this version does not know: the store was written by another one, or is damaged."""


def dump_shape(ops: Sequence[Op]) -> str:
    """The canonical text of a shape."""
    return json.dumps(ops, separators=(",", ":"))


def load_shape(shape: str) -> tuple[Op, ...]:
    """The operations of a shape. Raises ShapeError."""
    try:
        return tuple(tuple(each) for each in json.loads(shape))
    except (ValueError, TypeError) as error:
        raise ShapeError(f"unusable shape: {error}") from error
