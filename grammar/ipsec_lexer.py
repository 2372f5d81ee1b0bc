"""ipsec.conf text to lines of tokens: comments, continuation, quotes, and macros, which are input text (ipsec.conf(5)).

A line is lexed when it is asked for, so that a macro defined in one line is known in the next. Tokens stand where they
are written; those that a macro brought stand where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lark import Token

from grammar.ipsec_codes import IpsecCode
from grammar.lines import LineIndex
from grammar.nodes import Span

MAX_STRING = 8096
"""Octets in a quoted string or a word."""

_KEYWORDS = """
    acquire active aggressive ah any auth authkey bundle bypass comp deny dontacq dstid dynamic enc
    enckey esp file flow from group ike in include interface ipcomp ipip lifetime local main out passive
    peer port proto psk quick require rsa spi srcid tag tcpmd5 to transport tunnel type udpencap use
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Words that are not strings where they stand unquoted; each is the terminal of its name in capitals."""

# Printable ASCII but for ( ) { } < > ! = / # , and the backslash, which is dropped.
_IN_WORD = r"""[0-9A-Za-z"$%&'*+\-.:;?@\[\]^_`|~]"""
# A run of plain characters is one step of the matcher: a step for each would cost 250 octets of memory a character.
_TOKEN = re.compile(
    rf"""
      (?P<BLANK>  (?: [ \t]+ | \\[ \t\n] )+ )
    | (?P<NEWLINE> \n )
    | (?P<COMMENT> \# [^\n\\]* (?: \\[\s\S] [^\n\\]* )* )
    | (?P<NUMBER> -?[0-9]+ (?= [ \t\n),/}}=] | \Z ) )
    | (?P<WORD>   \\?[A-Za-z0-9:_*] (?: {_IN_WORD}+ | \\\n | \\{_IN_WORD} )* )
    | (?P<DOUBLE> " [^"\\]* (?: \\(?: ["\ \t\n] | (?!["\ \t\n]) ) [^"\\]* )* " )
    | (?P<SINGLE> ' [^'\\]* (?: \\(?: ['\ \t\n] | (?!['\ \t\n]) ) [^'\\]* )* ' )
    | (?P<MACRO>  \$[A-Za-z0-9_]* )
    | (?P<OTHER>  [\s\S] )
    """,
    re.VERBOSE,
)
_TAIL = re.compile(rf"(?:{_IN_WORD}+|\\\n|\\{_IN_WORD})*")
_ENDS_WORD = re.compile(rf"(?![\"']){_IN_WORD}\Z")
_END_OF_LINE = re.compile(r"[^\n\\]*(?:\\[\s\S][^\n\\]*)*")
_ESCAPE = re.compile(r"\\([\s\S])")
_IN_QUOTES = {quote: re.compile(rf"\\([{quote} \t\n])|\n") for quote in "\"'"}

_CHARACTERS = {"{": "LBRACE", "}": "RBRACE", "(": "LPAR", ")": "RPAR", ",": "COMMA", "/": "SLASH", "=": "EQUAL"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line before it is parsed."""

    code: IpsecCode
    message: str
    span: Span
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that says something, continued ones joined: its place, its tokens, and the first problem there was."""

    span: Span
    tokens: tuple[Token, ...]
    problem: Problem | None = None


class _MacroError(Exception):
    """An undefined macro; carries its name."""


def _hint(found: Token) -> str:
    """What to do about a token that can stand nowhere; "" for any other."""
    if found.type == "UNCLOSED":
        return "close the quote"
    if found == "\r":
        return "lines end with newline alone: tr -d '\\r' takes carriage returns away"
    return f"strings have {MAX_STRING} octets at most" if len(found) > MAX_STRING else ""


class Lexer:
    """The lines of one text. `macros` may grow between lines; the names of those that were used go into `used`."""

    def __init__(self, text: str, index: LineIndex, macros: Mapping[str, str], used: set[str]) -> None:
        self._text = text
        self._index = index
        self._macros = macros
        self._used = used

    def lines(self, start: int = 0, end: int | None = None) -> Iterator[Line]:
        """Every line with tokens or a problem, in order; between two starts of lines, if they are given."""
        position = start
        while position < (len(self._text) if end is None else end):
            start = position
            tokens: list[Token] = []
            problem, position = self._line(start, tokens)
            if tokens or problem:
                first = tokens[0].start_pos or 0 if tokens else problem.span.start if problem else start
                last = max(tokens[-1].end_pos or 0 if tokens else 0, problem.span.end if problem else 0)
                yield Line(self._index.span(first, last), tuple(tokens), problem)

    def _line(self, position: int, tokens: list[Token]) -> tuple[Problem | None, int]:
        """Adds the tokens of the line at `position`; what is wrong with it, and where the next one begins."""
        text, match = self._text, _TOKEN.match
        while position < len(text):
            found = match(text, position)
            kind = found.lastgroup if found else None
            if found is None or kind == "NEWLINE":
                return None, position + 1
            start, position = position, found.end()
            if kind == "MACRO":
                try:
                    position = self._expand(found[0][1:], position, tokens, start)
                except _MacroError:
                    message = f"macro '{found[0][1:]}' not defined"
                    hint = f'define it above: {found[0][1:] or "name"} = "value"'
                    span = self._index.span(start, found.end())
                    return Problem(IpsecCode.UNKNOWN_MACRO, message, span, hint), self._after(found.end())
            elif kind not in {"BLANK", "COMMENT"}:
                token = self._token(kind or "", found[0], start, found.end())
                if token is not None:
                    tokens.append(token)
                hint = _hint(token) if token is not None else ""
                if hint:
                    span = self._index.span(start, found.end())
                    return Problem(IpsecCode.SYNTAX, "syntax error", span, hint), self._after(found.end())
        if not tokens:
            return None, position
        end = tokens[-1].end_pos or 0
        hint = "end the last line with a newline"
        return Problem(IpsecCode.SYNTAX, "syntax error", self._index.span(end, end), hint), position

    def _after(self, position: int) -> int:
        """The beginning of the next line."""
        found = _END_OF_LINE.match(self._text, position)
        return (found.end() if found else position) + 1

    def _expand(self, name: str, end: int, tokens: list[Token], start: int) -> int:
        """Adds the tokens of a macro's value, glued to the text behind it where both are one word.

        Where reading goes on. Nothing is expanded inside the value.
        """
        value = self._macros.get(name)
        if value is None:
            raise _MacroError(name)
        self._used.add(name)
        tail = _TAIL.match(self._text, end) if _ENDS_WORD.search(value) else None
        length = tail.end() - end if tail else 0
        piece = value + self._text[end : end + length + 1]
        position, limit = 0, len(value) + length
        while position < limit:
            found = _TOKEN.match(piece, position)
            if found is None:
                break
            position = found.end()
            if found.lastgroup == "COMMENT":
                rest = _END_OF_LINE.match(self._text, end)
                return rest.end() if rest else end
            if found.lastgroup not in {"BLANK", "NEWLINE"}:
                kind = "OTHER" if found.lastgroup == "MACRO" else found.lastgroup or ""
                token = self._token(kind, found[0], start, end + length)
                if token is not None:
                    tokens.append(token)
        return end + length

    def _token(self, kind: str, text: str, start: int, end: int) -> Token | None:
        """The token of a match; None for a lone backslash, which is dropped."""
        if kind == "WORD":
            if "\\" in text:
                text = _ESCAPE.sub(lambda found: "" if found[1] == "\n" else found[1], text)
            kind = text.upper() if text in KEYWORDS else "STRING"
        elif kind in {"DOUBLE", "SINGLE"}:
            text = _IN_QUOTES[text[0]].sub(lambda found: "" if found[1] in {None, "\n"} else found[1], text[1:-1])
            kind = "STRING"
        elif kind == "OTHER":
            if text == "\\":
                return None
            kind = "UNCLOSED" if text in {'"', "'"} else _CHARACTERS.get(text, "CHARACTER")
        return Token(kind, text, start_pos=start, end_pos=end)
