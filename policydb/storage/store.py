"""The writer of the store: opens or creates the file, and publishes generations, each in one transaction or not at all.

The file is made with mode 0600. It holds no passphrase, but digests of passphrases, and those can be guessed at.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from policydb.graph import CompiledAssertion
from policydb.keynote.memory import licensees_of
from policydb.storage import schema
from policydb.storage.configurations import Written, write
from policydb.storage.layout import check_layout, statements_of
from policydb.storage.rows import encode
from policydb.storage.section_rows import SectionRow
from policydb.storage.storefile import (
    StoreError,
    check_opened,
    check_ours,
    explained,
    has_tables,
    no_access,
    open_reader,
    open_writer,
    require_current,
    require_generation,
    version_of,
)
from policydb.storage.stretches import Stretch
from policydb.storage.texts import Block, blocks_of
from policydb.watching import Watch, unwatched

if TYPE_CHECKING:  # slow to load, and a check writes nothing
    from sqlite_utils import Database, Migrations

POLICY = "policy"
CONFIGURATION = "configuration"

LOCK_TIMEOUT = 5.0
"""Seconds that a writer waits for another one before it gives up."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of a configuration as the store keeps it (policydb.storage.parts); nothing in it is secret.

    `policy` is the digest of the stretch of assertions that its rules made, which have `lines` lines; None: none did.
    `is_partial`: it had settings that are not kept.
    """

    sections: tuple[SectionRow, ...]
    settings: int
    text: str
    policy: str | None = None
    lines: int = 0
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One version of one file. `digest` covers everything that is asked of it; `text` is what it said, without secrets.

    `compiled` are the assertions of its stretches by the digests of their texts, `parts` what is in the stretches of a
    configuration by their digests, but for those that the store has. Where `blocks` are given, they are the text.
    """

    name: str
    kind: str
    digest: str
    stretches: tuple[Stretch, ...] = ()
    compiled: Mapping[str, CompiledAssertion] = field(default_factory=dict)
    parts: Mapping[str, StoredPart] = field(default_factory=dict)
    text: str = ""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """The generation in force after publish(); `published` False: it was in force before, for nothing changed."""

    generation: int
    published: bool


def _migrations() -> Migrations:
    from sqlite_utils import Migrations

    migrations = Migrations("policydb")
    for version, step in enumerate(schema.STEPS, start=1):
        # The version is set by the step itself, so that it is the store's in the same moment.
        statements = (*step.statements, f"PRAGMA user_version = {version}")

        def apply(db: Database, statements: tuple[str, ...] = statements) -> None:
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
        """Let go of the file, and keep no reader waiting for it.

        Who closes a file last folds the write-ahead log into it, and nobody can open it meanwhile. So the log is folded
        in before, beside the readers, and who closes last is somebody who may only read: he leaves the log as it is.
        What is left is the moment in which SQLite finds out that the writer is not the last: a reader that opens the
        file just then tries again a millisecond later (READ_TIMEOUT).
        """
        with suppress(sqlite3.Error), closing(open_reader(self._path)) as last, closing(self._database):
            has_tables(last)  # only who has read has really opened the file
            self._database.conn.execute("PRAGMA busy_timeout = 0")
            self._database.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._database.close()

    def lacking(self, stretches: Iterable[Stretch]) -> frozenset[str]:
        """The digests of the assertions in these stretches that have to be compiled: of all but what is there."""
        stretches = tuple(stretches)
        with explained(self._path):
            connection = self._database.conn
            if not has_tables(connection) or version_of(connection, self._path) < schema.VERSION:
                # An older store is brought up to date by publish() alone, and asked nothing before.
                return frozenset(digest for each in stretches for _, digest in each.passages)
            kept = _found(
                connection, "SELECT digest FROM stretch WHERE digest = :digest", [s.digest for s in stretches]
            )
            asked = {digest for each in stretches if each.digest not in kept for _, digest in each.passages}
            single = "SELECT digest FROM assertion WHERE digest = :digest AND format = :format"
            return frozenset(asked - _found(connection, single, asked))

    def publish(
        self,
        sources: Sequence[Source],
        now: datetime,
        configuration: Written,
        watch: Watch = unwatched,
        author: str = "",
    ) -> Publication:
        """Make the sources, and what they were resolved to, the new generation, unless they are in force already.

        A store of an older schema is brought up to date first. `now` must be aware; `watch` sees the assertions go by;
        `author` is who does it. Raises StoreError; then nothing at all has changed.
        """
        with explained(self._path), self._transaction() as connection:
            _migrations().apply(self._database)
            ids = [_source_id(connection, each, watch) for each in sources]
            return _publish(connection, ids, write(connection, configuration), now, author=author)

    def restore(self, generation: int, configuration: Written | None, now: datetime, author: str = "") -> Publication:
        """Make the sources of a generation the new generation, unless they are the current one already.

        `configuration` is what they were resolved to, None where the generation was published without records.

        Raises StoreError, also where there is no such generation or the store is of an older schema.
        """
        with explained(self._path), self._transaction() as connection:
            require_current(connection, self._path)
            require_generation(connection, self._path, generation)
            row = None if configuration is None else write(connection, configuration)
            return _publish(connection, _sources(connection, generation), row, now, author=author, restores=generation)

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
        check_ours(path)
        try:
            _make(path)
        except OSError as cause:
            raise no_access(path, cause) from cause
        connection = open_writer(path)
        try:
            store = Store(_prepared(connection, path), path)
            check_opened(connection, path)
        except BaseException:
            connection.close()
            raise
    return store


