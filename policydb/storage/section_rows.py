"""Bindings of a part as rows of the store, a row a section."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple, TypeAlias

from grammar.nodes import Binding, Span
from policydb.storage.rows import number_of, text_of
from policydb.traffic import in_four_parts

Setting: TypeAlias = "tuple[str, str]"
"""A tag and its value."""

PHASE_1, PHASE_2 = "phase 1", "phase 2"
"""The two sections that lead to all others, in lower case."""

_quoted = json.encoder.encode_basestring_ascii


class SectionRow(NamedTuple):
    """A section as far as one part has it: `key` is its name in lower case, `line` counts from the part's start.

    `lines` is JSON of the lines of its settings, counted likewise, `body` of the settings; `joined`: the values of its
    lists are put together with those of other parts.
    """

    line: int
    key: str
    name: str
    phase: str | None
    joined: bool
    lines: str
    body: str


def encode_sections(bindings: Iterable[Binding], first_line: int, *, joined: bool) -> tuple[SectionRow, ...]:
    """The sections of a part that starts in `first_line`, in the order in which they begin. No key may be in it."""
    found: dict[str, tuple[Binding, list[int], list[Setting]]] = {}
    name, lines, settings = None, list[int](), list[Setting]()
    for each in bindings:
        if each.section != name:
            name = each.section
            _, lines, settings = found.setdefault(name.lower(), (each, [], []))
        lines.append(each.span.line - first_line)
        settings.append((each.tag, each.value))
    return tuple(
        SectionRow(
            first.section_span.line - first_line,
            key,
            first.section,
            next((value for tag, value in settings if len(tag) == len("phase") and tag.lower() == "phase"), None),
            joined and key == PHASE_2,
            str(lines),
            encode_settings(settings),
        )
        for key, (first, lines, settings) in found.items()
    )


def encode_settings(settings: Iterable[Setting]) -> str:
    """The body of a row: JSON, put together by hand since an encoder takes longer to start than to encode so little."""
    return f"[{','.join([f'[{_quoted(tag)},{_quoted(value)}]' for tag, value in settings])}]"


def decode_section(body: str) -> list[Setting]:
    """The settings of a row. Raises ValueError, TypeError or RecursionError where it is none."""
    return [(text_of(tag), text_of(value)) for tag, value in json.loads(body)]


def binding_of(line: int, section_line: int, section: str, tag: str, value: str) -> Binding:
    """A binding whose places are lines only."""
    place = _line(line)
    return Binding(place, section, tag, value, _line(section_line), place)


@lru_cache(maxsize=256)  # settings of one rule stand in one line
def _line(number: int) -> Span:
    return Span(0, 0, number, 1)


class Piece(NamedTuple):
    """A binding on its way into a configuration: its source's name, and whether its list is joined to others."""

    source: str
    binding: Binding
    joined: bool = False


Row: TypeAlias = "tuple[int, str, int, str, str]"
"""Columns of a section: line, name, joined, lines, body."""

Wanted: TypeAlias = Callable[[str, str], bool]
"""Whether a setting is wanted, by its tag and value."""


def pieces_of(source: str, start: int, row: Row, wanted: Wanted | None = None) -> Iterator[Piece]:
    """What a row says of a part that starts in line `start`."""
    section_line, name, joined, lines, body = row
    settings = [(place, tag, value) for place, (tag, value) in enumerate(decode_section(body))]
    if wanted is not None:
        settings = [each for each in settings if wanted(*each[1:])]
    places = json.loads(lines) if settings else ()
    for place, tag, value in settings:
        line = start + number_of(places[place])
        binding = binding_of(line, start + number_of(section_line), text_of(name), tag, value)
        yield Piece(source, binding, bool(joined))


def put_together(pieces: Iterable[Piece]) -> list[tuple[str, Binding]]:
    """All bindings in order; lists that are joined stand in the place of the first one, behind one that is not."""
    found: list[tuple[str, Binding]] = []
    first: dict[str, str] = {}
    lists: dict[str, tuple[int, dict[str, None]]] = {}
    for source, binding, joined in pieces:
        if joined:
            tag = binding.tag.lower()
            if tag in lists:
                lists[tag][1].update(dict.fromkeys(binding.value.split(",")))
                continue
            lists[tag] = len(found), dict.fromkeys(binding.value.split(","))
        elif len(binding.section) == len(PHASE_2) and binding.section.lower() == PHASE_2:
            first.setdefault(binding.tag.lower(), binding.value)
        found.append((source, binding))
    for tag, (place, members) in lists.items():
        source, binding = found[place]
        value = ",".join([first[tag], *members] if first.get(tag) else members)
        found[place] = source, binding._replace(value=value)
    return found


def address_key(value: str) -> str:
    """An address in the one way of writing it; what is none stands as it is.

    Of IPv4 there is one way only, but for networks whose end is left out (172.20).
    """
    if ":" not in value:
        return in_four_parts(value)
    try:
        return str(ip_address(value))
    except ValueError:
        return value
