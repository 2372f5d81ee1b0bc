"""One negotiation's outcome as one record: who, what was offered, what decided, what would have been accepted.

The daemon makes these records, the decision log keeps them, `policydb log` and `policydb explain` print them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policydb.decision import Decision


class Outcome(StrEnum):
    """How a negotiation ended. REFUSED: somebody said no, here or there; FAILED: it broke off for another reason."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "failed"


class Reason(StrEnum):
    """Why: stable words for scripts and metrics."""

    POLICY = "policy"
    NO_TRANSFORM_MATCHED = "no-transform-matched"
    NO_PEER_CONFIGURED = "no-peer-configured"
    NO_SECRET = "no-secret"  # noqa: S105 - a reason's name
    IDENTITY_MISMATCH = "identity-mismatch"
    AUTHENTICATION_FAILED = "authentication-failed"
    PEER_REFUSED = "peer-refused"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    LOCAL_ERROR = "local-error"


@dataclass(frozen=True, slots=True)
class Difference:
    """One attribute of an offered transform that differs from a configured one; None where a side lacks it."""

    attribute: str
    offered: str | None
    configured: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One offered transform held against one configured: no differences means they match."""

    offered: str
    configured: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What the policy was asked about one proposal, kept so that it can be asked again, and what it answered."""

    proposal: str
    authorizers: tuple[str, ...]
    attributes: Mapping[str, str]
    decision: Decision


@dataclass(frozen=True, slots=True)
class Credential:
    """An assertion that a peer's certificates and credentials have brought into its session; they were verified then.

    `text` stood in `source` at `line`; a passphrase in it is a digest.
    """

    source: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class NegotiationRecord:
    """One phase 1 or quick mode, from the point of view of this daemon.

    `time` is UTC, ISO 8601; addresses are `host:port`; identities as isakmpd prints them. `authorizers` in `questions`
    hold no secret: a passphrase appears as its digests only. `credentials` counted beside the policy for those
    questions. `user` is whom XAUTH has proved at the other end. `bound_by` names the connections in or across whose
    traffic this one is, besides `connection`: their suites had to agree. `number` is 0 until the log has given it one.
    """

    time: str
    outcome: Outcome
    exchange: str
    role: str
    peer_address: str
    local_address: str
    generation: int
    reason: Reason | None = None
    detail: str = ""
    peer_name: str = ""
    connection: str = ""
    local_id: str = ""
    remote_id: str = ""
    local_filter: str = ""
    remote_filter: str = ""
    questions: tuple[Question, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    user: str = ""
    credentials: tuple[Credential, ...] = ()
    bound_by: str = ""
    number: int = 0
