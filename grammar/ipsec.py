"""ipsec.conf text to macros and rules (ipsec.conf(5)), in the order of the text and with everything that is wrong.

A line that cannot be used costs one finding and is left out; reading goes on with the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from typing import Any, TypeAlias, cast

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken
from lark.lexer import Lexer as LarkLexer

from grammar.errors import Diagnostic
from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_hints import hint_at
from grammar.ipsec_lexer import Lexer, Line, Problem
from grammar.ipsec_nodes import (
    AnyHost,
    FlowNode,
    HostList,
    HostText,
    IkeNode,
    Key,
    MacroDefinition,
    Mode,
    RuleNode,
    SaNode,
    Traffic,
    TransformWord,
    Word,
)
from grammar.lines import LineIndex
from grammar.nodes import Span
from grammar.trees import Action, fold

MAX_INCLUDES = 16
"""How deep files may include each other."""

MAX_FILES = 1_000
"""How many files may be included in all: each of two lines in each of 16 files doubles them."""

Reader: TypeAlias = Callable[[str], str]
"""Reads an included file (latin-1); raises OSError."""

Item: TypeAlias = MacroDefinition | RuleNode | Diagnostic

_SYNTAX = "syntax error"
_MOST_EXPECTED = 8
_MOST_SHAPES = 1024
_LONGEST_SHAPE = 128


@dataclass(frozen=True, slots=True)
class ParsedIpsec:
    """What an ipsec.conf holds and what is wrong with it, in one order; macros that nothing uses; every file's text."""

    items: tuple[Item, ...]
    unused: tuple[str, ...]
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def rules(self) -> tuple[RuleNode, ...]:
        """The rules that could be read."""
        return tuple(each for each in self.items if isinstance(each, IkeNode | FlowNode | SaNode))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong."""
        return tuple(each for each in self.items if isinstance(each, Diagnostic))


def parse_ipsec(text: str, source: str, read: Reader, defined: Mapping[str, str] | None = None) -> ParsedIpsec:
    """Every line of a text. `source` names it, `read` fetches what it includes, `defined` are macros that win over it.

    Nothing is raised for what the text says.
    """
    reader = _Reader(read, dict(defined or {}))
    items = tuple(reader.items(text, source, 0))
    unused = tuple(name for name in reader.macros if name not in reader.used)
    return ParsedIpsec(items, unused, reader.texts)


class RuleReader:
    """Reads parts of one text, each by itself: rules, macros that are known, and nothing that is included."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._index = LineIndex(text)
        self._builder = _Builder(self._index, source)
        self._shapes = _Shapes()
        self._source = source

    def items(self, start: int, end: int, macros: Mapping[str, str]) -> Iterator[RuleNode | Diagnostic]:
        """The rules between two starts of lines, and what is wrong with them; definitions of macros are passed over."""
        for line in Lexer(self._text, self._index, macros, set()).lines(start, end):
            if line.problem:
                yield _problem(line.problem, self._source)
            elif len(line.tokens) < 2 or line.tokens[1].type != "EQUAL":
                yield _rule(line, self._builder, self._shapes)


def _problem(problem: Problem, source: str) -> Diagnostic:
    return Diagnostic(problem.code, problem.message, source, problem.span, problem.hint)


class _Reader:
    """Reads files; macros hold from their line on, in included files and behind them too."""

    def __init__(self, read: Reader, defined: dict[str, str]) -> None:
        self._read = read
        self._fixed = frozenset(defined)
        self.macros = defined
        self.used: set[str] = set()
        self.texts: dict[str, str] = {}
        self._shapes = _Shapes()
        self._included = 0

    def items(self, text: str, source: str, depth: int) -> Iterator[Item]:
        """The items of one file, and of those that it includes."""
        self.texts[source] = text
        index = LineIndex(text)
        builder = _Builder(index, source)
        for line in Lexer(text, index, self.macros, self.used).lines():
            if line.problem:
                yield _problem(line.problem, source)
            elif line.tokens[0].type == "INCLUDE":
                yield from self._include(line, source, depth, index)
            elif len(line.tokens) > 1 and line.tokens[1].type == "EQUAL":
                yield from self._macro(line, source, index)
            else:
                yield _rule(line, builder, self._shapes)

    def _include(self, line: Line, source: str, depth: int, index: LineIndex) -> Iterator[Item]:
        wrong = _first_not(line, ("INCLUDE", "STRING"), index)
        if wrong is not None:
            yield Diagnostic(IpsecCode.SYNTAX, _SYNTAX, source, wrong, 'write include "file"')
            return
        name = str(line.tokens[1])
        try:
            text, reason = self._read(name), ""
        except (OSError, ValueError) as cause:
            text, reason = "", str(getattr(cause, "strerror", None) or cause)
        if depth >= MAX_INCLUDES:
            reason = f"included more than {MAX_INCLUDES} files deep"
        elif self._included >= MAX_FILES:
            reason = f"more than {MAX_FILES} files are included"
        if reason:
            message = f"failed to include file {name}"
            yield Diagnostic(IpsecCode.INCLUDE, message, source, line.span, f"{name}: {reason}")
        else:
            self._included += 1
            yield from self.items(text, name, depth + 1)

    def _macro(self, line: Line, source: str, index: LineIndex) -> Iterator[Item]:
        kinds = ("STRING", "EQUAL", "STRING", *("STRING" for _ in line.tokens[3:]))
        wrong = _first_not(line, kinds, index)
        if wrong is not None:
            hint = 'write name = "value"; numbers, networks and keywords need the quotes'
            yield Diagnostic(IpsecCode.SYNTAX, _SYNTAX, source, wrong, hint)
            return
        name, value = str(line.tokens[0]), " ".join(line.tokens[2:])
        yield MacroDefinition(line.span, source, name, value)
        if any(each.isspace() for each in name):
            message = "macro name cannot contain whitespace"
            yield Diagnostic(IpsecCode.MACRO_NAME, message, source, _place(line.tokens[0], index))
        elif name not in self._fixed:
            self.macros[name] = value


