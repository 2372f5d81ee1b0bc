"""Hexadecimal and base64: there and back, and nothing else accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.encodings import ENCODINGS, EncodingError, decode, encode


@given(st.sampled_from(ENCODINGS), st.binary())
def test_octets_survive(encoding: str, octets: bytes) -> None:
    assert decode(encoding, encode(encoding, octets)) == octets


def test_hexadecimal_is_read_in_any_case_and_written_in_lower_case() -> None:
    assert decode("hex", "AbCd") == b"\xab\xcd"
    assert encode("hex", b"\xab\xcd") == "abcd"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("hex", "a"),
        ("hex", "zz"),
        ("hex", "ab cd"),
        ("hex", "\xe9"),
        ("base64", "A"),
        ("base64", "AA\n=="),
        ("base64", "\u20ac"),
    ],
)
def test_anything_else_is_an_error(encoding: str, body: str) -> None:
    with pytest.raises(EncodingError, match=r"not (hexadecimal|base64)"):
        decode(encoding, body)
