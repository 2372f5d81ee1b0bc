"""Why a field does not parse, in words: tables from what the parser met and what it could have taken to a code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from grammar.codes import Code
from grammar.errors import quoted
from grammar.fields import Mistake
from grammar.trees import MAX_BRACKETS, MAX_WORDS

_END = "$END"
_OPERANDS = frozenset({"STRING", "NAME", "INTEGER", "FLOAT", "LPAR", "AT", "AMPERSAND", "DOLLAR", "NOT", "THRESHOLD"})
_STOPS = frozenset({_END, "SEMICOLON", "ARROW", "LBRACE", "RBRACE"})
_STEPS = {"(": 1, "{": 1, ")": -1, "}": -1}
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|#[^\n]*|[(){}]', re.DOTALL)
_WORDS = re.compile(
    r'"[^"\\\n\r]*+(?:\\(?:\n[ \t\n]*+|[^\n\r])[^"\\\n\r]*+)*"|#[^\n]*|[A-Za-z0-9_]+|&&|\|\||->|[=!<>~]=|[^ \t\n]'
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """The first rule that fits names the mistake.

    `met` are the terminals that the parser may have met (empty: any), `wanted` one that it would have taken, `opened`
    a bracket that is open there and is the place to show, `unopened` one of which none is open. `after`: the place to
    show is the end of what was read.
    """

    code: Code
    message: str
    hint: str
    met: frozenset[str] = frozenset()
    wanted: str = ""
    opened: str = ""
    unopened: str = ""
    after: bool = False


_CLOSE = "close it, or remove it"
_PROGRAM = (
    _Rule(
        Code.SINGLE_EQUALS,
        "= does not compare",
        "write == to compare, ~= to match a regular expression",
        met=frozenset({"EQUAL"}),
    ),
    _Rule(
        Code.MISSING_VALUE,
        "-> must be followed by a value or a block",
        'write a compliance value, as in -> "true", or a block in braces; without -> the clause yields _MAX_TRUST',
        wanted="LBRACE",
    ),
    _Rule(Code.UNCLOSED, "this parenthesis is never closed", _CLOSE, met=_STOPS, wanted="RPAR", opened="("),
    _Rule(
        Code.MISSING_SEMICOLON,
        "a clause must end with a semicolon",
        "write ; behind the clause, also behind the last one and behind a closing brace",
        met=frozenset({_END, "RBRACE"}),
        wanted="SEMICOLON",
        after=True,
    ),
    _Rule(Code.UNCLOSED, "this brace is never closed", _CLOSE, met=frozenset({_END}), wanted="RBRACE", opened="{"),
    _Rule(Code.UNOPENED, "this parenthesis closes nothing", "remove it", met=frozenset({"RPAR"}), unopened="("),
    _Rule(Code.UNOPENED, "this brace closes nothing", "remove it", met=frozenset({"RBRACE"}), unopened="{"),
    _Rule(
        Code.CHAINED_COMPARISON,
        "a comparison cannot be compared again",
        "join comparisons with && as in a < b && b < c",
        met=frozenset({"COMPARISON"}),
        wanted="AND",
    ),
    _Rule(
        Code.MISSING_OPERATOR,
        "an operator or a semicolon is missing before this",
        "join tests with && or ||, strings with a dot, and end a clause with ;",
        met=_OPERANDS,
        wanted="SEMICOLON",
    ),
    _Rule(
        Code.MISSING_OPERATOR,
        "an operator is missing before this",
        "join tests with && or ||, strings with a dot",
        met=_OPERANDS,
        wanted="RPAR",
    ),
    _Rule(Code.MISSING_OPERAND, "something to work on is missing before this", "", wanted="STRING"),
)
_LICENSEES = (
    _Rule(Code.UNCLOSED, "this parenthesis is never closed", _CLOSE, met=_STOPS, wanted="RPAR", opened="("),
    _Rule(Code.UNOPENED, "this parenthesis closes nothing", "remove it", met=frozenset({"RPAR"}), unopened="("),
    _Rule(
        Code.BAD_THRESHOLD,
        "a number stands among principals",
        "a threshold is written K-of(a, b, ...), without blanks before -of, in lower case, K from 1",
        met=frozenset({"INTEGER", "FLOAT"}),
    ),
    _Rule(
        Code.BAD_OPERATOR,
        "principals are joined by && (all) or || (any)",
        "write && or ||",
        met=frozenset({"AMPERSAND", "COMMA", "PLUS", "MINUS"}),
    ),
    _Rule(
        Code.MISSING_OPERATOR,
        "an operator is missing before this",
        "join principals with && or ||, the parts of one with a dot",
        met=_OPERANDS,
        wanted="DOT",
    ),
    _Rule(Code.MISSING_OPERAND, "a principal is missing before this", "", wanted="STRING"),
    _Rule(Code.BAD_THRESHOLD, "K-of must be followed by its members", "write K-of(a, b, ...)", wanted="LPAR"),
    _Rule(
        Code.SYNTAX,
        "only Conditions has semicolons",
        "remove it",
        met=frozenset({"SEMICOLON"}),
    ),
    _Rule(
        Code.SYNTAX,
        "one principal or signature is needed here, not an expression of several",
        "only Licensees joins principals; write one assertion for each authorizer",
        met=frozenset({"AND", "OR"}),
    ),
)
_CONSTANTS = (
    _Rule(Code.SYNTAX, "a constant is set by a single =", 'write name = "value"', met=frozenset({"EQUAL"})),
    _Rule(
        Code.CONSTANT_NOT_LITERAL,
        "a constant is a string literal",
        'write name = "value", with nothing but the literal',
        met=_OPERANDS - {"NAME"} | {"DOT", "PLUS", "MINUS"},
    ),
    _Rule(Code.CONSTANT_NOT_LITERAL, "a constant is a string literal", 'write name = "value"', wanted="STRING"),
    _Rule(Code.SYNTAX, "name, = and string literal are needed", 'write name = "value"'),
)
_VERSION = (_Rule(Code.VERSION, "only version 2 of KeyNote exists", "write KeyNote-Version: 2"),)
_TABLES: dict[str, Sequence[_Rule]] = {
    "program": _PROGRAM,
    "licensees": _LICENSEES,
    "name": _LICENSEES,
    "constants": _CONSTANTS,
    "version": _VERSION,
}
_CHARACTERS = {
    "'": (Code.SINGLE_QUOTES, "strings stand in double quotes", 'write "..."'),
    "`": (Code.SINGLE_QUOTES, "strings stand in double quotes", 'write "..."'),
    "|": (Code.BAD_OPERATOR, "| is no operator", "write || for or"),
    "[": (Code.BAD_OPERATOR, "[ is no operator", "write $name for the attribute that name names"),
    "~": (Code.BAD_OPERATOR, "~ is no operator", "write ~= to match a regular expression, ! for not"),
}
_PLAIN = {_END: "the end of the field"}


def explain(start: str, text: str, error: UnexpectedInput) -> Mistake:
    """What is wrong with a field's `text` that was parsed from the start symbol `start`."""
    if isinstance(error, UnexpectedCharacters):
        return _strange_character(text, cast("int", error.pos_in_stream))
    if isinstance(error, UnexpectedToken):
        return _strange_token(start, text, error)
    return Mistake(Code.SYNTAX, "this does not follow the grammar", 0, len(text))


