"""The answer to a request together with its reasons, and the JSON form that scripts rest on (DESIGN 4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a source: the file's name, 1-based line and column."""

    source: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Atom:
    """One comparison that was evaluated: its text, both sides as they came out, and whether it held.

    `missing` names the attributes that it read and nobody set. `result` is None where it ended in a runtime error
    (RFC 2704 section 5.2), which `error` then says. `source_line` is the line of the source in which it begins, or of a
    very long line the atom alone. `assertion` is the line at which its assertion begins.
    """

    place: Place
    text: str
    left: str
    operator: str
    right: str
    result: bool | None
    missing: tuple[str, ...] = ()
    error: str = ""
    source_line: str = ""
    assertion: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One assertion on a delegation path: who delegates to whom, and what its two fields were worth."""

    place: Place
    authorizer: str
    licensees: tuple[str, ...]
    conditions_value: str
    licensees_value: str
    held: bool


class AssertionStatus(StrEnum):
    """What became of an assertion in one query."""

    USED = "used"
    FAILED = "failed"
    UNREACHED = "unreached"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class AssertionReport:
    """One assertion's part in the answer; `reason` says why it is not USED."""

    place: Place
    status: AssertionStatus
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Set `attribute` from `before` (None: nobody set it) to `after`."""

    attribute: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """A smallest set of changes that the evaluator itself found to raise the answer to `value`.

    `requesters` are principals who would have to ask as well; `credential`: a credential of each of them for one who
    asks already would do as well.
    """

    changes: tuple[Change, ...]
    value: str
    requesters: tuple[str, ...] = ()
    credential: bool = False


@dataclass(frozen=True, slots=True)
class Delegation:
    """One assertion as it is drawn: `needed` of its `licensees` (of all groups, the outermost) make it count.

    `everybody`: it has no Licensees field. `deciding`: it lies on the path of the decision. `reason`: why it failed.
    """

    place: Place
    authorizer: str
    licensees: tuple[str, ...]
    needed: int
    status: AssertionStatus
    deciding: bool
    everybody: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A compliance value and why. `allowed` is value == _MAX_TRUST.

    `path` is the delegation from POLICY to a requester that held or, where none did, the longest one that failed;
    `granted` is the delegation that gave a value which is neither the lowest nor the highest: `path` then leads to the
    next higher one. `atoms` are the comparisons that were evaluated, those along the path first; `licensed` are some of
    those whom POLICY licenses, told where nobody who asked is among them; `values` is the scale that was asked on;
    `around` is what to draw; `elapsed_us` is 0 unless the caller measured. No passphrase is in any of it.
    """

    value: str
    allowed: bool
    generation: int
    authorizers: tuple[str, ...]
    path: tuple[Step, ...] = ()
    atoms: tuple[Atom, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    assertions: tuple[AssertionReport, ...] = ()
    elapsed_us: int = 0
    licensed: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    granted: tuple[Step, ...] = ()
    around: tuple[Delegation, ...] = ()


def to_json(decision: Decision) -> dict[str, Any]:
    """The decision as DESIGN 4.3 promises it."""
    return {
        "value": decision.value,
        "allowed": decision.allowed,
        "generation": decision.generation,
        "authorizers": list(decision.authorizers),
        "path": [_step(each) for each in decision.path],
        **({"granted": [_step(each) for each in decision.granted]} if decision.granted else {}),
        "atoms": [
            {
                "source": atom.place.source,
                "line": atom.place.line,
                "column": atom.place.column,
                "text": atom.text,
                "left": atom.left,
                "op": atom.operator,
                "right": atom.right,
                "result": atom.result,
                "missing": list(atom.missing),
                "source_line": atom.source_line,
                "assertion": atom.assertion,
                **({"error": atom.error} if atom.error else {}),
            }
            for atom in decision.atoms
        ],
        "nearest": [
            {
                "changes": [
                    {"attribute": each.attribute, "from": each.before, "to": each.after} for each in near.changes
                ],
                "value": near.value,
                **({"requesters": list(near.requesters)} if near.requesters else {}),
                **({"credential": True} if near.credential else {}),
            }
            for near in decision.nearest
        ],
        "ignored": [
            {"source": each.place.source, "line": each.place.line, "reason": each.reason}
            for each in decision.assertions
            if each.status is AssertionStatus.IGNORED
        ],
        **({"licensed": list(decision.licensed)} if decision.licensed else {}),
        "elapsed_us": decision.elapsed_us,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "source": step.place.source,
        "line": step.place.line,
        "authorizer": step.authorizer,
        "licensees": list(step.licensees),
        "conditions": step.conditions_value,
        "licensees_value": step.licensees_value,
        "held": step.held,
    }
