"""The writer of the store: opens or creates the file, and publishes generations, each in one transaction or not at all.

The file is made with mode 0600. It holds no passphrase, but digests of passphrases, and those can be guessed at.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlite_utils import Database, Migrations

from policydb import schema
from policydb.graph import CompiledAssertion
from policydb.memory import licensees_of
from policydb.rows import encode
from policydb.storefile import StoreError, check_version, explained, has_tables

POLICY = "policy"
CONFIGURATION = "configuration"

LOCK_TIMEOUT = 5.0
"""Seconds that a writer waits for another one before it gives up."""


@dataclass(frozen=True, slots=True)
class Passage:
    """An assertion in its place. `digest` is SHA-256 over its text; `compiled` None: the store has it already."""

    digest: str
    line: int
    compiled: CompiledAssertion | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """One binding of isakmpd.conf, sealed: no secret in `value`."""

    line: int
    section: str
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Source:
    """One version of one file, compiled. `digest` covers everything that is kept of it."""

    name: str
    kind: str
    digest: str
    passages: tuple[Passage, ...] = ()
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """The generation in force after publish(); `published` False: it was in force before, for nothing changed."""

    generation: int
    published: bool


def _migrations() -> Migrations:
    migrations = Migrations("policydb")
    for step in schema.STEPS:

        def apply(db: Database, statements: tuple[str, ...] = step.statements) -> None:
            for statement in statements:
                db.execute(statement)

        migrations(name=step.name)(apply)
    return migrations


class Store:
    """A store open for writing; close it, or use it as a context manager. Made by open_store()."""

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def known(self, digests: Iterable[str]) -> frozenset[str]:
        """Those of the digests whose assertions need not be compiled again."""
        with explained(self._path):
            connection = self._database.conn
            if not has_tables(connection):
                return frozenset()
            rows = connection.execute(
                "SELECT digest FROM json_each(?) CROSS JOIN assertion ON digest = json_each.value AND format = ?",
                (json.dumps(list(digests)), schema.FORMAT),
            )
            return frozenset(digest for (digest,) in rows)

    def publish(self, sources: Sequence[Source], now: datetime) -> Publication:
        """Make the sources the new generation, unless they are the current one already.

        `now` must be aware. Raises StoreError; then nothing at all has changed.
        """
        with explained(self._path), self._transaction() as connection:
            _migrations().apply(self._database)
            ids = [_source_id(connection, each) for each in sources]
            number, current = _current(connection)
            if number and ids == current:
                return Publication(number, published=False)
            connection.execute(
                "INSERT INTO generation (number, published) VALUES (?, ?)",
                (number + 1, now.astimezone(UTC).isoformat(timespec="seconds")),
            )
            connection.executemany(
                "INSERT INTO generation_source (generation, source, position) VALUES (?, ?, ?)",
                [(number + 1, source, position) for position, source in enumerate(ids)],
            )
            return Publication(number + 1, published=True)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction, schema changes included; IMMEDIATE, so that two writers queue up at its start."""
        connection = self._database.conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def open_store(path: str | Path) -> Store:
    """The store at `path`, made where there is none. Raises StoreError."""
    path = Path(path)
    with explained(path):
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as cause:
            raise StoreError(f"{path}: {cause.strerror or cause}") from cause
        connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT)
        try:
            return Store(_prepared(connection, path), path)
        except BaseException:
            connection.close()
            raise


def _prepared(connection: sqlite3.Connection, path: Path) -> Database:
    database = Database(connection)
    if has_tables(connection):
        check_version(connection, path)
    connection.execute("PRAGMA foreign_keys = ON")
    # WAL: readers go on undisturbed while a generation is written. FULL: what publish() returned survives power loss.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return database


# --- rows ---------------------------------------------------------------------------------------------------------


def _current(connection: sqlite3.Connection) -> tuple[int, list[int]]:
    """The latest generation's number, 0 for none, and its sources in order."""
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM generation").fetchone()
    rows = connection.execute("SELECT source FROM generation_source WHERE generation = ? ORDER BY position", (number,))
    return number, [source for (source,) in rows]


def _source_id(connection: sqlite3.Connection, source: Source) -> int:
    """The row of this version of this file, written with all its content if it is new."""
    identity = (source.name, source.digest, schema.FORMAT)
    row = connection.execute("SELECT id FROM source WHERE name = ? AND digest = ? AND format = ?", identity).fetchone()
    if row is not None:
        return int(row[0])
    cursor = connection.execute(
        "INSERT INTO source (name, digest, format, kind) VALUES (?, ?, ?, ?)", (*identity, source.kind)
    )
    number = cursor.lastrowid or 0
    _write_assertions(connection, [each.compiled for each in source.passages if each.compiled is not None])
    connection.executemany(
        "INSERT INTO appearance (source, line, assertion)"
        " VALUES (?, ?, (SELECT id FROM assertion WHERE digest = ? AND format = ?))",
        [(number, each.line, each.digest, schema.FORMAT) for each in source.passages],
    )
    connection.executemany(
        "INSERT INTO binding (source, line, section, tag, value) VALUES (?, ?, ?, ?, ?)",
        [(number, each.line, each.section, each.tag, each.value) for each in source.settings],
    )
    return number


def _write_assertions(connection: sqlite3.Connection, new: Sequence[CompiledAssertion]) -> None:
    """Assertions, their principals and their shapes; what is there already stays as it is."""
    named = [(each.digest, each.authorizer, licensees_of(each.licensees)) for each in new]
    connection.executemany(
        "INSERT OR IGNORE INTO principal (name) VALUES (?)",
        ((name,) for _, authorizer, licensees in named for name in (authorizer, *sorted(licensees))),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO shape (text) VALUES (?)", ((each.shape,) for each in new if each.shape is not None)
    )
    connection.executemany(
        "INSERT OR IGNORE INTO assertion"
        " (format, digest, authorizer, licensees, shape, constants, spans, local_constants, text)"
        " VALUES (?, ?, (SELECT id FROM principal WHERE name = ?), ?,"
        " (SELECT id FROM shape WHERE text = ?), ?, ?, ?, ?)",
        ((schema.FORMAT, *encode(each)) for each in new),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO licensee (principal, assertion)"
        " SELECT principal.id, assertion.id FROM principal CROSS JOIN assertion"
        " WHERE principal.name = ? AND assertion.digest = ? AND assertion.format = ?",
        ((name, digest, schema.FORMAT) for digest, _, licensees in named for name in licensees),
    )
