"""`log` and `explain --record`: the same record as text and as JSON, and asked again in the generation of its time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from grammar.keynote import parse_assertion
from policydb.keynote.conditions import compile_assertion
from policydb.negotiation import Credential, NegotiationRecord, Question
from policydb.records.decisionlog import DecisionLog
from policydb.records.record_json import to_json
from policydb.records.record_text import text
from policydb.request import Request
from policydb.storage.snapshot import open_snapshot
from tests.policydb.command_line import Run
from tests.policydb.records.samples import ACCEPTED, MISMATCH, REFUSED

RED_ONLY = 'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red";\n'
ANYTHING = 'Authorizer: "POLICY"\nLicensees: "alice"\n'


@pytest.fixture(autouse=True)
def decisions(policydb: Run) -> None:
    with DecisionLog("decisions.db") as log:
        for each in (REFUSED, MISMATCH, ACCEPTED):
            log.append(each)


def test_one_line_a_record_newest_first(policydb: Run) -> None:
    code, out, err = policydb("log")
    assert (code, err) == (0, "")
    assert [each.split()[0] for each in out.splitlines()] == ["3", "2", "1"]


@pytest.mark.parametrize(
    ("option", "numbers"),
    [
        (("--refused",), ["1"]),
        (("--limit", "1"), ["3"]),
        (("--peer", "203.0.113.5"), ["3", "1"]),
        (("--peer", "203.0.113.5", "--refused"), ["1"]),
        (("--peer", "nobody"), []),
    ],
)
def test_the_list_is_filtered(policydb: Run, option: tuple[str, ...], numbers: list[str]) -> None:
    assert [each.split()[0] for each in policydb("log", *option)[1].splitlines()] == numbers
    told = json.loads(policydb("log", *option, "--format", "json")[1])
    assert [str(each["number"]) for each in told] == numbers


@pytest.mark.parametrize(("number", "record"), [(1, REFUSED), (2, MISMATCH), (3, ACCEPTED)])
def test_a_record_is_shown_whole_as_text_and_as_json(policydb: Run, number: int, record: NegotiationRecord) -> None:
    numbered = replace(record, number=number)
    assert policydb("log", str(number)) == (0, text(numbered) + "\n", "")
    code, out, _ = policydb("log", str(number), "--format", "json")
    assert (code, json.loads(out)) == (0, to_json(numbered))


def test_the_log_is_the_option_else_the_variable_else_beside_the_store(
    policydb: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("elsewhere").mkdir()
    Path("decisions.db").rename("elsewhere/decisions.db")
    assert policydb("log")[0] == 2
    assert policydb("log", "--log", "elsewhere/decisions.db")[0] == 0
    monkeypatch.setenv("POLICYDB_STORE", "elsewhere/policy.db")
    assert policydb("log")[0] == 0
    monkeypatch.setenv("POLICYDB_LOG", "nix.db")
    assert policydb("log")[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [("99",), ("0",), ("x",), ("--log", "nix.db"), ("--log", "."), ("--log", "text"), ("--limit", "0"), ("1", "2")],
)
def test_what_cannot_be_shown_ends_with_two_and_a_word(policydb: Run, arguments: tuple[str, ...]) -> None:
    Path("text").write_text("no database at all, but long enough to have a header of sixteen octets")
    code, out, err = policydb("log", *arguments)
    assert (code, out) == (2, "")
    assert err.strip()


def decided(policydb: Run) -> int:
    """Generation 1 refuses blue; its record is kept; generation 2 would allow it. Gives the record's number."""
    Path("p.policy").write_text(RED_ONLY)
    policydb("compile", "p.policy")
    with open_snapshot("policy.db") as snapshot:
        decision = snapshot.explain(Request(("alice",), {"colour": "blue"}))
    question = replace(REFUSED.questions[0], authorizers=("alice",), attributes={"colour": "blue"}, decision=decision)
    with DecisionLog("decisions.db") as log:
        number = log.append(replace(REFUSED, generation=1, questions=(question,)))
    Path("p.policy").write_text(ANYTHING)
    policydb("compile", "p.policy")
    return number


