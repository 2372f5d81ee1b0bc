"""The store as a file: how it is opened for reading, and what may be wrong with it, in words that help."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from policydb.folders import FileRefusedError, Folder, check_file
from policydb.storage import schema
from policydb.storage.layout import LayoutError, check_layout, statements_of

READ_TIMEOUT = 5.0
"""Seconds to wait where another process recovers or closes the store; a writer otherwise keeps no reader waiting."""


class StoreError(Exception):
    """A store that cannot be used. `message` names the file; `hint` says what mends it, "" where nobody knows."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


# SQLite's primary result codes (https://www.sqlite.org/rescode.html): what each means for a store, and what helps.
_PERMISSIONS = "check the permissions of the file and its directory"
_WAIT = "try again when that is done"
_IN_IT = "name a store in it"
_ROOM = "make room there; the store is as it was"
_MEANINGS = {
    sqlite3.SQLITE_NOTADB: ("is no SQLite database", "name a store, or a new file for one"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "move it away and compile again"),
    sqlite3.SQLITE_BUSY: ("is locked by another process", _WAIT),
    sqlite3.SQLITE_LOCKED: ("is locked by another process", _WAIT),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", _ROOM),
    sqlite3.SQLITE_READONLY: ("cannot be written", _PERMISSIONS),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", _PERMISSIONS),
    sqlite3.SQLITE_PERM: ("cannot be opened", _PERMISSIONS),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: input/output error", _ROOM),
}


_DAMAGED = _MEANINGS[sqlite3.SQLITE_CORRUPT]

# What reading rows may raise that no program of ours wrote.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, MemoryError)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What goes wrong inside the block, in SQLite or with what a row holds, becomes a StoreError about `path`."""
    try:
        yield
    except sqlite3.Error as cause:
        raise StoreError(*meaning_of(cause, path)) from cause
    except LayoutError as cause:
        raise StoreError(f"{path} is no store that this program made: {cause}", _DAMAGED[1]) from cause
    except _UNREADABLE as cause:
        raise StoreError(f"{path} is damaged: what a row of it holds cannot be read", _DAMAGED[1]) from cause


def meaning_of(cause: sqlite3.Error, path: Path) -> tuple[str, str]:
    """What an error of SQLite means for a database of ours, and what helps."""
    code = _primary_code(cause)
    if code == sqlite3.SQLITE_INTERRUPT:
        return f"{path} is damaged: reading it would not end", _DAMAGED[1]
    if code in _MEANINGS:
        return f"{path} {_MEANINGS[code][0]}", _MEANINGS[code][1]
    if not code:  # of Python, about what SQLite gave it: a text that is no UTF-8
        return f"{path} {_DAMAGED[0]}", _DAMAGED[1]
    return f"{path} cannot be used: {''.join(each if each.isprintable() else '.' for each in str(cause))}", ""


Parameters: TypeAlias = "Sequence[Any] | Mapping[str, Any]"

_STEPS_AN_OCTET = 100
_AT_ONCE = 100_000
_LEAST = 100


class Patience:
    """Ends a query that never would: it may take as many of SQLite's steps and give as many rows as the file has room.

    A question of ours reads what is there a bounded number of times; pages that lead to each other, as no program
    writes them, can be read for ever.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        self._rows = pages * size
        self._most = pages * size * _STEPS_AN_OCTET // _AT_ONCE + _LEAST
        self.begin()
        connection.set_progress_handler(self._go_on, _AT_ONCE)

    def begin(self) -> None:
        """A query begins."""
        self._left = self._most

    def rows(self, query: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. Raises sqlite3.Error, and ValueError for too many."""
        self.begin()
        rows = self._connection.execute(query, parameters).fetchmany(self._rows + 1)
        if len(rows) > self._rows:
            raise ValueError("more rows than the file has octets")
        return rows

    def _go_on(self) -> int:
        self._left -= 1
        return int(self._left < 0)


_LOG = ("-wal", "-shm")


def check_ours(path: Path, must_have: Sequence[str] = ()) -> None:
    """Insist that nobody else may write to a database, to what SQLite keeps beside it, or to its folder.

    None of them may be there. Raises StoreError. The files are looked at and not opened: closing one would drop the
    locks that this process has on it (fcntl(2)).
    """
    try:
        with Folder(path.parent) as folder:
            found = folder.status(path.name)
            if found is not None and stat.S_ISDIR(found.st_mode):
                raise StoreError(f"{path} is a directory", _IN_IT)
            for suffix in ("", *_LOG, "-journal"):
                there = folder.check(f"{path.name}{suffix}") is not None
                if suffix in must_have and folder.is_shared and not there:
                    message = f"{path}{suffix} was taken away while it was opened"
                    raise StoreError(message, "use a folder that nobody else can write to")
    except FileRefusedError as refusal:
        if isinstance(refusal.__cause__, OSError):
            raise no_access(path, refusal.__cause__) from refusal
        raise StoreError(refusal.message, refusal.remedy) from refusal


def check_opened(connection: sqlite3.Connection, path: Path) -> None:
    """The same once SQLite has opened the file and its log: it has no way to open what was looked at before.

    In a folder where others may put files, what one of them put there for a moment would be gone by now.
    """
    has_tables(connection)  # only who has read has opened the log
    logged = connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    check_ours(path, must_have=_LOG if logged else ())


