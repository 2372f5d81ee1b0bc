"""Which proposal of a quick mode is taken: the suites of the connections whose traffic it is, and always policy.

isakmpd asks policy alone as responder; here a connection for this traffic must agree as well (its suites), so that
neither file silently widens the other. Where no connection is for exactly this traffic, all that have a packet in
common with it must agree (docs/decisions/0012-traffic.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_address

from daemon.ike import lifetimes, policy
from daemon.ike.errors import InvalidIdInformation, NoProposalChosen
from daemon.ike.events import Path
from daemon.ike.exchange import NegotiationFailed
from daemon.ike.messages.payloads import Notify
from daemon.ike.messages.proposals import MAX_COMPARISONS, IpsecProposal, QuickOffer, match_suites
from daemon.ike.records import brief, question
from daemon.ike.registries import Protocol
from daemon.ike.sa import IsakmpSa
from daemon.ike.surroundings import Oracle
from daemon.ike.trust import identities
from policydb.connections import Bound, Connection, Identity, Suite
from policydb.negotiation import Comparison, Difference, Question, Reason
from policydb.request import Request
from policydb.traffic import Flow

EXPLAINED = 4
"""How many refused proposals of one quick mode are explained: each costs milliseconds, and a peer may send hundreds."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The traffic of a quick mode, seen from here."""

    local: Identity
    remote: Identity

    @property
    def flow(self) -> Flow:
        """The packets that are meant."""
        return self.local.traffic, self.remote.traffic

    def mean(self, other: Filters) -> bool:
        """Whether both are the same traffic, however it is written."""
        return self.local.means(other.local) and self.remote.means(other.remote)


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything but the proposal that policy is told about."""

    oracle: Oracle
    isakmp: IsakmpSa
    path: Path
    filters: Filters
    initiator: bool
    now: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The proposal taken, the suite of ours that it matches (None: no connection bound it) and what policy answered.

    `proposal` is what policy was asked about and what the SAs are made of: nothing in it is left open. `own_lives` are
    the seconds in it that the offer left open and we filled in.
    """

    proposal: IpsecProposal
    suite: Suite | None
    questions: tuple[Question, ...]
    own_lives: Mapping[Protocol, int] = field(default_factory=dict)


def ask(setting: Setting, proposal: IpsecProposal) -> Request:
    """The request for one proposal (isakmpd.policy(5), action attributes)."""
    facts = policy.NegotiationFacts(
        initiator=setting.initiator,
        phase1_exchange=setting.isakmp.exchange_type,
        phase1_group=setting.isakmp.group,
        proposal=proposal,
        remote_id=identities.from_payload(setting.isakmp.remote_id),
        remote_filter=setting.filters.remote,
        local_filter=setting.filters.local,
        remote_address=ip_address(setting.path.remote.address),
        local_address=ip_address(setting.path.local.address),
        now=setting.now,
    )
    return Request(setting.isakmp.authorizers, policy.action_attributes(facts))


def choose(setting: Setting, offer: QuickOffer, with_key: bool, bound: Bound) -> Accepted:
    """As responder: the peer's first proposal that policy takes, and every connection by which it is bound.

    Raises NegotiationFailed with the comparisons, and with the first questions that policy answered no to.
    """
    comparisons: list[Comparison] = list(offer.unsupported)
    refused: list[tuple[IpsecProposal, Request]] = []
    binding = _different(bound.by)
    for proposal in offer.proposals:
        if (proposal.group is not None) is not with_key:
            comparisons.append(_without_key(proposal, with_key))
            continue
        suite, differing = _matched(proposal, bound.connection, binding)
        if differing is not None:
            comparisons.extend(differing)
            continue
        # Several connections may want different lifetimes: what all of them accept is left as it is.
        settled, own_lives = lifetimes.filled_in(proposal, suite if len(binding) == 1 else None)
        request = ask(setting, settled)
        if _allows(setting, request):
            return Accepted(settled, suite, _yes(setting, settled, request), own_lives)
        refused.append((settled, request))
    raise _refusal(setting.oracle, refused, tuple(comparisons[:MAX_COMPARISONS]), bound)


def confirm(setting: Setting, proposal: IpsecProposal, notes: Iterable[Notify], connection: Connection) -> Accepted:
    """As initiator: the responder's choice, which is one of our own offers, with its lifetimes, held against policy."""
    suite = match_suites(proposal, connection.suites).suite
    settled, _ = lifetimes.filled_in(lifetimes.heeded(proposal, notes), None)
    request = ask(setting, settled)
    if _allows(setting, request):
        return Accepted(settled, suite, _yes(setting, settled, request))
    raise NegotiationFailed(
        NoProposalChosen("initiator_recv_HASH_SA_NONCE: policy check failed"),
        Reason.POLICY,
        questions=_explained(setting.oracle, [(settled, request)]),
    )


