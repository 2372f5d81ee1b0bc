"""Compliance values: a least fixed point over the delegation graph (RFC 2704 section 5.3)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.decision import Place
from policydb.graph import CompiledAssertion, Principals
from policydb.keynote.checker import Checker, decide
from policydb.keynote.memory import MemoryGraph, licensees_of
from policydb.request import Request, RequestError
from tests.policydb.policies import decided, graph
from tests.sizes import examples, sized

NAMES = ("POLICY", "a", "b", "c", "d", "X")
VALUES = ("0", "1", "2", "3")


def delegation(
    number: int, authorizer: str, licensees: Principals | None, rank: int | None = None
) -> CompiledAssertion:
    """An assertion whose Conditions are worth VALUES[rank] always; None: no Conditions."""
    shape, constants = (None, ()) if rank is None else ('[["truth",true],["text",0],["value"]]', (VALUES[rank],))
    text = f"{number} {authorizer} {licensees} {rank}"
    return CompiledAssertion(text, Place("t", number + 1), authorizer, licensees, shape, constants, (), (), text)


def value(assertions: Sequence[CompiledAssertion], *authorizers: str, values: tuple[str, ...] = VALUES) -> str:
    return decide(MemoryGraph(assertions), Request(authorizers, {}, values))


def by_definition(assertions: Sequence[CompiledAssertion], authorizers: Sequence[str]) -> str:
    """The least fixed point as RFC 2704 section 5.3 words it: from nothing upward until nothing changes."""
    top = len(VALUES) - 1
    worth = {name: top if name in authorizers else 0 for name in NAMES}

    def licensees(node: Principals | None) -> int:
        if node is None:
            return top
        if isinstance(node, str):
            return worth[node]
        if not node:
            return 0
        members = sorted((licensees(each) for each in node[1:] if not isinstance(each, int)), reverse=True)
        if node[0] == "of":
            assert isinstance(node[1], int)
            return members[node[1] - 1]
        return members[-1] if node[0] == "and" else members[0]

    while True:
        before = dict(worth)
        for each in assertions:
            rank = top if each.shape is None else VALUES.index(each.constants[0])
            worth[each.authorizer] = max(worth[each.authorizer], min(rank, licensees(each.licensees)))
        if worth == before:
            return VALUES[worth["POLICY"]]


principals: st.SearchStrategy[Principals] = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: (
        st.tuples(st.sampled_from(("and", "or")), inner, inner)
        | st.lists(inner, min_size=1, max_size=4).flatmap(
            lambda members: st.integers(1, len(members)).map(lambda k: ("of", k, *members))
        )
    ),
    max_leaves=5,
)
delegations = st.lists(
    st.tuples(st.sampled_from(NAMES[:-1]), st.none() | st.just(()) | principals, st.none() | st.integers(0, 3)),
    max_size=9,
).map(lambda rows: [delegation(number, *row) for number, row in enumerate(rows)])
askers = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)


@settings(max_examples=examples(500))
@given(delegations, askers)
def test_it_is_the_least_fixed_point(assertions: list[CompiledAssertion], authorizers: list[str]) -> None:
    assert value(assertions, *authorizers) == by_definition(assertions, authorizers)


@given(delegations, askers, st.data())
def test_adding_an_assertion_never_lowers_the_answer(
    assertions: list[CompiledAssertion], authorizers: list[str], data: st.DataObject
) -> None:
    fewer = data.draw(st.lists(st.sampled_from(assertions), unique_by=id)) if assertions else []
    assert VALUES.index(value(fewer, *authorizers)) <= VALUES.index(value(assertions, *authorizers))


@given(delegations, askers, st.randoms(use_true_random=False))
def test_neither_the_order_of_assertions_nor_of_licensees_matters(
    assertions: list[CompiledAssertion], authorizers: list[str], order: random.Random
) -> None:
    def shuffled(node: Principals | None) -> Principals | None:
        if not isinstance(node, tuple) or not node:
            return node
        head = 2 if node[0] == "of" else 1
        members = [each if isinstance(each, int) else shuffled(each) for each in node[head:]]
        order.shuffle(members)
        return (*node[:head], *(each for each in members if each is not None))

    mixed = [delegation(number, each.authorizer, shuffled(each.licensees),
                        None if each.shape is None else VALUES.index(each.constants[0]))
             for number, each in enumerate(assertions)]  # fmt: skip
    order.shuffle(mixed)
    assert value(mixed, *reversed(authorizers)) == value(assertions, *authorizers)


@given(delegations, askers)
def test_a_checker_that_is_asked_again_answers_the_same(
    assertions: list[CompiledAssertion], authorizers: list[str]
) -> None:
    checker = Checker(MemoryGraph(assertions))
    first = [checker.decide(Request((each,), {}, VALUES)) for each in NAMES]
    assert checker.decide(Request(tuple(authorizers), {}, VALUES)) == value(assertions, *authorizers)
    assert [checker.decide(Request((each,), {}, VALUES)) for each in NAMES] == first


# --- by name ---------------------------------------------------------------------------------------------------------


def test_a_cycle_has_one_answer_whatever_the_order_of_its_licensees() -> None:
    """D7: the C library answers true for one order and false for the other."""
    for licensees in (("and", "a", "b"), ("and", "b", "a")):
        ring = [delegation(0, "POLICY", licensees), delegation(1, "a", ("or", "b", "X")), delegation(2, "b", "a")]
        assert value(ring, "X") == "3"
        assert value(ring, "c") == "0"


def test_a_requester_called_policy_is_worth_the_most() -> None:
    """D17."""
    assert value([], "POLICY") == "3"
    assert value([delegation(0, "a", "POLICY"), delegation(1, "POLICY", "a", 1)], "POLICY") == "3"


def test_an_empty_licensees_field_licenses_nobody_and_a_missing_one_everybody() -> None:
    assert value([delegation(0, "POLICY", ())], "a") == "0"
    assert value([delegation(0, "POLICY", None, 2)], "a") == "2"
    assert value([delegation(0, "a", None, 2), delegation(1, "POLICY", ("and", "a", "X"))], "X") == "2"


def test_members_of_a_threshold_count_as_often_as_they_are_named() -> None:
    assert value([delegation(0, "POLICY", ("of", 2, "a", "a"))], "a") == "3"
    assert value([delegation(0, "POLICY", ("of", 3, "a", "a", "b"))], "a") == "0"


def test_two_copies_of_an_assertion_do_not_count_twice() -> None:
    twice = [delegation(0, "POLICY", ("and", "a", "b"))] * 2
    assert value(twice, "a") == "0"


def test_a_threshold_is_worth_its_kth_greatest_member() -> None:
    members = [delegation(rank, name, "X", rank) for rank, name in enumerate("abcd")]
    for k, expected in enumerate("3210", start=1):
        assert value([*members, delegation(9, "POLICY", ("of", k, "a", "b", "c", "d"))], "X") == expected


def test_one_compliance_value_alone_is_always_the_answer() -> None:
    assert value([], "a", values=("only",)) == "only"


def test_of_equal_compliance_values_the_first_counts_for_a_clause() -> None:
    """D27."""
    assert decided(['Authorizer: "POLICY"\nConditions: true -> "x";\n'], ["a"], values=("min", "x", "y", "x")) == "x"


def test_two_spellings_of_a_key_are_one_requester() -> None:
    texts = ['Authorizer: "POLICY"\nLicensees: "binary-hex:00ff"\n']
    assert decided(texts, ["BINARY-HEX:00FF"]) == decided(texts, ["binary-base64:AP8="]) == "true"


def test_a_requester_that_is_no_key_is_an_error_of_the_query() -> None:
    with pytest.raises(RequestError):
        decided(['Authorizer: "POLICY"\n'], ["rsa-base64:!!!!"])


def test_conditions_run_at_most_once_and_only_where_they_matter() -> None:
    reads: list[str] = []

    class Attributes(dict[str, str]):
        def get(self, key: str, default: object = None) -> str:
            reads.append(key)
            return super().get(key, str(default))

    many = " || ".join(f'"k{number}"' for number in range(50))
    texts = [
        f'Authorizer: "m"\nLicensees: {many}\nConditions: reached == "";\n',
        'Authorizer: "POLICY"\nLicensees: "m" && "never"\nConditions: unreached == "";\n',
        'Authorizer: "POLICY"\nLicensees: "stranger"\nConditions: unreached == "";\n',
    ]
    request = Request(tuple(f"k{number}" for number in range(50)), Attributes())
    assert Checker(graph(*texts)).decide(request) == "false"
    assert reads == ["reached"]


def test_requesters_whom_nobody_licenses_do_not_fill_the_memory() -> None:
    checker = Checker(MemoryGraph([delegation(0, "POLICY", "a")]))
    for number in range(10_050):
        checker.decide(Request((f"stranger {number}",), {}, VALUES))
    assert len(checker._strangers) <= 10_000
    assert len(checker._parties) == 1
    assert len(checker._askings) <= 1024
    assert checker.decide(Request(("a",), {}, VALUES)) == "3"


def test_threads_may_share_a_checker() -> None:
    checker = Checker(
        MemoryGraph([delegation(0, "POLICY", "a"), *(delegation(n, "a", f"k{n}") for n in range(1, 200))])
    )

    def ask(number: int) -> str:
        return checker.decide(Request((f"k{number % 400}",), {}, VALUES))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(1, 2000)))
    assert answers == ["3" if 1 <= number % 400 < 200 else "0" for number in range(1, 2000)]


@pytest.mark.full_size
def test_a_very_long_chain_answers() -> None:
    size = sized(10_000, 100_000)
    links = [delegation(0, "POLICY", "c0")] + [delegation(n, f"c{n - 1}", f"c{n}") for n in range(1, size)]
    assert value(links, f"c{size - 1}") == "3"


def test_a_threshold_of_5_000_answers() -> None:
    members = tuple(f"m{number}" for number in range(10_000))
    wide = [delegation(0, "POLICY", ("of", 5_000, *members))]
    assert value(wide, *members[:5_000]) == "3"
    assert value(wide, *members[:4_999]) == "0"


@pytest.mark.full_size
def test_a_threshold_over_a_chain_stays_linear() -> None:
    """Every member is settled at another time; counting them must not look at all of them again each time."""
    size = sized(5_000, 20_000)
    links = [delegation(n, f"c{n - 1}", f"c{n}") for n in range(1, size)]
    whole = delegation(0, "POLICY", ("of", size, *(f"c{n}" for n in range(size))))
    assert value([whole, *links], f"c{size - 1}") == "3"


@given(principals)
def test_the_licensees_of_a_field_are_all_it_names(field: Principals) -> None:
    def named(node: Principals) -> set[str]:
        if isinstance(node, str):
            return {node}
        return set().union(*(named(each) for each in node[1:] if not isinstance(each, int)))

    assert licensees_of(field) == named(field)
