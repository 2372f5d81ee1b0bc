"""How findings are shown: the line, a caret under the place, and never more than fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.errors import excerpt, quoted, shortened, visible
from grammar.lines import LineIndex


def shown(text: str, start: int, end: int) -> tuple[str, str]:
    line, carets = excerpt(text, LineIndex(text).span(start, end)).split("\n")
    assert line[:4] == carets[:4] == "    "
    return line[4:], carets[4:]


def test_a_caret_stands_under_every_character_of_the_place() -> None:
    assert shown("one\ntwo three\nfour", 8, 13) == ("two three", "    ^^^^^")


def test_what_cannot_be_printed_is_a_dot_and_a_tab_a_blank() -> None:
    assert shown("a\t\0b", 3, 4) == ("a .b", "   ^")


def test_octets_that_are_utf_8_are_one_character_each() -> None:
    text = "x=w\xc3\xa9st y\n"
    assert shown(text, 8, 9) == ("x=w\xe9st y", "       ^")
    assert shown(text, 2, 7) == ("x=w\xe9st y", "  ^^^^")


@given(st.text(max_size=20))
def test_what_is_visible_can_be_printed_and_stays_so(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)).isprintable()


def test_of_a_long_line_what_is_around_the_place_is_shown() -> None:
    text = "x" * 5_000 + "HERE" + "y" * 5_000
    line, carets = shown(text, 5_000, 5_004)
    assert line[carets.index("^") : carets.rindex("^") + 1] == "HERE"
    assert line.startswith("...x")
    assert line.endswith("y...")
    assert len(line) < 250


@pytest.mark.parametrize("place", [0, 199, 9_999])
def test_a_long_place_has_carets_as_far_as_the_line_is_shown(place: int) -> None:
    line, carets = shown("x" * 10_000, place, 10_000)
    assert len(carets) <= len(line) < 250
    assert carets.endswith("^")


@given(st.text(st.sampled_from("ab\n"), max_size=900), st.data())
def test_the_carets_are_under_the_text_of_the_place(text: str, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(["", "x" * 300])) + text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    line, carets = shown(text, start, end)
    place = text[start:end].split("\n")[0]
    under = line[len(carets) - carets.count("^") : len(carets)]
    assert carets.count("^") == max(1, len(under.removesuffix("...")))
    assert place.startswith(under.removesuffix("...")) or not place


def test_long_words_are_cut_in_messages() -> None:
    assert quoted("x") == "'x'"
    assert quoted("x" * 1_000) == f"'{'x' * 60}...'"
    assert shortened("x" * 10) == "x" * 10
    assert len(shortened("x" * 100_000)) < 600


@given(st.text(st.sampled_from("ab\n"), max_size=60), st.integers(0, 50), st.integers(1, 9), st.data())
def test_a_piece_has_the_lines_of_its_source(text: str, offset: int, line: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    span = LineIndex(text, offset, line).span(offset + start, offset + len(text))
    assert (span.start, span.end) == (offset + start, offset + len(text))
    assert span.line == line + text.count("\n", 0, start)
    assert span.column == start - (text.rfind("\n", 0, start) + 1) + 1