def too_deep(text: str) -> Mistake | None:
    """The bracket of a field's `text` that lies beyond MAX_BRACKETS, found without parsing; None if there is none."""
    if text.count("(") + text.count("{") <= MAX_BRACKETS:
        return None
    depth = 0
    for each in _BRACKETS.finditer(text):
        depth += _STEPS.get(each.group(), 0)
        if depth > MAX_BRACKETS:
            message = f"brackets are nested more than {MAX_BRACKETS} levels deep"
            return Mistake(
                Code.TOO_DEEP, message, *each.span(), "split the expression over several clauses or assertions"
            )
    return None


def too_large(text: str) -> Mistake | None:
    """The word of a field's `text` that lies beyond MAX_WORDS, found without parsing; None if there is none."""
    if len(text) <= MAX_WORDS:
        return None
    for number, word in enumerate(_WORDS.finditer(text)):
        if word[0] == '"':  # it is not closed, and the parser comes no further
            break
        if number == MAX_WORDS:
            message = f"more than {MAX_WORDS:,} words and signs in one field"
            return Mistake(Code.TOO_LARGE, message, *word.span(), "split the field over several assertions")
    return None


def _strange_character(text: str, position: int) -> Mistake:
    character = text[position : position + 1]
    if character == '"':
        stop = text.find("\n", position)
        end = len(text) if stop < 0 else stop
        hint = "close it with a quote on the same line, or end the line with a backslash to continue it"
        return Mistake(Code.UNTERMINATED_STRING, "this string is not closed", position, end, hint)
    code, message, hint = _CHARACTERS.get(
        character,
        (
            Code.BAD_CHARACTER,
            f"the character {character!r} means nothing here",
            "outside string literals it cannot stand",
        ),
    )
    return Mistake(code, message, position, position + 1, hint)


def _strange_token(start: str, text: str, error: UnexpectedToken) -> Mistake:
    token = error.token
    at_end = token.type == _END
    first = (token.end_pos if at_end else token.start_pos) or 0
    last = first if at_end else (token.end_pos or first)
    accepts = error.accepts or set()
    opened = _open_brackets(text, first)
    for rule in _TABLES[start]:
        if not _fits(rule, token.type, accepts, opened):
            continue
        if rule.opened:
            first = max(place for bracket, place in opened if bracket == rule.opened)
            last = first + 1
        elif rule.after:
            first = len(text[:first].rstrip())
            last = first
        return Mistake(rule.code, rule.message, first, last, rule.hint)
    shown = _PLAIN.get(token.type, quoted(str(token)))
    return Mistake(Code.SYNTAX, f"{shown} cannot stand here", first, last)


def _fits(rule: _Rule, met: str, accepts: set[str], opened: Sequence[tuple[str, int]]) -> bool:
    brackets = {bracket for bracket, _ in opened}
    return (
        (not rule.met or met in rule.met)
        and (not rule.wanted or rule.wanted in accepts)
        and (not rule.opened or rule.opened in brackets)
        and (not rule.unopened or rule.unopened not in brackets)
    )


def _open_brackets(text: str, end: int) -> list[tuple[str, int]]:
    """The brackets that are open at `end`, outermost first."""
    opened: list[tuple[str, int]] = []
    for each in _BRACKETS.finditer(text, 0, end):
        if each.group() in {"(", "{"}:
            opened.append((each.group(), each.start()))
        elif each.group() in {")", "}"} and opened:
            opened.pop()
    return opened
