"""Large policies answer, in steps that grow with their size; where there is a limit it has a name, and is told."""

from __future__ import annotations

import sys

import pytest

from policydb import Request, read_policy
from policydb.decision import Place
from policydb.graph import CompiledAssertion, Principals
from policydb.keynote.checker import Checker
from policydb.keynote.explain import explain
from policydb.keynote.memory import MemoryGraph
from policydb.keynote.numbers import Fault
from policydb.keynote.regex import MAX_STEPS, Patterns
from tests.policydb.policies import explained
from tests.sizes import sized

_RED = '[["attribute","colour"],["text",0],["compare","string","=="],["maximum"]]'
_TEXT = 'Conditions: colour == "red";'


def assertion(number: int, authorizer: str, licensees: Principals) -> CompiledAssertion:
    """An assertion that holds where the colour is red."""
    spans = ((12, len(_TEXT) - 1),)
    return CompiledAssertion(
        str(number), Place("t", number + 1), authorizer, licensees, _RED, ("red",), spans, (), _TEXT
    )


def chain(size: int) -> MemoryGraph:
    names = ["POLICY", *(f"k{number}" for number in range(1, size)), "me"]
    return MemoryGraph(assertion(number, *names[number : number + 2]) for number in range(size))


def red(*authorizers: str) -> Request:
    return Request(authorizers, {"colour": "red"})


def blue(*authorizers: str) -> Request:
    return Request(authorizers, {"colour": "blue"})


@pytest.mark.full_size
def test_a_very_long_chain_decides_and_explains() -> None:
    size = sized(10_000, 100_000)
    checker = Checker(chain(size))
    assert checker.decide(red("me")) == "true"
    refusal = explain(checker.graph, blue("me"), checker)
    assert (refusal.value, len(refusal.path)) == ("false", size)
    assert [[change.after for change in near.changes] for near in refusal.nearest] == [["red"]]


def test_a_cycle_of_10_000_decides_and_explains_from_anywhere() -> None:
    ring = [assertion(number, f"k{number}", f"k{(number + 1) % 10_000}") for number in range(10_000)]
    graph = MemoryGraph([*ring, assertion(10_000, "POLICY", "k0"), assertion(10_001, "k7000", "me")])
    checker = Checker(graph)
    assert checker.decide(red("me")) == "true"
    assert checker.decide(red("stranger")) == "false"
    assert explain(graph, red("stranger"), checker).nearest[0].requesters == ("k0",)
    refusal = explain(graph, blue("me"), checker)
    assert (refusal.path[0].authorizer, refusal.path[-1].authorizer) == ("POLICY", "k7000")
    assert len(refusal.path) == 7_002


def test_a_threshold_of_5_000_of_10_000_counts_to_the_last() -> None:
    members = [f"m{number}" for number in range(10_000)]
    listed = ",".join(f'"{each}"' for each in members)
    policy = read_policy(f'Authorizer: "POLICY"\nLicensees: 5000-of({listed})\n')
    assert not policy.ignored
    assert policy.allows(red(*members[:5_000]))
    short = red(*members[:4_999])
    assert not policy.allows(short)
    assert policy.explain(short).nearest[0].requesters == ("m4999",)
    assert policy.explain(red(*members[:4_990])).nearest == ()  # ten more requesters are no near change


@pytest.mark.full_size
def test_very_many_clauses_are_looked_at_in_order() -> None:
    size = sized(10_000, 100_000)
    each = '["attribute","colour"],["text",{}],["compare","string","=="],["maximum"]'
    shape = f"[{','.join(each.format(number) for number in range(size))}]"
    constants = tuple(f"c{number}" for number in range(size))
    graph = MemoryGraph([CompiledAssertion("d", Place("t", 1), "POLICY", None, shape, constants, (), (), "")])
    checker = Checker(graph)
    assert checker.decide(Request(("me",), {"colour": f"c{size - 1}"})) == "true"
    assert checker.decide(Request(("me",), {"colour": "c"})) == "false"


def test_nothing_recurses_on_the_way_through_a_graph() -> None:
    size = sys.getrecursionlimit() * 3
    checker = Checker(chain(size))
    assert checker.decide(red("me")) == "true"
    assert len(explain(checker.graph, red("me"), checker).path) == size


# --- patterns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("|".join(f"(k{number}.*z)" for number in range(2_000)), "k1999" * 20_000),
        ("((a{1,100}){1,10})", "a" * 1_000_000),
        ("(.*)(.*)(.*)(.*)x", "a" * 16_000_000),
    ],
    ids=["alternatives", "repetitions", "sixteen million characters"],
)
def test_a_match_of_too_many_steps_is_refused_by_name(pattern: str, text: str) -> None:
    with pytest.raises(Fault, match=f"more than {MAX_STEPS} steps"):
        Patterns().search(text, pattern)


def test_a_match_of_ordinary_size_is_never_refused() -> None:
    """RFC 2704 section 4.2.1: names and values of 2,048 characters are guaranteed."""
    assert Patterns().search("a" * 2_048, "^(a|b|[c-z0-9]{1,50}|(xy)*)*$") is not None


def test_who_asks_why_is_told_of_the_limit() -> None:
    policy = 'Authorizer: "POLICY"\nConditions: subject ~= "((a{1,100}){1,10})";\n'
    (atom,) = explained([policy], ["me"], {"subject": "a" * 1_000_000}).atoms
    assert (atom.result, atom.error) == (None, f"matching would take more than {MAX_STEPS} steps")
