"""The assertions of a file in stretches: the pieces of its list that versions of the file share.

Where a stretch ends is decided by the texts alone, so a change makes one or two new stretches, wherever it is, and the
others are found again, also when they have moved to other lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from policydb.storage import schema

LONGEST = 1_024
"""Assertions in a stretch at most."""

# A stretch ends behind a digest that ends like this: one in 128, as digests go.
_LAST = frozenset({"00", "80"})


Passage: TypeAlias = "tuple[int, str]"
"""An assertion in its place: its line, and SHA-256 over its text. A bare tuple: files hold thousands of them."""


class Stretch(NamedTuple):
    """Assertions that follow each other from `line` of a file; their own lines count from there, the first is 0.

    `digest` covers those and the texts, but not `line`.
    """

    line: int
    digest: str
    passages: tuple[Passage, ...]


def stretches_of(passages: Iterable[Passage]) -> tuple[Stretch, ...]:
    """A file's assertions, in the order of their lines, cut into stretches."""
    found: list[Stretch] = []
    current: list[Passage] = []
    first = 0
    for line, digest in passages:
        if not current:
            first = line
        current.append((line - first, digest))
        if digest[-2:] in _LAST or len(current) == LONGEST:
            found.append(stretch(first, current))
            current = []
    if current:
        found.append(stretch(first, current))
    return tuple(found)


def stretch(line: int, passages: Sequence[Passage]) -> Stretch:
    """The stretch of these assertions, of which the first stands in `line`."""
    # The compiler's format is covered too: what another one compiled is not known.
    text = "\n".join([str(schema.FORMAT), *[f"{each} {digest}" for each, digest in passages]])
    return Stretch(line, hashlib.sha256(text.encode("ascii", "backslashreplace")).hexdigest(), tuple(passages))
