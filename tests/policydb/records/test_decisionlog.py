"""The decision log: a ring that is read while it is written, and that never holds a passphrase."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from policydb.decision import Atom, Place, Step
from policydb.negotiation import Outcome
from policydb.records.decisionlog import DecisionLog, LogError
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
