"""The store as a file: how it is opened for reading, and what may be wrong with it, in words that help."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from policydb.storage import schema

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


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors inside the block become StoreErrors about `path`."""
    try:
        yield
    except sqlite3.Error as cause:
        meaning, hint = _MEANINGS.get(_primary_code(cause), (f"cannot be used: {cause}", ""))
        raise StoreError(f"{path} {meaning}", hint) from cause


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
        found = path.stat()
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
    except BaseException:
        connection.close()
        raise
    return connection


def readable(path: Path) -> sqlite3.Connection:
    """Any database of ours, for reading, also by who may only read its directory. Raises StoreError, sqlite3.Error.

    He cannot make the index of the write-ahead log there. If there is nothing in such a log either, nobody writes: a
    copy in memory is as good, and stays good when somebody starts to.
    """
    connection = open_reader(path)
    try:
        has_tables(connection)
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
    with suppress(sqlite3.Error):
        connection = _open(f"{quote(str(path.absolute()))}?mode=rw")
        try:
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        finally:
            connection.close()


def open_reader(path: Path) -> sqlite3.Connection:
    """The file at `path`, whatever it holds, for reading. Raises sqlite3.Error."""
    return _open(f"{quote(str(path.absolute()))}?mode=ro")


def _open(name: str) -> sqlite3.Connection:
    # Autocommit: a reader never holds a transaction open. Whoever shares the connection between threads must lock.
    return sqlite3.connect(
        f"file:{name}", uri=True, timeout=READ_TIMEOUT, isolation_level=None, check_same_thread=False
    )


def _copy(path: Path) -> sqlite3.Connection:
    log = path.with_name(f"{path.name}-wal")
    try:
        before = path.stat()
        octets = bytearray(path.read_bytes())
        after = path.stat()
    except OSError as cause:
        raise no_access(path, cause) from cause
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
