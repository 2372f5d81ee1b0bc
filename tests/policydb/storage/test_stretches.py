"""Files in stretches: all of it is there, and a change leaves most of it where it is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.storage import schema
from policydb.storage.stretches import LONGEST, Passage, stretches_of


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file(*names: object, first: int = 1) -> list[Passage]:
    """A file of such assertions, in every fifth line."""
    return [(first + 5 * number, digest(str(name))) for number, name in enumerate(names)]


@given(st.lists(st.integers(0, 500), max_size=600), st.integers(1, 9))
def test_the_stretches_are_the_file(names: list[int], first: int) -> None:
    passages = file(*names, first=first)
    found = stretches_of(passages)
    assert [(each.line + line, digest) for each in found for line, digest in each.passages] == passages
    assert all(each.passages[0][0] == 0 for each in found)


@given(st.integers(0, 3_999), st.sampled_from(["change", "add", "remove"]))
def test_a_change_makes_few_new_stretches(place: int, change: str) -> None:
    names: list[object] = list(range(4_000))
    before = {each.digest for each in stretches_of(file(*names))}
    names[place : place + (change != "add")] = ["new"] if change != "remove" else []
    after = stretches_of(file(*names))
    assert len(before) > 10
    assert len([each for each in after if each.digest not in before]) <= 3


def test_where_a_stretch_lies_makes_no_difference_to_its_digest() -> None:
    one, other = stretches_of(file("a", "b")), stretches_of(file("a", "b", first=70))
    assert [each.digest for each in one] == [each.digest for each in other]
    assert [each.line for each in other] == [70]


def test_how_far_its_assertions_lie_apart_does() -> None:
    assert stretches_of([(1, digest("a")), (3, digest("b"))]) != stretches_of([(1, digest("a")), (4, digest("b"))])


def test_a_stretch_has_an_end_whatever_the_digests_are() -> None:
    assert [len(each.passages) for each in stretches_of([(line, "x") for line in range(2 * LONGEST + 1)])] == [
        *(LONGEST, LONGEST),
        1,
    ]


def test_another_format_of_the_compiler_makes_other_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stretches_of(file("a"))
    monkeypatch.setattr(schema, "FORMAT", schema.FORMAT + 1)
    assert stretches_of(file("a"))[0].digest != before[0].digest
