"""Nodes of Conditions back into text: no parenthesis that is not needed, one clause below the other.

What is rendered parses to the same nodes, but for their places.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass

from grammar import nodes
from grammar.phrases import INDENT, Chain, Enclosed, Phrase, flat, indented, lines

WIDTH = 80
"""Columns that a line should not exceed."""

DEEPEST = 60
"""What nests more deeply is not for a Renderer, which recurses."""

# How tightly tests and expressions bind (RFC 2704 section 4.6.5 and appendix A).
_ANY, _ALL, _TEST = 1, 2, 3
_SUM, _PRODUCT, _POWER, _UNARY, _ATOM = 1, 2, 3, 4, 5
_LEVELS = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT, "^": _POWER}

_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", '"': '\\"', "\\": "\\\\"}


def quote(value: str) -> str:
    """A string literal for a value (RFC 2704, 4.3); `value` holds no NUL, since no literal can."""
    return f'"{_ESCAPED.sub(_escape, value)}"'


def _escape(match: re.Match[str]) -> str:
    return _NAMED.get(match[0]) or f"\\{ord(match[0]):03o}"


def _quoted(node: nodes.StringLiteral) -> str:
    return quote(node.value)


def render_program(program: nodes.Program, width: int = WIDTH) -> str:
    """The value of a Conditions field. Recurses on the depth of the nodes: see `nesting`."""
    return "\n".join(Renderer().program(program, width))


def nesting(root: object) -> int:
    """How many nodes lie in each other at the deepest place."""
    deepest = 0
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(node, tuple):
            waiting.extend((each, depth) for each in node)
        elif is_dataclass(node):
            inner = (getattr(node, each.name) for each in fields(node))
            waiting.extend((each, depth + 1) for each in inner if isinstance(each, tuple) or is_dataclass(each))
    return deepest - 1  # a node's span is no level


class Renderer:
    """Renders programs and parts of them. `literal` writes string literals; it gets them in the order of the text."""

    def __init__(self, literal: Callable[[nodes.StringLiteral], str] = _quoted) -> None:
        self._literal = literal

    # --- programs -------------------------------------------------------------------------------------------------

    def program(self, program: nodes.Program, width: int) -> list[str]:
        """The clauses in lines."""
        return [line for clause in program.clauses for line in self.clause(clause, width)]

    def clause(
        self, clause: nodes.Clause, width: int, block: Callable[[nodes.Program, int], list[str]] | None = None
    ) -> list[str]:
        """A clause with its semicolon. `block` renders the program in its braces, if not as any other."""
        test = self.test(clause.test)
        match clause.result:
            case None:
                return _ended(lines(test, width - 1), ";")
            case nodes.Program() as inner:
                found = (block or self.program)(inner, width - len(INDENT))
                if not found:
                    return _followed(test, "-> { };", width)
                return [*_followed(test, "-> {", width), *indented(found), "};"]
            case value:
                return _followed(test, f"-> {self.expression(value)};", width)

    # --- tests ----------------------------------------------------------------------------------------------------

    def test(self, test: nodes.Test, least: int = _ANY) -> Phrase:
        """A test; in parentheses where it binds less than `least`."""
        match test:
            case nodes.Truth():
                return "true" if test.value else "false"
            case nodes.Comparison():
                return f"{self.expression(test.left)} {test.operator} {self.expression(test.right)}"
            case nodes.Not():
                return self._negated(test.operand)
            case nodes.AllOf():
                level, operator = _ALL, "&&"
            case nodes.AnyOf():
                level, operator = _ANY, "||"
        chain = Chain(operator, tuple([self.test(each, level + 1) for each in test.operands]))
        return chain if level >= least else Enclosed("(", chain, ")")

    def _negated(self, operand: nodes.Test) -> Phrase:
        """`!a == b` would do for a comparison, and read as something else."""
        inner = self.test(operand, _TEST)
        if isinstance(operand, nodes.Comparison):
            return Enclosed("!(", inner, ")")
        return f"!{inner}" if isinstance(inner, str) else Enclosed("!", inner, "")

    # --- strings and numbers --------------------------------------------------------------------------------------

    def expression(self, node: nodes.Operand, least: int = _SUM) -> str:
        """An expression; in parentheses where it binds less than `least`."""
        text, level = self._bare(node)
        return text if level >= least else f"({text})"

    def _bare(self, node: nodes.Operand) -> tuple[str, int]:
        level = _ATOM
        match node:
            case nodes.StringLiteral():
                text = self._literal(node)
            case nodes.Attribute():
                text = node.name
            case nodes.NumberLiteral():
                text = node.text
            case nodes.Dereference() | nodes.NumberOf() | nodes.Negation():
                level = _UNARY
                text = _sign(node) + self.expression(node.operand, _UNARY)
            case nodes.Concatenation():
                level = _SUM
                # One inside another is no part of its chain.
                text = " . ".join([self.expression(each, _SUM + 1) for each in node.operands])
            case nodes.Arithmetic():
                level = _LEVELS[node.operator]
                left, right = self.expression(node.left, level), self.expression(node.right, level + 1)
                text = f"{left} {node.operator} {right}"
        return text, level


def _sign(node: nodes.Dereference | nodes.NumberOf | nodes.Negation) -> str:
    match node:
        case nodes.Dereference():
            return "$"
        case nodes.NumberOf():
            return "@" if node.kind is nodes.NumberKind.INTEGER else "&"
        case nodes.Negation():
            return "-"


def _ended(found: list[str], end: str) -> list[str]:
    return [*found[:-1], found[-1] + end]


def _followed(test: Phrase, result: str, width: int) -> list[str]:
    """A test and its result: in one line where they fit, else the result in a line of its own."""
    if len(flat(test)) + 1 + len(result) <= width:
        return [f"{flat(test)} {result}"]
    return [*lines(test, width), result]
