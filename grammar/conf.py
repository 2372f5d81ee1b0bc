"""isakmpd.conf text to bindings: sections, tags and values with their places (isakmpd.conf(5)).

Everything is kept in the order of the text, duplicates too: which of them counts is not a question of grammar.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from lark import Lark, Token, Tree

from grammar.codes import Code
from grammar.errors import Diagnostic
from grammar.findings import Findings
from grammar.lines import LineIndex
from grammar.nodes import Binding, Span

_BLANKS = " \t\n\r\f\v"
"""White space of isakmpd(8), ASCII only: str.strip() would take latin-1 blanks too."""


@dataclass(frozen=True, slots=True)
class ParsedConf:
    """What a configuration text holds, and everything that is wrong or odd in it, in the order of the text."""

    bindings: tuple[Binding, ...]
    diagnostics: tuple[Diagnostic, ...]


@cache
def _parser() -> Lark:
    grammar = files("grammar").joinpath("conf.lark").read_text(encoding="ascii")
    return Lark(grammar, parser="lalr", start="conf", propagate_positions=True, maybe_placeholders=False)


def parse_conf(text: str, source: str) -> ParsedConf:
    """All bindings of a text that can be read. `source` names the text in diagnostics; nothing is raised."""
    reader = _Reader(text, Findings(source, LineIndex(text)))
    for child in _parser().parse(_joined(text)).children:
        reader.take(child)
    reader.check_characters()
    found = sorted(reader.findings.found, key=lambda each: (each.span.start, each.span.end))
    return ParsedConf(tuple(reader.bindings), tuple(found))


def _joined(text: str) -> str:
    """The text with continued lines joined and carriage returns gone, every other character in its old place.

    A backslash before a newline and the newline become two blanks (isakmpd's conf.c documents no other escape).
    """
    return text.replace("\\\r\n", "   ").replace("\\\n", "  ").replace("\r\n", " \n")


class _Reader:
    """Takes line after line, and knows in which section it is."""

    def __init__(self, text: str, findings: Findings) -> None:
        self._text = text
        self.findings = findings
        self.bindings: list[Binding] = []
        self._section: tuple[str, Span] | None = None
        self._ignoring = False
        self._first: dict[tuple[str, str], Span] = {}

    def take(self, child: Tree[Token] | Token) -> None:
        """One header, binding, stray line, comment or indentation."""
        if isinstance(child, Token):
            if child.type == "INDENT":
                self._indent(child)
            return
        actions = {
            "header": self._header,
            "unclosed": self._unclosed,
            "binding": self._binding,
            "stray": self._stray,
        }
        actions[child.data](child)

    def check_characters(self) -> None:
        """What concerns the text as a whole: NUL, carriage returns, the last newline."""
        nul, carriage_return = self._text.find("\0"), self._text.find("\r\n")
        if nul >= 0:
            self.findings.error(Code.CONF_NUL, "a configuration is text and holds no NUL", self._span(nul, nul + 1))
        if carriage_return >= 0:
            message, hint = "this file has carriage returns, which are dropped", "convert it to plain newlines"
            place = self._span(carriage_return, carriage_return + 1)
            self.findings.warning(Code.CONF_CARRIAGE_RETURN, message, place, hint)
        last = self._text.rsplit("\n", 1)[-1]
        if last.strip(_BLANKS):
            message, hint = "the last line has no newline; isakmpd(8) would ignore it", "end it with a newline"
            place = self._span(len(self._text) - len(last), len(self._text))
            self.findings.warning(Code.CONF_NO_FINAL_NEWLINE, message, place, hint)

    def _span(self, start: int, end: int) -> Span:
        return self.findings.span(start, end)

    def _place(self, line: Tree[Token]) -> Span:
        end = line.meta.end_pos
        stripped = _joined(self._text[line.meta.start_pos : end]).rstrip(_BLANKS)
        return self._span(line.meta.start_pos, line.meta.start_pos + len(stripped))

    def _indent(self, token: Token) -> None:
        start, end = token.start_pos or 0, token.end_pos or 0
        if self._text[end : end + 1] in {"", "\n", "\r"}:
            return
        message, hint = (
            "this line starts with blanks; isakmpd(8) would read an empty tag",
            "start it in the first column",
        )
        self.findings.warning(Code.CONF_LEADING_BLANK, message, self._span(start, end), hint)

    def _header(self, line: Tree[Token]) -> None:
        *name, close = cast("list[Token]", line.children)
        end = close.start_pos or 0
        start = (name[0].start_pos or 0) if name else end
        self._section = str(name[0]) if name else "", self._span(start, end)
        self._ignoring = False

    def _unclosed(self, line: Tree[Token]) -> None:
        hint = "write [name]"
        message = "this section header has no ]; everything up to the next header is ignored"
        self.findings.error(Code.CONF_UNCLOSED_SECTION, message, self._place(line), hint)
        self._ignoring = True

    def _stray(self, line: Tree[Token]) -> None:
        if not self._ignoring:
            # The word itself is not told: where blank and = were forgotten, it may hold a key.
            message, hint = "this line has no =", "write tag=value, or # for a comment"
            self.findings.error(Code.CONF_NO_EQUALS, message, self._place(line), hint)

    def _binding(self, line: Tree[Token]) -> None:
        if self._ignoring:
            return
        if self._section is None:
            message, hint = "this line belongs to no section", "put it below a header such as [General]"
            self.findings.error(Code.CONF_NO_SECTION, message, self._place(line), hint)
            return
        parts = {each.type: each for each in cast("list[Token]", line.children)}
        tag = parts.get("TAG")
        if tag is None:
            self.findings.error(Code.CONF_NO_TAG, "there is no tag before the =", self._place(line), "write tag=value")
            return
        words = parts.get("WORDS")
        if words is not None and words.strip(_BLANKS):
            message = "only the first word is the tag; the rest before the = is ignored"
            place = self._span(words.start_pos or 0, words.end_pos or 0)
            self.findings.warning(Code.CONF_WORDS_BEFORE_EQUALS, message, place)
        self._add(str(tag), line, parts.get("VALUE"))

    def _add(self, tag: str, line: Tree[Token], token: Token | None) -> None:
        section, section_span = cast("tuple[str, Span]", self._section)
        span = self._place(line)
        value = str(token or "").strip(_BLANKS)
        start = (token.start_pos or 0) + len(token) - len(token.lstrip(_BLANKS)) if token and value else span.end
        value_span = self._span(start, start + len(value))
        first = self._first.setdefault((section.lower(), tag.lower()), span)
        if first is not span:
            message = f"{tag} of [{section}] is already set in line {first.line}; the first value counts"
            self.findings.warning(Code.CONF_DUPLICATE_TAG, message, span, "remove one of them")
        self.bindings.append(Binding(span, section, tag, value, section_span, value_span))
