"""Text that knows where it may be broken: what fits a line stays on it, what does not is broken at its operators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

INDENT = "    "


@dataclass(frozen=True, slots=True)
class Chain:
    """`a && b && c`; where it is broken, each line but the first starts with the operator."""

    operator: str
    parts: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """`a, b, c`; where it is broken, each line but the last ends with the comma."""

    parts: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Enclosed:
    """Something in brackets: `before` and `after` are what opens and closes it."""

    before: str
    inner: Phrase
    after: str


Phrase: TypeAlias = str | Chain | Row | Enclosed


def flat(phrase: Phrase) -> str:
    """The phrase without line breaks of ours; recurses on its depth."""
    match phrase:
        case Chain(operator, parts):
            return f" {operator} ".join([flat(each) for each in parts])
        case Row(parts):
            return ", ".join([flat(each) for each in parts])
        case Enclosed(before, inner, after):
            return f"{before}{flat(inner)}{after}"
    return phrase


def lines(phrase: Phrase, width: int) -> list[str]:
    """The phrase in lines of at most `width` characters, as far as it can be broken; recurses on its depth."""
    whole = flat(phrase)
    if isinstance(phrase, str) or len(whole) <= width:
        return [whole]
    less = width - len(INDENT)
    match phrase:
        case Enclosed(before, inner, after):
            first, *rest = lines(inner, less)
            found = [before + first, *indented(rest)]
            found[-1] += after
        case Row(parts):
            found = []
            for each in parts:
                found += _part(each, less)
                found[-1] += ","
            found[-1] = found[-1].removesuffix(",")
        case Chain(operator, parts):
            found = _part(parts[0], less)
            for each in parts[1:]:
                first, *rest = _part(each, less)
                found += [f"{operator} {first}", *rest]
    return found


def _part(phrase: Phrase, width: int) -> list[str]:
    """The lines of one of several; those after its first are further right, as they are in brackets already."""
    first, *rest = lines(phrase, width)
    return [first, *(rest if isinstance(phrase, Enclosed) else indented(rest))]


def indented(found: Iterable[str]) -> list[str]:
    """The lines one step further right."""
    return [INDENT + each for each in found]
