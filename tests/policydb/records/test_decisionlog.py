"""The decision log: a ring that is read while it is written, and that never holds a passphrase."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from policydb.decision import Atom, Place, Step
from policydb.negotiation import Outcome
from policydb.records.decisionlog import DecisionLog, LogError, LogLockedError, row_of
from policydb.records.record_json import to_json
from tests.policydb.records.samples import ACCEPTED, MD5, MISMATCH, REFUSED, SECRET, SHA1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.db"


def test_a_record_comes_back_as_it_was_and_with_its_number(path: Path) -> None:
    with DecisionLog(path) as log:
        numbers = [log.append(each) for each in (REFUSED, MISMATCH, ACCEPTED)]
        assert numbers == [1, 2, 3]
        for number, each in zip(numbers, (REFUSED, MISMATCH, ACCEPTED), strict=True):
            assert to_json(log.record(number)) == to_json(replace(each, number=number))


def test_newest_come_first_and_are_filtered(path: Path) -> None:
    with DecisionLog(path) as log:
        for each in (REFUSED, MISMATCH, ACCEPTED):
            log.append(each)
        assert [each.number for each in log.records()] == [3, 2, 1]
        assert [each.number for each in log.records(limit=2)] == [3, 2]
        assert [each.number for each in log.records(outcome=Outcome.REFUSED)] == [1]
        for peer in ("203.0.113.5", "203.0.113.5:500", "ISAKMP-peer-berlin"):
            assert [each.number for each in log.records(peer=peer)] == [3, 1]
        assert [each.number for each in log.records(peer="2001:db8::5")] == [2]
        assert [each.number for each in log.records(peer="berlin-hq")] == [1]
        assert log.records(peer="nobody") == ()


def test_the_oldest_give_way_and_numbers_go_on(path: Path) -> None:
    with DecisionLog(path, keep=3) as log:
        for _ in range(5):
            log.append(ACCEPTED)
        assert [each.number for each in log.records()] == [5, 4, 3]
        with pytest.raises(LogError, match="no record 2"):
            log.record(2)
    with DecisionLog(path, keep=3) as log:
        assert log.append(ACCEPTED) == 6


def test_a_reader_sees_what_the_open_writer_appends(path: Path) -> None:
    with DecisionLog(path) as writer, DecisionLog(path, read_only=True) as reader:
        assert reader.records() == ()
        writer.append(REFUSED)
        assert [each.number for each in reader.records()] == [1]


def test_a_reader_cannot_write(path: Path) -> None:
    DecisionLog(path).close()
    with DecisionLog(path, read_only=True) as reader, pytest.raises(LogError, match="readonly"):
        reader.append(ACCEPTED)


def test_the_file_is_its_owners_alone(path: Path) -> None:
    with DecisionLog(path) as log:
        log.append(ACCEPTED)
        assert {each.stat().st_mode & 0o077 for each in path.parent.iterdir()} == {0}


def test_no_passphrase_reaches_the_file(path: Path) -> None:
    principal = f"passphrase:{SECRET}"
    question = REFUSED.questions[0]
    decision = replace(
        question.decision,
        authorizers=(principal, MD5, SHA1),
        path=(Step(Place("p", 1), "POLICY", (principal, "B"), "true", "true", held=True),),
        atoms=(
            Atom(Place("p", 2), f'_ACTION_AUTHORIZERS ~= "{principal}"', f"{principal},{MD5}", "~=", principal, True),
        ),
    )
    leaky = replace(question, authorizers=(principal,), attributes={"_note": principal}, decision=decision)
    with DecisionLog(path) as log:
        number = log.append(replace(REFUSED, questions=(leaky,), detail=f"asked as {principal}"))
        kept = log.record(number).questions[0]
    assert kept.authorizers == (MD5, SHA1)
    assert kept.decision.authorizers == (MD5, SHA1)
    assert kept.decision.path[0].licensees == (MD5, SHA1, "B")
    assert kept.decision.atoms[0].right == SHA1
    assert all(SECRET.encode() not in each.read_bytes() for each in path.parent.iterdir())


def test_a_missing_log_is_said_and_not_made(path: Path) -> None:
    with pytest.raises(LogError, match="no decision log there"):
        DecisionLog(path, read_only=True)
    assert not path.exists()


def test_a_file_that_is_no_log_is_said(path: Path) -> None:
    path.write_bytes(b'Authorizer: "POLICY"\n' * 100)
    for read_only in (True, False):
        with pytest.raises(LogError, match="cannot be used as a decision log"):
            DecisionLog(path, read_only=read_only)


def test_another_database_is_said(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (a)")
    with pytest.raises(LogError, match="no such table"):
        DecisionLog(path, read_only=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"number": 1}', "nonsense"])
def test_a_damaged_record_is_said(path: Path, text: str) -> None:
    with DecisionLog(path) as log:
        log.append(ACCEPTED)
        with sqlite3.connect(path) as other:
            other.execute("UPDATE negotiation SET record = ?", (text,))
        with pytest.raises(LogError, match="record 1 is damaged"):
            log.record(1)


# --- cut by rotation, locked, full --------------------------------------------------------------------------------


def renamed(path: Path) -> None:
    path.rename(path.with_name("decisions.db.1"))


def deleted(path: Path) -> None:
    path.unlink()


def deleted_with_its_log(path: Path) -> None:
    for each in path.parent.glob("decisions.db*"):
        each.unlink()


def truncated(path: Path) -> None:
    os.truncate(path, 0)


def copied_and_truncated(path: Path) -> None:
    shutil.copy(path, path.with_name("decisions.db.1"))
    os.truncate(path, 0)


def overwritten(path: Path) -> None:
    path.write_bytes(b"not a database " * 1_000)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("cut", [renamed, deleted, deleted_with_its_log, truncated, copied_and_truncated, overwritten])
def test_a_log_that_is_cut_by_rotation_begins_anew(path: Path, cut: Callable[[Path], None], folded: bool) -> None:
    with DecisionLog(path) as log:
        for _ in range(3):
            log.append(REFUSED)
        if folded:
            with closing(sqlite3.connect(path)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cut(path)
        for _ in range(2):
            log.append(ACCEPTED)
        with DecisionLog(path, read_only=True) as reader:
            assert [each.outcome for each in reader.records()][:2] == [Outcome.ACCEPTED] * 2
            assert len(reader.records()) in {2, 5}  # what was in its write-ahead log may be there still
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("trap", ["link", "fifo", "folder"])
def test_nothing_else_in_the_place_of_a_log_is_followed(path: Path, tmp_path: Path, trap: str) -> None:
    target = tmp_path / "nowhere"
    with DecisionLog(path) as log:
        log.append(ACCEPTED)
        path.rename(tmp_path / "old")
        if trap == "link":
            path.symlink_to(target)
        elif trap == "fifo":
            os.mkfifo(path)
        else:
            path.mkdir()
        with pytest.raises(LogError, match=r"is a link|is no regular file|is a directory"):
            log.append(ACCEPTED)
        assert not target.exists()
        path.rmdir() if trap == "folder" else path.unlink()
        assert log.append(ACCEPTED) == 1


def test_a_log_that_is_locked_when_it_is_begun_anew_is_tried_again(path: Path) -> None:
    with DecisionLog(path, wait=0.01) as log:
        path.unlink()
        DecisionLog(path.with_name("new.db")).close()
        path.with_name("new.db").rename(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            for _ in range(2):
                with pytest.raises(LogLockedError):
                    log.append(ACCEPTED)
        assert log.append(ACCEPTED) == 1


def test_a_log_that_was_begun_anew_is_read_and_written_as_any(path: Path) -> None:
    with DecisionLog(path) as log:
        log.append(REFUSED)
        path.unlink()
        log.append(ACCEPTED)
        assert [each.number for each in log.records()] == [1]
        assert log.record(1).outcome is Outcome.ACCEPTED


def test_a_locked_log_says_so(path: Path) -> None:
    with DecisionLog(path, wait=0.01) as log, sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogLockedError, match=f"{path} is locked by another process"):
            log.append(ACCEPTED)
        other.execute("ROLLBACK")
        assert log.append(ACCEPTED) == 1


def test_a_full_disk_is_said_as_such(small_disk: Path) -> None:
    with DecisionLog(small_disk / "decisions.db") as log:
        log.append(ACCEPTED)
        filling = small_disk / "filling"
        with filling.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        with pytest.raises(LogError, match="cannot be used as a decision log: the disk is full"):
            log.append_all([row_of(REFUSED)] * 1_000)
        filling.unlink()
        before = len(log.records(1_000))
        log.append(ACCEPTED)
        assert len(log.records(1_000)) == before + 1


def test_several_records_are_kept_all_or_none(path: Path) -> None:
    with DecisionLog(path) as log:
        assert log.append_all([row_of(each) for each in (REFUSED, MISMATCH, ACCEPTED)]) == 3
        with pytest.raises(LogError):
            log.append_all([row_of(REFUSED), ("too", "short")])
        assert [each.number for each in log.records()] == [3, 2, 1]


@pytest.mark.parametrize(
    "sql",
    [
        """CREATE VIEW negotiation AS WITH RECURSIVE e(n) AS (SELECT 1 UNION ALL SELECT n FROM e)
        SELECT n AS number, '' AS time, '' AS outcome, '' AS peer_host, '' AS peer_address, '' AS peer_name,
        '' AS connection, '' AS remote_id, '' AS record FROM e""",
        "CREATE TABLE negotiation (number, record)",
    ],
)
def test_another_object_in_the_place_of_the_table_is_said(path: Path, sql: str) -> None:
    with sqlite3.connect(path) as other:
        other.execute(sql)
    for read_only in (True, False):
        with pytest.raises(LogError, match="cannot be used as a decision log"):
            DecisionLog(path, read_only=read_only)


@pytest.mark.parametrize("text", ["[" * 100_000, "x'00ff'", "NULL", "12", "'" + '{"number": 1e999}' + "'"])
def test_a_hostile_record_is_said(path: Path, text: str) -> None:
    with DecisionLog(path) as log:
        log.append(ACCEPTED)
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA writable_schema = ON")
            other.execute("UPDATE sqlite_schema SET sql = replace(sql, 'record TEXT NOT NULL', 'record')")
        with sqlite3.connect(path) as other:
            value = text if text[0] in "xN1'" else f"'{text}'"
            other.execute(f"UPDATE negotiation SET record = {value}")  # noqa: S608 - our own texts
        with pytest.raises(LogError, match="record 1 is damaged"):
            log.record(1)
