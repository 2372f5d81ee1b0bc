"""Policies by dice, each in two languages: KeyNote's for the daemon, and a Python function as the author's meaning.

The meaning knows integers without bounds and a lifetime without limit that is above every bound. It shares no code
with policydb's evaluators; where the daemon cannot compare and so refuses, the meaning may be true; never the reverse.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from policydb.attributes import NO_LIMIT as UNLIMITED
from policydb.attributes import VOCABULARY, Kind


class NoLimit:
    """A lifetime that never ends."""


NO_LIMIT = NoLimit()
Reading = Mapping[str, "str | NoLimit"]
"""What an SA is, by the names of isakmpd.policy(5); what does not apply is left out."""


@dataclass(frozen=True)
class Condition:
    """A test as KeyNote has it, and what it means."""

    text: str
    holds: Callable[[Reading], bool]


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FITTING = {-1: ("<", "<=", "!="), 0: ("==", "<=", ">="), 1: (">", ">=", "!=")}
_EDGES = (0, 1, 59, 60, 127, 128, 256, 600, 3600, 5000, 28799, 28800, 86400, 65536, 2**31 - 2, 2**31 - 1)
_BEYOND = (2**31, 2**32 - 1, 2**32, 2**32 + 3600, 2**63, 2**64 - 1)
_TEXTS = ("", "0", "1", "aes", "null", "9", "a", "010.001.000.000", "20260101000000", "zzz")
_OFTEN = (
    *("esp_life_seconds", "esp_life_kbytes", "ah_life_seconds", "ah_life_kbytes", "esp_enc_alg", "esp_key_length"),
    *("remote_filter_addr_lower", "remote_filter_addr_upper", "remote_filter", "local_filter_addr_upper"),
    *("local_filter_addr_lower", "esp_encapsulation", "esp_auth_alg", "pfs", "esp_present"),
)
_NAMES = tuple(VOCABULARY)


def text_of(value: str | NoLimit) -> str:
    """A value as KeyNote compares it without `@` and `&`; no digits are after those of no limit."""
    return "9" * 99 if isinstance(value, NoLimit) else value


def number_of(value: str | NoLimit) -> float:
    """A value as a number; what is none counts as 0 (RFC 2704 section 4.6.5)."""
    if isinstance(value, NoLimit):
        return inf
    return int(value) if re.fullmatch(r"-?[0-9]+", value) else 0


def _numeric(dice: Random, name: str, told: str) -> Condition:
    """`@name` or `&name`, perhaps computed with, against a number at or near what was told."""
    near = number_of(told) if len(told) < 19 else dice.choice(_EDGES)
    step = dice.choice((-1, 0, 0, 1))
    bound = int(near) - step if dice.random() < 0.8 else dice.choice(_EDGES if dice.random() < 0.8 else _BEYOND)
    sign = _sign(number_of(told), bound)
    word = dice.choice(_FITTING[sign]) if dice.random() < 0.9 else dice.choice(tuple(_COMPARE))
    compare = _COMPARE[word]
    form = dice.randrange(6)
    if form == 0 and bound >= 0:
        return Condition(
            f"&{name} {word} {bound}.0", lambda reading: compare(number_of(reading.get(name, "")), float(bound))
        )
    literal = str(bound) if bound >= 0 else f"(0 - {-bound})"
    if form == 1:
        more = dice.choice((1, 7, 2**31 - 1))
        sum_literal = f"({literal} + {more})"
        return Condition(
            f"@{name} + {more} {word} {sum_literal}",
            lambda reading: compare(number_of(reading.get(name, "")) + more, bound + more),
        )
    if form == 2:
        return Condition(
            f"@{name} * 60 {word} {literal} * 60",
            lambda reading: compare(number_of(reading.get(name, "")) * 60, bound * 60),
        )
    return Condition(f"@{name} {word} {literal}", lambda reading: compare(number_of(reading.get(name, "")), bound))


def _textual(dice: Random, name: str, told: str) -> Condition:
    """`name` against a text: what was told, a usual value, or something else."""
    values = VOCABULARY[name].values
    if told == UNLIMITED:  # whoever writes just this means no limit
        told = str(dice.choice((*_EDGES, *_BEYOND)))
    text = told if dice.random() < 0.6 else dice.choice((*values, *_TEXTS, str(dice.choice(_EDGES))))
    if dice.random() < 0.1 and told.isascii() and told.replace(".", "").replace("-", "").isalnum():
        pattern = "^" + re.escape(told[: dice.randrange(1, 8)]).replace("\\-", "-")
        return Condition(
            f'{name} ~= "{pattern}"'.replace("\\", "\\\\"),
            lambda reading: re.search(pattern, text_of(reading.get(name, ""))) is not None,
        )
    sign = (told > text) - (told < text)
    word = dice.choice(_FITTING[sign]) if dice.random() < 0.9 else dice.choice(tuple(_COMPARE))
    compare = _COMPARE[word]
    quoted = '"' + "".join(f"\\{ord(each):03o}" if each in '"\\\n' or not each.isprintable() else each for each in text)
    return Condition(f'{name} {word} {quoted}"', lambda reading: compare(text_of(reading.get(name, "")), text))


def _sign(left: float, right: float) -> int:
    return (left > right) - (left < right)


def _atom(dice: Random, told: Mapping[str, str]) -> Condition:
    name = dice.choice(_OFTEN if dice.random() < 0.75 else _NAMES)
    value = told.get(name, "")
    numeric = VOCABULARY[name].kind in (Kind.NUMBER, Kind.TIME) or dice.random() < 0.03
    return (_numeric if numeric and dice.random() < 0.75 else _textual)(dice, name, value)


def _term(dice: Random, told: Mapping[str, str]) -> Condition:
    first = _atom(dice, told)
    chance = dice.random()
    if chance < 0.6:
        return first
    second = _atom(dice, told)
    if chance < 0.75:
        return Condition(f"!({first.text})", lambda reading: not first.holds(reading))
    if chance < 0.9:
        return Condition(
            f"({first.text} || {second.text})", lambda reading: first.holds(reading) or second.holds(reading)
        )
    return Condition(
        f"!({first.text} && !({second.text}))",
        lambda reading: not (first.holds(reading) and not second.holds(reading)),
    )


def _clause(dice: Random, told: Mapping[str, str]) -> Condition:
    terms = [_term(dice, told) for _ in range(dice.choice((1, 1, 2, 3)))]
    return Condition(
        " && ".join(each.text for each in terms), lambda reading: all(each.holds(reading) for each in terms)
    )


def policy(dice: Random, told: Mapping[str, str]) -> Condition:
    """A whole policy, with conditions at and around values that may be told; `told` may be anything."""
    clauses = [_clause(dice, told) for _ in range(dice.choice((1, 1, 1, 2)))]
    written = " ".join(f'{each.text} -> "true";' for each in clauses)
    return Condition(
        f'Authorizer: "POLICY"\nConditions: {written}\n', lambda reading: any(each.holds(reading) for each in clauses)
    )
