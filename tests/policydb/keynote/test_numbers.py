"""KeyNote arithmetic: RFC 2704 section 4.6.5, and what is chosen where it is silent."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.keynote.numbers import (
    ARITHMETIC,
    Fault,
    Outside,
    float_literal,
    floating,
    integer,
    integer_literal,
    within,
)
from tests.policydb.policies import holds

LEAST, MOST = -(2**31), 2**31 - 1

USES: list[Callable[[Any], object]] = [
    *(lambda literal, sign=sign: sign(literal, 1) for sign in (operator.lt, operator.le, operator.gt, operator.ge)),
    *(lambda literal, sign=sign: sign(1, literal) for sign in (operator.lt, operator.le, operator.eq, operator.ne)),
    *(lambda literal, sign=sign: ARITHMETIC["integer", sign](literal, 1) for sign in "+-*/%^"),
    *(lambda literal, sign=sign: ARITHMETIC["integer", sign](1, literal) for sign in "+-*/%^"),
    *(lambda literal, sign=sign: ARITHMETIC["float", sign](literal, 1.0) for sign in "+-*/^"),
    *(lambda literal, sign=sign: ARITHMETIC["float", sign](1.0, literal) for sign in "+-*/^"),
]


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
        ("-2147483648", LEAST),
        ("2147483647.9", MOST),
        ("0" * 50 + "7", 7),
        ("-" + "0" * 50 + "2147483648.0", LEAST),
    ],
)
def test_a_string_is_read_as_an_integer(text: str, value: int) -> None:
    assert integer(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("2147483648", "2147483648.0", "4294967295", "4294967296", "4294967297", "18446744073709551616"),
        *("-2147483649", "-2147483648.5", "-4294967296", "9" * 20, "9" * 100_000, "00000000002147483648"),
    ],
)
def test_a_string_that_does_not_fit_into_32_bits_is_a_runtime_error(text: str) -> None:
    with pytest.raises(Fault, match="does not fit into 32 bits"):
        integer(text)


@pytest.mark.parametrize("text", ["9" * 400, "-" + "9" * 400, "1" + "0" * 309 + ".5"])
def test_a_string_beyond_every_float_is_a_runtime_error(text: str) -> None:
    with pytest.raises(Fault, match="too large"):
        floating(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3.75", 3.75), ("-1.5", -1.5), ("7", 7.0), (".5", 0.5), ("", 0.0), ("1e3", 0.0), (".", 0.0), ("x", 0.0)],
)
def test_a_string_is_read_as_a_float(text: str, value: float) -> None:
    assert floating(text) == value


@given(st.integers(min_value=0, max_value=10**40))
def test_an_integer_literal_is_its_number_or_outside(number: int) -> None:
    literal = integer_literal(str(number))
    assert literal == number if number <= MOST else isinstance(literal, Outside)


def test_an_integer_literal_may_have_any_number_of_digits() -> None:
    assert isinstance(integer_literal("9" * 20_000), Outside)
    assert integer_literal("0" * 20_000 + "7") == 7


@pytest.mark.parametrize("use", USES, ids=range(len(USES)))
@pytest.mark.parametrize("literal", [integer_literal("2147483648"), float_literal("9" * 400 + ".0")])
def test_whatever_computes_with_a_literal_outside_is_a_runtime_error(
    use: Callable[[Any], object], literal: float | Outside
) -> None:
    with pytest.raises(Fault):
        use(literal)


def test_the_least_integer_can_be_written() -> None:
    assert holds("-2147483648 < -2147483647 && -2147483648 == -2147483647 - 1")
    assert not holds("-2147483649 < 0 || true")


@pytest.mark.parametrize(
    ("left", "operator", "right", "value"),
    [
        (MOST, "+", LEAST, -1),
        (LEAST, "-", LEAST, 0),
        (65536, "*", 32767, 2147418112),
        (7, "/", 2, 3),
        (-7, "/", 2, -3),
        (7, "/", -2, -3),
        (-7, "%", -3, -1),
        (7, "%", -3, 1),
        (2, "^", 8, 256),
        (2, "^", 30, 2**30),
        (-2, "^", 31, LEAST),
        (0, "^", 0, 1),
        (2, "^", -1, 0),
        (0, "^", -1, 0),
        (-1, "^", -3, 0),
        (1, "^", MOST, 1),
        (-1, "^", MOST, -1),
        (0, "^", MOST, 0),
    ],
)
def test_integer_arithmetic(left: int, operator: str, right: int, value: int) -> None:
    assert ARITHMETIC["integer", operator](left, right) == value


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [
        (MOST, "+", 1),
        (LEAST, "+", -1),
        (LEAST, "-", 1),
        (0, "-", LEAST),
        (65536, "*", 65536),
        (65536, "*", 32768),
        (LEAST, "*", -1),
        (2, "^", 31),
        (2, "^", 32),
        (-2, "^", 32),
        (3, "^", MOST),
        (LEAST, "^", 2),
    ],
)
def test_a_result_that_does_not_fit_is_a_runtime_error(left: int, operator: str, right: int) -> None:
    with pytest.raises(Fault):
        ARITHMETIC["integer", operator](left, right)


@pytest.mark.parametrize("operator", ["/", "%"])
@pytest.mark.parametrize(("left", "right"), [(5, 0), (0, 0), (LEAST, -1)])  # D5: the C library dies of the last
def test_integer_division_can_be_a_runtime_error(operator: str, left: int, right: int) -> None:
    with pytest.raises(Fault):
        ARITHMETIC["integer", operator](left, right)


def test_float_division_by_zero_is_a_runtime_error() -> None:
    with pytest.raises(Fault):
        ARITHMETIC["float", "/"](1.0, 0.0)


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [
        (10.0, "^", 400.0),
        (-10.0, "^", 401.0),
        (0.0, "^", -1.0),
        (-1.0, "^", 0.5),
        (1e308, "+", 1e308),
        (-1e308, "-", 1e308),
        (1e308, "*", 10.0),
        (1e308, "/", 0.1),
    ],
)
def test_a_float_is_never_infinite_nor_undefined(left: float, operator: str, right: float) -> None:
    with pytest.raises(Fault):
        ARITHMETIC["float", operator](left, right)


@pytest.mark.parametrize(("left", "right", "value"), [(0.0, 0.0, 1.0), (2.0, 0.5, math.sqrt(2)), (10.0, -400.0, 0.0)])
def test_float_power(left: float, right: float, value: float) -> None:
    assert ARITHMETIC["float", "^"](left, right) == value


HUGE = ["2147483648", "4294967296", "4294967297", "18446744073709551615", "99999999999999999999", "9" * 500]


@pytest.mark.parametrize("seconds", HUGE)
@pytest.mark.parametrize(
    "test",
    [
        "@x <= 3600",
        "!(@x > 3600)",
        "!(@x <= 3600) || true",
        "@x != 3600",
        "@x + 1 <= 3600",
        "-@x <= 3600",
        "@x ^ 0 == 1",
        "@x * 0 == 0",
        '!(y == "1" && @x > 3600)',
        "!(@x == 1 || @x == 2)",
        "&x <= 3600.0",
        "!(&x > 3600.0)",
    ],
)
def test_no_number_that_is_too_large_passes_an_upper_bound(test: str, seconds: str) -> None:
    """The clause's whole test is false, whatever stands around the number, and a block behind it is not entered."""
    assert not holds(test, {"x": seconds, "y": "1"})
    assert not holds(f"{test} -> {{ true; }}", {"x": seconds, "y": "1"})


