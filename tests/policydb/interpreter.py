"""A plain interpreter of Conditions nodes, written from RFC 2704 alone, to hold the compiled programs against."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence

from grammar import nodes
from policydb.numbers import ARITHMETIC, Fault, floating, integer, integer_literal, wrap
from policydb.regex import Patterns

PATTERNS = Patterns()
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class Interpreter:
    """Walks the nodes; one object for one evaluation."""

    def __init__(self, attributes: Mapping[str, str], local: Mapping[str, str], values: Sequence[str]) -> None:
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
            case nodes.NumberLiteral():
                return integer_literal(node.text) if node.kind == "integer" else float(node.text)
            case nodes.NumberOf():
                text = self.text(node.operand)
                return integer(text) if node.kind == "integer" else floating(text)
            case nodes.Negation():
                value = self.operand(node.operand)
                assert not isinstance(value, str)
                return wrap(-int(value)) if node.kind == "integer" else -value
            case nodes.Arithmetic():
                result = ARITHMETIC[str(node.kind), node.operator](self.operand(node.left), self.operand(node.right))
                assert isinstance(result, int | float)
                return result
        return self.text(node)

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
        special = {"_MIN_TRUST": self.values[0], "_MAX_TRUST": self.values[-1], "_VALUES": ",".join(self.values)}
        if name in special:
            return special[name]
        if name.startswith("_"):
            index = next((number for number in range(len(self.groups)) if name == f"_{number}"), None)
            return "" if index is None else self.groups[index]
        return self.attributes.get(name, "")
