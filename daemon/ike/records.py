"""How a negotiation ended, as one NegotiationRecord: for the decision log, `policydb log` and `policydb explain`.

Records outlive the daemon, so no secret enters them: a passphrase principal is kept as its digests only.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from daemon.ike.errors import ProtocolError
from daemon.ike.exchange import AnyExchange
from daemon.ike.messages.payloads import Identification
from daemon.ike.policy import PASSPHRASE
from daemon.ike.trust import identities
from policydb.decision import Decision
from policydb.graph import CompiledAssertion
from policydb.negotiation import Comparison, Credential, NegotiationRecord, Outcome, Question, Reason
from policydb.request import Request
from policydb.secrecy import seal_policy

_MOST_NAMES = 8


def make_record(
    exchange: AnyExchange,
    outcome: Outcome,
    wall: datetime,
    *,
    reason: Reason | None = None,
    detail: str = "",
    questions: tuple[Question, ...] = (),
    comparisons: tuple[Comparison, ...] = (),
) -> NegotiationRecord:
    """The record of one exchange; `wall` is an aware time."""
    subject = exchange.state.subject()
    return NegotiationRecord(
        time=timestamp(wall),
        outcome=outcome,
        exchange=exchange.script.title,
        role=str(exchange.role),
        peer_address=str(exchange.path.remote),
        local_address=str(exchange.path.local),
        generation=exchange.oracle.generation,
        reason=reason,
        detail=detail,
        peer_name=subject.peer_name,
        connection=subject.connection,
        local_id=subject.local_id,
        remote_id=subject.remote_id,
        local_filter=subject.local_filter,
        remote_filter=subject.remote_filter,
        user=subject.user,
        bound_by=listed(subject.bound_by),
        questions=questions,
        credentials=tuple(map(_kept, subject.credentials)) if questions else (),
        comparisons=comparisons,
    )


def listed(names: tuple[str, ...]) -> str:
    """Names of connections in print, of many the first."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _kept(assertion: CompiledAssertion) -> Credential:
    """An assertion so that it can be asked again; no passphrase is in it."""
    return Credential(assertion.place.source, assertion.place.line, seal_policy(assertion.text))


def printed(identity: Identification | None) -> str:
    """An identity as logs show it (isakmpd's printed form), "" for none yet."""
    if identity is None:
        return ""
    try:
        return str(identities.from_payload(identity))
    except ProtocolError:
        return f"<type {int(identity.type)}>"


def timestamp(wall: datetime) -> str:
    """UTC, ISO 8601, to the millisecond."""
    return wall.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def question(proposal: str, request: Request, decision: Decision) -> Question:
    """What was asked about one proposal and the answer, fit to be kept."""
    return Question(
        proposal=proposal,
        authorizers=without_secrets(request.authorizers),
        attributes=dict(request.attributes),
        decision=scrub(decision, request.authorizers),
    )


def brief(request: Request, generation: int) -> Decision:
    """A positive answer of which only the value was asked for."""
    return Decision(request.values[-1], True, generation, without_secrets(request.authorizers))


def without_secrets(principals: tuple[str, ...]) -> tuple[str, ...]:
    """The principals that hold no key in the clear."""
    return tuple(each for each in principals if not each.startswith(PASSPHRASE))


def scrub(decision: Decision, authorizers: tuple[str, ...]) -> Decision:
    """The decision with every trace of the requester's passphrase replaced by `passphrase:***`."""
    secrets = [each for each in authorizers if each.startswith(PASSPHRASE)]

    def clean(text: str) -> str:
        for each in secrets:
            text = text.replace(each, f"{PASSPHRASE}***")
        return text

    return replace(
        decision,
        authorizers=without_secrets(decision.authorizers),
        path=tuple(
            replace(step, authorizer=clean(step.authorizer), licensees=tuple(clean(each) for each in step.licensees))
            for step in decision.path
        ),
        atoms=tuple(
            replace(atom, text=clean(atom.text), left=clean(atom.left), right=clean(atom.right))
            for atom in decision.atoms
        ),
    )
