"""One generation as bytes: for a process that may not open files, and is handed what it needs by one that may.

The bytes are a store of their own with the rows of that generation and no others, in an envelope: a mark, the schema's
version, SHA-256 over both and the store. The digest finds damage; it does not say who made the bytes. Like the store
they hold no secret (policydb.configuration.sealing), and nothing executable.
"""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
import struct
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

# A process that may not open files cannot import either. So what a snapshot, a pattern or a certificate among those who
# ask would load when it is first needed is loaded with this module.
import cryptography.hazmat.primitives.asymmetric.rsa
import cryptography.x509  # noqa: F401
import re2  # noqa: F401

import policydb.keynote.explain
import policydb.keynote.session
import policydb.storage.decoding  # noqa: F401
from policydb.storage import schema
from policydb.storage.configurations import whole, write
from policydb.storage.records import FORMAT, encode
from policydb.storage.snapshot import Snapshot
from policydb.storage.storefile import StoreError, explained, version_of

_MARK = b"ikepsnap"
_HEAD = struct.Struct(">8sI32s")  # the mark, the schema's version, the digest
_NAME = Path("the snapshot")
_SQLITE = b"SQLite format 3\0"  # how every database begins

# The rows of a generation, each list found by the one before it.
_WITH = f"""
    WITH sources AS (SELECT source FROM generation_source WHERE generation = :generation),
    stretches AS (SELECT stretch FROM source_stretch WHERE source IN sources),
    assertions AS (SELECT assertion FROM appearance WHERE stretch IN stretches),
    principals AS (
        SELECT authorizer FROM assertion WHERE id IN assertions
        UNION SELECT principal FROM licensee WHERE assertion IN assertions
    ),
    shapes AS (SELECT shape FROM assertion WHERE id IN assertions),
    configurations AS (
        SELECT id FROM configuration JOIN generation ON configuration.id = generation.configuration
        WHERE number = :generation AND format = {FORMAT}
    ),
    pages AS (SELECT page FROM configuration_page WHERE configuration IN configurations),
    records AS (SELECT record FROM page_record WHERE page IN pages)
"""  # noqa: S608 - a number of our own
ROWS = {
    "generation": "SELECT * FROM generation WHERE number = :generation",
    "generation_source": "SELECT * FROM generation_source WHERE generation = :generation",
    "source": "SELECT * FROM source WHERE id IN sources",
    "source_stretch": "SELECT * FROM source_stretch WHERE source IN sources",
    "stretch": "SELECT * FROM stretch WHERE id IN stretches",
    "appearance": "SELECT * FROM appearance WHERE stretch IN stretches",
    "assertion": "SELECT * FROM assertion WHERE id IN assertions",
    "principal": "SELECT * FROM principal WHERE id IN principals",
    "shape": "SELECT * FROM shape WHERE id IN shapes",
    "licensee": "SELECT * FROM licensee WHERE assertion IN assertions",
    "configuration": "SELECT * FROM configuration WHERE id IN configurations",
    "configuration_page": "SELECT * FROM configuration_page WHERE configuration IN configurations",
    "page": "SELECT * FROM page WHERE id IN pages",
    "page_record": "SELECT * FROM page_record WHERE page IN pages",
    "record": "SELECT * FROM record WHERE id IN records",
    "record_key": "SELECT * FROM record_key WHERE record IN records",
    "offer": "SELECT * FROM offer WHERE id IN (SELECT offer FROM record WHERE id IN records)",
}
"""The tables of a snapshot, and what is in them. What only people and compilers read is left out."""

LINES = {
    "source_part": "SELECT * FROM source_part WHERE source IN sources",
    "binding": "SELECT * FROM binding WHERE source IN sources",
    "section": "SELECT * FROM section WHERE stretch IN (SELECT stretch FROM source_part WHERE source IN sources)",
}
"""Likewise, what the lines of isakmpd.conf said: whoever takes FIFO changes needs it beside the records."""


def dump_snapshot(snapshot: Snapshot) -> bytes:
    """The generation of a snapshot as bytes. Raises StoreError where the store fails."""
    stored = _stored(snapshot, ROWS)
    return _HEAD.pack(_MARK, schema.VERSION, _digest(schema.VERSION, stored)) + stored


def in_memory(snapshot: Snapshot) -> Snapshot:
    """The same generation without its file, which is closed: what becomes of that does not change an answer.

    Raises StoreError where the store fails.
    """
    with snapshot:
        return _opened(_stored(snapshot, {**ROWS, **LINES}), has_lines=True)


def _stored(snapshot: Snapshot, queries: Mapping[str, str]) -> bytes:
    """A store with the rows of one generation. Records are there, also of one that was published without."""
    stored = snapshot.copied(_emptied(), {table: _WITH + query for table, query in queries.items()})
    if snapshot.has_records:
        return stored
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(stored)
        number = write(connection, whole(encode(snapshot.configuration)))
        connection.execute("UPDATE generation SET configuration = ?", (number,))
        return connection.serialize()


def _emptied() -> bytes:
    """A store without a row."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for version, step in enumerate(schema.STEPS, start=1):
            for statement in (*step.statements, f"PRAGMA user_version = {version}"):
                connection.execute(statement)
        return connection.serialize()
    finally:
        connection.close()


def load_snapshot(octets: bytes) -> Snapshot:
    """The snapshot that dump_snapshot() made the bytes of; it answers as that one does, and opens no file.

    Raises StoreError where the bytes are damaged, or of a program with another schema.
    """
    if len(octets) < _HEAD.size or not octets.startswith(_MARK):
        raise StoreError("these bytes are no snapshot of a policy store")
    _, version, digest = _HEAD.unpack_from(octets)
    stored = octets[_HEAD.size :]
    if not hmac.compare_digest(digest, _digest(version, stored)) or not stored.startswith(_SQLITE):
        raise StoreError("the snapshot is damaged", "it was not handed over whole")
    if version != schema.VERSION:
        message = f"the snapshot is of schema {version}, and this program reads {schema.VERSION}"
        raise StoreError(message, "both processes must be of one version")
    return _opened(stored, has_lines=False)


def _opened(stored: bytes, *, has_lines: bool) -> Snapshot:
    with explained(_NAME):
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            connection.deserialize(stored)
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA query_only = ON")
            return Snapshot(connection, _NAME, _generation(connection), has_lines=has_lines)
        except BaseException:
            connection.close()
            raise


def _generation(connection: sqlite3.Connection) -> int:
    version_of(connection, _NAME)
    found = connection.execute("SELECT number FROM generation").fetchall()
    if len(found) != 1:
        raise StoreError(f"the snapshot holds {len(found)} generations, not one")
    return int(found[0][0])


def _digest(version: int, stored: bytes) -> bytes:
    return hashlib.sha256(_MARK + version.to_bytes(4, "big") + stored).digest()
