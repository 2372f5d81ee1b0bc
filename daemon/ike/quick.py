"""Quick mode (RFC 2409 section 5.5): the three messages that negotiate IPsec SAs, as a table.

    Initiator                                  Responder
    HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]  -->
                                <--    HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
    HDR*, HASH(3)               -->

Our inbound SPI is needed before the message that carries it, and the SAs stand in the kernel before message 3 promises
them. HASH is verified first, so whatever else is wrong ends the exchange beyond doubt.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from daemon.ike import lifetimes, natt
from daemon.ike.acceptance import (
    Accepted,
    Filters,
    Setting,
    bound_by_configuration,
    choose,
    confirm,
    refuse_unknown,
)
from daemon.ike.algorithms import dh, keys
from daemon.ike.errors import (
    InvalidHashInformation,
    InvalidIdInformation,
    LocalError,
    NoProposalChosen,
)
from daemon.ike.events import Path, SecurityAssociation
from daemon.ike.exchange import (
    Exchange,
    Need,
    NegotiationFailed,
    Retransmission,
    Role,
    Script,
    Step,
    Subject,
    Tools,
    beyond_doubt,
    known,
)
from daemon.ike.keying import Keying, make_sas, soft_share
from daemon.ike.messages.payloads import (
    Hash,
    Identification,
    KeyExchange,
    Message,
    NatOriginalAddress,
    Nonce,
    Notify,
    Payload,
    SaPayload,
    encode_payloads,
)
from daemon.ike.messages.proposals import IpsecProposal, check_quick_reply, quick_group, quick_offer, quick_proposals
from daemon.ike.phase1 import NONCE_LENGTH
from daemon.ike.records import printed
from daemon.ike.registries import Encapsulation, ExchangeType, Group, PayloadType, Protocol
from daemon.ike.sa import IsakmpSa
from daemon.ike.trust import identities
from policydb.connections import Bound, Connection, IpsecTransform, Suite
from policydb.negotiation import Question, Reason


@dataclass(frozen=True, slots=True)
class QuickMode:
    """What a quick mode has gathered. `spis` are our inbound ones; `ids` are IDci and IDcr, None: none were sent.

    `offer` is what the initiator offered, `proposal` the part agreed on, with the peer's SPIs, `suite` the one of ours
    that it matches; `nat_original` is the peer's address behind its NAT, in print; `own_lives` are lifetimes that the
    offer left open and we filled in; `sas` is what the kernel was asked to install. As responder `bound` says whose
    suites an offer has to match, and which connection among them, if any, it is for.
    """

    isakmp: IsakmpSa = field(repr=False)
    connection: Connection | None = None
    bound: Bound = field(default_factory=Bound)
    spis: Mapping[Protocol, int] = field(default_factory=dict)
    offer: SaPayload | None = None
    proposal: IpsecProposal | None = None
    suite: Suite | None = None
    pair: dh.KeyPair | None = field(default=None, repr=False, compare=False)
    public: bytes = b""
    shared: bytes = field(default=b"", repr=False)
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    ids: tuple[Identification, Identification] | None = None
    filters: Filters | None = None
    questions: tuple[Question, ...] = ()
    nat_original: str = ""
    own_lives: Mapping[Protocol, int] = field(default_factory=dict)
    sas: tuple[SecurityAssociation, ...] = ()

    def subject(self) -> Subject:
        """For records and logs."""
        return Subject(
            peer_name=self.isakmp.name,
            connection=self.connection.name if self.connection else "",
            bound_by=tuple(each.name for each in self.bound.by if each is not self.connection),
            local_id=printed(self.isakmp.local_id),
            remote_id=printed(self.isakmp.remote_id),
            local_filter=str(self.filters.local) if self.filters else "",
            remote_filter=str(self.filters.remote) if self.filters else "",
            user=self.isakmp.user,
            credentials=self.isakmp.credentials,
        )


QuickExchange = Exchange[QuickMode]


def begin(isakmp: IsakmpSa, connection: Connection) -> QuickMode:
    """The state of a quick mode that we start for a connection. Raises LocalError where there is nothing to offer."""
    protocols = [protocol for each in connection.suites for protocol in each.protocols]
    if not protocols or not all(each.transforms for each in protocols):
        raise LocalError("a suite without protocols or transforms cannot be offered")
    if connection.local_identity is None or connection.remote_identity is None:
        return QuickMode(isakmp, connection, filters=_hosts(isakmp.path))
    local = connection.local_identity
    if local.unspecified:
        if isakmp.assigned is None:
            raise LocalError("mode-config has given us no address")
        assigned = identities.of_address(isakmp.assigned)
        local = replace(assigned, protocol=local.protocol, port=local.port)
    ids = identities.to_payload(local), identities.to_payload(connection.remote_identity)
    try:
        identities.traffic(*ids)
    except InvalidIdInformation as error:
        raise LocalError(str(error)) from error
    return QuickMode(isakmp, connection, ids=ids, filters=Filters(local, connection.remote_identity))


def wanted_protocols(exchange: QuickExchange) -> tuple[Protocol, ...]:
    """The protocols for which an SPI of ours is still missing."""
    state = exchange.state
    if state.proposal is not None:
        protocols = [each.protocol for each in state.proposal.protocols]
    else:
        suites = known(state.connection).suites
        protocols = [Protocol.from_text(each.protocol_id) for suite in suites for each in suite.protocols]
    return tuple(each for each in dict.fromkeys(protocols) if each not in state.spis)


def with_spi(exchange: QuickExchange, protocol: Protocol, spi: int) -> QuickExchange:
    """The exchange with one more SPI; the need is met when none is missing."""
    following = replace(exchange, state=replace(exchange.state, spis={**exchange.state.spis, protocol: spi}))
    if wanted_protocols(following):
        return following
    return replace(following, granted=following.granted | {Need.SPI})


def initiator_spi(exchange: QuickExchange) -> tuple[Protocol, bytes]:
    """What names a quick mode in notifications: the first SPI of its initiator (RFC 2408 section 3.14)."""
    state = exchange.state
    if exchange.role is Role.INITIATOR:
        return next(iter(_spi_octets(state).items()), (Protocol.IPSEC_ESP, b""))
    proposals = state.offer.proposals if state.offer else ()
    return (proposals[0].protocol, proposals[0].spi) if proposals else (Protocol.IPSEC_ESP, b"")


def security_associations(exchange: QuickExchange, tools: Tools) -> tuple[SecurityAssociation, ...]:
    """What the kernel is to install: both directions of each protocol."""
    state = exchange.state
    keying = Keying(
        keys=state.isakmp.keys,
        nonce_i=state.nonce_i,
        nonce_r=state.nonce_r,
        shared=state.shared,
        path=exchange.path,
        filters=known(state.filters),
        suite=state.suite,
        connection=exchange.name,
        acquire=state.connection.acquire if state.connection else None,
        nat_original=state.nat_original if _behind_nat(state.isakmp) else "",
        soft_share=soft_share(tools.surroundings.random),
    )
    made = (make_sas(keying, each, state.spis[each.protocol]) for each in known(state.proposal).protocols)
    return tuple(sa for pair in made for sa in pair)


def _hosts(path: Path) -> Filters:
    """The traffic between the negotiating addresses: what is meant where no identities are sent."""
    return Filters(*(identities.of_address(ip_address(each.address)) for each in (path.local, path.remote)))


# --- message 1 ----------------------------------------------------------------------------------------------------


def send_offer(exchange: QuickExchange, tools: Tools) -> tuple[QuickExchange, tuple[Payload, ...]]:
    """Message 1: every suite of the connection."""
    state = exchange.state
    version = state.isakmp.version
    offer = quick_offer(
        known(state.connection).suites,
        _spi_octets(state),
        natt=_behind_nat(state.isakmp),
        draft=version is not None and version.nat_d == PayloadType.NAT_D_DRAFT,
    )
    nonce = tools.surroundings.random(NONCE_LENGTH)
    pair = _key_pair(quick_group(known(state.connection).suites), tools)
    following = replace(exchange, state=replace(state, offer=offer, nonce_i=nonce, pair=pair))
    transport = any(each.encapsulation == "TRANSPORT" for each in _transforms(known(state.connection)))
    addresses = _original_addresses(exchange) if transport else ()
    rest = (offer, Nonce(nonce), *_key_payload(pair), *(state.ids or ()), *addresses)
    hash1 = keys.quick_hash1(state.isakmp.keys, exchange.message_id, encode_payloads(rest)[1])
    return following, (Hash(hash1), *rest)


def receive_offer(exchange: QuickExchange, message: Message, tools: Tools) -> QuickExchange:
    """Message 1: HASH, identities, connection, then suites and policy for each proposal."""
    state = exchange.state
    _verify(keys.quick_hash1(state.isakmp.keys, exchange.message_id, _after_hash(message)), message)
    with beyond_doubt(exchange, Reason.IDENTITY_MISMATCH):
        following = _identify(exchange, message)
    with beyond_doubt(following, Reason.MALFORMED):
        refuse_unknown(following.oracle, following.state.connection, known(following.state.filters))
        offer = quick_proposals(known(following.state.offer), natt=_behind_nat(state.isakmp))
        accepted = choose(_setting(following, tools), offer, bool(following.state.public), following.state.bound)
    return _accepted(following, accepted)


def _identify(exchange: QuickExchange, message: Message) -> QuickExchange:
    """The nonce, public value and identities of message 1, and the connections that they concern."""
    ids = _id_pair(message)
    filters = hosts = _hosts(exchange.path)
    if ids is not None:
        filters = Filters(*identities.traffic(ids[1], ids[0]))
    bound = bound_by_configuration(exchange.oracle, exchange.state.isakmp, filters, hosts)
    connection = bound.connection
    state = replace(
        exchange.state,
        connection=connection,
        bound=bound,
        offer=message.all(SaPayload)[0],
        nonce_i=message.all(Nonce)[0].data,
        public=_public_value(message),
        ids=ids,
        filters=filters,
        nat_original=natt.original_of_peer(message.all(NatOriginalAddress), initiator=False),
    )
    return replace(exchange, name=connection.name if connection else "", state=state)


# --- message 2 ----------------------------------------------------------------------------------------------------


def send_choice(exchange: QuickExchange, tools: Tools) -> tuple[QuickExchange, tuple[Payload, ...]]:
    """Message 2: the proposal taken, under our own SPIs."""
    state = exchange.state
    proposal = known(state.proposal)
    pair = _key_pair(proposal.group, tools)
    shared = pair.shared(state.public) if pair else b""
    nonce = tools.surroundings.random(len(state.nonce_i))
    following = replace(exchange, state=replace(state, nonce_r=nonce, shared=shared, public=b""))
    spis = _spi_octets(state)
    notes = lifetimes.announcements(state.own_lives, spis)
    rest = (proposal.reply(spis), Nonce(nonce), *_key_payload(pair), *(state.ids or ()), *notes)
    if any(each.mode is Encapsulation.TRANSPORT for each in proposal.protocols):
        rest += _original_addresses(exchange)
    hash2 = keys.quick_hash2(state.isakmp.keys, exchange.message_id, state.nonce_i, encode_payloads(rest)[1])
    return following, (Hash(hash2), *rest)


def receive_choice(exchange: QuickExchange, message: Message, tools: Tools) -> QuickExchange:
    """Message 2: HASH, the same identities, one of our proposals, the same PFS; then policy."""
    state = exchange.state
    _verify(keys.quick_hash2(state.isakmp.keys, exchange.message_id, state.nonce_i, _after_hash(message)), message)
    with beyond_doubt(exchange, Reason.MALFORMED):
        if not _same_identities(exchange, _id_pair(message)):
            error = InvalidIdInformation("initiator_recv_HASH_SA_NONCE: the responder returned other identities")
            raise NegotiationFailed(error, Reason.IDENTITY_MISMATCH)
        proposal = check_quick_reply(known(state.offer), message.all(SaPayload)[0])
        public = _public_value(message)
        if bool(public) is not (proposal.group is not None) or bool(public) is not (state.pair is not None):
            raise NoProposalChosen("initiator_recv_HASH_SA_NONCE: disagreement on PFS")
        shared = state.pair.shared(public) if state.pair else b""
        accepted = confirm(_setting(exchange, tools), proposal, message.all(Notify), known(state.connection))
    following = _accepted(exchange, accepted)
    nonce = message.all(Nonce)[0].data
    original = natt.original_of_peer(message.all(NatOriginalAddress), initiator=True)
    state = replace(following.state, nonce_r=nonce, shared=shared, pair=None, nat_original=original)
    return replace(following, state=state)


def _same_identities(exchange: QuickExchange, answered: tuple[Identification, Identification] | None) -> bool:
    """Our traffic came back, in whatever way of writing it (RFC 2409 section 5.5).

    Where we sent no identities, the two addresses are meant, whether said or not.
    """
    if answered is None:
        return exchange.state.ids is None
    local, remote = map(identities.from_payload, answered)
    return known(exchange.state.filters).mean(Filters(local, remote))


# --- message 3 ----------------------------------------------------------------------------------------------------


def send_proof(exchange: QuickExchange, tools: Tools) -> tuple[QuickExchange, tuple[Payload, ...]]:
    """Message 3: proof that we received message 2."""
    del tools
    return exchange, (Hash(_hash3(exchange)),)


def receive_proof(exchange: QuickExchange, message: Message, tools: Tools) -> QuickExchange:
    """Message 3: the initiator is alive and the exchange no replay."""
    del tools
    _verify(_hash3(exchange), message)
    return exchange


def _hash3(exchange: QuickExchange) -> bytes:
    state = exchange.state
    return keys.quick_hash3(state.isakmp.keys, exchange.message_id, state.nonce_i, state.nonce_r)


# --- shared -------------------------------------------------------------------------------------------------------


def _verify(expected: bytes, message: Message) -> None:
    if not hmac.compare_digest(expected, message.all(Hash)[0].data):
        raise InvalidHashInformation("message_validate_hash: HASH does not verify")


def _after_hash(message: Message) -> bytes:
    """What the HASH covers: everything behind it (payloads encode to the octets they came from)."""
    return encode_payloads(message.payloads[1:])[1]


def _accepted(exchange: QuickExchange, accepted: Accepted) -> QuickExchange:
    state = replace(
        exchange.state,
        proposal=accepted.proposal,
        suite=accepted.suite,
        questions=accepted.questions,
        own_lives=accepted.own_lives,
    )
    return replace(exchange, state=state)


def _setting(exchange: QuickExchange, tools: Tools) -> Setting:
    return Setting(
        oracle=exchange.oracle,
        isakmp=exchange.state.isakmp,
        path=exchange.path,
        filters=known(exchange.state.filters),
        initiator=exchange.role is Role.INITIATOR,
        now=tools.surroundings.wall_clock(),
    )


def _id_pair(message: Message) -> tuple[Identification, Identification] | None:
    """IDci and IDcr, both or neither."""
    found = message.all(Identification)
    if not found:
        return None
    if len(found) != 2:
        raise InvalidIdInformation("message_validate_id: one quick mode identity without the other")
    return found[0], found[1]


def _public_value(message: Message) -> bytes:
    found = message.all(KeyExchange)
    return found[0].data if found else b""


def _key_pair(group: Group | None, tools: Tools) -> dh.KeyPair | None:
    return dh.generate(group, tools.surroundings.random) if group is not None else None


def _key_payload(pair: dh.KeyPair | None) -> tuple[KeyExchange, ...]:
    return (KeyExchange(pair.public),) if pair else ()


def _spi_octets(state: QuickMode) -> dict[Protocol, bytes]:
    return {protocol: spi.to_bytes(4) for protocol, spi in state.spis.items()}


def _transforms(connection: Connection) -> tuple[IpsecTransform, ...]:
    return tuple(each for suite in connection.suites for protocol in suite.protocols for each in protocol.transforms)


def _original_addresses(exchange: QuickExchange) -> tuple[Payload, ...]:
    """NAT-OA, where there is a NAT to be told of."""
    isakmp = exchange.state.isakmp
    if not _behind_nat(isakmp) or isakmp.version is None:
        return ()
    return natt.original_addresses(exchange.path, initiator=exchange.role is Role.INITIATOR, version=isakmp.version)


def _behind_nat(isakmp: IsakmpSa) -> bool:
    """Whether ESP has to travel in UDP."""
    return isakmp.nat is not None and isakmp.nat.any


# --- the table ----------------------------------------------------------------------------------------------------

_NEGOTIATION = {PayloadType.HASH: 1, PayloadType.SA: 1, PayloadType.NONCE: 1}
_EXTRAS = {
    PayloadType.KEY_EXCH: 1,
    PayloadType.ID: 2,
    PayloadType.NOTIFY: 4,
    PayloadType.NAT_OA: 2,
    PayloadType.NAT_OA_DRAFT: 2,
    PayloadType.VENDOR: 8,
}
_HASH_SA = (PayloadType.HASH, PayloadType.SA)
_HASH = (PayloadType.HASH,)
_PROOF = {PayloadType.HASH: 1}
_EXTRAS_3 = {PayloadType.NOTIFY: 4, PayloadType.VENDOR: 8}

_I, _R = Role.INITIATOR, Role.RESPONDER
_TIMER, _DUPLICATE = Retransmission.TIMER, Retransmission.DUPLICATE
_SPI, _INSTALLED = Need.SPI, Need.INSTALLED
_SECTION = "RFC 2409 section 5.5, message"

QUICK_MODE: Script[QuickMode] = Script(
    ExchangeType.QUICK_MODE,
    "quick mode",
    (
        Step(f"{_SECTION} 1", _I, _HASH_SA, _NEGOTIATION, _EXTRAS, True, receive_offer, send_offer, _TIMER, _SPI),
        Step(f"{_SECTION} 2", _R, _HASH_SA, _NEGOTIATION, _EXTRAS, True, receive_choice, send_choice, _TIMER, _SPI),
        Step(f"{_SECTION} 3", _I, _HASH, _PROOF, _EXTRAS_3, True, receive_proof, send_proof, _DUPLICATE, _INSTALLED),
    ),
)
