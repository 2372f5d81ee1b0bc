"""Texts in blocks: nothing is lost, and versions share what they have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.storage.texts import LONGEST, blocks_of, of_configuration, without_lengths

OCTETS = st.text(alphabet=st.characters(max_codepoint=255))
LINES = st.lists(OCTETS, max_size=40).map("\n".join)


def test_an_empty_text_has_no_blocks() -> None:
    assert list(blocks_of("")) == []


@given(LINES)
def test_blocks_joined_are_the_text(text: str) -> None:
    assert "".join(each.text for each in blocks_of(text)) == text


@given(LINES, st.integers(1, 2_000))
def test_a_long_text_too(text: str, times: int) -> None:
    whole = "\n".join(f"{number} {text}" for number in range(times))
    blocks = list(blocks_of(whole))
    assert "".join(each.text for each in blocks) == whole
    assert max(each.text.count("\n") for each in blocks) <= LONGEST


@given(LINES, st.lists(st.integers(1, 60), unique=True).map(sorted))
def test_so_are_blocks_that_are_cut_where_stretches_begin(text: str, starts: list[int]) -> None:
    starts = [1, *(each for each in starts if 1 < each <= 1 + text.count("\n"))]
    blocks = list(blocks_of(text, starts))
    assert "".join(each.text for each in blocks) == text
    begins = [1 + text[: sum(len(each.text) for each in blocks[:number])].count("\n") for number in range(len(blocks))]
    assert begins == [each for each in starts if "\n".join(text.split("\n")[each - 1 :])]


def test_a_block_is_named_by_its_text() -> None:
    one, two = ([*blocks_of(text)] for text in ("a\nb\n", "a\nc\n"))
    assert len({each.digest for each in (*one, *two)}) == 2
    assert {each.digest for each in blocks_of("a\nb\n")} == {each.digest for each in one}


def test_a_change_of_one_line_of_ten_thousand_makes_two_blocks_at_most() -> None:
    lines = [f"rule {number} of many" for number in range(10_000)]
    before = set(blocks_of("\n".join(lines)))
    assert len(before) > 20
    for place in (0, 5_000, 9_999):
        after = [*lines[:place], "another rule", *lines[place + 1 :]]
        assert len(set(blocks_of("\n".join(after))) - before) <= 2
        longer = [*lines[:place], "one more", *lines[place:]]
        assert len(set(blocks_of("\n".join(longer))) - before) <= 2


def test_equal_lines_are_cut_too() -> None:
    blocks = list(blocks_of("same\n" * 10_000))
    assert max(each.text.count("\n") for each in blocks) <= LONGEST
    assert len(set(blocks)) <= 2


def test_hidden_keys_look_alike_however_long_they_are() -> None:
    short, long = (f"[West]\nAuthentication= {'*' * length}\n" for length in (3, 30))
    assert without_lengths(short) == without_lengths(long) != short


def test_empty_lines_end_no_block() -> None:
    assert len(list(blocks_of("\n".join(f"rule {number}\n" for number in range(10_000))))) < 100


@pytest.mark.parametrize(
    "line",
    [
        "Presharedkey=hunter2hunter2",
        "  Presharedkey =  hunter2hunter2  ",
        "# Presharedkey= hunter2hunter2",
        ";Presharedkey=\thunter2hunter2",
        "Presharedkey=\\\n hunter2hunter2",
        "Presharedkey hunter2hunter2",
        "hunter2hunter2",
        "Presharedkey=\\\r\nhunter2hunter2",
    ],
)
def test_what_may_be_a_key_is_not_kept(line: str) -> None:
    kept = of_configuration(f"[West]\nPhase=1\n{line}\n# West\n[East]\n")
    assert "hunter2" not in kept
    assert kept.startswith("[West]\nPhase=1\n")
    assert kept.endswith("\n# West\n[East]\n")


def test_known_tags_addresses_headers_and_comments_are_kept() -> None:
    text = "# The offices: West = left\n\n[Phase 1]\n192.0.2.1= West\n2001:db8::1= West\nDefault=\\\n  West\n[a=b]\n#\n"
    assert of_configuration(text) == text


@given(LINES)
def test_as_many_lines_are_kept_as_there_are(text: str) -> None:
    assert of_configuration(text).count("\n") == text.count("\n")
