"""Offsets to lines and columns, for one text or for a piece of one."""

from __future__ import annotations

import re
from bisect import bisect_right

from grammar.nodes import Span


class LineIndex:
    """Where each line of a text starts; found when the first place is asked for.

    The text may be a piece of a source: it starts at `offset` there, at the start of line number `line`.
    """

    __slots__ = ("_line", "_offset", "_starts", "_text")

    def __init__(self, text: str, offset: int = 0, line: int = 1) -> None:
        self._text = text
        self._offset = offset
        self._line = line
        self._starts: list[int] = []

    def span(self, start: int, end: int) -> Span:
        """The half-open offsets into the source with the 1-based line and column of `start`."""
        if not self._starts:
            self._starts = [self._offset, *(self._offset + each.end() for each in re.finditer("\n", self._text))]
        line = bisect_right(self._starts, start)
        return Span(start, end, self._line + line - 1, start - self._starts[line - 1] + 1)
