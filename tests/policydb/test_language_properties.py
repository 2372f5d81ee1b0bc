"""What holds for every policy: monotony, no order, one meaning for compiler and interpreter, explain and fmt."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from grammar import nodes
from grammar.format import format_policy
from grammar.keynote import parse_assertion
from grammar.render import quote, render_program
from policydb.keynote.assemble import Assembly
from policydb.keynote.checker import Checker
from policydb.keynote.conditions import compile_assertion
from policydb.keynote.explain import explain
from policydb.keynote.programs import Programs, Question, Scale
from policydb.request import Request
from tests.policydb.interpreter import Interpreter
from tests.policydb.programs_of_nodes import VALUES
from tests.policydb.signed import gathered
from tests.policydb.whole_language import LOCAL, Said, environments, programs, requesters, said
from tests.sizes import examples

PROGRAMS = Programs()
SCALE = Scale(VALUES)

policies = st.lists(said(), min_size=2, max_size=8)


def assembled(assertions: Sequence[Said]) -> Assembly:
    return gathered(
        [each.text for each in assertions if not each.is_credential],
        [each.text for each in assertions if each.is_credential],
    )


def decided(assertions: Sequence[Said], who: Sequence[str], attributes: Mapping[str, str]) -> int:
    """The rank of the answer."""
    checker = Checker(assembled(assertions).graph(), PROGRAMS)
    return VALUES.index(checker.decide(Request(tuple(who), attributes, VALUES)))


@settings(max_examples=examples(150))
@given(programs, environments)
def test_compiled_text_agrees_with_a_plain_interpreter(program: nodes.Program, attributes: dict[str, str]) -> None:
    """From text on: what is rendered is parsed, compiled and run, and the interpreter walks the nodes it came from."""
    constants = " ".join(f"{name} = {quote(value)}" for name, value in LOCAL.items())
    conditions = render_program(program).replace("\n", "\n ")
    text = f'Authorizer: "POLICY"\nLocal-Constants: {constants}\nConditions: {conditions}\n'
    compiled = compile_assertion(parse_assertion(text, "t"), "t")
    question = Question(SCALE, ("A", "B"), PROGRAMS.patterns)
    wanted = Interpreter(attributes, LOCAL, VALUES, ("A", "B")).program(program)
    assert PROGRAMS.bind(compiled)(attributes.get, question) == wanted


@settings(max_examples=examples(60))
@given(policies, requesters, environments, st.data())
def test_adding_an_assertion_never_lowers_the_answer(
    assertions: list[Said], who: list[str], attributes: dict[str, str], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.booleans(), min_size=len(assertions), max_size=len(assertions)))
    fewer = [each for each, kept in zip(assertions, chosen, strict=True) if kept]
    assert decided(fewer, who, attributes) <= decided(assertions, who, attributes)


@settings(max_examples=examples(60))
@given(policies, requesters, environments, st.randoms(use_true_random=False))
def test_no_order_matters(
    assertions: list[Said], who: list[str], attributes: dict[str, str], order: random.Random
) -> None:
    """Neither that of assertions, nor of credentials, nor of licensees."""
    mirrored = [Said(each.mirrored, each.is_credential, each.text) for each in assertions]
    order.shuffle(mirrored)
    assert decided(mirrored, who, attributes) == decided(assertions, who, attributes)


@settings(max_examples=examples(60))
@given(policies, requesters, environments)
def test_formatting_keeps_answers_and_signatures(
    assertions: list[Said], who: list[str], attributes: dict[str, str]
) -> None:
    formatted = [Said(format_policy(each.text, "t").text, each.is_credential, "") for each in assertions]
    before, after = assembled(assertions), assembled(formatted)
    assert [each.reason for each in after.ignored] == [each.reason for each in before.ignored]
    assert decided(formatted, who, attributes) == decided(assertions, who, attributes)
    assert [new.text for new, old in zip(formatted, assertions, strict=True) if "\nSignature:" in old.text] == [
        old.text for old in assertions if "\nSignature:" in old.text
    ]


@settings(max_examples=examples(60))
@given(policies, requesters, environments)
def test_the_explained_value_is_the_decided_one(
    assertions: list[Said], who: list[str], attributes: dict[str, str]
) -> None:
    decision = explain(assembled(assertions).graph(), Request(tuple(who), attributes, VALUES))
    assert VALUES.index(decision.value) == decided(assertions, who, attributes)


class _AllSaidError(Exception):
    """Each value was an answer."""


def test_the_random_policies_do_have_something_to_say() -> None:
    """That the properties above are not about refusals alone: each value is found soon."""
    seen: set[int] = set()

    @settings(max_examples=1_000, phases=[Phase.generate])
    @given(policies, requesters, environments)
    def look(assertions: list[Said], who: list[str], attributes: dict[str, str]) -> None:
        seen.add(decided(assertions, who, attributes))
        if seen == set(range(len(VALUES))):
            raise _AllSaidError

    with pytest.raises(_AllSaidError):
        look()