def _first_not(line: Line, kinds: tuple[str, ...], index: LineIndex) -> Span | None:
    """The place of the first token that is not of its kind, or the end where one is missing; None: all are right."""
    for token, kind in zip(line.tokens, kinds, strict=False):
        if token.type != kind:
            return _place(token, index)
    if len(line.tokens) > len(kinds):
        return _place(line.tokens[len(kinds)], index)
    return index.span(line.span.end, line.span.end) if len(line.tokens) < len(kinds) else None


def _place(token: Token, index: LineIndex) -> Span:
    return index.span(token.start_pos or 0, token.end_pos or 0)


# --- rules --------------------------------------------------------------------------------------------------------


_Part: TypeAlias = tuple[str, Any]
_Build: TypeAlias = "Callable[[_Builder, list[Any]], Any]"


class _Tokens(LarkLexer):
    """Hands Lark the tokens that are there already."""

    def __init__(self, lexer_conf: object) -> None:
        """Lark's interface; there is nothing to configure."""

    def lex(self, data: object) -> Iterator[Token]:  # type: ignore[override]  # Lark's text is our tokens
        """The tokens of a line."""
        return iter(cast("tuple[Token, ...]", data))


@cache
def _parser() -> Lark:
    grammar = files("grammar").joinpath("ipsec.lark").read_text(encoding="ascii")
    return Lark(grammar, parser="lalr", lexer=_Tokens, maybe_placeholders=False, propagate_positions=False)


class _Shapes:
    """Parses a rule once for all rules of the same terminals: words do not matter to the grammar.

    The leaves of a tree have their place in the rule as `start_pos`.
    """

    def __init__(self) -> None:
        self._trees: dict[tuple[str, ...], Tree[Token]] = {}

    def tree(self, tokens: tuple[Token, ...]) -> Tree[Token]:
        """The tree of a rule. Raises UnexpectedInput."""
        kinds = tuple([each.type for each in tokens])
        tree = self._trees.get(kinds)
        if tree is None:
            tree = _parser().parse(cast("str", [Token(kind, "", start_pos=place) for place, kind in enumerate(kinds)]))
            if len(self._trees) >= _MOST_SHAPES:
                self._trees.clear()
            if len(kinds) <= _LONGEST_SHAPE:
                self._trees[kinds] = tree
        return tree


def _rule(line: Line, builder: _Builder, shapes: _Shapes) -> RuleNode | Diagnostic:
    try:
        tree = shapes.tree(line.tokens)
    except UnexpectedInput as error:
        return _syntax_error(line, error, builder)
    return builder.rule(line, tree)


def _syntax_error(line: Line, error: UnexpectedInput, builder: _Builder) -> Diagnostic:
    span, hint = line.span, ""
    if isinstance(error, UnexpectedToken):
        at_end = error.token.type == "$END"
        place = error.token.start_pos or 0
        met = line.tokens[place]
        span = builder.index.span(line.span.end, line.span.end) if at_end else builder.place(met)
        wanted = sorted(each for each in error.accepts or () if each in _TERMINALS)
        hint = "" if at_end else hint_at(line.tokens, place)
        if not hint and 0 < len(wanted) <= _MOST_EXPECTED:
            hint = f"expected {' or '.join(_TERMINALS[each] for each in wanted)}"
    return Diagnostic(IpsecCode.SYNTAX, _SYNTAX, builder.source, span, hint)


_TERMINALS = {
    "STRING": "a word",
    "NUMBER": "a number",
    "LBRACE": "{",
    "RBRACE": "}",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "SLASH": "/",
    **{each: each.lower() for each in ("FROM", "TO", "ANY", "SPI", "LOCAL", "PEER", "ESP", "AH", "PORT", "FILE")},
}
"""How terminals are called in hints."""


