"""Compiled Conditions answer what the RFC says, held against a plain interpreter of the nodes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from grammar import nodes
from policydb.decision import Place
from policydb.graph import CompiledAssertion
from policydb.keynote.conditions import compile_assertion
from policydb.keynote.programs import Programs, Question, Scale, special
from policydb.keynote.shapes import ShapeError
from policydb.keynote.trace import trace
from policydb.request import Request
from tests.policydb.interpreter import Interpreter
from tests.policydb.policies import decided, graph, holds, worth
from tests.policydb.programs_of_nodes import LOCAL, VALUES, assertion, environments, programs
from tests.sizes import examples

PROGRAMS = Programs()
SCALE = Scale(VALUES)


def ranked(compiled: CompiledAssertion, attributes: dict[str, str]) -> int:
    question = Question(SCALE, ("A",), PROGRAMS.patterns)
    return PROGRAMS.bind(compiled)(attributes.get, question)


@settings(max_examples=examples(400))
@given(programs, environments)
def test_compiled_programs_agree_with_a_plain_interpreter(program: nodes.Program, attributes: dict[str, str]) -> None:
    compiled = compile_assertion(assertion(program), "t")
    assert ranked(compiled, attributes) == Interpreter(attributes, LOCAL, VALUES).program(program)


@settings(max_examples=examples(200))
@given(programs, environments)
def test_tracing_changes_no_answer(program: nodes.Program, attributes: dict[str, str]) -> None:
    compiled = compile_assertion(assertion(program), "t")
    rank, atoms = trace(PROGRAMS, compiled, Request(("A",), attributes, VALUES))
    assert rank == ranked(compiled, attributes)
    assert all((atom.result is None) == bool(atom.error) for atom in atoms)


def test_a_shape_is_compiled_once() -> None:
    own = Programs()
    texts = [f'Authorizer: "POLICY"\nConditions: a == "{number}";\n' for number in range(3)]
    for each in graph(*texts).assertions:
        own.bind(each)
    assert len(own._compiled) == 1


@pytest.mark.parametrize(
    "shape",
    [
        "", "{", "7", "[1]", '[["nope"]]', '[["source"]]', '[["text"]]', '[["compare","string","=="]]',
        '[["compare","string","is"]]', '[["arithmetic","integer","**"]]',
    ],
)  # fmt: skip
def test_a_damaged_shape_is_refused(shape: str) -> None:
    damaged = CompiledAssertion("d", Place("x", 1), "POLICY", "A", shape, ("a", "b"), (), (), "")
    with pytest.raises(ShapeError):
        PROGRAMS.bind(damaged)


# --- RFC 2704 sections 4.6.5 and 5.2 --------------------------------------------------------------------------------


def test_a_field_that_is_missing_is_worth_the_most_and_an_empty_one_the_least() -> None:
    assert decided(['Authorizer: "POLICY"\nLicensees: "A"\n'], ["A"]) == "true"
    assert worth("") == "false"


@pytest.mark.parametrize(
    ("conditions", "value"),
    [
        ('a == "x";', "max"),
        ('a == "x" -> "log";', "log"),
        ('a == "x" -> "log"; a == "x" -> "no"; ', "log"),
        ('a == "x" -> "no such value";', "min"),
        ('a == "x" -> { b == "y" -> "log"; a == "x" -> "no"; };', "log"),
        ('a == "y" -> { true; }; a == "x" -> "no";', "no"),
        ('a == "x" -> _MAX_TRUST;', "max"),
        ('a == "x" -> "l" . c;', "log"),
        ('a == "x" -> { };', "min"),
    ],
)
def test_a_program_is_worth_its_greatest_successful_clause(conditions: str, value: str) -> None:
    assert worth(conditions, {"a": "x", "b": "y", "c": "og"}, ("min", "no", "log", "max")) == value


@pytest.mark.parametrize(
    ("test", "holds_"),
    [
        ("1/0 == 1", False),
        ("!(1/0 == 1)", False),
        ("1/0 == 1 || true", False),
        ("true || 1/0 == 1", True),
        ("false && 1/0 == 1 || true", True),
        ('false && ((a == "" && true) || 1/0 == 1) || true', True),  # D10
        ('!("x" ~= "(")', False),
        ("1.0/0.0 < 1.0", False),
    ],
)
def test_a_runtime_error_makes_its_test_false(test: str, holds_: bool) -> None:
    assert holds(test) is holds_


def test_a_runtime_error_ends_its_clause_alone() -> None:
    assert worth('1/0 == 1; true -> "true";') == "true"


def test_a_block_after_a_runtime_error_is_not_entered() -> None:
    """D8: the C library clears the error inside the block."""
    assert worth('1/0 == 1 -> { true -> "x"; true -> "max"; };', values=("min", "x", "max")) == "min"


def test_types_of_strings_are_compared_as_octets() -> None:
    assert holds('a < b && a != b && "Z" < "a" && "" < a', {"a": "x", "b": "\xe9"})


def test_dereference_may_be_repeated() -> None:
    attributes = {"foo": "bar", "bar": "xyz", "xyz": "deep"}
    assert holds('$foo == "xyz" && $$foo == "deep" && $("fo" . "o") == "bar"', attributes)


def test_an_attribute_nobody_set_is_empty() -> None:
    assert holds('nothing == "" && $nothing == "" && $"no name" == ""')


def test_local_constants_shadow_attributes_in_whatever_order() -> None:
    text = (
        'Authorizer: "POLICY"\nLicensees: who\nConditions: $x == "9" && $("v") == "9" && $pointer == "9";\n'
        'Local-Constants: v="9" x="v" who="A"\n'
    )
    assert decided([text], ["A"], {"v": "1", "x": "y", "pointer": "v"}) == "true"


def test_reserved_attributes_cannot_be_set_by_who_asks() -> None:
    assert holds('_x == "" && _MAX_TRUST == "true" && $("_MAX_TRUST") == "true"', {"_x": "1", "_MAX_TRUST": "evil"})


def test_the_values_and_the_requesters_are_listed() -> None:
    text = 'Authorizer: "POLICY"\nLicensees: "A"\nConditions: _VALUES == "f,m,t" && _ACTION_AUTHORIZERS == "B,A";\n'
    assert decided([text], ["A", "B"], values=("f", "m", "t")) == "t"


@pytest.mark.parametrize("name", ["_00", "_01", "_1x", "_\xb2", "_" + "9" * 5000, "_"])
def test_odd_reserved_names_are_empty(name: str) -> None:
    asked = Question(SCALE, ("A",), PROGRAMS.patterns)
    asked.groups = ("1", "a")
    assert special(asked, name) == ""
