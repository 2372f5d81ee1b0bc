"""A parsed assertion -> a CompiledAssertion: the constants lifted out of its Conditions, what is left being its shape.

Local-Constants are literals (RFC 2704 section 4.6.4), so a bare name that is one becomes a constant here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from grammar import nodes
from grammar.codes import Code
from grammar.errors import Diagnostic, GrammarError
from policydb.decision import Place
from policydb.graph import CompiledAssertion, Principals
from policydb.keynote.shapes import Op, dump_shape

MAX_NESTING = 500
"""How deep operators, blocks or Licensees may nest; deeper assertions are refused (KN014)."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(slots=True)
class _Lifted:
    """What grows while a Conditions program is flattened."""

    local: Mapping[str, str]
    ops: list[Op] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    spans: list[nodes.Span] = field(default_factory=list)

    def constant(self, kind: str, value: str) -> None:
        self.ops.append((kind, len(self.constants)))
        self.constants.append(value)

    def attribute(self, name: str) -> None:
        if name in self.local:
            self.constant("text", self.local[name])
        else:
            self.ops.append(("attribute", name))

    def dereference(self) -> None:
        """`$x`; where x is a constant the attribute is known now."""
        if self.ops[-1][0] != "text":
            self.ops.append(("dereference",))
            return
        self.ops.pop()
        name = self.constants.pop()
        if _NAME.match(name):
            self.attribute(name)
        else:
            self.constant("text", "")


_Node: TypeAlias = "nodes.Operand | nodes.Test | nodes.Clause | nodes.Program"
_Work: TypeAlias = "tuple[_Node | Op, int, nodes.Span | None]"


def compile_assertion(node: nodes.Assertion, source: str) -> CompiledAssertion:
    """The compiled form of `node`, which stands in `source`. Raises GrammarError where it nests beyond MAX_NESTING."""
    local = {each.name: each.value for each in node.constants}
    shape, constants, spans = None, (), ()  # type: tuple[str | None, tuple[str, ...], tuple[tuple[int, int], ...]]
    if node.conditions is not None:
        lifted = _lift(node.conditions, local, source)
        shape = dump_shape(lifted.ops)
        constants = tuple(lifted.constants)
        spans = tuple((each.start - node.span.start, each.end - node.span.start) for each in lifted.spans)
    return CompiledAssertion(
        digest=hashlib.sha256(node.text.encode("latin-1", "backslashreplace")).hexdigest(),
        place=Place(source, node.span.line, node.span.column),
        authorizer=node.authorizer.name,
        licensees=None if node.licensees is None else _principals(node.licensees, source),
        shape=shape,
        constants=constants,
        spans=spans,
        local_constants=tuple(local.items()),
        text=node.text,
    )


def _lift(program: nodes.Program, local: Mapping[str, str], source: str) -> _Lifted:
    lifted = _Lifted(local)
    work: list[_Work] = [(program, 0, None)]
    while work:
        item, depth, span = work.pop()
        if isinstance(item, tuple):
            _emit(lifted, item, span)
            continue
        if depth > MAX_NESTING:
            raise _too_deep("the Conditions nest", item.span, source)
        work.extend(reversed(_unfold(lifted, item, depth + 1)))
    return lifted


def _emit(lifted: _Lifted, op: Op, span: nodes.Span | None) -> None:
    if op[0] == "dereference":
        lifted.dereference()
    else:
        lifted.ops.append(op)
        if span is not None:
            lifted.spans.append(span)


def _unfold(lifted: _Lifted, node: _Node, depth: int) -> list[_Work]:
    """The parts of a node in postfix order; leaves are written at once."""
    match node:
        case nodes.StringLiteral():
            lifted.constant("text", node.value)
        case nodes.NumberLiteral():
            lifted.constant(str(node.kind), node.text)
        case nodes.Attribute():
            lifted.attribute(node.name)
        case nodes.Truth():
            lifted.ops.append(("truth", node.value))
        case nodes.Clause():
            return _clause(node, depth)
        case nodes.Program():
            # Blocks count as levels, the clauses of a program do not.
            return [(each, depth - 1, None) for each in node.clauses]
        case _:
            operands, op = _operator(node)
            span = node.span if isinstance(node, nodes.Comparison) else None
            return [*((each, depth, None) for each in operands), (op, depth, span)]
    return []


def _clause(node: nodes.Clause, depth: int) -> list[_Work]:
    if node.result is None:
        return [(node.test, depth, None), (("maximum",), depth, None)]
    if isinstance(node.result, nodes.Program):
        block: list[_Work] = [(("open",), depth, None), (node.result, depth, None), (("close",), depth, None)]
        return [(node.test, depth, None), *block]
    return [(node.test, depth, None), (node.result, depth, None), (("value",), depth, None)]


_Operator: TypeAlias = (
    "nodes.Dereference | nodes.Concatenation | nodes.NumberOf | nodes.Negation | nodes.Arithmetic"
    " | nodes.Comparison | nodes.Not | nodes.AllOf | nodes.AnyOf"
)


def _operator(node: _Operator) -> tuple[Sequence[_Node], Op]:
    """The operands of an operator, and its operation."""
    match node:
        case nodes.Dereference() | nodes.Not():
            return (node.operand,), ("not" if isinstance(node, nodes.Not) else "dereference",)
        case nodes.Concatenation() | nodes.AllOf() | nodes.AnyOf():
            return node.operands, (_WIDE[type(node)], len(node.operands))
        case nodes.NumberOf() | nodes.Negation():
            return (node.operand,), ("number" if isinstance(node, nodes.NumberOf) else "negate", str(node.kind))
        case nodes.Arithmetic() | nodes.Comparison():
            name = "arithmetic" if isinstance(node, nodes.Arithmetic) else "compare"
            return (node.left, node.right), (name, str(node.kind), node.operator)


_WIDE: Mapping[type, str] = {nodes.Concatenation: "join", nodes.AllOf: "all", nodes.AnyOf: "any"}


def _principals(node: nodes.Licensees, source: str) -> Principals:
    """A Licensees field as nested tuples; iterative, results are gathered on a stack."""
    results: list[Principals] = []
    work: list[tuple[nodes.Licensees | tuple[tuple[str | int, ...], int], int]] = [(node, 0)]
    while work:
        item, depth = work.pop()
        if isinstance(item, tuple):
            head, count = item
            members = results[-count:]
            del results[-count:]
            results.append((*head, *members))
            continue
        if depth > MAX_NESTING:
            raise _too_deep("the Licensees nest", item.span, source)
        if isinstance(item, nodes.Principal):
            results.append(item.name)
        elif isinstance(item, nodes.Nobody):
            results.append(())
        else:
            head, parts = _group(item)
            work.append(((head, len(parts)), depth))
            work.extend((each, depth + 1) for each in reversed(parts))
    return results.pop()


def _group(
    node: nodes.Every | nodes.Some | nodes.Threshold,
) -> tuple[tuple[str | int, ...], tuple[nodes.Licensees, ...]]:
    match node:
        case nodes.Every():
            return ("and",), node.operands
        case nodes.Some():
            return ("or",), node.operands
        case nodes.Threshold():
            return ("of", node.k), node.members


def _too_deep(what: str, span: nodes.Span, source: str) -> GrammarError:
    message = f"{what} deeper than {MAX_NESTING} levels"
    return GrammarError([Diagnostic(Code.TOO_DEEP, message, source, span, "split the assertion into several")])
