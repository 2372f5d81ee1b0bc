"""A negotiation record as JSON and back: what the decision log keeps and `--format json` prints.

The keys are the fields of NegotiationRecord; a question's decision has the form of docs/formats.md. Of a decision's
assertions only the ignored ones are in that form, so only they come back; a negotiation asks on false and true alone
(isakmpd.policy(5)), so the scale need not be there.
"""

from __future__ import annotations

from typing import Any

from policydb.decision import (
    AssertionReport,
    AssertionStatus,
    Atom,
    Change,
    Decision,
    Nearest,
    Place,
    Step,
)
from policydb.decision import to_json as decision_to_json
from policydb.negotiation import Comparison, Credential, Difference, NegotiationRecord, Outcome, Question, Reason
from policydb.request import DEFAULT_VALUES

_LATER = ("user", "bound_by")
"""Fields that records of earlier versions lack."""

_TEXTS = (
    *("time", "exchange", "role", "peer_address", "local_address", "detail", "peer_name", "connection"),
    *("local_id", "remote_id", "local_filter", "remote_filter"),
)


class RecordError(ValueError):
    """A JSON value that is no negotiation record."""


def to_json(record: NegotiationRecord) -> dict[str, Any]:
    """The record as a JSON object; every field is there, an absent reason is null."""
    return {
        "number": record.number,
        "outcome": record.outcome.value,
        "reason": record.reason.value if record.reason is not None else None,
        "generation": record.generation,
        **{name: getattr(record, name) for name in (*_TEXTS, *_LATER)},
        "questions": [
            {
                "proposal": each.proposal,
                "authorizers": list(each.authorizers),
                "attributes": dict(each.attributes),
                "decision": decision_to_json(each.decision),
            }
            for each in record.questions
        ],
        "credentials": [{"source": each.source, "line": each.line, "text": each.text} for each in record.credentials],
        "comparisons": [
            {
                "offered": each.offered,
                "configured": each.configured,
                "differences": [
                    {"attribute": one.attribute, "offered": one.offered, "configured": one.configured}
                    for one in each.differences
                ],
            }
            for each in record.comparisons
        ],
    }


def from_json(value: Any) -> NegotiationRecord:  # noqa: ANN401 - whatever a JSON text may hold
    """The record that `to_json` wrote. Raises RecordError for anything else."""
    try:
        return NegotiationRecord(
            number=int(value["number"]),
            outcome=Outcome(value["outcome"]),
            reason=Reason(value["reason"]) if value["reason"] is not None else None,
            generation=int(value["generation"]),
            **{name: str(value[name]) for name in _TEXTS},
            **{name: str(value.get(name, "")) for name in _LATER},
            questions=tuple(_question(each) for each in value["questions"]),
            credentials=tuple(_credential(each) for each in value.get("credentials", ())),
            comparisons=tuple(_comparison(each) for each in value["comparisons"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise RecordError(f"not a negotiation record: {problem!r}") from problem


def decision_from_json(value: dict[str, Any]) -> Decision:
    """The decision of an object (docs/formats.md). Raises KeyError, TypeError or ValueError where it is none."""
    return Decision(
        value=value["value"],
        allowed=value["allowed"],
        generation=value["generation"],
        authorizers=tuple(value["authorizers"]),
        path=tuple(map(_step, value["path"])),
        atoms=tuple(
            Atom(
                place=Place(each["source"], each["line"], each["column"]),
                text=each["text"],
                left=each["left"],
                operator=each["op"],
                right=each["right"],
                result=each["result"],
                missing=tuple(each["missing"]),
                error=each.get("error", ""),
                source_line=each.get("source_line", ""),
                assertion=each.get("assertion", 0),
            )
            for each in value["atoms"]
        ),
        nearest=tuple(
            Nearest(
                tuple(Change(one["attribute"], one["from"], one["to"]) for one in each["changes"]),
                each["value"],
                tuple(each.get("requesters", ())),
                bool(each.get("credential")),
            )
            for each in value["nearest"]
        ),
        assertions=tuple(
            AssertionReport(Place(each["source"], each["line"]), AssertionStatus.IGNORED, each["reason"])
            for each in value["ignored"]
        ),
        elapsed_us=value["elapsed_us"],
        licensed=tuple(value.get("licensed", ())),
        values=DEFAULT_VALUES,
        granted=tuple(map(_step, value.get("granted", ()))),
    )


def _step(value: dict[str, Any]) -> Step:
    return Step(
        place=Place(value["source"], value["line"]),
        authorizer=value["authorizer"],
        licensees=tuple(value["licensees"]),
        conditions_value=value["conditions"],
        licensees_value=value["licensees_value"],
        held=value["held"],
    )


def _question(value: dict[str, Any]) -> Question:
    attributes = {str(name): str(text) for name, text in value["attributes"].items()}
    decision = decision_from_json(value["decision"])
    return Question(value["proposal"], tuple(value["authorizers"]), attributes, decision)


def _credential(value: dict[str, Any]) -> Credential:
    return Credential(str(value["source"]), int(value["line"]), str(value["text"]))


def _comparison(value: dict[str, Any]) -> Comparison:
    differences = tuple(
        Difference(each["attribute"], each["offered"], each["configured"]) for each in value["differences"]
    )
    return Comparison(value["offered"], value["configured"], differences)
