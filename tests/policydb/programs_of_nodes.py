"""Hypothesis strategies that make Conditions programs of nodes, well-typed as the grammar makes them."""

from __future__ import annotations

from hypothesis import strategies as st

from grammar import nodes

AT = nodes.Span(0, 1, 1, 1)
NAMES = ("a", "b", "n", "unset", "_0", "_1", "_2", "_MAX_TRUST", "_VALUES", "loc", "ref")
LOCAL = {"loc": "a", "ref": "b"}
VALUES = ("no", "low", "high", "yes")
TEXTS = ("", "a", "b", "5", "-3", "2.5", "yes", "low", "loc", "_1", "(a|b)", "(", "x")

literals = st.sampled_from(TEXTS).map(lambda value: nodes.StringLiteral(AT, value))
attributes = st.sampled_from(NAMES).map(lambda name: nodes.Attribute(AT, name))


def _strings(inner: st.SearchStrategy[nodes.StringExpr]) -> st.SearchStrategy[nodes.StringExpr]:
    dereferences = inner.map(lambda operand: nodes.Dereference(AT, operand))
    joins = st.lists(inner, min_size=2, max_size=3).map(lambda parts: nodes.Concatenation(AT, tuple(parts)))
    return dereferences | joins


strings: st.SearchStrategy[nodes.StringExpr] = st.recursive(literals | attributes, _strings, max_leaves=4)


def numbers(kind: nodes.NumberKind) -> st.SearchStrategy[nodes.NumberExpr]:
    """Numeric expressions of one kind."""
    texts = ("0", "1", "7", "2147483648") if kind == "integer" else ("0.0", "1.5", "7.0")
    leaves: st.SearchStrategy[nodes.NumberExpr] = st.sampled_from(texts).map(
        lambda text: nodes.NumberLiteral(AT, kind, text)
    ) | strings.map(lambda operand: nodes.NumberOf(AT, kind, operand))
    operators = st.sampled_from("+-*/%^" if kind == "integer" else "+-*/^")

    def grow(inner: st.SearchStrategy[nodes.NumberExpr]) -> st.SearchStrategy[nodes.NumberExpr]:
        binary = st.builds(
            lambda sign, left, right: nodes.Arithmetic(AT, kind, sign, left, right), operators, inner, inner
        )
        return binary | inner.map(lambda operand: nodes.Negation(AT, kind, operand))

    return st.recursive(leaves, grow, max_leaves=4)


def _comparisons(
    kind: nodes.OperandKind, operands: st.SearchStrategy[nodes.Operand], operators: tuple[str, ...]
) -> st.SearchStrategy[nodes.Test]:
    return st.builds(
        lambda sign, left, right: nodes.Comparison(AT, kind, sign, left, right),
        st.sampled_from(operators),
        operands,
        operands,
    )


_ORDER = ("<", ">", "<=", ">=")
atoms: st.SearchStrategy[nodes.Test] = (
    _comparisons(nodes.OperandKind.STRING, strings, ("==", "!=", "~=", *_ORDER))
    | _comparisons(nodes.OperandKind.INTEGER, numbers(nodes.NumberKind.INTEGER), ("==", "!=", *_ORDER))
    | _comparisons(nodes.OperandKind.FLOAT, numbers(nodes.NumberKind.FLOAT), _ORDER)
    | st.booleans().map(lambda value: nodes.Truth(AT, value))
)


def _tests(inner: st.SearchStrategy[nodes.Test]) -> st.SearchStrategy[nodes.Test]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return (
        inner.map(lambda operand: nodes.Not(AT, operand))
        | several.map(lambda operands: nodes.AllOf(AT, operands))
        | several.map(lambda operands: nodes.AnyOf(AT, operands))
    )


tests: st.SearchStrategy[nodes.Test] = st.recursive(atoms, _tests, max_leaves=5)


def _programs(inner: st.SearchStrategy[nodes.Program | None]) -> st.SearchStrategy[nodes.Program]:
    results = st.none() | strings | st.sampled_from(VALUES).map(lambda value: nodes.StringLiteral(AT, value)) | inner
    clauses = st.builds(lambda test, result: nodes.Clause(AT, test, result), tests, results)
    return st.lists(clauses, max_size=3).map(lambda found: nodes.Program(AT, tuple(found)))


programs: st.SearchStrategy[nodes.Program] = _programs(st.deferred(lambda: _programs(st.none())))
environments = st.dictionaries(st.sampled_from(("a", "b", "n")), st.sampled_from(TEXTS))


def assertion(program: nodes.Program | None, text: str = "x") -> nodes.Assertion:
    """An assertion by POLICY for "A" with these Conditions and the local constants of LOCAL."""
    constants = tuple(nodes.Constant(AT, name, value) for name, value in LOCAL.items())
    who = nodes.Principal(AT, "POLICY"), nodes.Principal(AT, "A")
    return nodes.Assertion(AT, text, *who, constants, program, "", None)
