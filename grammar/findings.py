"""Collects what is wrong with one source, and ties offsets to places in it."""

from __future__ import annotations

from grammar.codes import Code
from grammar.errors import Diagnostic, Severity
from grammar.lines import LineIndex
from grammar.nodes import Span


class Findings:
    """The diagnostics of one source while it is read."""

    __slots__ = ("_index", "_source", "found")

    def __init__(self, source: str, index: LineIndex) -> None:
        self._source = source
        self._index = index
        self.found: list[Diagnostic] = []

    def span(self, start: int, end: int) -> Span:
        """The place of two offsets into the source."""
        return self._index.span(start, end)

    def error(self, code: Code, message: str, span: Span, hint: str = "") -> None:
        """Notes an error; reading goes on, to find the next one."""
        self.found.append(Diagnostic(code, message, self._source, span, hint))

    def warning(self, code: Code, message: str, span: Span, hint: str = "") -> None:
        """Notes something that may be meant, and probably is not."""
        self.found.append(Diagnostic(code, message, self._source, span, hint, Severity.WARNING))