def _make(path: Path) -> None:
    """A private file where there is none. Raises OSError, also for one that could not be opened for writing.

    A file that is there is not opened: closing it again would drop the locks of this process's snapshots (fcntl(2)),
    and whoever closed the store next would take their write-ahead log away.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        wrong = errno.EISDIR if path.is_dir() else 0 if os.access(path, os.W_OK, effective_ids=True) else errno.EACCES
        if wrong:
            raise OSError(wrong, os.strerror(wrong)) from None


def _prepared(connection: sqlite3.Connection, path: Path) -> Database:
    from sqlite_utils import Database

    database = Database(connection)
    connection.execute(f"PRAGMA busy_timeout = {round(LOCK_TIMEOUT * 1000)}")
    if has_tables(connection):
        check_layout(connection, statements_of(version_of(connection, path)))
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    # WAL: readers go on undisturbed while a generation is written. FULL: what publish() returned survives power loss.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return database


# --- rows ---------------------------------------------------------------------------------------------------------


def _publish(
    connection: sqlite3.Connection,
    sources: Sequence[int],
    configuration: int | None,
    now: datetime,
    *,
    author: str,
    restores: int | None = None,
) -> Publication:
    """A new generation of these sources and this configuration, by their rows; none where they are in force already."""
    latest = "SELECT number, configuration FROM generation ORDER BY number DESC LIMIT 1"
    number, known = connection.execute(latest).fetchone() or (0, None)
    if number and known == configuration and sources == _sources(connection, number):
        return Publication(number, published=False)
    connection.execute(
        "INSERT INTO generation (number, published, author, restores, configuration) VALUES (?, ?, ?, ?, ?)",
        (number + 1, now.astimezone(UTC).isoformat(timespec="seconds"), author, restores, configuration),
    )
    connection.executemany(
        "INSERT INTO generation_source (generation, source, position) VALUES (?, ?, ?)",
        [(number + 1, source, position) for position, source in enumerate(sources)],
    )
    return Publication(number + 1, published=True)


def _sources(connection: sqlite3.Connection, generation: int) -> list[int]:
    """The sources of a generation, in order."""
    query = "SELECT source FROM generation_source WHERE generation = ? ORDER BY position"
    return [source for (source,) in connection.execute(query, (generation,))]


def _source_id(connection: sqlite3.Connection, source: Source, watch: Watch) -> int:
    """The row of this version of this file, written with all its content if it is new."""
    identity = (source.name, source.digest, schema.FORMAT)
    row = connection.execute("SELECT id FROM source WHERE name = ? AND digest = ? AND format = ?", identity).fetchone()
    if row is not None:
        _write_text(connection, int(row[0]), source)
        return int(row[0])
    cursor = connection.execute(
        "INSERT INTO source (name, digest, format, kind) VALUES (?, ?, ?, ?)", (*identity, source.kind)
    )
    number = cursor.lastrowid or 0
    _write_assertions(connection, watch("storing", tuple(source.compiled.values())))
    rows = [(each.line, _stretch_id(connection, each, source.parts)) for each in source.stretches]
    if source.kind == POLICY:
        connection.executemany(
            "INSERT INTO source_stretch (source, line, stretch) VALUES (?, ?, ?)", [(number, *row) for row in rows]
        )
    else:
        connection.executemany(
            "INSERT INTO source_part (source, position, line, stretch) VALUES (?, ?, ?, ?)",
            [(number, position, *row) for position, row in enumerate(rows)],
        )
    _write_text(connection, number, source)
    return number


def _write_text(connection: sqlite3.Connection, number: int, source: Source) -> None:
    """What a source said, unless that is known: it is not of one that was published before texts were kept."""
    if connection.execute("SELECT 1 FROM source_block WHERE source = ? LIMIT 1", (number,)).fetchone():
        return
    starts = [each.line for each in source.stretches]
    blocks = source.blocks or tuple(blocks_of(source.text, starts))
    connection.executemany("INSERT OR IGNORE INTO block (digest, text) VALUES (?, ?)", blocks)
    connection.executemany(
        "INSERT INTO source_block (source, position, block) VALUES (?, ?, (SELECT id FROM block WHERE digest = ?))",
        [(number, position, each.digest) for position, each in enumerate(blocks)],
    )


def _stretch_id(connection: sqlite3.Connection, stretch: Stretch, parts: Mapping[str, StoredPart]) -> int:
    """The row of a stretch, written with its list of assertions or with its sections if it is new."""
    row = connection.execute("SELECT id FROM stretch WHERE digest = ?", (stretch.digest,)).fetchone()
    if row is not None:
        return int(row[0])
    if not stretch.passages and stretch.digest not in parts:
        raise StoreError("the store was changed meanwhile", "compile again")
    number = connection.execute("INSERT INTO stretch (digest) VALUES (?)", (stretch.digest,)).lastrowid or 0
    connection.executemany(
        "INSERT INTO appearance (stretch, line, assertion)"
        " VALUES (?, ?, (SELECT id FROM assertion WHERE digest = ? AND format = ?))",
        [(number, line, digest, schema.FORMAT) for line, digest in stretch.passages],
    )
    if stretch.digest in parts:
        _write_part(connection, number, parts[stretch.digest])
    return number


def _write_part(connection: sqlite3.Connection, stretch: int, part: StoredPart) -> None:
    connection.executemany(
        "INSERT INTO section (stretch, position, line, key, name, phase, joined, lines, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(stretch, position, *each[:7]) for position, each in enumerate(part.sections)],
    )
    connection.execute(
        "INSERT INTO part (stretch, settings, policy, lines) VALUES (?, ?, ?, ?)",
        (stretch, part.settings, part.policy, part.lines),
    )


def _write_assertions(connection: sqlite3.Connection, new: Iterable[CompiledAssertion]) -> None:
    """Assertions, their principals and their shapes; what is there already stays as it is."""
    waiting = iter(new)
    while some := list(islice(waiting, _AT_ONCE)):
        named = [(each, sorted(licensees_of(each.licensees))) for each in some]
        principals = {each.authorizer: None for each in some}
        principals |= dict.fromkeys(name for _, names in named for name in names)
        shapes = {each.shape: None for each in some if each.shape is not None}
        connection.executemany(_PRINCIPAL, zip(principals, strict=True))
        connection.executemany("INSERT OR IGNORE INTO shape (text) VALUES (?)", zip(shapes, strict=True))
        connection.executemany(_ASSERTION, [(schema.FORMAT, *encode(each)) for each in some])
        licensees = [(name, each.digest, schema.FORMAT) for each, names in named for name in names]
        connection.executemany(_LICENSEE, licensees)


_CACHE = 65_536  # KiB of the file that SQLite may keep in memory while a generation is written

_AT_ONCE = 1_000
"""Assertions written by one statement."""

_PRINCIPAL = "INSERT OR IGNORE INTO principal (name) VALUES (?)"
_ASSERTION = (
    "INSERT OR IGNORE INTO assertion"
    " (format, digest, authorizer, licensees, shape, constants, spans, local_constants, text)"
    " VALUES (?, ?, (SELECT id FROM principal WHERE name = ?), ?,"
    " (SELECT id FROM shape WHERE text = ?), ?, ?, ?, ?)"
)
_LICENSEE = (
    "INSERT OR IGNORE INTO licensee (principal, assertion)"
    " SELECT principal.id, assertion.id FROM principal CROSS JOIN assertion"
    " WHERE principal.name = ? AND assertion.digest = ? AND assertion.format = ?"
)


def _found(connection: sqlite3.Connection, query: str, digests: Iterable[str]) -> frozenset[str]:
    """The digests for which the query has a row."""
    rows = (connection.execute(query, {"digest": each, "format": schema.FORMAT}).fetchone() for each in digests)
    return frozenset(row[0] for row in rows if row is not None)
