"""KeyNote's numbers: integers of 32 bits, floats, and the strings that are read as either (RFC 2704, 4.6.5).

The RFC leaves overflow and odd text open. Here no number ever turns into another one: an integer that does not fit
into 32 bits and a float that is infinite or undefined are runtime errors, wherever they come from: `@` and `&`, a
literal, or arithmetic. Text that is no number is 0, and a fraction is rounded down. A Fault is a runtime error: the
whole test it happens in is false (section 5.2).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

_MOST = (1 << 31) - 1
_LEAST = -(1 << 31)
_NUMBER = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?\Z")
_DIGITS = 10  # no integer of 32 bits has more; int() reads no text that is longer
_SHOWN = 20  # characters of a number that a message repeats


class Fault(Exception):  # noqa: N818 - a runtime error of the language, not of this program
    """A runtime error in a test: division by zero, a number out of range, a pattern that is none."""


def _does_not_fit(number: str) -> Fault:
    shown = number if len(number) <= _SHOWN else f"{number[:_SHOWN]}..."
    return Fault(f"{shown} does not fit into 32 bits")


def within(value: int) -> int:
    """The integer itself. Raises Fault where it does not fit into 32 bits."""
    if _LEAST <= value <= _MOST:
        return value
    raise _does_not_fit(str(value) if value.bit_length() < 128 else "the result")


def _finite(value: float) -> float:
    """The float itself. Raises Fault where it is infinite or undefined: both would be in some order with others."""
    if math.isfinite(value):
        return value
    raise Fault("the float is undefined" if math.isnan(value) else "the float is too large")


class Outside:
    """A literal outside the range of its type. Whatever computes or compares with it raises the Fault."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __neg__(self) -> int:
        """-2147483648 is written as a minus in front of a literal that does not fit by itself."""
        if self.text.lstrip("0") == str(-_LEAST):
            return _LEAST
        raise _does_not_fit(self.text)

    def _refuse(self, *_: object) -> NoReturn:
        raise _does_not_fit(self.text)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __abs__ = __float__ = __index__ = __bool__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def integer_literal(digits: str) -> int | Outside:
    """An integer literal: digits, as many as somebody wrote."""
    significant = digits.lstrip("0") or "0"
    if len(significant) > _DIGITS or int(significant) > _MOST:
        return Outside(digits)
    return int(significant)


def float_literal(text: str) -> float | Outside:
    """A float literal."""
    value = float(text)
    return value if math.isfinite(value) else Outside(text)


def integer(text: str) -> int:
    """`@text`. Raises Fault where the number does not fit into 32 bits."""
    if text.isdecimal() and text.isascii() and len(text) < _DIGITS:
        return int(text)
    match = _NUMBER.match(text)
    if match is None or not (match[2] or match[3]):
        return 0
    digits = match[2].lstrip("0")
    if len(digits) > _DIGITS:
        raise _does_not_fit(text)
    value = int(digits or "0")
    if match[1]:
        value = -value - (1 if (match[3] or "").strip("0") else 0)
    return within(value)


def floating(text: str) -> float:
    """`&text`. Raises Fault where the number is larger than any float."""
    match = _NUMBER.match(text)
    return _finite(float(text)) if match is not None and (match[2] or match[3]) else 0.0


def _divide(left: int, right: int) -> int:
    """Rounded towards zero, as in C."""
    if right == 0:
        raise Fault("division by zero")
    quotient = abs(left) // abs(right)
    return within(quotient if (left < 0) == (right < 0) else -quotient)


def _remainder(left: int, right: int) -> int:
    """What is left of a division that rounds towards zero."""
    return left - _divide(left, right) * right


def _power(left: int, right: int) -> int:
    """A negative power is 0, as in the C library (docs/departures.md, D19)."""
    if right < 0:
        return 0
    if abs(left) > 1 and right > _MOST.bit_length():
        raise _does_not_fit(f"{left} ^ {right}")
    return within(left**right)


def _float_divide(left: float, right: float) -> float:
    if right == 0.0:
        raise Fault("division by zero")
    return _finite(left / right)


def _float_power(left: float, right: float) -> float:
    try:
        return _finite(math.pow(left, right))
    except (OverflowError, ValueError) as cause:
        raise Fault(
            "the power is too large" if isinstance(cause, OverflowError) else "the power is undefined"
        ) from cause


ARITHMETIC: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("integer", "+"): lambda left, right: within(left + right),
    ("integer", "-"): lambda left, right: within(left - right),
    ("integer", "*"): lambda left, right: within(left * right),
    ("integer", "/"): _divide,
    ("integer", "%"): _remainder,
    ("integer", "^"): _power,
    ("float", "+"): lambda left, right: _finite(left + right),
    ("float", "-"): lambda left, right: _finite(left - right),
    ("float", "*"): lambda left, right: _finite(left * right),
    ("float", "/"): _float_divide,
    ("float", "^"): _float_power,
}
"""(kind, operator) -> what it computes. Each raises Fault where the result is out of range."""
