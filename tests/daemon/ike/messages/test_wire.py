"""The bounded reader and the writer."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.errors import PayloadMalformed
from daemon.ike.messages.wire import Reader, Writer


@given(st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.binary(max_size=20))
def test_what_is_written_is_read_back(one: int, two: int, four: int, data: bytes) -> None:
    written = Writer().uint8(one).uint16(two).uint32(four).octets(data).getvalue()
    assert len(written) == 7 + len(data)
    reader = Reader(written)
    assert (reader.uint8(), reader.uint16(), reader.uint32(), reader.rest()) == (one, two, four, data)
    reader.finish()


def test_numbers_are_in_network_order() -> None:
    assert Writer().uint16(0x0102).uint32(0x03040506).getvalue() == bytes([1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    "read", [lambda r: r.uint8(), lambda r: r.uint16(), lambda r: r.uint32(), lambda r: r.octets(1)]
)
def test_reading_past_the_end_is_refused(read: object) -> None:
    assert callable(read)
    with pytest.raises(PayloadMalformed):
        read(Reader(b""))


def test_a_restriction_bounds_what_is_read_inside() -> None:
    reader = Reader(b"abcdef")
    with pytest.raises(PayloadMalformed), reader.restrict(2, "inner"):
        reader.octets(3)


def test_a_restriction_must_be_consumed_exactly() -> None:
    reader = Reader(b"abcdef")
    with pytest.raises(PayloadMalformed, match="inner: 1 octets too many"), reader.restrict(3, "inner"):
        reader.octets(2)


def test_restrictions_nest_and_end() -> None:
    reader = Reader(b"abcdef")
    with reader.restrict(4, "outer"):
        with reader.restrict(2, "inner"):
            assert reader.rest() == b"ab"
        assert reader.rest() == b"cd"
    assert reader.rest() == b"ef"


def test_a_restriction_beyond_the_enclosing_one_is_refused() -> None:
    reader = Reader(b"abcdef")
    with pytest.raises(PayloadMalformed), reader.restrict(3, "outer"), reader.restrict(4, "inner"):
        pass


def test_reserved_octets_must_be_zero() -> None:
    Reader(b"\0\0").zero(2)
    with pytest.raises(PayloadMalformed, match="reserved field non-zero: 0001"):
        Reader(b"\0\1").zero(2)


def test_a_claimed_length_costs_no_memory() -> None:
    tracemalloc.start()
    with pytest.raises(PayloadMalformed):
        Reader(b"abc").octets(1 << 31)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize(("write", "value"), [("uint8", 256), ("uint16", 1 << 16), ("uint32", -1)])
def test_a_number_too_big_for_its_field_is_an_error(write: str, value: int) -> None:
    with pytest.raises(OverflowError):
        getattr(Writer(), write)(value)
