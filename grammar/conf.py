"""isakmpd.conf text to bindings: sections, tags and values with their places (isakmpd.conf(5)).

Everything is kept in the order of the text, duplicates too: which of them counts is not a question of grammar. Lark
parses each shape of a line once, a shape being which terminals there are: words do not matter to the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias, cast

from lark import Lark, Token
from lark.lexer import Lexer as LarkLexer

from grammar.codes import Code
from grammar.errors import Diagnostic
from grammar.findings import Findings
from grammar.lines import LineIndex
from grammar.nodes import Binding, Span

_BLANKS = " \t\n\r\f\v"
"""White space of isakmpd(8), ASCII only: str.strip() would take latin-1 blanks too."""

# The terminals of grammar/conf.lark in the order in which a line has them. Only in the first column does isakmpd(8)
# know comments, whatever isakmpd.conf(5) says; a # may be part of a value.
_LINE = re.compile(
    r"""
      (?P<INDENT> [ \t]+ )?
      (?: (?P<COMMENT> [#;][^\n]* )
        | (?P<OPEN> \[ ) (?P<NAME> [^\]\n]+ )? (?: (?P<CLOSE> \] ) (?P<REST> [^\n]+ )? )?
        | (?: (?P<TAG> [^ \t=\[#;\n][^ \t=\n]* ) (?P<WORDS> [^=\n]+ )? )? (?: (?P<EQUALS> = ) (?P<VALUE> [^\n]+ )? )?
      )
      (?: \n | \Z )
    """,
    re.VERBOSE,
)
_TERMINALS = tuple(_LINE.groupindex)
_NAME, _CLOSE, _REST, _TAG, _WORDS, _VALUE = (
    _LINE.groupindex[each] for each in ("NAME", "CLOSE", "REST", "TAG", "WORDS", "VALUE")
)
_STRAY_RETURN = re.compile(r"\r(?!\n)")

_Shape: TypeAlias = "tuple[bool, ...]"


@dataclass(frozen=True, slots=True)
class ParsedConf:
    """What a configuration text holds, and everything that is wrong or odd in it, in the order of the text."""

    bindings: tuple[Binding, ...]
    diagnostics: tuple[Diagnostic, ...]


class _Tokens(LarkLexer):
    """Hands Lark the tokens that are there already."""

    def __init__(self, lexer_conf: object) -> None:
        """Lark's interface; there is nothing to configure."""

    def lex(self, data: object) -> Iterator[Token]:  # type: ignore[override]  # Lark's text is our tokens
        """The tokens of a line."""
        return iter(cast("list[Token]", data))


@cache
def _parser() -> Lark:
    grammar = files("grammar").joinpath("conf.lark").read_text(encoding="ascii")
    return Lark(grammar, parser="lalr", start="line", lexer=_Tokens, maybe_placeholders=False)


@cache
def _production(shape: _Shape) -> str:
    """What a line is: the name of a production, INDENT for one that is blank but for that, or "" for nothing at all."""
    kinds = [kind for kind, there in zip(_TERMINALS, shape, strict=True) if there]
    tree = _parser().parse(cast("str", [Token(kind, "") for kind in kinds]))
    last = tree.children[-1] if tree.children else None
    return last.type if isinstance(last, Token) else str(last.data) if last is not None else ""


def parse_conf(text: str, source: str) -> ParsedConf:
    """All bindings of a text that can be read. `source` names the text in diagnostics; nothing is raised."""
    reader = _Reader(text, Findings(source, LineIndex(text)))
    reader.take(0, len(text))
    reader.check_characters()
    return reader.result()


def parse_part(text: str, start: int, end: int, source: str, index: LineIndex) -> ParsedConf:
    """The bindings of a part of a text, from one header to before another one; their places are those in the text.

    What is said about the text as a whole parse_conf() says, and this does not. `index` is that of the text.
    """
    reader = _Reader(text, Findings(source, index))
    reader.take(start, end)
    return reader.result()


def joined(text: str) -> str:
    """The text with continued lines joined and carriage returns gone, every other character in its old place.

    A backslash before a newline and the newline become two blanks (isakmpd's conf.c documents no other escape).
    """
    return text.replace("\\\r\n", "   ").replace("\\\n", "  ").replace("\r\n", " \n")


class _Reader:
    """Takes line after line, and knows in which section it is."""

    def __init__(self, text: str, findings: Findings) -> None:
        self._text = text
        self._offset = 0
        self.findings = findings
        self.bindings: list[Binding] = []
        self._section: tuple[str, Span] | None = None
        self._ignoring = False
        self._first: dict[tuple[str, str], Span] = {}
        self._actions: dict[str, Callable[[re.Match[str]], None]] = {
            "header": self._header,
            "unclosed": self._unclosed,
            "binding": self._binding,
            "stray": self._stray,
        }

    def take(self, start: int, end: int) -> None:
        """The lines between two offsets."""
        self._offset = start
        for line in _LINE.finditer(joined(self._text[start:end])):
            shape = tuple(map(bool, line.groups()))
            if shape[0]:
                self._indent(line)
            action = self._actions.get(_production(shape))
            if action is not None:
                action(line)

    def result(self) -> ParsedConf:
        """What has come together."""
        found = sorted(self.findings.found, key=lambda each: (each.span.start, each.span.end))
        return ParsedConf(tuple(self.bindings), tuple(found))

    def check_characters(self) -> None:
        """What concerns the text as a whole: NUL, carriage returns, the last newline."""
        nul, carriage_return = self._text.find("\0"), self._text.find("\r\n")
        if nul >= 0:
            place = self.findings.span(nul, nul + 1)
            self.findings.error(Code.CONF_NUL, "a configuration is text and holds no NUL", place)
        if carriage_return >= 0:
            message, hint = "this file has carriage returns, which are dropped", "convert it to plain newlines"
            place = self.findings.span(carriage_return, carriage_return + 1)
            self.findings.warning(Code.CONF_CARRIAGE_RETURN, message, place, hint)
        stray = _STRAY_RETURN.search(self._text)
        if stray is not None:
            message, hint = "a carriage return within a line", "lines end with a newline"
            self.findings.error(Code.CONF_STRAY_RETURN, message, self.findings.span(*stray.span()), hint)
        last = self._text[self._text.rfind("\n") + 1 :]
        if last.strip(_BLANKS):
            message, hint = "the last line has no newline; isakmpd(8) would ignore it", "end it with a newline"
            place = self.findings.span(len(self._text) - len(last), len(self._text))
            self.findings.warning(Code.CONF_NO_FINAL_NEWLINE, message, place, hint)

    def _span(self, start: int, end: int) -> Span:
        """The place of two offsets into what is being read."""
        return self.findings.span(self._offset + start, self._offset + end)

    def _place(self, line: re.Match[str]) -> Span:
        """A line without its indentation and the blanks at its end."""
        start = line.end(1) if line[1] else line.start()
        return self._span(start, start + len(line.string[start : line.end()].rstrip(_BLANKS)))

    def _indent(self, line: re.Match[str]) -> None:
        start, end = line.span(1)
        if self._text[self._offset + end : self._offset + end + 1] in {"", "\n", "\r"}:
            return
        message, hint = (
            "this line starts with blanks; isakmpd(8) would read an empty tag",
            "start it in the first column",
        )
        self.findings.warning(Code.CONF_LEADING_BLANK, message, self._span(start, end), hint)

    def _header(self, line: re.Match[str]) -> None:
        end = line.start(_CLOSE)
        name = line[_NAME] or ""
        self._section = name, self._span(end - len(name), end)
        self._ignoring = False
        rest = (line[_REST] or "").strip(_BLANKS)
        if rest and rest[0] not in "#;":
            start = line.start(_REST) + line[_REST].index(rest)
            message, hint = "text behind the ] of a section header is ignored", "write it in a line of its own"
            self.findings.warning(Code.CONF_TEXT_BEHIND_HEADER, message, self._span(start, start + len(rest)), hint)

    def _unclosed(self, line: re.Match[str]) -> None:
        hint = "write [name]"
        message = "this section header has no ]; everything up to the next header is ignored"
        self.findings.error(Code.CONF_UNCLOSED_SECTION, message, self._place(line), hint)
        self._ignoring = True

    def _stray(self, line: re.Match[str]) -> None:
        if not self._ignoring:
            # The word itself is not told: where blank and = were forgotten, it may hold a key.
            message, hint = "this line has no =", "write tag=value, or # for a comment"
            self.findings.error(Code.CONF_NO_EQUALS, message, self._place(line), hint)

    def _binding(self, line: re.Match[str]) -> None:
        if self._ignoring:
            return
        if self._section is None:
            message, hint = "this line belongs to no section", "put it below a header such as [General]"
            self.findings.error(Code.CONF_NO_SECTION, message, self._place(line), hint)
            return
        if line[_TAG] is None:
            message, hint = "there is no tag before the =", "write tag=value"
            self.findings.error(Code.CONF_NO_TAG, message, self._place(line), hint)
            return
        if (line[_WORDS] or "").strip(_BLANKS):
            message = "only the first word is the tag; the rest before the = is ignored"
            self.findings.warning(Code.CONF_WORDS_BEFORE_EQUALS, message, self._span(*line.span(_WORDS)))
        self._add(line[_TAG], line, self._section)

    def _add(self, tag: str, line: re.Match[str], section: tuple[str, Span]) -> None:
        name, name_span = section
        span = self._place(line)
        written = line[_VALUE] or ""
        value = written.strip(_BLANKS)
        start = span.end
        if value:
            start = self._offset + line.start(_VALUE) + len(written) - len(written.lstrip(_BLANKS))
        value_span = self.findings.span(start, start + len(value))
        first = self._first.setdefault((name.lower(), tag.lower()), span)
        if first is not span:
            message = f"{tag} of [{name}] is already set in line {first.line}; the first value counts"
            self.findings.warning(Code.CONF_DUPLICATE_TAG, message, span, "remove one of them")
        self.bindings.append(Binding(span, name, tag, value, name_span, value_span))
