"""Gates: how a Licensees field counts its members."""

from __future__ import annotations

from itertools import combinations

import pytest

from policydb.graph import Principals
from policydb.keynote.checker import opens
from policydb.keynote.gates import Gate, wire

NAMES = ("a", "b", "c", "d")


def satisfied(licensees: Principals, members: tuple[str, ...]) -> bool:
    """Whether the field opens when exactly `members` are settled, in that order."""
    inputs = wire(licensees)
    counts: dict[Gate, int] = {}
    opened = [opens(gate, counts) for member in members for gate in inputs.get(member, ())]
    return True in opened


@pytest.mark.parametrize(
    ("licensees", "enough"),
    [
        ("a", {"a"}),
        (("or", "a", "b"), {"a", "b"}),
        (("and", "a", "b"), {"ab"}),
        (("of", 2, "a", "b", "c"), {"ab", "ac", "bc"}),
        (("of", 2, "a", "a", "b"), {"a"}),
        (("and", "a", ("or", "b", ("and", "c", "d"))), {"ab", "acd"}),
        (("of", 2, ("and", "a", "b"), "c", ("or", "d", "a")), {"ab", "ac", "cd"}),
        ((), set()),
        (("and", "a", ()), set()),
        (("of", 3, "a", "b"), set()),
    ],
)
def test_a_field_opens_for_the_sets_that_satisfy_it_and_no_others(licensees: Principals, enough: set[str]) -> None:
    for size in range(len(NAMES) + 1):
        for members in combinations(NAMES, size):
            wanted = any(set(each) <= set(members) for each in enough)
            assert satisfied(licensees, members) is wanted, members
            assert satisfied(licensees, members[::-1]) is wanted, members


def test_a_field_opens_once() -> None:
    inputs = wire(("or", "a", "b", "c"))
    counts: dict[Gate, int] = {}
    assert [opens(gate, counts) for name in "abc" for gate in inputs[name]] == [True, False, False]


def test_members_are_listed_as_they_are_written() -> None:
    assert list(wire(("and", "b", ("or", "a", "d"), "c", "a"))) == ["b", "a", "d", "c"]
