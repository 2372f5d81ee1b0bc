"""A slice of a configuration: some sections with all that they reach, found by index and resolved like a whole one.

Where only these sections are of interest, resolving the slice says the same of them as resolving everything would:
it holds what they refer to, what [Phase 1] says of their addresses, and their places in the lists of [Phase 2].
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from grammar.nodes import Binding
from policydb.configuration.config import DEFAULT_SUITE
from policydb.configuration.predefined import built_in_sections, predefined_section
from policydb.storage.section_rows import (
    PHASE_1,
    PHASE_2,
    Piece,
    Setting,
    Wanted,
    address_key,
    decode_section,
    is_reference,
    pieces_of,
    put_together,
    references,
)

FIXED_ROOTS = ("general", "keynote", "x509-certificates", "xauth-users")
"""Sections that everything depends on, but for the two lists of names."""

_SECTION = (
    "SELECT shelf.file, shelf.number, section.position, shelf.line,"
    " section.line, section.name, section.joined, section.lines, section.body"
    " FROM section CROSS JOIN shelf ON shelf.stretch = section.stretch WHERE section.key = ?"
)
_SETTINGS = (
    "SELECT shelf.number, section.body FROM section CROSS JOIN shelf ON shelf.stretch = section.stretch"
    " WHERE section.key = ? AND shelf.file = ? GROUP BY section.body"
)


_UNASKED = ("default-phase-1", "default-phase-1-configuration", DEFAULT_SUITE.lower())
"""What is built in and resolved without a reference."""

LISTS = ("connections", "passive-connections")
"""The tags of [Phase 2] whose values are lists of connections, in lower case, in the order in which they are read."""


class Placed(NamedTuple):
    """A stretch of the store in its place: the number of its file among the sources, its own in the file, its line."""

    stretch: int
    file: int
    number: int
    line: int


class Fresh(NamedTuple):
    """A part that is not in the store: its place as in Placed, and its bindings."""

    file: int
    number: int
    bindings: Sequence[Binding]
    joined: bool


class Entry(NamedTuple):
    """A section as far as one part has it: numbers of file, part and section; entries sort in their order."""

    file: int
    number: int
    position: int
    pieces: tuple[Piece, ...]

    @property
    def joined(self) -> bool:
        """Whether its lists are put together with those of other parts."""
        return any(piece.joined for piece in self.pieces)


class Shelf:
    """The sections of a configuration by name: of parts that are in a store, and of fresh ones.

    `names` are the files' names. The connection gets a temporary table.
    """

    def __init__(
        self, connection: sqlite3.Connection, names: Sequence[str], known: Iterable[Placed], fresh: Iterable[Fresh] = ()
    ) -> None:
        self._connection = connection
        self._names = names
        self._fresh: dict[str, list[Entry]] = {}
        connection.execute("DROP TABLE IF EXISTS temp.shelf")
        connection.execute(
            "CREATE TEMP TABLE shelf (stretch INTEGER, file INTEGER, number INTEGER, line INTEGER,"
            " PRIMARY KEY (stretch, file, number)) WITHOUT ROWID"
        )
        connection.executemany("INSERT INTO temp.shelf VALUES (?, ?, ?, ?)", known)
        for part in fresh:
            self._add(part)

    def _add(self, part: Fresh) -> None:
        found: dict[str, list[Piece]] = {}
        for binding in part.bindings:
            key = binding.section.lower()
            piece = Piece(self._names[part.file], binding, part.joined and key == PHASE_2)
            found.setdefault(key, []).append(piece)
        for position, (key, pieces) in enumerate(found.items()):
            self._fresh.setdefault(key, []).append(Entry(part.file, part.number, position, tuple(pieces)))

    def section(self, key: str, wanted: Wanted | None = None) -> list[Entry]:
        """A section, by its name in lower case, from all parts that have some of it; in the order of the files."""
        found = [
            Entry(file, number, position, tuple(pieces_of(self._names[file], line, tuple(row), wanted)))
            for file, number, position, line, *row in self._connection.execute(_SECTION, (key,))
        ]
        for each in self._fresh.get(key, ()):
            pieces = tuple(one for one in each.pieces if wanted is None or wanted(one.binding.tag, one.binding.value))
            found.append(each._replace(pieces=pieces))
        return sorted(found, key=lambda each: each[:3])

    def stored(self, key: str, file: int) -> list[tuple[int, list[Setting]]]:
        """What parts of a file that are in the store say in a section, once each, and the number of one that does."""
        rows = self._connection.execute(_SETTINGS, (key, file))
        return [(number, decode_section(body)) for number, body in rows]


def sliced(shelf: Shelf, names: Iterable[str]) -> list[tuple[str, Binding]]:
    """The bindings of the sections of these names, in lower case, and of all that they reach, each with its source."""
    found = _reached(shelf, [*names, *FIXED_ROOTS, *_UNASKED], {})
    addresses = _addresses(found)

    def leads(tag: str, value: str) -> bool:
        """Whether a line of [Phase 1] concerns a section or an address that was found."""
        return value.lower() in found or tag.lower() == "default" or address_key(tag) in addresses

    def lists(_: str, value: str) -> bool:
        """Whether a line of [Phase 2] has a member that was found."""
        return not value or any(each.strip() in found for each in value.lower().split(","))

    entries = shelf.section(PHASE_1, leads)
    addresses |= {address_key(piece.binding.tag) for entry in entries for piece in entry.pieces}
    entries = shelf.section(PHASE_1, leads)  # of several lines for one address the first counts
    found = _reached(shelf, [each.binding.value.lower() for entry in entries for each in entry.pieces], found)
    entries += [_with_members(each, found) for each in shelf.section(PHASE_2, lists)]
    entries += [entry for section in found.values() for entry in section]
    entries.sort(key=lambda each: each[:3])
    return put_together(piece for entry in entries for piece in entry.pieces)


def named_at(shelf: Shelf, addresses: Container[str]) -> set[str]:
    """The peers, in lower case, that [Phase 1] names for these addresses, each in its one way of writing it."""
    entries = shelf.section(PHASE_1, lambda tag, _: address_key(tag) in addresses)
    return {piece.binding.value.lower() for piece in _pieces(entries)}


def listed(shelf: Shelf) -> dict[str, int]:
    """The connections of [Phase 2] in lower case, each with its number: first those of Connections."""
    lists: dict[str, str] = {}
    for _, binding in put_together(piece for entry in shelf.section(PHASE_2) for piece in entry.pieces):
        lists.setdefault(binding.tag.lower(), binding.value)
    members = [member.strip().lower() for tag in LISTS for member in lists.get(tag, "").split(",")]
    return {name: number for number, name in enumerate(dict.fromkeys(members))}


def _reached(shelf: Shelf, names: Iterable[str], found: dict[str, list[Entry]]) -> dict[str, list[Entry]]:
    """Sections by name, and those that they refer to, whether they are written or predefined."""
    found = dict(found)
    built_in = built_in_sections({})
    pending = list(names)
    while pending:
        key = pending.pop()
        if key in found or key in {PHASE_1, PHASE_2}:
            continue
        found[key] = shelf.section(key)
        for tag, value in (*built_in.get(key, {}).items(), *predefined_section(key)):
            if is_reference(key, tag.lower()):
                pending += references(value)
        for piece in _pieces(found[key]):
            if is_reference(key, piece.binding.tag.lower()):
                pending += references(piece.binding.value)
    return found


def _pieces(entries: Iterable[Entry]) -> Iterator[Piece]:
    return (piece for entry in entries for piece in entry.pieces)


def _addresses(found: dict[str, list[Entry]]) -> set[str]:
    return {
        address_key(piece.binding.value)
        for entries in found.values()
        for piece in _pieces(entries)
        if piece.binding.tag.lower() == "address"
    }


def _with_members(entry: Entry, found: dict[str, list[Entry]]) -> Entry:
    """A part of [Phase 2] whose lists have those members only that were found."""
    pieces = []
    for piece in entry.pieces:
        members = [each for each in piece.binding.value.split(",") if each.strip().lower() in found]
        if members or not piece.binding.value:
            pieces.append(piece._replace(binding=piece.binding._replace(value=",".join(members))))
    return entry._replace(pieces=tuple(pieces))