def _allows(setting: Setting, request: Request) -> bool:
    """Policy's answer; without policy (-K) everything that is configured is allowed."""
    return not setting.oracle.configuration.general.use_keynote or setting.oracle.allows(request)


def _yes(setting: Setting, settled: IpsecProposal, request: Request) -> tuple[Question, ...]:
    """What policy said yes to, for the record; nothing where it was not asked."""
    if not setting.oracle.configuration.general.use_keynote:
        return ()
    return (question(str(settled), request, brief(request, setting.oracle.generation)),)


def _different(connections: Iterable[Connection]) -> tuple[Connection, ...]:
    """Of connections with the same suites the first: a wide offer may meet thousands, and they are asked once."""
    return tuple({tuple(map(id, each.suites)): each for each in reversed(tuple(connections))}.values())[::-1]


def _matched(
    proposal: IpsecProposal, named: Connection | None, binding: Iterable[Connection]
) -> tuple[Suite | None, tuple[Comparison, ...] | None]:
    """The suite of the first connection, and None; or what keeps the proposal from matching one of the connections."""
    suite = None
    for connection in binding:
        match = match_suites(proposal, connection.suites)
        if match.suite is None:
            if connection is named:
                return None, match.comparisons
            owner = f"of [{connection.name}]"
            return None, tuple(replace(each, configured=f"{each.configured} {owner}") for each in match.comparisons)
        suite = suite or match.suite
    return suite, None


def _without_key(proposal: IpsecProposal, with_key: bool) -> Comparison:
    """A group without a KEY_EXCH payload, or the other way round (RFC 2409 section 5.5)."""
    group = str(proposal.group) if proposal.group is not None else None
    present = "KEY_EXCH payload" if with_key else None
    return Comparison(str(proposal), "the rest of the message", (Difference("group", group, present),))


def _refusal(
    oracle: Oracle,
    refused: list[tuple[IpsecProposal, Request]],
    comparisons: tuple[Comparison, ...],
    bound: Bound,
) -> NegotiationFailed:
    """Refused by policy if policy was asked at all, else nothing matched."""
    if refused:
        more = f" (the first {EXPLAINED} of {len(refused)} proposals)" if len(refused) > EXPLAINED else ""
        return NegotiationFailed(
            NoProposalChosen(f"check_policy: negotiated SA failed policy check{more}", comparisons),
            Reason.POLICY,
            questions=_explained(oracle, refused[:EXPLAINED]),
            comparisons=comparisons,
        )
    touched = bound.by and not bound.connection
    binding = f" that [{bound.by[0].name}] accepts, whose traffic this touches" if touched else ""
    return NegotiationFailed(
        NoProposalChosen(f"message_negotiate_sa: no compatible proposal found{binding}", comparisons),
        Reason.NO_TRANSFORM_MATCHED,
        comparisons=comparisons,
    )


def _explained(oracle: Oracle, refused: list[tuple[IpsecProposal, Request]]) -> tuple[Question, ...]:
    return tuple(question(str(proposal), request, oracle.explain(request)) for proposal, request in refused)


# --- which connection an incoming quick mode belongs to (isakmpd.conf(5), Passive-connections) --------------------


def bound_by_configuration(oracle: Oracle, isakmp: IsakmpSa, filters: Filters, hosts: Filters) -> Bound:
    """The connection that answers to this traffic, and those whose suites bind it; none: policy alone decides.

    `hosts` are the identities of the two negotiating addresses.
    """
    find = oracle.configuration.bound
    return find(isakmp.name, filters.local, filters.remote, hosts=hosts.flow, assigned=isakmp.assigned)


def refuse_unknown(oracle: Oracle, connection: Connection | None, filters: Filters) -> None:
    """As responder without a policy (-K): identities that no connection has are refused. Raises NegotiationFailed."""
    if connection is not None or oracle.configuration.general.use_keynote:
        return
    raise NegotiationFailed(
        InvalidIdInformation(
            "responder_recv_HASH_SA_NONCE: peer proposed invalid phase 2 IDs: "
            f"initiator id {filters.remote}, responder id {filters.local}"
        ),
        Reason.IDENTITY_MISMATCH,
    )
