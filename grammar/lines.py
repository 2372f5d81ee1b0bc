"""Offsets to lines and columns, for one text."""

from __future__ import annotations

import re
from bisect import bisect_right

from grammar.nodes import Span


class LineIndex:
    """Where each line of a text starts; made once for a text and never changed."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        self._starts = [0, *(each.end() for each in re.finditer("\n", text))]

    def span(self, start: int, end: int) -> Span:
        """The half-open offsets with the 1-based line and column of `start`."""
        line = bisect_right(self._starts, start)
        return Span(start, end, line, start - self._starts[line - 1] + 1)
