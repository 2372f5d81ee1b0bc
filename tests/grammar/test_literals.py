"""String literals: each escape rule of RFC 2704, 4.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.literals import unquote

ESCAPES = [
    (r"plain", "plain"),
    (r"\n", "\n"),
    (r"\r", "\r"),
    (r"\t", "\t"),
    (r"\f", "\f"),
    (r"\"", '"'),
    (r"\\", "\\"),
    (r"\q", "q"),
    (r"\v", "v"),
    (r"\x41", "x41"),
    (r"\07", "\x07"),
    (r"\077", "?"),
    (r"\101", "A"),
    (r"\1017", "A7"),
    (r"\377", "\xff"),
    (r"\0", "0"),
    (r"\00", "00"),
    (r"\000", "000"),
    (r"\08", "08"),
    (r"\8", "8"),
    (r"\12", "12"),
    (r"\1", "1"),
    ("a\\\n \t b", "ab"),
    ("a\\\nb", "ab"),
    ("a\\\n", "a"),
    (r"\\n", "\\n"),
]


@pytest.mark.parametrize(("body", "value"), ESCAPES)
def test_an_escape_stands_for_what_the_rfc_says(body: str, value: str) -> None:
    assert unquote(f'"{body}"') == value


@given(st.text(st.characters(max_codepoint=255, exclude_characters='\\"\n\r')))
def test_text_without_backslashes_stands_for_itself(text: str) -> None:
    assert unquote(f'"{text}"') == text


@given(st.text(st.characters(max_codepoint=255)))
def test_no_literal_ever_holds_nul(text: str) -> None:
    assert "\0" not in unquote('"' + text.replace("\0", "") + '"')
