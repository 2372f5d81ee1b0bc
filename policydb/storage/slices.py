"""The sections of a configuration by name, read one by one: those that a store has, and those of parts that are new.

Where only some of them are of interest, resolving these says of them what resolving everything would: the resolver
reads what they refer to, what [Phase 1] says of their addresses, and their places in the lists of [Phase 2].
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from grammar.nodes import Binding
from policydb.configuration.sections import Find
from policydb.storage.section_rows import (
    PHASE_1,
    PHASE_2,
    Piece,
    Setting,
    Wanted,
    address_key,
    decode_section,
    pieces_of,
    put_together,
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


def finder(shelf: Shelf, names: Collection[str]) -> Find:
    """Reads sections from a shelf, of [Phase 1] and [Phase 2] what sections of these names, in lower case, need."""
    peers = {*names, *_values(shelf, names, "isakmp-peer")}
    addresses = set(map(address_key, _values(shelf, peers, "address")))

    def leads(tag: str, value: str) -> bool:
        """Whether a line of [Phase 1] concerns one of the peers or addresses."""
        return value.lower() in peers or tag.lower() == "default" or address_key(tag) in addresses

    # Of several lines for one address the first counts, whichever peer it names.
    addresses |= {address_key(piece.binding.tag) for piece in _pieces(shelf.section(PHASE_1, leads))}

    def find(key: str) -> list[tuple[str, Binding]]:
        entries = shelf.section(key, leads if key == PHASE_1 else None)
        if key == PHASE_2:
            entries = [_with_members(entry, names) for entry in entries]
        return put_together(_pieces(entries))

    return find


def _values(shelf: Shelf, names: Iterable[str], tag: str) -> list[str]:
    """The values of a tag in some sections, names in lower case."""
    entries = (entry for name in names for entry in shelf.section(name))
    return [piece.binding.value.lower() for piece in _pieces(entries) if piece.binding.tag.lower() == tag]


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


def _pieces(entries: Iterable[Entry]) -> Iterator[Piece]:
    return (piece for entry in entries for piece in entry.pieces)


def _with_members(entry: Entry, names: Collection[str]) -> Entry:
    """A part of [Phase 2] whose lists have those members only that are among the names."""
    pieces = []
    for piece in entry.pieces:
        members = [each for each in piece.binding.value.split(",") if each.strip().lower() in names]
        if members or not piece.joined:  # of two lists of a tag the first counts, also where it has none of them
            pieces.append(piece._replace(binding=piece.binding._replace(value=",".join(members))))
    return entry._replace(pieces=tuple(pieces))
