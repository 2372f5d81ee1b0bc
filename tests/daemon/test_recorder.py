"""daemon/recorder.py: no handshake waits for the decision log, order is kept, and what is lost is counted and said."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from daemon import recorder
from daemon.recorder import Recorder, Tally
from policydb.records.decisionlog import DecisionLog, LogError, Row
from tests.policydb.records.samples import ACCEPTED

PATIENCE = 100.0
"""Seconds after which a test gives up waiting; nothing is measured."""


def until(recorder: Recorder, wanted: Tally) -> None:
    ends = time.monotonic() + PATIENCE
    while (found := recorder.tally()) != wanted:
        assert time.monotonic() < ends, found
        time.sleep(0.005)


def named(number: int) -> str:
    return f"peer-{number}"


def append(recorder: Recorder, numbers: range) -> None:
    for number in numbers:
        recorder.append(replace(ACCEPTED, peer_name=named(number)))


def kept(path: Path) -> list[str]:
    """The names of the peers in the log, the oldest first."""
    with DecisionLog(path, read_only=True) as log:
        return [each.peer_name for each in log.records(limit=10_000)][::-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.db"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def writer(path: Path, lines: list[str]) -> Iterator[Recorder]:
    made = Recorder(DecisionLog(path, wait=0.01), lines.append)
    yield made
    made.finish(PATIENCE)


def test_records_are_there_soon_in_their_order(path: Path, writer: Recorder, lines: list[str]) -> None:
    append(writer, range(250))
    until(writer, Tally(written=250))
    assert kept(path) == [named(each) for each in range(250)]
    assert lines == []


def test_a_locked_log_keeps_nobody_waiting_and_loses_nothing(path: Path, writer: Recorder, lines: list[str]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        append(writer, range(20))  # returns, though nobody can write
        why = f"{path} is locked by another process"
        until(writer, Tally(waiting=20, problem=why))
        assert kept(path) == []
        other.execute("ROLLBACK")
    until(writer, Tally(written=20))
    assert kept(path) == [named(each) for each in range(20)]
    assert lines == [f"{why}; records wait until it can be written", "decision log: written again, no records lost"]


def test_what_has_no_room_to_wait_is_lost_counted_and_said_once_a_spell(
    path: Path, writer: Recorder, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 5)
    for spell in (1, 2):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            why = f"{path} is locked by another process"
            append(writer, range(1))
            until(writer, Tally(5 * spell - 5, 1, 7 * spell - 7, why))
            append(writer, range(1, 12))
            assert writer.tally() == Tally(5 * spell - 5, 5, 7 * spell, why)
            other.execute("ROLLBACK")
        until(writer, Tally(5 * spell, 0, 7 * spell))
        assert lines[3 * spell - 3 :] == [
            f"{why}; records wait until it can be written",
            f"decision log: 5 records wait, the next are lost: {why}",
            "decision log: written again, 7 records lost",
        ]
    assert kept(path) == [named(each) for each in range(5)] * 2


def test_at_the_end_what_waits_is_written(path: Path, lines: list[str]) -> None:
    writer = Recorder(DecisionLog(path), lines.append)
    append(writer, range(300))
    writer.finish(PATIENCE)
    assert kept(path) == [named(each) for each in range(300)]


def test_at_the_end_a_locked_log_is_not_waited_for_and_what_it_lacks_is_said(path: Path, lines: list[str]) -> None:
    writer = Recorder(DecisionLog(path, wait=0.01), lines.append)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        append(writer, range(3))
        writer.finish(0.05)
        writer.finish(0.05)
    assert lines[1:] == [f"decision log: 3 records could not be written: {path} is locked by another process"]


class Stubborn(DecisionLog):
    """A log that fails in its own ways before it writes."""

    def __init__(self, path: Path, failures: Sequence[Exception]) -> None:
        super().__init__(path)
        self._failures = list(failures)
        self.asked = Event()

    def append_all(self, rows: Sequence[Row]) -> int:
        self.asked.set()
        if self._failures:
            raise self._failures.pop(0)
        return super().append_all(rows)


def test_a_full_disk_is_told_of_in_its_words_and_what_waited_is_written_when_there_is_room(
    path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.01)
    full = LogError(f"{path}: cannot be used as a decision log: the disk is full")
    writer = Recorder(Stubborn(path, [full] * 3), lines.append)
    append(writer, range(3))
    until(writer, Tally(written=3))
    writer.finish(PATIENCE)
    assert lines == [f"{full}; records wait until it can be written", "decision log: written again, no records lost"]


def test_a_defect_of_ours_neither_ends_the_log_nor_holds_it_up(
    path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.01)
    writer = Recorder(Stubborn(path, [RuntimeError("what was that")]), lines.append)
    writer.append(replace(ACCEPTED, questions=(None,)))  # type: ignore[arg-type]
    append(writer, range(2))
    until(writer, Tally(written=2, lost=1))
    writer.finish(PATIENCE)
    assert kept(path) == [named(0), named(1)]
    assert [each.partition(":")[0] for each in lines] == ["internal error", "internal error", "decision log"]
