"""Compiling assertions: shapes without constants, spans, limits."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given, settings

from grammar import nodes
from grammar.codes import Code
from grammar.errors import GrammarError
from grammar.keynote import parse_assertion, parse_policy
from policydb.graph import CompiledAssertion
from policydb.keynote.conditions import MAX_NESTING, compile_assertion
from policydb.keynote.programs import Programs, Question, Scale
from policydb.keynote.rendering import render
from policydb.keynote.shapes import load_shape
from tests.policydb.programs_of_nodes import AT, assertion, programs
from tests.sizes import examples

TRUE = nodes.Truth(AT, value=True)
FALSE = nodes.Truth(AT, value=False)


def compiled(text: str) -> CompiledAssertion:
    return compile_assertion(parse_assertion(text, "t"), "t")


def conditions(text: str) -> CompiledAssertion:
    return compiled(f'Authorizer: "POLICY"\nConditions: {text}\n')


def rank_of(each: CompiledAssertion) -> int:
    programs_ = Programs()
    question = Question(Scale(("false", "true")), ("A",), programs_.patterns)
    attributes: dict[str, str] = {}
    return programs_.bind(each)(attributes.get, question)


def of_test(test: nodes.Test) -> CompiledAssertion:
    return compile_assertion(assertion(nodes.Program(AT, (nodes.Clause(AT, test, None),))), "t")


def test_assertions_that_differ_in_constants_only_have_one_shape() -> None:
    one = conditions('a == "x" && @n <= 5 && &f < 1.5 -> "true";')
    other = conditions('a == "another" && @n <= 77 && &f < 0.25 -> "false";')
    assert one.shape == other.shape
    assert one.constants == ("x", "5", "1.5", "true")
    assert other.constants == ("another", "77", "0.25", "false")


@pytest.mark.parametrize("other", ['b == "x";', 'a != "x";', "a == b;", 'a == "x" -> "x";', '!(a == "x");', "@a == 1;"])
def test_what_differs_in_more_has_another_shape(other: str) -> None:
    assert conditions('a == "x";').shape != conditions(other).shape


def test_a_missing_field_has_no_shape_and_an_empty_one_an_empty_shape() -> None:
    assert compiled('Authorizer: "POLICY"\n').shape is None
    assert conditions("").shape == "[]"


def test_spans_are_those_of_the_atoms_in_the_assertion() -> None:
    text = '\n\n# a comment\nAuthorizer: "POLICY"\nConditions: a == "x" && !(@n\n <= 5);\n'
    each = compile_assertion(parse_policy(text, "t").assertions[0], "t")
    assert [each.text[start:end] for start, end in each.spans] == ['a == "x"', "@n\n <= 5"]
    assert text.splitlines()[each.place.line - 1] == each.text.splitlines()[0]


def test_one_text_has_one_digest() -> None:
    assert conditions("true;").digest == conditions("true;").digest != conditions("false;").digest


def test_licensees_become_tuples() -> None:
    each = compiled('Authorizer: "POLICY"\nLicensees: "a" && ("b" || 2-of("c", "d", "c"))\n')
    assert each.licensees == ("and", "a", ("or", "b", ("of", 2, "c", "d", "c")))
    assert compiled('Authorizer: "POLICY"\nLicensees:\n').licensees == ()
    assert compiled('Authorizer: "POLICY"\n').licensees is None


def test_a_local_constant_is_lifted_like_a_literal() -> None:
    one = compiled('Authorizer: "POLICY"\nLocal-Constants: c = "x"\nConditions: a == c;\n')
    assert (one.shape, one.constants) == (conditions('a == "x";').shape, ("x",))
    assert one.local_constants == (("c", "x"),)


@settings(max_examples=examples(200))
@given(programs)
def test_nothing_of_a_policy_gets_into_the_source(program: nodes.Program) -> None:
    each = compile_assertion(assertion(program), "t")
    assert each.shape is not None
    for traced in (False, True):
        source, names = render(each.shape, traced)
        without_words = set(source.replace('"', " ").split())
        assert not without_words & {"unset", "loc", "(a|b)", "_MAX_TRUST"}
        assert set(names) >= {str(op[1]) for op in load_shape(each.shape) if op[0] == "attribute"}


# --- limits: depth is bounded and refused by name, width is not ------------------------------------------------------


def nested_tests(depth: int) -> nodes.Test:
    kinds = (nodes.AllOf, nodes.AnyOf)
    test: nodes.Test = TRUE
    for level in range(depth):
        test = kinds[level % 2](AT, (TRUE, test))
    return test


def nested_blocks(depth: int) -> nodes.Program:
    inner = nodes.Program(AT, (nodes.Clause(AT, TRUE, None),))
    return reduce(lambda block, _: nodes.Program(AT, (nodes.Clause(AT, TRUE, block),)), range(depth), inner)


def nested_sum(depth: int) -> nodes.Test:
    one: nodes.NumberExpr = nodes.NumberLiteral(AT, nodes.NumberKind.INTEGER, "1")
    total = reduce(lambda left, _: nodes.Arithmetic(AT, nodes.NumberKind.INTEGER, "+", left, one), range(depth), one)
    wanted = nodes.NumberLiteral(AT, nodes.NumberKind.INTEGER, str(depth + 1))
    return nodes.Comparison(AT, nodes.OperandKind.INTEGER, "==", total, wanted)


def nested_names(depth: int) -> nodes.Test:
    name: nodes.StringExpr = nodes.Attribute(AT, "a")
    name = reduce(lambda operand, _: nodes.Dereference(AT, operand), range(depth), name)
    return nodes.Comparison(AT, nodes.OperandKind.STRING, "==", name, nodes.StringLiteral(AT, ""))


def test_four_hundred_levels_of_each_kind_are_evaluated() -> None:
    assert rank_of(of_test(nested_tests(400))) == 1
    assert rank_of(of_test(nested_sum(400))) == 1
    assert rank_of(of_test(nested_names(400))) == 1
    negated: nodes.Test = FALSE
    for _ in range(401):
        negated = nodes.Not(AT, negated)
    assert rank_of(of_test(negated)) == 1
    assert rank_of(compile_assertion(assertion(nested_blocks(400)), "t")) == 1


@pytest.mark.parametrize("depth", [MAX_NESTING + 5, 100_000])
@pytest.mark.parametrize("build", [nested_tests, nested_sum, nested_names])
def test_more_levels_than_the_limit_are_refused_by_name(build: object, depth: int) -> None:
    assert callable(build)
    with pytest.raises(GrammarError) as refusal:
        of_test(build(depth))
    assert refusal.value.diagnostics[0].code == Code.TOO_DEEP


def test_blocks_and_licensees_have_the_same_limit() -> None:
    with pytest.raises(GrammarError):
        compile_assertion(assertion(nested_blocks(100_000)), "t")
    who: nodes.Licensees = nodes.Principal(AT, "A")
    deep = reduce(lambda inner, _: nodes.Every(AT, (nodes.Principal(AT, "B"), inner)), range(100_000), who)
    with pytest.raises(GrammarError):
        compile_assertion(nodes.Assertion(AT, "", nodes.Principal(AT, "P"), deep, (), None, "", None), "t")


def test_width_has_no_limit() -> None:
    wide = nodes.AllOf(AT, (TRUE,) * 20_000)
    clauses = tuple(nodes.Clause(AT, each, None) for each in [FALSE] * 5_000 + [wide])
    assert rank_of(compile_assertion(assertion(nodes.Program(AT, clauses)), "t")) == 1
    joined = nodes.Concatenation(AT, (nodes.StringLiteral(AT, "a"),) * 20_000)
    same = nodes.StringLiteral(AT, "a" * 20_000)
    assert rank_of(of_test(nodes.Comparison(AT, nodes.OperandKind.STRING, "==", joined, same))) == 1
