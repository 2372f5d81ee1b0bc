"""The decision log: the last negotiations in an SQLite file of their own, written by the daemon, read while it runs.

A ring: the oldest records give way. Whoever moves the file away, removes or empties it begins a new one: the writer
notices when it writes next. It holds no secret: passphrases are turned into their digests before anything is
written. The file is readable by its owner alone, for it tells who talks to whom.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from policydb.folders import FileRefusedError, Folder
from policydb.negotiation import NegotiationRecord, Outcome
from policydb.records import record_json
from policydb.secrecy import scrubbed
from policydb.storage.layout import LayoutError, check_layout
from policydb.storage.storefile import Patience, StoreError, check_opened, check_ours, open_writer, readable

KEEP = 10_000
"""How many records the log holds."""

WAIT = 5.0
"""Seconds that a writer waits for another process that has the log locked."""

_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# What SQLite says of a log that was overwritten while it was open.
_SPOILT = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})

_SCHEMA = """
CREATE TABLE IF NOT EXISTS negotiation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    outcome TEXT NOT NULL,
    peer_host TEXT NOT NULL,
    peer_address TEXT NOT NULL,
    peer_name TEXT NOT NULL,
    connection TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    record TEXT NOT NULL
)
"""

_INSERT = """
INSERT INTO negotiation (time, outcome, peer_host, peer_address, peer_name, connection, remote_id, record)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

_SELECT = """
SELECT number, record FROM negotiation
WHERE (:peer IS NULL OR :peer IN (peer_host, peer_address, peer_name, connection, remote_id))
  AND (:outcome IS NULL OR outcome = :outcome)
ORDER BY number DESC LIMIT :limit
"""


class LogError(Exception):
    """The log cannot be used: missing, not a decision log, damaged, or not ours to write."""


class LogLockedError(LogError):
    """Another process has the log locked; it can be tried again."""


