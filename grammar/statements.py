"""Configurations of other IKE daemons to statements: those of strongSwan, libreswan and racoon, and their secrets.

One node serves all of them, because a converter wants from each the same: what was set, where, and inside of what.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from grammar.codes import Code
from grammar.errors import Diagnostic, GrammarError
from grammar.findings import Findings
from grammar.lines import LineIndex
from grammar.nodes import Statement
from grammar.trees import Node, fold


class Language(StrEnum):
    """What a text is written in; the value is the name of its grammar."""

    SWANCTL = "swanctl"
    LIBRESWAN = "libreswan"
    RACOON = "racoon"
    SECRETS = "secrets"
    PSK = "psk"


_ESCAPE = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\n": "", "\r\n": ""}
_HINTS = {
    Language.SWANCTL: "write `key = value`, or `name {` with a } of its own",
    Language.LIBRESWAN: "write `key=value` below a line `conn NAME` or `config setup`",
    Language.RACOON: "end a statement with ; or with a block in braces",
    Language.SECRETS: 'write `identity identity : PSK "secret"`',
    Language.PSK: "write an identity, a blank and the key",
}


def parse_statements(text: str, source: str, language: Language) -> tuple[Statement, ...]:
    """All statements of a text, in its order. `source` names the text in diagnostics.

    Raises GrammarError with the place of the first mistake; its message tells nothing of the text, which may hold
    secrets.
    """
    findings = Findings(source, LineIndex(text))
    if (nul := text.find("\0")) >= 0:
        findings.error(Code.FOREIGN_NUL, "a configuration is text and holds no NUL", findings.span(nul, nul + 1))
        raise GrammarError(findings.found)
    try:
        tree = _parser(language).parse(text)
    except UnexpectedInput as problem:
        raise GrammarError([_mistake(problem, text, source, language)]) from None
    return _Reader(findings, language).statements(tree)


@cache
def _parser(language: Language) -> Lark:
    grammar = files("grammar").joinpath(f"{language}.lark").read_text(encoding="ascii")
    return Lark(grammar, parser="lalr", start="file", propagate_positions=True, maybe_placeholders=False)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns the tree of one text into statements."""

    findings: Findings
    language: Language

    def statements(self, tree: Node) -> tuple[Statement, ...]:
        """The statements of the whole text; lines of libreswan's sections go into the section above them."""
        read = fold(tree, dict.fromkeys(_RULES, self._reduced))
        body = tuple(each for each in read if isinstance(each, Statement))
        return _in_sections(body) if self.language is Language.LIBRESWAN else body

    def _reduced(self, tree: Node, parts: list[tuple[Statement | str, ...] | Token]) -> tuple[Statement | str, ...]:
        words: list[str] = []
        body: list[Statement] = []
        for part in parts:
            if isinstance(part, Token):
                if part.type not in {"LBRACE", "RBRACE"}:
                    words.append(self._word(part))
                continue
            words += [each for each in part if isinstance(each, str)]
            body += [each for each in part if isinstance(each, Statement)]
        if tree.data in {"file", "block"}:
            return tuple(body)
        if tree.data in {"references", "braced"}:
            return tuple(words)
        if tree.data == "include" and self.language is Language.SWANCTL:
            words = ["include", words[0].removeprefix("include").strip()]
        if tree.data == "setting":
            # Pieces of a value stand side by side: `a "b" c` (strongswan.conf(5)).
            words = [words[0], " ".join(words[1:]).strip() if len(words) > 2 else "".join(words[1:])]
        is_block = tree.data in {"section", "header"} or _has_block(tree)
        start, end = tree.meta.start_pos, tree.meta.end_pos
        return (Statement(self.findings.span(start, end), tuple(words), tuple(body) if is_block else None),)

    def _word(self, token: Token) -> str:
        text = str(token)
        if token.type == "QUOTED":
            inner = text[1:-1]
            if self.language is Language.SWANCTL:
                return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), inner)
            return text if self.language is Language.SECRETS else inner
        return text.strip()


_RULES = ("file", "section", "references", "setting", "include", "statement", "block", "header", "entry", "braced")


def _has_block(tree: Node) -> bool:
    return any(not isinstance(each, Token) and each.data == "block" for each in tree.children)


def _in_sections(lines: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Lines of ipsec.conf(5): what stands below a header belongs to it; `version` and `include` end a section."""
    found: list[Statement] = []
    for line in lines:
        is_setting = line.body is None and line.words[0] != "include"
        if is_setting and found and found[-1].body is not None:
            above = found[-1]
            found[-1] = Statement(above.span, above.words, (*above.body, line) if above.body else (line,))
        else:
            is_version = line.words[0] == "version"
            found.append(Statement(line.span, line.words, None) if is_version else line)
    return tuple(found)


def _mistake(problem: UnexpectedInput, text: str, source: str, language: Language) -> Diagnostic:
    """What to say of a text that is no sentence; nothing of the text is in it."""
    index = LineIndex(text)
    place = min(cast("int", problem.pos_in_stream), len(text))
    if isinstance(problem, UnexpectedToken):
        token = problem.token
        if token.type == "$END":
            place = len(text)
            opened = _opened(problem)
            if opened is not None:
                hint = "close it, or remove it"
                span = index.span(opened, opened + 1)
                return Diagnostic(Code.FOREIGN_UNCLOSED, "this block is never closed", source, span, hint)
        elif token.type == "RBRACE":
            span = index.span(place, place + 1)
            message = "this } closes nothing, or ends a statement too early"
            return Diagnostic(Code.FOREIGN_SYNTAX, message, source, span, _HINTS[language])
    elif isinstance(problem, UnexpectedCharacters) and text[place : place + 1] in {'"', "'"}:
        message = "a string begins here and is never closed, or cannot stand here"
        return Diagnostic(Code.FOREIGN_STRING, message, source, index.span(place, place + 1))
    message = "the text ends too early" if place >= len(text) else "this cannot stand here"
    return Diagnostic(Code.FOREIGN_SYNTAX, message, source, index.span(place, place + 1), _HINTS[language])


def _opened(problem: UnexpectedToken) -> int | None:
    """Where the innermost brace stands that is still open, None where none is."""
    stack = problem.interactive_parser.parser_state.value_stack
    opened = [each for each in stack if isinstance(each, Token) and each.type == "LBRACE"]
    return opened[-1].start_pos if opened else None
