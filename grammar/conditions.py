"""The tree of a Conditions field into typed nodes (RFC 2704, 4.6.5).

The grammar knows no types. Here every expression gets one, from its leaves up, and what does not fit together is
reported; all misfits of a field in one run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, cast

from lark import Token

from grammar.codes import Code
from grammar.findings import Findings
from grammar.literals import unquote
from grammar.nodes import (
    AllOf,
    AnyOf,
    Arithmetic,
    Attribute,
    Clause,
    Comparison,
    Concatenation,
    Dereference,
    Negation,
    Not,
    NumberExpr,
    NumberKind,
    NumberLiteral,
    NumberOf,
    Operand,
    OperandKind,
    Program,
    Span,
    StringExpr,
    StringLiteral,
    Test,
    Truth,
)
from grammar.trees import MAX_NESTING, Node, extent, fold, inner_extent

_AnyNode: TypeAlias = Operand | Test | Clause | Program


class _Kind(StrEnum):
    STRING = "a string"
    INTEGER = "an integer"
    FLOAT = "a float"
    TEST = "a test"
    PROGRAM = "a program"
    WRONG = "an expression with an error"


_NUMBERS = {NumberKind.INTEGER: _Kind.INTEGER, NumberKind.FLOAT: _Kind.FLOAT}
_NUMBER_KINDS = {_Kind.INTEGER: NumberKind.INTEGER, _Kind.FLOAT: NumberKind.FLOAT}
_OPERAND_KINDS = {
    _Kind.STRING: OperandKind.STRING,
    _Kind.INTEGER: OperandKind.INTEGER,
    _Kind.FLOAT: OperandKind.FLOAT,
}
_TO_NUMBER = "put @ in front of the string to read it as an integer, & to read it as a float"


@dataclass(frozen=True, slots=True)
class _Part:
    """A typed node, its extent in the field, and how deep it is. A WRONG part has been reported and holds no node."""

    kind: _Kind
    node: _AnyNode | None
    start: int
    end: int
    depth: int = 1


def build_program(tree: Node, offset: int, findings: Findings) -> Program | None:
    """The program that `tree` holds; None if there were errors, which are then in `findings`.

    `offset` is where the parsed text starts in the source.
    """
    builder = _Builder(offset, findings)
    part = fold(tree, builder.actions())
    return part.node if isinstance(part.node, Program) else None


class _Builder:
    """One action for each rule of the grammar."""

    def __init__(self, offset: int, findings: Findings) -> None:
        self._offset = offset
        self._findings = findings

    def actions(self) -> Mapping[str, Callable[[Node, list[_Part | Token]], _Part]]:
        """What each production of the grammar, by its name there, is made into."""
        return {
            "string": self._string,
            "attribute": self._attribute,
            "integer": self._number,
            "float": self._number,
            "dereference": self._dereference,
            "integer_of": self._number_of,
            "float_of": self._number_of,
            "negation": self._negation,
            "power": self._chain,
            "product": self._chain,
            "sum": self._chain,
            "comparison": self._comparison,
            "negated_test": self._negated_test,
            "all_of": self._junction,
            "any_of": self._junction,
            "value": self._value,
            "block": self._block,
            "clause": self._clause,
            "program": self._program,
        }

    # --- places and errors ----------------------------------------------------------------------------------------

    def _span(self, start: int, end: int) -> Span:
        return self._findings.span(self._offset + start, self._offset + end)

    def _place(self, tree: Node) -> Span:
        return self._span(*inner_extent(tree))

    def _wrong(self, code: Code, message: str, at: _Part | Token, whole: Node, hint: str = "") -> _Part:
        if isinstance(at, Token):
            start, end = at.start_pos or 0, at.end_pos or 0
        else:
            start, end = at.start, at.end
        self._findings.error(code, message, self._span(start, end), hint)
        return self._silent(whole)

    def _silent(self, whole: Node) -> _Part:
        return _Part(_Kind.WRONG, None, *extent(whole))

    def _made(self, kind: _Kind, node: _AnyNode, whole: Node, depth: int) -> _Part:
        part = _Part(kind, node, *extent(whole), depth)
        return part if depth <= MAX_NESTING else self._too_deep(part, whole)

    def _too_deep(self, part: _Part, whole: Node) -> _Part:
        hint = "split the expression over several clauses or assertions"
        return self._wrong(Code.TOO_DEEP, f"nested more than {MAX_NESTING} levels deep", part, whole, hint)

    # --- strings and numbers --------------------------------------------------------------------------------------

    def _string(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        token = cast("Token", parts[0])
        return _Part(_Kind.STRING, StringLiteral(self._place(tree), unquote(token)), *extent(tree))

    def _attribute(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        token = cast("Token", parts[0])
        return _Part(_Kind.STRING, Attribute(self._place(tree), str(token)), *extent(tree))

    def _number(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        token = cast("Token", parts[0])
        kind = NumberKind(tree.data)
        return _Part(_NUMBERS[kind], NumberLiteral(self._place(tree), kind, str(token)), *extent(tree))

    def _dereference(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        part = cast("_Part", parts[0])
        if part.kind is not _Kind.STRING:
            return self._not_a_string(part, tree, "$ takes the name of an attribute, and that is a string")
        node = Dereference(self._place(tree), cast("StringExpr", part.node))
        return self._made(_Kind.STRING, node, tree, part.depth + 1)

    def _number_of(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        part = cast("_Part", parts[0])
        kind = NumberKind.INTEGER if tree.data == "integer_of" else NumberKind.FLOAT
        if part.kind is not _Kind.STRING:
            return self._not_a_string(part, tree, "@ and & make a number of a string")
        node = NumberOf(self._place(tree), kind, cast("StringExpr", part.node))
        return self._made(_NUMBERS[kind], node, tree, part.depth + 1)

    def _not_a_string(self, part: _Part, whole: Node, hint: str) -> _Part:
        if part.kind is _Kind.WRONG:
            return self._silent(whole)
        return self._wrong(Code.NOT_A_STRING, f"a string is needed here, not {part.kind}", part, whole, hint)

    def _negation(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        part = cast("_Part", parts[0])
        if part.kind is _Kind.WRONG:
            return self._silent(tree)
        if part.kind not in _NUMBER_KINDS:
            hint = _TO_NUMBER if part.kind is _Kind.STRING else "! negates a test"
            return self._wrong(Code.NOT_A_NUMBER, f"- needs a number, not {part.kind}", part, tree, hint)
        node = Negation(self._place(tree), _NUMBER_KINDS[part.kind], cast("NumberExpr", part.node))
        return self._made(part.kind, node, tree, part.depth + 1)

    # --- operators, from left to right ----------------------------------------------------------------------------

    def _chain(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        """`a op b op c`, one precedence class: strings are joined, numbers computed."""
        left = cast("_Part", parts[0])
        if all(each == "." for each in parts[1::2]):
            return self._joined(tree, cast("list[_Part]", parts[::2]))
        start = tree.meta.start_pos
        for operator, right in zip(cast("list[Token]", parts[1::2]), cast("list[_Part]", parts[2::2]), strict=True):
            if _Kind.WRONG in (left.kind, right.kind) or not self._fits(operator, left, right):
                return self._silent(tree)
            span = self._span(start, right.end)
            depth = max(left.depth, right.depth) + 1
            if operator == ".":
                node: Operand = Concatenation(span, (cast("StringExpr", left.node), cast("StringExpr", right.node)))
            else:
                kind = _NUMBER_KINDS[left.kind]
                operands = cast("NumberExpr", left.node), cast("NumberExpr", right.node)
                node = Arithmetic(span, kind, str(operator), *operands)
            left = _Part(left.kind, node, start, right.end, depth)
            if depth > MAX_NESTING:
                return self._too_deep(left, tree)
        return left

    def _joined(self, tree: Node, parts: list[_Part]) -> _Part:
        for each in parts:
            if each.kind is not _Kind.STRING:
                hint = "the dot joins strings; @ and & bind tighter than the dot: write @(a . b)"
                return self._not_a_string(each, tree, hint)
        operands = tuple(cast("StringExpr", each.node) for each in parts)
        node = Concatenation(self._place(tree), operands)
        return self._made(_Kind.STRING, node, tree, max(each.depth for each in parts) + 1)

    def _fits(self, operator: Token, left: _Part, right: _Part) -> bool:
        """Whether the operator takes these operands; says why if it does not."""
        if operator == ".":
            odd = left if left.kind is not _Kind.STRING else right
            if odd.kind is not _Kind.STRING:
                self._say(Code.NOT_A_STRING, f"the dot joins strings, not {odd.kind}", odd)
            return odd.kind is _Kind.STRING
        for each in (left, right):
            if each.kind not in _NUMBER_KINDS:
                hint = _TO_NUMBER if each.kind is _Kind.STRING else ""
                self._say(Code.NOT_A_NUMBER, f"{operator} needs numbers, not {each.kind}", each, hint)
                return False
        if left.kind is not right.kind:
            hint = "write integers with a point (5.0), or read both strings with the same one of @ and &"
            self._say(Code.TYPE_MIX, f"{operator} cannot mix {left.kind} and {right.kind}", right, hint)
            return False
        if operator == "%" and left.kind is _Kind.FLOAT:
            self._say(Code.FLOAT_OPERATOR, "% is for integers only", left)
            return False
        return True

    def _say(self, code: Code, message: str, at: _Part, hint: str = "") -> None:
        self._findings.error(code, message, self._span(at.start, at.end), hint)

    # --- tests ----------------------------------------------------------------------------------------------------

    def _comparison(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        left, operator, right = cast("_Part", parts[0]), cast("Token", parts[1]), cast("_Part", parts[2])
        if _Kind.WRONG in (left.kind, right.kind):
            return self._silent(tree)
        for each in (left, right):
            if each.kind not in _OPERAND_KINDS:
                hint = "join comparisons with && or ||"
                return self._wrong(Code.CHAINED_COMPARISON, f"{each.kind} cannot be compared", each, tree, hint)
        if left.kind is not right.kind:
            return self._mixed(tree, left, right)
        if operator == "~=" and left.kind is not _Kind.STRING:
            hint = "~= matches a string with a regular expression"
            return self._wrong(Code.STRING_OPERATOR, f"~= needs strings, not {left.kind}", operator, tree, hint)
        if operator in {"==", "!="} and left.kind is _Kind.FLOAT:
            hint = "floats have < > <= >= only; compare with a range, or integers read with @"
            return self._wrong(Code.FLOAT_OPERATOR, f"floats cannot be compared by {operator}", operator, tree, hint)
        operands = cast("Operand", left.node), cast("Operand", right.node)
        node = Comparison(self._place(tree), _OPERAND_KINDS[left.kind], str(operator), *operands)
        return self._made(_Kind.TEST, node, tree, max(left.depth, right.depth) + 1)

    def _mixed(self, tree: Node, left: _Part, right: _Part) -> _Part:
        text = f"{left.kind} cannot be compared with {right.kind}"
        odd = left if left.kind is _Kind.STRING else right
        if odd.kind is _Kind.STRING:
            other = right if odd is left else left
            sign = "@" if other.kind is _Kind.INTEGER else "&"
            return self._wrong(
                Code.TYPE_MIX, text, odd, tree, f"put {sign} in front of the string, or quote the number"
            )
        hint = "write integers with a point (5.0), or read both strings with the same one of @ and &"
        return self._wrong(Code.TYPE_MIX, text, right, tree, hint)

    def _as_test(self, part: _Part) -> _Part | None:
        """The part as a test: a bare true or false is a truth value (not reserved, so only here). None if reported."""
        if part.kind is _Kind.TEST:
            return part
        if isinstance(part.node, Attribute) and part.node.name.lower() in {"true", "false"}:
            return _Part(_Kind.TEST, Truth(part.node.span, part.node.name.lower() == "true"), part.start, part.end)
        if part.kind is not _Kind.WRONG:
            hint = 'compare it with something, as in name == "value"'
            self._say(Code.NOT_A_TEST, f"a test is needed here, not {part.kind}", part, hint)
        return None

    def _negated_test(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        test = self._as_test(cast("_Part", parts[0]))
        if test is None:
            return self._silent(tree)
        node = Not(self._place(tree), cast("Test", test.node))
        return self._made(_Kind.TEST, node, tree, test.depth + 1)

    def _junction(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        tests = [self._as_test(cast("_Part", each)) for each in parts]
        good = [each for each in tests if each is not None]
        if len(good) < len(tests):
            return self._silent(tree)
        operands = tuple(cast("Test", each.node) for each in good)
        span = self._place(tree)
        node = AllOf(span, operands) if tree.data == "all_of" else AnyOf(span, operands)
        return self._made(_Kind.TEST, node, tree, max(each.depth for each in good) + 1)

    # --- programs -------------------------------------------------------------------------------------------------

    def _value(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        part = cast("_Part", parts[0])
        if part.kind is _Kind.STRING:
            return part
        return self._not_a_string(part, tree, "a compliance value is a string")

    def _block(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        part = cast("_Part", parts[0])
        if not isinstance(part.node, Program):
            return self._silent(tree)
        node = Program(self._place(tree), part.node.clauses)
        return self._made(_Kind.PROGRAM, node, tree, part.depth + 1)

    def _clause(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        test = self._as_test(cast("_Part", parts[0]))
        result = cast("_Part", parts[1]) if len(parts) > 1 else None
        if test is None or (result is not None and result.kind is _Kind.WRONG):
            return self._silent(tree)
        span = self._place(tree)
        node = Clause(span, cast("Test", test.node), cast("StringExpr | Program | None", result and result.node))
        return self._made(_Kind.PROGRAM, node, tree, max(test.depth, result.depth if result else 1))

    def _program(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        clauses = cast("list[_Part]", parts)
        if any(each.kind is _Kind.WRONG for each in clauses):
            return self._silent(tree)
        node = Program(self._place(tree), tuple(cast("Clause", each.node) for each in clauses))
        return self._made(_Kind.PROGRAM, node, tree, max((each.depth for each in clauses), default=1))
