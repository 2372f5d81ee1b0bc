"""The decision log: the last negotiations in an SQLite file of their own, written by the daemon, read while it runs.

A ring: the oldest records give way. It holds no secret: passphrases are turned into their digests before anything is
written. The file is readable by its owner alone, for it tells who talks to whom.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from policydb.negotiation import NegotiationRecord, Outcome
from policydb.records import record_json
from policydb.secrecy import scrubbed
from policydb.storage.storefile import StoreError, readable

KEEP = 10_000
"""How many records the log holds."""

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


class DecisionLog:
    """An open decision log; one process writes, any number read meanwhile.

    Every method raises LogError where the file fails.
    """

    def __init__(self, path: str | Path, keep: int = KEEP, *, read_only: bool = False) -> None:
        """Open the log; `keep` is the length of the ring. Unless `read_only`, a missing file is made."""
        self._path = Path(path)
        self._keep = keep
        if read_only and not self._path.is_file():
            raise LogError(f"{path}: no decision log there")
        with self._reported():
            self._connection = readable(self._path) if read_only else _writable(self._path)
            self._connection.execute("SELECT number, record FROM negotiation LIMIT 0")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the log is of no use afterwards."""
        self._connection.close()

    def append(self, record: NegotiationRecord) -> int:
        """Keep a record and return its number; its own `number` is not looked at."""
        safe = record_json.from_json(scrubbed(record_json.to_json(record)))
        row = (
            safe.time,
            safe.outcome.value,
            safe.peer_address.rpartition(":")[0].strip("[]"),
            *(safe.peer_address, safe.peer_name, safe.connection, safe.remote_id),
            json.dumps(record_json.to_json(safe)),
        )
        with self._reported():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                number = int(self._connection.execute(_INSERT, row).lastrowid or 0)
                self._connection.execute("DELETE FROM negotiation WHERE number <= ?", (number - self._keep,))
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        return number

    def records(
        self, limit: int = 50, peer: str | None = None, outcome: Outcome | None = None
    ) -> tuple[NegotiationRecord, ...]:
        """The newest records first. `peer`: an address, with or without port, a section's name or an identity."""
        wanted = {"peer": peer, "outcome": outcome.value if outcome is not None else None, "limit": limit}
        with self._reported():
            rows = self._connection.execute(_SELECT, wanted).fetchall()
        return tuple(self._decoded(number, text) for number, text in rows)

    def record(self, number: int) -> NegotiationRecord:
        """The record of that number. Raises LogError where there is none (any more)."""
        with self._reported():
            row = self._connection.execute(
                "SELECT number, record FROM negotiation WHERE number = ?", (number,)
            ).fetchone()
        if row is None:
            raise LogError(f"{self._path}: no record {number}")
        return self._decoded(*row)

    def _decoded(self, number: int, text: str) -> NegotiationRecord:
        try:
            return replace(record_json.from_json(json.loads(text)), number=number)
        except ValueError as problem:
            raise LogError(f"{self._path}: record {number} is damaged: {problem}") from problem

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except StoreError as problem:
            raise LogError(str(problem)) from problem
        except (sqlite3.Error, OSError, OverflowError) as problem:
            raise LogError(f"{self._path}: cannot be used as a decision log: {problem}") from problem


def _writable(path: Path) -> sqlite3.Connection:
    """The file, made where there is none."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(_SCHEMA)
    return connection