def test_a_record_is_asked_again_in_its_own_generation(policydb: Run) -> None:
    number = decided(policydb)
    code, out, err = policydb("explain", "--record", str(number))
    assert (code, err) == (1, "")
    assert out == policydb("log", str(number))[1]
    code, out, _ = policydb("explain", "--record", str(number), "--format", "json")
    told, kept = json.loads(out), json.loads(policydb("log", str(number), "--format", "json")[1])
    assert code == 1
    assert told == kept


CREDENTIAL = """\
Comment: kept with its place
Authorizer: "CA"
Licensees: "bob" || "passphrase:hush-hush"
Conditions: colour == "green" || colour == "red";
"""


def test_what_the_peer_brought_along_is_asked_again_too(policydb: Run) -> None:
    """Without it the answer would be another, and so would the reasons."""
    Path("p.policy").write_text('Authorizer: "POLICY"\nLicensees: "CA"\nConditions: colour == "red";\n')
    policydb("compile", "p.policy")
    credential = Credential("credential 1 of the peer", 7, CREDENTIAL)
    learnt = compile_assertion(parse_assertion(CREDENTIAL, credential.source), credential.source)
    learnt = replace(learnt, place=replace(learnt.place, line=credential.line))
    questions = []
    with open_snapshot("policy.db") as snapshot:
        for colour in ("red", "green", "blue"):
            request = Request(("bob",), {"colour": colour})
            decision = snapshot.session((learnt,)).explain(request)
            questions.append(Question(colour, request.authorizers, request.attributes, decision))
    assert [each.decision.value for each in questions] == ["true", "false", "false"]
    with DecisionLog("decisions.db") as log:
        kept = replace(REFUSED, generation=1, questions=tuple(questions), credentials=(credential,))
        number = log.append(kept)
    code, out, err = policydb("explain", "--record", str(number), "--format", "json")
    assert (code, err) == (1, "")
    told, before = json.loads(out), json.loads(policydb("log", str(number), "--format", "json")[1])
    for each in (*told["questions"], *before["questions"]):
        each["decision"]["elapsed_us"] = 0
    assert told == before
    assert "credential 1 of the peer:7" in policydb("explain", "--record", str(number))[1]
    with DecisionLog("decisions.db") as log:
        number = log.append(replace(kept, credentials=()))
    assert 'the daemon was answered "true" for red' in policydb("explain", "--record", str(number))[2]


def test_credentials_that_cannot_be_read_are_said(policydb: Run) -> None:
    decided(policydb)
    with DecisionLog("decisions.db") as log:
        number = log.append(replace(REFUSED, generation=1, credentials=(Credential("odd", 1, "Authorizer"),)))
    code, _, err = policydb("explain", "--record", str(number))
    assert code == 2
    assert "the record's odd cannot be read" in err


def test_a_different_answer_is_said(policydb: Run) -> None:
    number = decided(policydb)
    with DecisionLog("decisions.db") as log:
        kept = log.record(number)
        question = kept.questions[0]
        log.append(replace(kept, questions=(replace(question, decision=replace(question.decision, value="true")),)))
    code, out, err = policydb("explain", "--record", str(number + 1))
    assert code == 1
    assert 'the daemon was answered "true"' in err
    assert 'generation 1 answers "false"' in err
    assert out


def test_a_record_without_a_question_needs_no_store(policydb: Run) -> None:
    code, out, _ = policydb("explain", "--record", "2")
    assert (code, out) == (1, policydb("log", "2")[1])
    assert policydb("explain", "--record", "3")[0] == 0


def test_a_generation_that_is_not_there_is_said(policydb: Run) -> None:
    code, out, err = policydb("explain", "--record", "1")
    assert (code, out) == (2, "")
    assert "policydb log 1" in err
    decided(policydb)
    assert "no generation 3" in policydb("explain", "--record", "1")[2]