class _Builder:
    """Lark's tree of a rule to its node. Each part of a rule becomes the name of a field and its value."""

    def __init__(self, index: LineIndex, source: str) -> None:
        self.index = index
        self.source = source
        self._tokens: tuple[Token, ...] = ()
        self._actions = {name: self._action(build) for name, build in _ACTIONS.items()}

    def rule(self, line: Line, tree: Tree[Token]) -> RuleNode:
        """The node of a rule's tree, the words being those of the line."""
        self._tokens = line.tokens
        (rule,) = tree.children
        kind, parts = fold(cast("Tree[Token]", rule), self._actions)
        fields = {name: value for name, value in parts if name not in _GATHERED}
        gathered = {kind: [value for name, value in parts if name == kind] for kind in _GATHERED}
        if gathered["from"]:
            (source, source_port), (destination, destination_port) = gathered["from"][0], gathered["to"][0]
            fields["traffic"] = Traffic(source, destination, source_port, destination_port)
        if kind in {"sa", "tcpmd5"}:
            fields["transforms"] = tuple(gathered["xform"])
        return cast("RuleNode", _NODES[kind](line.span, self.source, **fields))

    def place(self, token: Token) -> Span:
        """Where a token stands."""
        return self.index.span(token.start_pos or 0, token.end_pos or 0)

    def word(self, token: Token) -> Word:
        """A token as a word."""
        return Word(self.place(token), str(token), token.type not in {"STRING", "NUMBER"}, token.type == "NUMBER")

    def _action(self, build: _Build) -> Action[Any]:
        return lambda _tree, parts: build(self, [self._word_of(each) for each in parts])

    def _word_of(self, part: Any) -> Any:  # noqa: ANN401 - a leaf, or what was made of a branch
        return self._tokens[part.start_pos or 0] if type(part) is Token else part


def _rule_of(kind: str) -> _Build:
    return lambda _builder, parts: (kind, [each for each in parts if not isinstance(each, Token)])


def _keyword(field: str) -> _Build:
    """A part that is one keyword, or a keyword and the one that counts."""
    return lambda _builder, parts: (field, str(parts[-1]))


def _argument(field: str) -> _Build:
    """A part that is a keyword and a word; the word may be missing."""
    return lambda builder, parts: (field, builder.word(parts[1]) if len(parts) > 1 else None)


def _mode(_builder: _Builder, parts: list[Any]) -> _Part:
    transforms = tuple(each[1] for each in parts if isinstance(each, tuple) and each[0] == "xform")
    lifetime = next((each[1] for each in parts if isinstance(each, tuple) and each[0] == "lifetime"), None)
    return "quick" if parts[0].type == "QUICK" else "main", Mode(str(parts[0]), transforms, lifetime)


def _transform(builder: _Builder, parts: list[Any]) -> _Part:
    return "xform", TransformWord(str(parts[0]), builder.word(parts[1]))


def _end(field: str) -> _Build:
    """`from` or `to`: a host, and a port or None."""
    return lambda _builder, parts: (field, (parts[1], parts[2][1] if len(parts) > 2 else None))


def _address(builder: _Builder, parts: list[Any]) -> HostText:
    span = builder.index.span(parts[0].start_pos, parts[-1].end_pos)
    return HostText(span, str(parts[0]), int(str(parts[-1])[:20]) if len(parts) > 1 else None)


def _nat(builder: _Builder, parts: list[Any]) -> HostText:
    outer, _, inner, last = parts
    return HostText(builder.index.span(outer.span.start, last.end_pos), outer.text, outer.length, inner)


def _list(builder: _Builder, parts: list[Any]) -> HostList:
    """Lists in lists are one list: their order is the same."""
    members: list[HostText | AnyHost] = []
    for each in parts:
        members += each.members if isinstance(each, HostList) else [] if isinstance(each, Token) else [each]
    return HostList(builder.index.span(parts[0].start_pos, parts[-1].end_pos), tuple(members))


def _key(field: str) -> _Build:
    return lambda builder, parts: (field, Key(builder.word(parts[-1]), len(parts) > 2))


_GATHERED = ("from", "to", "xform")
"""Parts that are no fields of their own."""

_NODES: Mapping[str, Callable[..., Any]] = {
    "ike": IkeNode,
    "ike_interface": IkeNode,
    "flow": FlowNode,
    "sa": SaNode,
    "tcpmd5": partial(SaNode, protocol="tcpmd5", encapsulation="transport"),
}

_ACTIONS: Mapping[str, _Build] = {
    **{kind: _rule_of(kind) for kind in _NODES},
    **{field: _keyword(field) for field in ("mode", "protocol", "encapsulation", "direction", "type")},
    **{field: _argument(field) for field in ("proto", "interface", "peer", "local", "srcid", "dstid", "tag", "spi")},
    **{field: _argument(field) for field in ("bundle", "port", "lifetime")},
    **{field: _key(field) for field in ("authkey", "enckey")},
    "auth": _argument("psk"),
    "udpencap": lambda _builder, _parts: ("udpencap", True),
    "main": _mode,
    "quick": _mode,
    "xform": _transform,
    "from": _end("from"),
    "to": _end("to"),
    "address": _address,
    "nat": _nat,
    "any": lambda builder, parts: AnyHost(builder.place(parts[0])),
    "list": _list,
}
"""What each production of grammar/ipsec.lark becomes."""
