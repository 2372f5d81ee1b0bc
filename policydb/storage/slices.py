"""A slice of a configuration: some sections with all that they reach, found by index and resolved like a whole one.

Where only these sections are of interest, resolving the slice says the same of them as resolving everything would:
it holds what they refer to, what [Phase 1] says of their addresses, and their places in the lists of [Phase 2].
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

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
    identity_key,
    is_reference,
    mentions,
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
_SOURCES = (
    "SELECT source.id, source.name, EXISTS (SELECT 1 FROM binding WHERE binding.source = source.id)"
    " FROM generation_source JOIN source ON source.id = generation_source.source"
    " WHERE generation = ? AND source.kind = 'configuration' ORDER BY position"
)
_STRETCHES = "SELECT stretch, position, line FROM source_part WHERE source = ?"
_MENTIONING = (
    "SELECT DISTINCT mention.section FROM mention CROSS JOIN shelf ON shelf.stretch = mention.stretch"
    " WHERE mention.key = ?"
)


_UNASKED = ("default-phase-1", "default-phase-1-configuration", DEFAULT_SUITE.lower())
"""What is built in and resolved without a reference."""

Choice: TypeAlias = "tuple[Iterable[str], Iterable[str]]"
"""Names of sections, in lower case, and addresses of which [Phase 1] is asked."""


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
        self._mentions: dict[str, dict[str, None]] = {}
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
            settings = [(each.binding.tag, each.binding.value) for each in pieces]
            for name in mentions(key, settings):
                self._mentions.setdefault(name, {})[key] = None

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

    def mentioning(self, key: str) -> set[str]:
        """The sections that refer to a name, or have an identity (policydb.storage.section_rows.identity_key)."""
        found = {section for (section,) in self._connection.execute(_MENTIONING, (key,))}
        return found | set(self._mentions.get(key, ()))


def shelf_of(connection: sqlite3.Connection, generation: int) -> Shelf | None:
    """The sections of a generation; None where it was published before sections were kept."""
    sources = connection.execute(_SOURCES, (generation,)).fetchall()
    if any(old for _, _, old in sources):
        return None
    names = [name for _, name, _ in sources]
    rows = [
        Placed(stretch, file, position, line)
        for file, (number, _, _) in enumerate(sources)
        for stretch, position, line in connection.execute(_STRETCHES, (number,))
    ]
    return Shelf(connection, names, rows)


def sliced(shelf: Shelf, names: Iterable[str], asked: Iterable[str] = ()) -> list[tuple[str, Binding]]:
    """The bindings of the sections of these names, in lower case, and of all that they reach, each with its source.

    `asked` are addresses of which [Phase 1] is to tell besides.
    """
    found = _reached(shelf, [*names, *FIXED_ROOTS, *_UNASKED], {})
    addresses = _addresses(found) | set(asked)

    def leads(tag: str, value: str) -> bool:
        """Whether a line of [Phase 1] concerns a section or an address that was found."""
        return value.lower() in found or tag.lower() == "default" or address_key(tag) in addresses

    def lists(_: str, value: str) -> bool:
        """Whether a line of [Phase 2] has a member that was found."""
        return not value or any(each.strip() in found for each in value.lower().split(","))

    entries = shelf.section(PHASE_1, leads)
    found = _reached(shelf, [each.binding.value.lower() for entry in entries for each in entry.pieces], found)
    entries += [_with_members(each, found) for each in shelf.section(PHASE_2, lists)]
    entries += [entry for section in found.values() for entry in section]
    entries.sort(key=lambda each: each[:3])
    return put_together(piece for entry in entries for piece in entry.pieces)


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


def is_as_predefined(shelf: Shelf, names: Iterable[str]) -> bool:
    """Whether the files say nothing about these predefined sections, or about what they lead to."""
    lifetimes = shelf.section("general", lambda tag, _: tag.lower().startswith("default-phase-"))
    reached = _reached(shelf, [name.lower() for name in names], {})
    return not any(_pieces(lifetimes)) and not any(reached.values())


def concerned_by(shelf: Shelf, address: str, remote: str | None) -> Choice:
    """What a negotiation from an address may get, for traffic with a remote identity (an address or a network's first).

    The peers that [Phase 1] names for it or that have its address, their connections, and those of other peers with
    that remote identity.
    """
    listed = shelf.section(PHASE_1, lambda tag, _: tag.lower() == "default" or address_key(tag) == address)
    peers = {piece.binding.value.lower() for piece in _pieces(listed)} | shelf.mentioning(identity_key(address))
    peers.add("default-phase-1")
    names = peers | {name for each in peers for name in shelf.mentioning(each)}
    if remote is not None:
        identities = shelf.mentioning(identity_key(remote))
        names |= {name for each in identities for name in shelf.mentioning(each)}
    return names - {PHASE_1, PHASE_2}, (address,)
