"""Records as JSON: every field survives, and nothing else passes for a record."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.decision import to_json as decision_to_json
from policydb.negotiation import Comparison, Difference, NegotiationRecord, Outcome, Reason
from policydb.records.record_json import RecordError, decision_from_json, from_json, to_json
from tests.policydb.records.samples import ACCEPTED, MISMATCH, REFUSAL, REFUSED


@pytest.mark.parametrize("record", [REFUSED, MISMATCH, ACCEPTED], ids=lambda each: each.outcome)
def test_a_record_comes_back_from_its_json_text(record: NegotiationRecord) -> None:
    assert from_json(json.loads(json.dumps(to_json(record)))) == record


def test_every_field_of_a_record_is_a_key() -> None:
    assert set(to_json(ACCEPTED)) == {each.name for each in fields(NegotiationRecord)}


def test_a_record_from_before_there_were_users_has_none() -> None:
    value = to_json(replace(REFUSED, user="bob"))
    assert from_json(value).user == "bob"
    del value["user"]
    assert from_json(value).user == ""


def test_a_question_carries_its_decision_in_the_promised_form() -> None:
    assert to_json(REFUSED)["questions"][0]["decision"] == decision_to_json(REFUSAL)


def test_a_decision_comes_back_from_its_json_text() -> None:
    assert decision_from_json(json.loads(json.dumps(decision_to_json(REFUSAL)))) == REFUSAL


_SIDES = st.none() | st.text()
_RECORDS = st.builds(
    NegotiationRecord,
    **{
        name: st.text() for name in ("time", "exchange", "role", "peer_address", "local_address", "detail", "remote_id")
    },
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    generation=st.integers(0),
    number=st.integers(0),
    comparisons=st.lists(
        st.builds(
            Comparison, st.text(), st.text(), st.lists(st.builds(Difference, st.text(), _SIDES, _SIDES)).map(tuple)
        )
    ).map(tuple),
)


@given(_RECORDS)
def test_any_record_comes_back(record: NegotiationRecord) -> None:
    assert from_json(json.loads(json.dumps(to_json(record)))) == record


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "perhaps"},
        {"reason": "none"},
        {"generation": "x"},
        {"questions": [{}]},
        {"questions": 1},
        {"questions": [{"proposal": "", "authorizers": [], "attributes": [], "decision": {}}]},
        {"comparisons": [{"offered": ""}]},
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        from_json(to_json(ACCEPTED) | change)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}])
def test_other_json_values_are_refused(value: object) -> None:
    with pytest.raises(RecordError):
        from_json(value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_value_in_a_field_is_read_or_refused(value: object) -> None:
    for name in to_json(REFUSED):
        try:
            from_json(to_json(REFUSED) | {name: value})
        except RecordError:
            continue