class DecisionLog:
    """An open decision log; one process writes, any number read meanwhile.

    Every method raises LogError where the file fails. One thread at a time may use it.
    """

    def __init__(self, path: str | Path, keep: int = KEEP, *, read_only: bool = False, wait: float = WAIT) -> None:
        """Open the log; `keep` is the length of the ring. Unless `read_only`, a missing file is made."""
        self._path = Path(path)
        self._keep = keep
        self._wait = wait
        if read_only and not self._path.is_file():
            raise LogError(f"{path}: no decision log there")
        with self._reported():
            self._connection = _readable(self._path) if read_only else _writable(self._path, wait)
            self._opened: os.stat_result | None = self._path.lstat()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the log is of no use afterwards."""
        self._connection.close()

    def append(self, record: NegotiationRecord) -> int:
        """Keep a record and return its number; its own `number` is not looked at."""
        return self.append_all([row_of(record)])

    def append_all(self, rows: Sequence[Row]) -> int:
        """Keep the rows of records (row_of), all of them or none, and return the last one's number."""
        with self._reported():
            if self._is_cut():
                self._reopen()
            for reopen in (self._reopen, self._begin_anew):
                try:
                    return self._write(rows)
                except sqlite3.Error as problem:
                    if _code(problem) not in _SPOILT:
                        raise
                reopen()
            return self._write(rows)

    def _write(self, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_INSERT, rows)
            (number,) = connection.execute("SELECT max(number) FROM negotiation").fetchone()
            connection.execute("DELETE FROM negotiation WHERE number <= ?", (number - self._keep,))
            connection.execute("COMMIT")
        except BaseException:
            # Where the disk is full SQLite has rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return int(number)

    def _is_cut(self) -> bool:
        """Whether the file that was opened was moved away or emptied, or none is open; a log is never empty."""
        if self._opened is None:
            return True
        try:
            there = self._path.lstat()
        except FileNotFoundError:
            return True
        return not os.path.samestat(self._opened, there) or not there.st_size

    def _reopen(self) -> None:
        """Open what has the name now, or begin anew where that is no log any more."""
        is_emptied = self._path.is_file() and not self._path.stat().st_size
        self._close()
        if is_emptied:
            _remove(self._path)  # the write-ahead log held pieces
        try:
            self._open()
        except sqlite3.Error as problem:
            if _code(problem) not in _SPOILT:
                raise
            self._begin_anew()

    def _begin_anew(self) -> None:
        """A new file; the one that cannot be used any more is kept under another name."""
        self._close()
        self._path.replace(self._path.with_name(f"{self._path.name}.damaged"))
        _remove(self._path)
        self._open()

    def _close(self) -> None:
        self._connection.close()
        self._opened = None

    def _open(self) -> None:
        self._connection = _writable(self._path, self._wait)
        self._opened = self._path.lstat()

    def records(
        self, limit: int = 50, peer: str | None = None, outcome: Outcome | None = None
    ) -> tuple[NegotiationRecord, ...]:
        """The newest records first. `peer`: an address, with or without port, a section's name or an identity."""
        wanted = {"peer": peer, "outcome": outcome.value if outcome is not None else None, "limit": limit}
        rows = self._rows(_SELECT, wanted)
        return tuple(self._decoded(number, text) for number, text in rows)

    def record(self, number: int) -> NegotiationRecord:
        """The record of that number. Raises LogError where there is none (any more)."""
        rows = self._rows("SELECT number, record FROM negotiation WHERE number = :number", {"number": number})
        if not rows:
            raise LogError(f"{self._path}: no record {number}")
        return self._decoded(*rows[0])

    def _rows(self, query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._reported():
            try:
                return Patience(self._connection).rows(query, parameters)
            finally:
                self._connection.set_progress_handler(None, 0)  # what a query may take is no bound for who writes

    def _decoded(self, number: int, text: str) -> NegotiationRecord:
        try:
            return replace(record_json.from_json(json.loads(text)), number=number)
        except (ValueError, TypeError, OverflowError, RecursionError, MemoryError) as problem:
            raise LogError(f"{self._path}: record {number} is damaged: {type(problem).__name__}") from problem

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except StoreError as problem:
            raise LogError(str(problem)) from problem
        except FileRefusedError as problem:
            raise LogError(str(problem)) from problem
        except sqlite3.Error as problem:
            if _code(problem) in _LOCKED:
                raise LogLockedError(f"{self._path} is locked by another process") from problem
            why = "the disk is full" if _code(problem) == sqlite3.SQLITE_FULL else _in_one_line(problem)
            raise LogError(f"{self._path}: cannot be used as a decision log: {why}") from problem
        except (OSError, ValueError, OverflowError, LayoutError) as problem:
            raise LogError(f"{self._path}: cannot be used as a decision log: {_in_one_line(problem)}") from problem


Row = tuple[str, ...]
"""A record as the log keeps it: what it is found by, and all of it as JSON."""


def row_of(record: NegotiationRecord) -> Row:
    """A record without passphrases, as a row."""
    safe = record_json.from_json(scrubbed(record_json.to_json(record)))
    found_by = (
        safe.time,
        safe.outcome.value,
        safe.peer_address.rpartition(":")[0].strip("[]"),
        *(safe.peer_address, safe.peer_name, safe.connection, safe.remote_id),
    )
    # Half a pair of surrogates is a character of Python's, and none of SQLite's.
    whole = tuple(each.encode("utf-8", "backslashreplace").decode() for each in found_by)
    return (*whole, json.dumps(record_json.to_json(safe)))


def _readable(path: Path) -> sqlite3.Connection:
    connection = readable(path)
    try:
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _writable(path: Path, wait: float) -> sqlite3.Connection:
    """The file, made where there is none. Raises what _reported() tells of."""
    check_ours(path)
    with Folder(path.parent) as folder:
        if folder.status(path.name) is None:
            os.close(folder.create(path.name))
    connection = open_writer(path)
    try:
        connection.execute(f"PRAGMA busy_timeout = {round(wait * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
        _check(connection)
        check_opened(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Insist that a database is a decision log, before anything is asked of it. LIMIT 0 runs no view to its end."""
    connection.execute("SELECT number, record FROM negotiation LIMIT 0")
    check_layout(connection, (_SCHEMA,))


def _remove(path: Path) -> None:
    """Take a log away, with what SQLite kept beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _code(problem: sqlite3.Error) -> int:
    return int(getattr(problem, "sqlite_errorcode", 0)) & 0xFF


def _in_one_line(problem: Exception) -> str:
    return "".join(each if each.isprintable() else "." for each in str(problem))
