"""A plain interpreter of Conditions nodes, written from RFC 2704 alone, to hold the compiled programs against.

It shares with them the engine of regular expressions and nothing else. Where the RFC is silent it follows
docs/departures.md: a number out of range is a runtime error, a negative power is 0.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from grammar import nodes
from policydb.keynote.numbers import Fault
from policydb.keynote.regex import Patterns

PATTERNS = Patterns()
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def fitting(value: int) -> int:
    if value not in range(-(2**31), 2**31):
        raise Fault("no integer of 32 bits")
    return value


def finite(value: float) -> float:
    if value - value != 0:
        raise Fault("no finite float")
    return value


def number(text: str) -> Fraction:
    """The number that a text is; 0 where it is none."""
    return Fraction(text) if re.fullmatch(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)", text) else Fraction(0)


def integer(text: str) -> int:
    return fitting(math.floor(number(text)))


def quotient(left: int, right: int) -> int:
    if right == 0:
        raise Fault("no quotient")
    return fitting(math.trunc(Fraction(left, right)))


def float_quotient(left: float, right: float) -> float:
    if right == 0:
        raise Fault("no quotient")
    return left / right


def float_power(left: float, right: float) -> float:
    try:
        result = left**right
    except (ZeroDivisionError, OverflowError):
        raise Fault("no power") from None
    if isinstance(result, complex):
        raise Fault("no power")
    return float(result)


def power(left: int, right: int) -> int:
    if right < 0:
        return 0
    if abs(left) > 1 and right > 32:
        raise Fault("no power")
    return int(left**right)


INTEGER: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": quotient,
    "%": lambda left, right: left - right * quotient(left, right),
    "^": power,
}
FLOAT: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": float_quotient,
    "^": float_power,
}


class Interpreter:
    """Walks the nodes; one object for one evaluation."""

    def __init__(
        self,
        attributes: Mapping[str, str],
        local: Mapping[str, str],
        values: Sequence[str],
        authorizers: Sequence[str] = (),
    ) -> None:
        self.authorizers = authorizers
        self.attributes = attributes
        self.local = local
        self.values = values
        self.groups: list[str] = []

    def program(self, program: nodes.Program) -> int:
        best = 0
        outer = self.groups
        for clause in program.clauses:
            self.groups = list(outer)
            try:
                held = self.test(clause.test)
            except Fault:
                held = False
            if held:
                best = max(best, self.result(clause.result))
        self.groups = outer
        return best

    def result(self, result: nodes.StringExpr | nodes.Program | None) -> int:
        if result is None:
            return len(self.values) - 1
        if isinstance(result, nodes.Program):
            return self.program(result)
        value = self.text(result)
        return self.values.index(value) if value in self.values else 0

    def test(self, test: nodes.Test) -> bool:
        match test:
            case nodes.Truth():
                return test.value
            case nodes.Not():
                return not self.test(test.operand)
            case nodes.AllOf():
                return all(self.test(each) for each in test.operands)
            case nodes.AnyOf():
                return any(self.test(each) for each in test.operands)
        left, right = self.operand(test.left), self.operand(test.right)
        if test.operator == "~=":
            found = PATTERNS.search(str(left), str(right))
            if found is not None:
                self.groups = [str(len(found)), *found]
            return found is not None
        return bool(COMPARE[test.operator](left, right))

    def operand(self, node: nodes.Operand) -> str | int | float:
        match node:
            case nodes.NumberLiteral() | nodes.NumberOf() | nodes.Negation() | nodes.Arithmetic():
                return self.integer(node) if node.kind == "integer" else self.real(node)
        return self.text(node)

    def integer(self, node: nodes.NumberExpr) -> int:
        match node:
            case nodes.NumberLiteral():
                return fitting(int(node.text))
            case nodes.NumberOf():
                return integer(self.text(node.operand))
            case nodes.Negation():
                return self.negated(node.operand)
            case nodes.Arithmetic():
                return fitting(INTEGER[node.operator](self.integer(node.left), self.integer(node.right)))

    def negated(self, node: nodes.NumberExpr) -> int:
        if isinstance(node, nodes.NumberLiteral) and int(node.text) == 2**31:
            return -(2**31)
        return fitting(-self.integer(node))

    def real(self, node: nodes.NumberExpr) -> float:
        match node:
            case nodes.NumberLiteral():
                return finite(float(node.text))
            case nodes.NumberOf():
                text = self.text(node.operand)
                return finite(float(text)) if number(text) else 0.0
            case nodes.Negation():
                return -self.real(node.operand)
            case nodes.Arithmetic():
                return finite(FLOAT[node.operator](self.real(node.left), self.real(node.right)))

    def text(self, node: nodes.StringExpr) -> str:
        match node:
            case nodes.StringLiteral():
                return node.value
            case nodes.Attribute():
                return self.attribute(node.name)
            case nodes.Dereference():
                return self.attribute(self.text(node.operand))
            case nodes.Concatenation():
                return "".join(self.text(each) for each in node.operands)

    def attribute(self, name: str) -> str:
        if name in self.local:
            return self.local[name]
        special = {
            "_MIN_TRUST": self.values[0],
            "_MAX_TRUST": self.values[-1],
            "_VALUES": ",".join(self.values),
            "_ACTION_AUTHORIZERS": ",".join(self.authorizers),
        }
        if name in special:
            return special[name]
        if name.startswith("_"):
            index = next((number for number in range(len(self.groups)) if name == f"_{number}"), None)
            return "" if index is None else self.groups[index]
        return self.attributes.get(name, "")
