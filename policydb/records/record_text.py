"""A negotiation record as people read it, also those who have never seen IKE; record_json is the same for programs.

One line for lists, or the whole record: who, what for, how it ended, and what would have to change.
"""

from __future__ import annotations

from collections.abc import Sequence

from policydb.attributes import VOCABULARY
from policydb.negotiation import Comparison, Difference, NegotiationRecord, Question, Reason
from policydb.records import decision_text

_REASONS = {
    Reason.POLICY: "policy does not allow it",
    Reason.NO_TRANSFORM_MATCHED: "no offered set of algorithms is one that is configured",
    Reason.NO_PEER_CONFIGURED: "no peer is configured for this address",
    Reason.NO_SECRET: "no pre-shared key is kept for this peer",
    Reason.IDENTITY_MISMATCH: "the peer's identity is not the configured one",
    Reason.AUTHENTICATION_FAILED: "the peer did not prove who it is (wrong key or certificate)",
    Reason.PEER_REFUSED: "the peer refused",
    Reason.TIMEOUT: "the peer did not answer",
    Reason.MALFORMED: "the peer sent what cannot be read",
    Reason.LOCAL_ERROR: "something failed here",
}

_ROLES = {"initiator": "we asked (initiator)", "responder": "the peer asked (responder)"}
_EXCHANGES = {
    "main mode": "main mode: who are you, and which algorithms protect our talk",
    "quick mode": "quick mode: which traffic is protected, and how",
    "transaction": "transaction: which user (XAUTH), or which addresses (mode-config)",
}
_LABEL_WIDTH = 13


def line(record: NegotiationRecord) -> str:
    """The record in one line: number, time, outcome, peer, exchange, why."""
    peer = f"{record.peer_address} {record.peer_name}".rstrip()
    why = _why(record)
    head = f"{record.number:>6}  {record.time[:19]}  {record.outcome.value:<8}  {peer:<36}  {record.exchange}"
    return f"{head}: {why}" if why else head


def text(record: NegotiationRecord) -> str:
    """The whole record, laid out; several lines without a final newline."""
    title = f"{record.outcome.value.upper()}: {_why(record) or 'a connection is up'}"
    blocks = ["\n".join([title, "", *_facts(record)])]
    blocks += [_question(each) for each in record.questions]
    if record.comparisons:
        blocks.append(_table(record.comparisons))
        blocks.append(_nearest(record.comparisons))
    return "\n\n".join(blocks)


def _why(record: NegotiationRecord) -> str:
    reason = "" if record.reason is None else _REASONS[record.reason]
    return f"{reason} ({record.detail})" if reason and record.detail else reason or record.detail


def _facts(record: NegotiationRecord) -> list[str]:
    facts = [
        ("record", str(record.number) if record.number else ""),
        ("time", record.time),
        ("peer", " ".join(filter(None, (record.peer_address, _named("section", record.peer_name))))),
        ("peer says", f"I am {record.remote_id}" if record.remote_id else ""),
        ("user", record.user),
        ("we", " ".join(filter(None, (record.local_address, _named("as", record.local_id))))),
        ("exchange", f"{_EXCHANGES.get(record.exchange, record.exchange)}"),
        ("role", _ROLES.get(record.role, record.role)),
        ("connection", record.connection),
        ("bound by", record.bound_by),
        ("traffic", _traffic(record)),
        ("credentials", _credentials(record)),
        ("generation", f"{record.generation} of policy and configuration" if record.generation else ""),
    ]
    return [f"  {label:<{_LABEL_WIDTH}}{value}" for label, value in facts if value]


def _named(word: str, name: str) -> str:
    return f"({word} {name})" if name else ""


def _traffic(record: NegotiationRecord) -> str:
    if not (record.local_filter or record.remote_filter):
        return ""
    return f"{record.local_filter or 'any'} here <-> {record.remote_filter or 'any'} there"


def _credentials(record: NegotiationRecord) -> str:
    """Where what the peer brought along came from."""
    return ", ".join(dict.fromkeys(each.source for each in record.credentials))


def _question(question: Question) -> str:
    told = decision_text.render(question.decision, VOCABULARY)
    return "\n".join([f"offered: {question.proposal}", *(f"  {each}".rstrip() for each in told.splitlines())])


# --- offered against configured -----------------------------------------------------------------------------------


def _table(comparisons: Sequence[Comparison]) -> str:
    """A row a pair of transforms, a column an attribute that differs somewhere; `!` marks what does not fit."""
    from tabulate import tabulate  # only where there is a table

    names = list(dict.fromkeys(each.attribute for one in comparisons for each in one.differences))
    rows = []
    for one in comparisons:
        differing = {each.attribute: each for each in one.differences}
        cells = [_cell(differing[name]) if name in differing else "same" for name in names]
        rows.append([one.offered, one.configured, *cells])
    table: str = tabulate(rows, ["offered", "configured here", *names], tablefmt="simple", disable_numparse=True)
    legend = 'each cell: "same", or ! offered / configured'
    return "\n".join([*(f"  {each}".rstrip() for each in table.splitlines()), f"  {legend}"])


def _cell(difference: Difference) -> str:
    return f"! {_said(difference.offered)} / {_said(difference.configured)}"


def _said(value: str | None) -> str:
    return "(none)" if value is None else value


def _nearest(comparisons: Sequence[Comparison]) -> str:
    """What to change so that the pair with the fewest differences fits."""
    nearest = min(comparisons, key=lambda each: len(each.differences))
    if not nearest.differences:
        return f"{nearest.offered} fits {nearest.configured}"
    theirs = f"let the peer {', '.join(_offer(each) for each in nearest.differences)}"
    if all(each.configured is None for each in nearest.differences):
        return f"to accept: {theirs}"
    ours = ", ".join(_change(each) for each in nearest.differences)
    return f"to accept: in {nearest.configured} {ours}; or {theirs}"


def _change(difference: Difference) -> str:
    if difference.offered is None:
        return f"leave out {difference.attribute}"
    before = "" if difference.configured is None else f"from {difference.configured} "
    return f"change {difference.attribute} {before}to {difference.offered}"


def _offer(difference: Difference) -> str:
    if difference.configured is None:
        return f"leave out {difference.attribute} {_said(difference.offered)}"
    return f"offer {difference.attribute} {difference.configured}"
