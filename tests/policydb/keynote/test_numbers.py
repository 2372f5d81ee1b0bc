"""KeyNote arithmetic: RFC 2704 section 4.6.5, and what is chosen where it is silent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.keynote.numbers import ARITHMETIC, Fault, floating, integer, integer_literal, wrap
from tests.policydb.policies import holds

LEAST, MOST = -(2**31), 2**31 - 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),  # the C library answers 0 (D6)
        ("007", 7),
        ("3.9", 3),
        ("-2.5", -3),  # "fractions rounded down"
        ("-2.0", -2),
        ("5.", 5),
        (".5", 0),
        ("-.5", -1),
        ("", 0),
        (".", 0),
        ("-", 0),
        ("-.", 0),
        ("+4", 0),
        (" 5", 0),
        ("5 ", 0),
        ("1e3", 0),
        ("0x1f", 0),
        ("1.2.3", 0),
        ("five", 0),
        ("\xb2", 0),
        ("5\n", 0),
        ("2147483647", MOST),
        ("2147483648", LEAST),
        ("-2147483648", LEAST),
        ("99999999999999", LEAST),
        ("0" * 50 + "7", 7),
        ("9" * 100_000, LEAST),
    ],
)
def test_a_string_is_read_as_an_integer(text: str, value: int) -> None:
    assert integer(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("3.75", 3.75), ("-1.5", -1.5), ("7", 7.0), (".5", 0.5), ("", 0.0), ("1e3", 0.0), (".", 0.0), ("x", 0.0)],
)
def test_a_string_is_read_as_a_float(text: str, value: float) -> None:
    assert floating(text) == value


@given(st.integers(min_value=0, max_value=10**40))
def test_integer_literals_wrap_at_32_bits(number: int) -> None:
    assert integer_literal(str(number)) == wrap(number)


def test_an_integer_literal_may_have_any_number_of_digits() -> None:
    digits = 20_000
    assert integer_literal("9" * digits) == wrap(pow(10, digits, 2**32) - 1)


@given(st.integers(), st.integers())
def test_wrapping_keeps_the_value_modulo_two_to_the_32(left: int, right: int) -> None:
    assert LEAST <= wrap(left) <= MOST
    assert (wrap(left) - left) % 2**32 == 0
    assert wrap(wrap(left) + wrap(right)) == wrap(left + right)


@pytest.mark.parametrize(
    ("left", "operator", "right", "value"),
    [
        (MOST, "+", 1, LEAST),
        (LEAST, "-", 1, MOST),
        (65536, "*", 65536, 0),
        (7, "/", 2, 3),
        (-7, "/", 2, -3),
        (7, "/", -2, -3),
        (-7, "%", -3, -1),
        (7, "%", -3, 1),
        (2, "^", 8, 256),
        (2, "^", 31, LEAST),
        (2, "^", 63, 0),
        (0, "^", 0, 1),
        (2, "^", -1, 0),
        (3, "^", 2**31 - 1, wrap(pow(3, 2**31 - 1, 2**32))),
    ],
)
def test_integer_arithmetic(left: int, operator: str, right: int, value: int) -> None:
    assert ARITHMETIC["integer", operator](left, right) == value


@pytest.mark.parametrize("operator", ["/", "%"])
@pytest.mark.parametrize(("left", "right"), [(5, 0), (0, 0), (LEAST, -1)])  # D5: the C library dies of the last
def test_integer_division_can_be_a_runtime_error(operator: str, left: int, right: int) -> None:
    with pytest.raises(Fault):
        ARITHMETIC["integer", operator](left, right)


def test_float_division_by_zero_is_a_runtime_error() -> None:
    with pytest.raises(Fault):
        ARITHMETIC["float", "/"](1.0, 0.0)


@pytest.mark.parametrize(
    ("left", "right", "value"),
    [
        (10.0, 400.0, math.inf),
        (-10.0, 401.0, -math.inf),
        (0.0, 0.0, 1.0),
        (0.0, -1.0, math.inf),
        (2.0, 0.5, math.sqrt(2)),
    ],
)
def test_float_power_never_fails(left: float, right: float, value: float) -> None:
    assert ARITHMETIC["float", "^"](left, right) == value


def test_an_undefined_power_makes_every_comparison_false() -> None:
    assert math.isnan(ARITHMETIC["float", "^"](-1.0, 0.5))
    assert not holds("(-1.0 ^ 0.5) <= 0.0 || (-1.0 ^ 0.5) > 0.0")


@pytest.mark.parametrize(
    "test", ["2 ^ 3 ^ 2 == 64", "-2 ^ 2 == 4", "2 + 3 * 4 == 14", "10 - 3 - 2 == 5", "7 % 4 * 2 == 6"]
)
def test_precedence_is_that_of_the_rfc(test: str) -> None:
    assert holds(test)


@pytest.mark.parametrize("operator", ["+", "-", "*"])
@given(left=st.integers(LEAST, MOST), right=st.integers(LEAST, MOST))
def test_results_stay_within_32_bits(operator: str, left: int, right: int) -> None:
    assert LEAST <= ARITHMETIC["integer", operator](left, right) <= MOST
