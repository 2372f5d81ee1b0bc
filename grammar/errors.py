"""What a source text says wrongly: one Diagnostic per finding, and how it is shown to a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from grammar.nodes import Span


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
    where = f"{diagnostic.source}:{span.line}:{span.column}"
    return f"{where}: {diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"


def excerpt(text: str, span: Span) -> str:
    """The source line of a span with carets under it; unprintable characters are shown as dots."""
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    shown = "".join(each if each.isprintable() else " " if each == "\t" else "." for each in line)
    width = max(1, min(span.end, start + len(line)) - span.start)
    return f"    {shown}\n    {' ' * (span.start - start)}{'^' * width}"


def render(diagnostic: Diagnostic, text: str) -> str:
    """A diagnostic as people read it: headline, the line, a caret, and the hint if there is one."""
    lines = [headline(diagnostic), excerpt(text, diagnostic.span)]
    if diagnostic.hint:
        lines.append(f"    hint: {diagnostic.hint}")
    return "\n".join(lines)