def no_access(path: Path, cause: OSError) -> StoreError:
    """What to say where the operating system refuses the file."""
    if isinstance(cause, IsADirectoryError):
        return StoreError(f"{path} is a directory", _IN_IT)
    hint = f"mkdir -p {path.parent}" if isinstance(cause, FileNotFoundError) else _PERMISSIONS
    return StoreError(f"{path}: {cause.strerror or cause}", hint)


def has_tables(connection: sqlite3.Connection) -> bool:
    """False for a file that was only just made."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None


def _require_tables(connection: sqlite3.Connection, path: Path) -> None:
    if not has_tables(connection):
        raise StoreError(f"{path} is empty", f"policydb compile PATH... --store {path} publishes a first generation")


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of the tables, at most this program's. Raises StoreError where they are not of a store."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION_ID:
        raise StoreError(f"{path} is a database, but no policy store", "name a store, or a new file for one")
    if version > schema.VERSION:
        known = f"schema {version}; this one knows {schema.VERSION}"
        raise StoreError(f"{path} was written by a newer program ({known})", "upgrade this program")
    return int(version)


def require_current(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError where only a writer can go on: a migration is a change like any other."""
    version = version_of(connection, path)
    if version < schema.VERSION:
        known = f"schema {version}; this one reads {schema.VERSION}"
        hint = f"policydb compile PATH... --store {path} brings it up to date; it keeps its generations"
        raise StoreError(f"{path} was written by an older program ({known})", hint)


def require_generation(connection: sqlite3.Connection, path: Path, number: int) -> None:
    """Raise StoreError unless the store holds this generation."""
    # What SQLite cannot count to is no generation either.
    if number >= 2**63 or not connection.execute("SELECT 1 FROM generation WHERE number = ?", (number,)).fetchone():
        raise StoreError(f"{path} holds no generation {number}", "policydb generations lists them")


def connect_read_only(path: Path) -> sqlite3.Connection:
    """The store at `path`, for reading. Raises StoreError or sqlite3.Error."""
    try:
        found = path.lstat()
    except FileNotFoundError as cause:
        raise StoreError(f"{path} does not exist", f"policydb compile PATH... --store {path} makes it") from cause
    except OSError as cause:
        raise no_access(path, cause) from cause
    if stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{path} is a directory", _IN_IT)
    connection = readable(path)
    try:
        _require_tables(connection, path)
        require_current(connection, path)
        check_layout(connection, statements_of(schema.VERSION))
        Patience(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def readable(path: Path) -> sqlite3.Connection:
    """Any database of ours, for reading, also by who may only read its directory. Raises StoreError, sqlite3.Error.

    He cannot make the index of the write-ahead log there. If there is nothing in such a log either, nobody writes: a
    copy in memory is as good, and stays good when somebody starts to.
    """
    check_ours(path)
    connection = open_reader(path)
    try:
        has_tables(connection)
        check_opened(connection, path)
    except sqlite3.OperationalError as cause:
        connection.close()
        if _primary_code(cause) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        return _copy(path)
    except BaseException:
        connection.close()
        raise
    return connection


def fold_log(path: Path) -> None:
    """Take the write-ahead log and its index away, as the last reader cannot; they stay while others have the store.

    Nothing is raised: a log that stays does no harm.
    """
    with suppress(sqlite3.Error, StoreError):
        check_ours(path)
        connection = open_writer(path)
        try:
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        finally:
            connection.close()


def open_reader(path: Path) -> sqlite3.Connection:
    """The file at `path`, whatever it holds, for reading. Raises sqlite3.Error."""
    return _open(f"{quote(str(path.absolute()))}?mode=ro")


def open_writer(path: Path) -> sqlite3.Connection:
    """The file at `path`, which is there, for reading and writing. Raises sqlite3.Error."""
    return _open(f"{quote(str(path.absolute()))}?mode=rw")


def _open(name: str) -> sqlite3.Connection:
    # Autocommit: a reader never holds a transaction open. Whoever shares the connection between threads must lock.
    connection = sqlite3.connect(
        f"file:{name}", uri=True, timeout=READ_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    # Nothing that a file brings along is run, damage is looked for on each page, and no file is made elsewhere.
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _copy(path: Path) -> sqlite3.Connection:
    log = path.with_name(f"{path.name}-wal")
    try:
        before = path.lstat()
        octets = bytearray(path.read_bytes())
        after = path.lstat()
        check_file(path, after)
    except OSError as cause:
        raise no_access(path, cause) from cause
    except FileRefusedError as refusal:
        raise StoreError(refusal.message, refusal.remedy) from refusal
    if (log.exists() and log.stat().st_size) or (before.st_mtime_ns, before.st_size) != (
        after.st_mtime_ns,
        after.st_size,
    ):
        raise StoreError(f"{path} is being written, and who cannot write its directory cannot follow", "try again")
    # Octets 18 and 19 of the file's header say that there is a write-ahead log (2); a copy in memory has none (1).
    octets[18:20] = b"\x01\x01"
    connection = _open(":memory:")
    connection.deserialize(bytes(octets))
    return connection


def _primary_code(cause: sqlite3.Error) -> int:
    return int(getattr(cause, "sqlite_errorcode", 0)) & 0xFF
