"""What a source text says wrongly: one Diagnostic per finding, and how it is shown to a person."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from grammar.nodes import Span

_LONGEST_WORD = 60
_LONGEST_MESSAGE = 500
_LONGEST_LINE = 200
_BEFORE = 60
"""Characters that are shown: of a word, of a message, of a line, and of a long line in front of the place."""


class Severity(StrEnum):
    """An ERROR keeps a generation from being published; a WARNING is only said."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is stable (KN for KeyNote, CF for isakmpd.conf; docs/diagnostics.md lists them)."""

    code: str
    message: str
    source: str
    span: Span
    hint: str = ""
    severity: Severity = Severity.ERROR


class GrammarError(Exception):
    """A text that cannot be used; `diagnostics` holds every finding, in the order of the text."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(headline(each) for each in self.diagnostics))


def headline(diagnostic: Diagnostic) -> str:
    """`file:line:column: severity[code]: message`, the form that editors can jump to."""
    span = diagnostic.span
    where = f"{visible(diagnostic.source)}:{span.line}:{span.column}"
    return f"{where}: {diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}"


def visible(text: str) -> str:
    """A text as a terminal may get it: octets that are UTF-8 as the characters they mean, what does nothing as dots.

    What a source says may be meant to move a cursor; a tab becomes a blank.
    """
    if text.isascii() and text.isprintable():
        return text
    with suppress(UnicodeError):  # it is no UTF-8, or has been read already
        text = text.encode("latin-1").decode("utf-8")
    return "".join(each if each.isprintable() else " " if each == "\t" else "." for each in text)


def quoted(text: str) -> str:
    """A word of a source as messages show it: in quotes, its end left out where it is long."""
    return repr(shortened(text, _LONGEST_WORD))


def shortened(text: str, most: int = _LONGEST_MESSAGE) -> str:
    """A text whose end is left out where it is long: a word of a hostile source may have millions of characters."""
    return text if len(text) <= most else f"{text[:most]}..."


def excerpt(text: str, span: Span) -> str:
    """The source line of a span with carets under it, made visible.

    Of a long line only what is around the start of the span is shown, `...` in the place of the rest.
    """
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", start)
    end = end if end >= 0 else len(text)
    first = start if end - start <= _LONGEST_LINE else max(start, span.start - _BEFORE)
    last = min(end, first + _LONGEST_LINE)
    before, after = "..." if first > start else "", "..." if last < end else ""
    blanks = len(before) + len(visible(text[first : span.start]))
    width = max(1, len(visible(text[span.start : min(span.end, last)])))
    return f"    {before}{visible(text[first:last])}{after}\n    {' ' * blanks}{'^' * width}"


def render(diagnostic: Diagnostic, text: str) -> str:
    """A diagnostic as people read it: headline, the line, a caret, and the hint if there is one."""
    lines = [headline(diagnostic), excerpt(text, diagnostic.span)]
    if diagnostic.hint:
        lines.append(f"    hint: {visible(diagnostic.hint)}")
    return "\n".join(lines)
