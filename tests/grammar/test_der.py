"""The little DER that keys need (X.690 sections 8.1 to 8.3, 8.9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.der import DerError, integers, sequence


@given(st.lists(st.integers(-(2**3000), 2**3000), max_size=9))
def test_integers_survive(numbers: list[int]) -> None:
    assert integers(sequence(*numbers), len(numbers), "key") == tuple(numbers)


@pytest.mark.parametrize(
    ("numbers", "octets"),
    [
        ((), "3000"),
        ((0,), "3003020100"),
        ((127, 128), "300702017f02020080"),
        ((-1,), "30030201ff"),
        ((1 << 1023,), "308184028181" + "0080" + "00" * 127),
    ],
)
def test_integers_are_as_short_as_can_be(numbers: tuple[int, ...], octets: str) -> None:
    assert sequence(*numbers).hex() == octets


@pytest.mark.parametrize(
    "octets",
    ["", "30", "3002", "31020101", "3003020101", "30020200", "30800201010000", "3003030101", "3006020101020102"],
)
def test_what_is_not_as_announced_is_an_error(octets: str) -> None:
    with pytest.raises(DerError, match="key"):
        integers(bytes.fromhex(octets), 3, "key")


def test_more_numbers_than_are_needed_are_an_error() -> None:
    with pytest.raises(DerError, match="more than 2"):
        integers(sequence(*range(100)), 2, "key")


@given(st.binary(max_size=60), st.integers(0, 5))
def test_no_octets_raise_anything_else(data: bytes, count: int) -> None:
    try:
        assert len(integers(data, count, "key")) == count
    except DerError:
        return
