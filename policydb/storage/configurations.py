"""Resolved configurations in the store: written in pages that generations share, changed in some records, and read.

The records of a configuration follow each other in one order: what all share, peers and mode-config sections by name,
connections as [Phase 2] lists them, then the others by name. Where a page ends is decided by the records alone, so a
change makes one or two new pages, wherever it is.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from policydb.configuration.sections import Edge
from policydb.storage.records import CONNECTION, FORMAT, GENERAL, MODE_CONFIG, PEER, Record

_LONGEST = 512
_LAST = 0x7F  # a page ends behind a record whose digest ends like this: one in 128

_ORDER = {kind: position for position, kind in enumerate((GENERAL, PEER, MODE_CONFIG, CONNECTION))}

_IN_GENERATION = (
    "FROM generation CROSS JOIN configuration ON configuration.id = generation.configuration"
    " CROSS JOIN configuration_page ON configuration_page.configuration = configuration.id"
    " CROSS JOIN page_record ON page_record.page = configuration_page.page"
    " CROSS JOIN record ON record.id = page_record.record"
)
_WHERE = " WHERE generation.number = :generation AND configuration.format = :format"
_IN_ORDER = " ORDER BY configuration_page.position, page_record.position"
_OFFER = " CROSS JOIN offer ON offer.id = record.offer"
ALL = f"SELECT record.kind, record.body, offer.body {_IN_GENERATION}{_OFFER}{_WHERE}{_IN_ORDER}"
"""All records of a generation, in order."""

_PLACES = f"SELECT record.kind, record.name, record.digest {_IN_GENERATION}{_WHERE}{_IN_ORDER}"
FOUND = "".join(
    (
        "SELECT record.kind, record.body, offer.body, configuration_page.position, page_record.position",
        " FROM generation CROSS JOIN configuration ON configuration.id = generation.configuration",
        " CROSS JOIN record_key ON record_key.key = :key",
        " CROSS JOIN page_record INDEXED BY page_record_record ON page_record.record = record_key.record",
        " CROSS JOIN configuration_page INDEXED BY configuration_page_page",
        " ON configuration_page.page = page_record.page AND configuration_page.configuration = configuration.id",
        " CROSS JOIN record ON record.id = page_record.record",
        _OFFER,
        _WHERE,
    )
)
"""Records by a key, with their places in the order."""


_REFERRING = (
    "SELECT parent.text FROM name AS child CROSS JOIN edge ON edge.child = child.id"
    " CROSS JOIN name AS parent ON parent.id = edge.parent WHERE child.text = ?"
)
_NAMED = "".join(
    (
        "SELECT record.name FROM generation CROSS JOIN configuration ON configuration.id = generation.configuration",
        " CROSS JOIN record_key ON record_key.key = :key",
        " CROSS JOIN page_record INDEXED BY page_record_record ON page_record.record = record_key.record",
        " CROSS JOIN configuration_page INDEXED BY configuration_page_page",
        " ON configuration_page.page = page_record.page AND configuration_page.configuration = configuration.id",
        " CROSS JOIN record ON record.id = page_record.record",
        _WHERE,
    )
)


class Place(NamedTuple):
    """A record in its place: its kind, its name in lower case, its digest."""

    kind: str
    name: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """A configuration on its way into the store: its records in order, and those among them that may be new.

    The store has every record that is in `places` and not among `records`. `edges`: which section refers to which, as
    far as that was found out now.
    """

    places: Sequence[Place]
    records: Sequence[Record] = ()
    edges: Collection[Edge] = ()


def whole(records: Sequence[Record], edges: Collection[Edge] = ()) -> Written:
    """A configuration that was resolved as a whole."""
    return Written([Place(record.kind, record.name, record.digest) for record in records], records, edges)


def places_of(connection: sqlite3.Connection, generation: int) -> list[Place]:
    """The records of a generation in order; none where it was published before records were kept, or kept otherwise."""
    parameters = {"generation": generation, "format": FORMAT}
    return [Place(*row) for row in connection.execute(_PLACES, parameters)]


def changed(
    before: Sequence[Place],
    names: AbstractSet[str],
    records: Sequence[Record],
    edges: Collection[Edge],
    listed: Mapping[str, int],
) -> Written:
    """A configuration of which only the records of some names, in lower case, may be others than before.

    `records` and `edges` are what these names stand for now. `listed` are the connections of [Phase 2] in lower case,
    each with its number there.
    """
    new = [Place(record.kind, record.name, record.digest) for record in records]
    places = [*(place for place in before if place.name not in names), *new]
    last = len(listed)

    def order(place: Place) -> tuple[int, int, str]:
        number = listed.get(place.name, last) if place.kind == CONNECTION else last
        return _ORDER[place.kind], number, place.name

    return Written(sorted(places, key=order), records, edges)


def write(connection: sqlite3.Connection, written: Written) -> int:
    """The row of a configuration, written with all that the store does not have of it."""
    pages = list(_pages(written.places))
    digest = _digest([bytes([FORMAT]), *(page for page, _ in pages)])
    row = connection.execute("SELECT id FROM configuration WHERE digest = ?", (digest,)).fetchone()
    _write_edges(connection, written.edges)
    if row is not None:
        return int(row[0])
    _write_records(connection, written.records)
    cursor = connection.execute("INSERT INTO configuration (format, digest) VALUES (?, ?)", (FORMAT, digest))
    number = cursor.lastrowid or 0
    rows = [(number, position, _page(connection, *page)) for position, page in enumerate(pages)]
    connection.executemany("INSERT INTO configuration_page (configuration, position, page) VALUES (?, ?, ?)", rows)
    return number


def _pages(places: Iterable[Place]) -> Iterable[tuple[bytes, list[bytes]]]:
    """The digests of the records of each page, and that of the page."""
    current: list[bytes] = []
    for place in places:
        current.append(place.digest)
        if place.digest[-1] & _LAST == _LAST or len(current) == _LONGEST:
            yield _digest(current), current
            current = []
    if current:
        yield _digest(current), current


def _digest(pieces: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(pieces)).digest()[:16]


def _page(connection: sqlite3.Connection, digest: bytes, records: Sequence[bytes]) -> int:
    row = connection.execute("SELECT id FROM page WHERE digest = ?", (digest,)).fetchone()
    if row is not None:
        return int(row[0])
    number = connection.execute("INSERT INTO page (digest) VALUES (?)", (digest,)).lastrowid or 0
    connection.executemany(
        "INSERT INTO page_record (page, position, record) VALUES (?, ?, (SELECT id FROM record WHERE digest = ?))",
        [(number, position, record) for position, record in enumerate(records)],
    )
    return number


def names_of(connection: sqlite3.Connection, generation: int, key: str) -> set[str]:
    """The records of a generation that are found by a key, by their names in lower case."""
    parameters = {"generation": generation, "format": FORMAT, "key": key}
    return {name for (name,) in connection.execute(_NAMED, parameters)}


def referring(connection: sqlite3.Connection, name: str) -> set[str]:
    """The sections that refer to one, by names in lower case, or did so in some generation."""
    return {parent for (parent,) in connection.execute(_REFERRING, (name,))}


def _write_edges(connection: sqlite3.Connection, edges: Collection[Edge]) -> None:
    names = dict.fromkeys(name for edge in edges for name in edge)
    connection.executemany("INSERT OR IGNORE INTO name (text) VALUES (?)", zip(names, strict=True))
    connection.executemany(
        "INSERT OR IGNORE INTO edge (child, parent) SELECT child.id, parent.id FROM name AS child"
        " CROSS JOIN name AS parent WHERE child.text = ? AND parent.text = ?",
        edges,
    )


def _write_records(connection: sqlite3.Connection, records: Sequence[Record]) -> None:
    """Records with what they offer and their keys; what is there already stays as it is."""
    offers = dict.fromkeys(record.offer for record in records)
    connection.executemany("INSERT OR IGNORE INTO offer (body) VALUES (?)", zip(offers, strict=True))
    connection.executemany(
        "INSERT OR IGNORE INTO record (digest, kind, name, body, offer)"
        " VALUES (?, ?, ?, ?, (SELECT id FROM offer WHERE body = ?))",
        [(record.digest, record.kind, record.name, record.body, record.offer) for record in records],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO record_key (key, record) SELECT ?, id FROM record WHERE digest = ?",
        [(key, record.digest) for record in records for key in record.keys],
    )