def test_what_decides_before_the_runtime_error_still_decides() -> None:
    """&& and || stop at the first test that settles them, as in C: what is not reached is no error."""
    assert holds('y == "1" || @x > 3600', {"x": "4294967296", "y": "1"})
    assert holds('!(y == "2" && @x > 3600)', {"x": "4294967296", "y": "1"})
    assert holds("@x <= 3600; true", {"x": "4294967296"})


@pytest.mark.parametrize("test", ["2147483648 > 1", "!(2147483648 < 1)", "2147483648 != 1", "1 < 2147483648 || true"])
def test_a_literal_that_does_not_fit_makes_its_test_false(test: str) -> None:
    assert not holds(test)


@pytest.mark.parametrize(
    "test", ["2 ^ 3 ^ 2 == 64", "-2 ^ 2 == 4", "2 + 3 * 4 == 14", "10 - 3 - 2 == 5", "7 % 4 * 2 == 6"]
)
def test_precedence_is_that_of_the_rfc(test: str) -> None:
    assert holds(test)


EXACT = {"+": operator.add, "-": operator.sub, "*": operator.mul}


@pytest.mark.parametrize("sign", EXACT)
@given(left=st.integers(LEAST, MOST), right=st.integers(LEAST, MOST))
def test_a_result_is_exact_or_a_runtime_error(sign: str, left: int, right: int) -> None:
    exact = EXACT[sign](left, right)
    if LEAST <= exact <= MOST:
        assert ARITHMETIC["integer", sign](left, right) == exact
    else:
        with pytest.raises(Fault):
            ARITHMETIC["integer", sign](left, right)


@given(st.integers(-(2**40), 2**40))
def test_an_integer_fits_or_is_a_runtime_error(number: int) -> None:
    if LEAST <= number <= MOST:
        assert within(number) == number
    else:
        with pytest.raises(Fault):
            within(number)
