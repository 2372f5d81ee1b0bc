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
from pathlib import Path

# A process that may not open files cannot import either. So what a snapshot, a pattern or a certificate among those who
# ask would load when it is first needed is loaded with this module.
import cryptography.hazmat.primitives.asymmetric.rsa
import cryptography.x509  # noqa: F401
import re2  # noqa: F401

import policydb.keynote.explain
import policydb.keynote.session  # noqa: F401
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
_WITH = """
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
        WHERE number = :generation AND format = :format
    ),
    pages AS (SELECT page FROM configuration_page WHERE configuration IN configurations),
    records AS (SELECT record FROM page_record WHERE page IN pages)
"""
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


def dump_snapshot(snapshot: Snapshot) -> bytes:
    """The generation of a snapshot as bytes. Raises StoreError where the store fails."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for version, step in enumerate(schema.STEPS, start=1):
            for statement in (*step.statements, f"PRAGMA user_version = {version}"):
                connection.execute(statement)
        connection.execute("BEGIN")
        for table, query in ROWS.items():
            for row in snapshot.rows(_WITH + query, {"generation": snapshot.generation, "format": FORMAT}):
                places = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({places})", row)  # noqa: S608 - names of our own
        if not connection.execute("SELECT 1 FROM configuration").fetchone():
            # The generation was published before records were kept: who gets the bytes need not resolve it.
            number = write(connection, whole(encode(snapshot.configuration)))
            connection.execute("UPDATE generation SET configuration = ?", (number,))
        connection.execute("COMMIT")
        stored = connection.serialize()
    finally:
        connection.close()
    return _HEAD.pack(_MARK, schema.VERSION, _digest(schema.VERSION, stored)) + stored


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
    with explained(_NAME):
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            connection.deserialize(stored)
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA query_only = ON")
            return Snapshot(connection, _NAME, _generation(connection), has_lines=False)
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
