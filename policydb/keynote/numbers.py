"""KeyNote's numbers: 32-bit integers that wrap, floats, and the strings that are read as either (RFC 2704, 4.6.5).

The RFC leaves overflow and odd text open; tests/policydb/keynote/test_numbers.py names what is chosen here: integers
wrap as two's complement, text that is no number is 0, a number too large for 32 bits is -2147483648, a fraction is
rounded down. A Fault is a runtime error: the test it happens in is false (section 5.2).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

_MODULUS = 1 << 32
_MOST = (1 << 31) - 1
_LEAST = -(1 << 31)
_NUMBER = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?\Z")
_SMALL = 10  # digits that always fit below 2 ** 34, far below what int() takes


class Fault(Exception):  # noqa: N818 - a runtime error of the language, not of this program
    """A runtime error in a test: division by zero, a pattern that is none."""


def wrap(value: int) -> int:
    """An integer brought into the range of 32 bits, two's complement."""
    if _LEAST <= value <= _MOST:
        return value
    return (value - _LEAST) % _MODULUS + _LEAST


def integer_literal(text: str) -> int:
    """Digits of any number as a 32-bit integer; reads them in pieces, since their number is not bounded."""
    value = 0
    for start in range(0, len(text), 9):
        piece = text[start : start + 9]
        value = (value * 10 ** len(piece) + int(piece)) % _MODULUS
    return wrap(value)


def integer(text: str) -> int:
    """`@text`."""
    if text.isdecimal() and text.isascii() and len(text) < _SMALL:
        return int(text)
    match = _NUMBER.match(text)
    if match is None or not (match[2] or match[3]):
        return 0
    digits = match[2].lstrip("0")
    if len(digits) > _SMALL:
        return _LEAST
    value = int(digits or "0")
    if match[1]:
        value = -value - (1 if (match[3] or "").strip("0") else 0)
    return value if _LEAST <= value <= _MOST else _LEAST


def floating(text: str) -> float:
    """`&text`, and a float literal."""
    match = _NUMBER.match(text)
    return float(text) if match is not None and (match[2] or match[3]) else 0.0


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise Fault("division by zero")
    if left == _LEAST and right == -1:
        raise Fault("the quotient does not fit into 32 bits")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - _divide(left, right) * right


def _power(left: int, right: int) -> int:
    return wrap(pow(left, right, _MODULUS)) if right >= 0 else 0


def _float_divide(left: float, right: float) -> float:
    if right == 0.0:
        raise Fault("division by zero")
    return left / right


def _float_power(left: float, right: float) -> float:
    """As C's pow: out of range is infinity, undefined is NaN, with which every comparison is false."""
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and math.fmod(right, 2.0) != 0.0 else math.inf
    except ValueError:
        return math.inf if left == 0.0 else math.nan


ARITHMETIC: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("integer", "+"): lambda left, right: wrap(left + right),
    ("integer", "-"): lambda left, right: wrap(left - right),
    ("integer", "*"): lambda left, right: wrap(left * right),
    ("integer", "/"): _divide,
    ("integer", "%"): _remainder,
    ("integer", "^"): _power,
    ("float", "+"): lambda left, right: left + right,
    ("float", "-"): lambda left, right: left - right,
    ("float", "*"): lambda left, right: left * right,
    ("float", "/"): _float_divide,
    ("float", "^"): _float_power,
}
"""(kind, operator) -> what it computes."""
