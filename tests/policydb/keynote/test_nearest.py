"""Nearest changes: the fewest attributes first, each suggestion borne out by the checker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.principal import RsaKey, format_key
from policydb.decision import Nearest
from policydb.request import DEFAULT_VALUES
from tests.policydb.policies import explained, holds


def nearest(
    conditions: str | Sequence[str], attributes: Mapping[str, str] | None = None, values: Sequence[str] = DEFAULT_VALUES
) -> tuple[Nearest, ...]:
    texts = [conditions] if isinstance(conditions, str) else conditions
    policies = [f'Authorizer: "POLICY"\nLicensees: "A"\nConditions: {text}\n' for text in texts]
    return explained(policies, ["A"], attributes, values).nearest


def changes(near: Nearest) -> dict[str, str]:
    return {each.attribute: each.after for each in near.changes}


@pytest.mark.parametrize(
    ("test", "attributes", "wanted"),
    [
        ('a == "x"', {}, {"a": "x"}),
        ('"x" == a', {"a": "y"}, {"a": "x"}),
        ('a >= "m"', {"a": "b"}, {"a": "m"}),
        ('a > "m"', {"a": "b"}, {"a": "m0"}),
        ('a <= "m"', {"a": "x"}, {"a": "m"}),
        ('a < "20250101"', {"a": "x"}, {"a": "20250100"}),
        ('a < "010.002.003.000"', {"a": "x"}, {"a": "010.002.003.00"}),
        ('a < "mm"', {"a": "x"}, {"a": "m"}),
        ('a != "x"', {"a": "x"}, {"a": "other"}),
        ('a != "other"', {"a": "other"}, {"a": "another"}),
        ("@n <= 3600", {"n": "28800"}, {"n": "3600"}),
        ("@n < 3600", {"n": "28800"}, {"n": "3599"}),
        ("@n > 5", {}, {"n": "6"}),
        ("5 < @n", {}, {"n": "6"}),
        ("@n >= 128", {}, {"n": "128"}),
        ("@n != 3", {"n": "3"}, {"n": "4"}),
        ("@n == -3", {}, {"n": "-3"}),
        ("@n <= 2 * 5 + @k", {"n": "99", "k": "2"}, {"n": "12"}),
        ("&f >= 1.5", {}, {"f": "1.5"}),
        ("&f > 1.5", {}, {"f": "2.5"}),
        ('$p == "x"', {"p": "q"}, {"q": "x"}),
        ('!(a == "x")', {"a": "x"}, {"a": "other"}),
        ("!(@n > 5)", {"n": "9"}, {"n": "5"}),
        ('!(a != "x" || b == "y")', {"b": "y", "a": "x"}, {"b": "other"}),
        ('a ~= "^hmac-sha(2-256)?$"', {"a": "hmac-md5"}, {"a": "hmac-sha"}),
        ('a ~= "^[[:digit:]]+\\\\.[0-9]{3}$"', {}, {"a": "0.000"}),
        ('a == b . "x"', {"b": "y"}, {"a": "yx"}),
        ('a != "x" && esp_enc_alg != "null"', {"a": "b", "esp_enc_alg": "null"}, {"esp_enc_alg": "des"}),
    ],
)
def test_one_attribute_is_enough(test: str, attributes: dict[str, str], wanted: dict[str, str]) -> None:
    first = nearest(f"{test};", attributes)[0]
    assert changes(first) == wanted
    assert all(each.before == attributes.get(each.attribute) for each in first.changes)


def test_every_side_of_an_and_is_needed_and_one_of_an_or() -> None:
    found = nearest('a == "1" && (b == "2" || c == "3" && d == "4");')
    assert [changes(each) for each in found] == [{"a": "1", "b": "2"}, {"a": "1", "c": "3", "d": "4"}]


def test_the_fewest_changes_come_first() -> None:
    found = nearest(['a == "1" && b == "1" && c == "1";', 'd == "1" && e == "1";', 'f == "1";'])
    assert [len(each.changes) for each in found] == [1, 2, 3]


def test_no_suggestion_holds_another() -> None:
    found = [set(changes(each).items()) for each in nearest('a == "1"; a == "1" && b == "2"; c == "3";')]
    assert found == [{("a", "1")}, {("c", "3")}]


def test_conflicting_demands_are_left_out() -> None:
    assert nearest('a == "1" && a == "2";') == ()


def test_a_chain_is_mended_at_every_link() -> None:
    policies = [
        'Authorizer: "POLICY"\nLicensees: "r"\nConditions: a == "1" && @n <= 10;\n',
        'Authorizer: "r"\nLicensees: "s"\nConditions: b == "2" && @n <= 20;\n',
        'Authorizer: "s"\nLicensees: "A"\nConditions: @n <= 30;\n',
    ]
    found = explained(policies, ["A"], {"n": "99"}).nearest
    assert changes(found[0]) == {"a": "1", "b": "2", "n": "10"}


def test_a_chain_of_falling_bounds_is_mended_by_the_lowest() -> None:
    chain = [f'Authorizer: "c{n}"\nLicensees: "c{n + 1}"\nConditions: a == "1" && @n <= {n};\n' for n in range(200)]
    found = explained(['Authorizer: "POLICY"\nLicensees: "c0"\n', *chain], ["c200"], {"n": "999"}).nearest
    assert changes(found[0]) == {"a": "1", "n": "0"}


def test_no_change_is_suggested_that_is_not_needed() -> None:
    policies = [
        'Authorizer: "POLICY"\nLicensees: "r"\nConditions: a == "2";\n',
        'Authorizer: "r"\nLicensees: "A"\nConditions: b == "1" || a == "2";\n',
    ]
    assert [changes(each) for each in explained(policies, ["A"]).nearest] == [{"a": "2"}]


def test_both_branches_of_a_joint_delegation_are_mended() -> None:
    policies = [
        'Authorizer: "POLICY"\nLicensees: "r" && "s"\n',
        'Authorizer: "r"\nLicensees: "A"\nConditions: a == "1";\n',
        'Authorizer: "s"\nLicensees: "A"\nConditions: b == "2";\n',
    ]
    found = explained(policies, ["A"]).nearest
    assert (changes(found[0]), found[0].requesters) == ({"a": "1", "b": "2"}, ())


def test_a_requester_and_an_attribute_may_be_needed_together() -> None:
    found = explained(['Authorizer: "POLICY"\nLicensees: "A" && "B"\nConditions: a == "1";\n'], ["A"]).nearest
    assert [(changes(each), each.requesters) for each in found] == [({"a": "1"}, ("B",))]


def test_a_block_needs_its_guard_too() -> None:
    found = nearest('a == "1" -> { b == "2" -> "low"; c == "3" -> "true"; };', values=("false", "low", "true"))
    assert [(changes(each), each.value) for each in found] == [
        ({"a": "1", "b": "2"}, "low"),
        ({"a": "1", "c": "3"}, "true"),
    ]


def test_reserved_attributes_and_local_constants_are_never_suggested() -> None:
    text = (
        'Authorizer: "POLICY"\nLocal-Constants: k = "1"\nConditions: _MIN_TRUST == "x" || k == "2" || $("k") == "2";\n'
    )
    assert explained([text], ["A"]).nearest == ()


@pytest.mark.parametrize(
    "test",
    ['a < ""', "1 / 0 == @n", 'a ~= "("', 'a ~= "^(a|b)*(c|[^d])\\\\1$"', "&a > 1.0 / 0.0", "false", '"x" == "y"'],
)
def test_where_nothing_helps_nothing_is_suggested(test: str) -> None:
    assert nearest(f"{test};") == ()


def test_a_value_made_of_itself_does_not_grow_without_end() -> None:
    assert len(nearest('a > a . a . "x" && b == a . a && a == b . b;', {"a": "y", "b": "z"})) <= 5


def test_a_hundred_alternatives_give_a_few_suggestions() -> None:
    found = nearest([f'a{number} == "x" && b == "y";' for number in range(100)])
    assert len(found) >= 3
    assert all(len(each.changes) == 2 for each in found)


# --- who else, or which credential ----------------------------------------------------------------------------------


def test_a_stranger_is_told_who_would_do_and_with_what() -> None:
    policies = ['Authorizer: "POLICY"\nLicensees: "alice" || "bob"\nConditions: a == "1";\n']
    found = explained(policies, ["mallory"], {"a": "1"}).nearest
    assert [(changes(each), each.requesters) for each in found] == [({}, ("alice",)), ({}, ("bob",))]
    found = explained(policies, ["mallory"], {"a": "2"}).nearest
    assert [(changes(each), each.requesters) for each in found] == [({"a": "1"}, ("alice",)), ({"a": "1"}, ("bob",))]


def test_several_missing_signers_are_told_together() -> None:
    found = explained(['Authorizer: "POLICY"\nLicensees: 3-of("A", "b", "c", "d")\n'], ["A"]).nearest
    assert {each.requesters for each in found} >= {("b", "c"), ("c", "d")}


def test_a_missing_signer_of_another_group_is_found_too() -> None:
    found = explained(['Authorizer: "POLICY"\nLicensees: ("A" && "b") && ("c" || "d")\n'], ["A"]).nearest
    assert {each.requesters for each in found} >= {("b", "c"), ("b", "d")}


KEY = format_key(RsaKey(n=(1 << 511) | 1, e=65537))


def test_an_alternative_to_a_group_is_told_beside_its_members() -> None:
    found = explained(['Authorizer: "POLICY"\nLicensees: "boss" || 2-of("A", "b", "c")\n'], ["A"]).nearest
    assert [each.requesters for each in found] == [("boss",), ("b",), ("c",)]


def test_a_key_may_sign_a_credential_instead_of_asking_and_a_name_may_not() -> None:
    policies = [f'Authorizer: "POLICY"\nLicensees: "{KEY}" || "bob"\n']
    found = {each.requesters[0].partition(":")[0]: each.credential for each in explained(policies, ["A"]).nearest}
    assert found == {"rsa-hex": True, "bob": False}


def test_where_conditions_look_at_who_asks_a_credential_does_not_do() -> None:
    policies = [f'Authorizer: "POLICY"\nLicensees: "{KEY}"\nConditions: _ACTION_AUTHORIZERS ~= "rsa";\n']
    assert [each.credential for each in explained(policies, ["A"]).nearest] == [False]


def test_where_a_chain_has_a_hole_the_end_before_it_is_told_first() -> None:
    policies = ['Authorizer: "POLICY"\nLicensees: "r"\n', 'Authorizer: "r"\nLicensees: "s"\n']
    policies.append('Authorizer: "t"\nLicensees: "A"\n')
    assert [each.requesters for each in explained(policies, ["A"]).nearest] == [("s",), ("r",)]


def test_a_policy_that_says_nothing_suggests_nothing() -> None:
    assert explained(['Authorizer: "t"\nLicensees: "A"\n'], ["A"]).nearest == ()


_TESTS = st.sampled_from([f'{name} == "{value}"' for name in "abc" for value in "12"])
_CONDITIONS = st.lists(st.lists(_TESTS, min_size=1, max_size=3).map(" && ".join), min_size=1, max_size=4).map(
    " || ".join
)


@given(_CONDITIONS, st.dictionaries(st.sampled_from("abc"), st.sampled_from("123")))
def test_the_three_best_are_found_where_three_exist(conditions: str, attributes: dict[str, str]) -> None:
    """Held against trying every setting of the three attributes."""
    if holds(conditions, attributes):
        return
    whole = [dict(zip("abc", each, strict=True)) for each in product(["1", "2", None], repeat=3)]
    sets = [frozenset((name, value) for name, value in each.items() if value is not None
                      and attributes.get(name) != value) for each in whole]  # fmt: skip
    enough = [each for each in set(sets) if holds(conditions, attributes | dict(each))]
    minimal = sorted((each for each in enough if not any(other < each for other in enough)), key=len)
    found = [frozenset(changes(each).items()) for each in nearest(f"{conditions};", attributes)]
    assert set(found) <= set(minimal)
    assert len(found) >= min(3, len(minimal))
    assert [len(each) for each in found[:3]] == [len(each) for each in minimal[:3]]
