"""Main mode with a pre-shared key (RFC 2409 section 5.4): the six messages of phase 1 as a table.

    Initiator                          Responder
    HDR, SA                     -->
                                <--    HDR, SA
    HDR, KE, Ni                 -->
                                <--    HDR, KE, Nr
    HDR*, IDii, HASH_I          -->
                                <--    HDR*, IDir, HASH_R

Vendor IDs travel in messages 1 and 2, NAT-D payloads in 3 and 4 (RFC 3947). Until HASH_I or HASH_R is verified nothing
in here is beyond doubt, so such messages are only dropped; what opens an exchange, or was verified, can end it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_address

from daemon.ike import crypto, dh, identities, keys, natt, vendor
from daemon.ike.errors import (
    InvalidHashInformation,
    InvalidIdInformation,
    InvalidKeyInformation,
    NoProposalChosen,
    Silent,
)
from daemon.ike.exchange import (
    Exchange,
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
from daemon.ike.natt import NatFound, NatVersion
from daemon.ike.payloads import (
    Hash,
    Identification,
    KeyExchange,
    Message,
    NatDiscovery,
    Nonce,
    Notify,
    Payload,
    SaPayload,
    VendorId,
)
from daemon.ike.proposals import IkeParameters, check_phase1_reply, choose_phase1, phase1_offer
from daemon.ike.records import printed
from daemon.ike.registries import ExchangeType, Notification, PayloadType, Protocol
from daemon.ike.vendor import Vendor
from policydb.connections import Peer
from policydb.negotiation import Reason

NONCE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class MainMode:
    """What main mode has gathered. `offer` is the initiator's SA payload, whose body both HASHes cover (SAi_b).

    `first_contact`: we have not met this peer since the start, so we say INITIAL-CONTACT; `told_first_contact`: the
    peer said so, believed only once its HASH is verified.
    """

    peer: Peer | None = None
    secret: bytes = field(default=b"", repr=False)
    offer: SaPayload | None = None
    reply: SaPayload | None = None
    parameters: IkeParameters | None = None
    vendors: frozenset[Vendor] = frozenset()
    version: NatVersion | None = None
    nat: NatFound | None = None
    pair: dh.KeyPair | None = field(default=None, repr=False, compare=False)
    public_i: bytes = b""
    public_r: bytes = b""
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    keys: keys.Phase1Keys | None = field(default=None, repr=False)
    local_id: Identification | None = None
    remote_id: Identification | None = None
    first_contact: bool = False
    told_first_contact: bool = False

    def subject(self) -> Subject:
        """For records and logs."""
        return Subject(
            peer_name=self.peer.name if self.peer else "",
            local_id=printed(self.local_id),
            remote_id=printed(self.remote_id),
        )


MainExchange = Exchange[MainMode]


# --- messages 1 and 2: SA ------------------------------------------------------------------------------------------


def _set_up(exchange: MainExchange, tools: Tools) -> MainExchange:
    """The peer's section and secret. Raises NegotiationFailed where there is none: nobody is expected here."""
    peer = exchange.state.peer or exchange.oracle.configuration.peer_at(ip_address(exchange.path.remote.address))
    if peer is None:
        unexpected = Silent('exchange_setup_p1: no "Default" tag in [Phase 1] section')
        raise NegotiationFailed(unexpected, Reason.NO_PEER_CONFIGURED, exchange=exchange)
    found = replace(exchange, name=peer.name, state=replace(exchange.state, peer=peer))
    if peer.exchange != "ID_PROT":
        other = Silent(f"exchange_setup_p1: expected exchange type {peer.exchange} got ID_PROT")
        raise NegotiationFailed(other, Reason.NO_PEER_CONFIGURED, exchange=found)
    secret = tools.secrets.preshared_key(peer.secret) if peer.secret is not None else None
    if not secret:
        local = identities.of_address(ip_address(exchange.path.local.address))
        missing = Silent(f'no key found for peer "{peer.name}" or local ID "{peer.identity or local}"')
        raise NegotiationFailed(missing, Reason.NO_SECRET, exchange=found)
    return replace(found, state=replace(found.state, secret=secret))


def send_offer(exchange: MainExchange, tools: Tools) -> tuple[MainExchange, tuple[Payload, ...]]:
    """Message 1: everything configured for the peer, and what we can do besides."""
    ready = _set_up(exchange, tools)
    offer = phase1_offer(known(ready.state.peer).transforms)
    vendors = vendor.announced(tools.settings.nat_traversal)
    return replace(ready, state=replace(ready.state, offer=offer)), (offer, *_vendor_payloads(vendors))


def receive_offer(exchange: MainExchange, message: Message, tools: Tools) -> MainExchange:
    """Message 1: who may this be, and which of its transforms do we take."""
    ready = _set_up(exchange, tools)
    (offer,) = message.all(SaPayload)
    try:
        chosen = choose_phase1(offer, known(ready.state.peer).transforms)
    except NoProposalChosen as error:
        raise NegotiationFailed(
            error, Reason.NO_TRANSFORM_MATCHED, exchange=ready, comparisons=error.comparisons
        ) from None
    vendors = _vendors(message)
    state = replace(
        ready.state,
        offer=offer,
        reply=chosen.sa,
        parameters=chosen.parameters,
        vendors=vendors,
        version=natt.agreed(tools.settings.nat_traversal, vendors),
    )
    return replace(ready, state=state)


def send_choice(exchange: MainExchange, tools: Tools) -> tuple[MainExchange, tuple[Payload, ...]]:
    """Message 2: the one transform, echoed."""
    vendors = vendor.answered(tools.settings.nat_traversal, exchange.state.vendors)
    return exchange, (known(exchange.state.reply), *_vendor_payloads(vendors))


def receive_choice(exchange: MainExchange, message: Message, tools: Tools) -> MainExchange:
    """Message 2: it must be one of what we offered."""
    (reply,) = message.all(SaPayload)
    parameters = check_phase1_reply(known(exchange.state.offer), reply)
    vendors = _vendors(message)
    state = replace(
        exchange.state,
        parameters=parameters,
        vendors=vendors,
        version=natt.agreed(tools.settings.nat_traversal, vendors),
    )
    return replace(exchange, responder_cookie=message.header.responder_cookie, state=state)


def _vendors(message: Message) -> frozenset[Vendor]:
    return vendor.recognised(each.data for each in message.all(VendorId))


def _vendor_payloads(vendors: tuple[Vendor, ...]) -> tuple[VendorId, ...]:
    return tuple(VendorId(each.value) for each in vendors)


# --- messages 3 and 4: KE, NONCE, NAT-D ---------------------------------------------------------------------------


def send_key(exchange: MainExchange, tools: Tools) -> tuple[MainExchange, tuple[Payload, ...]]:
    """Messages 3 and 4: our public value and nonce; the responder has all it needs for the keys then."""
    state = exchange.state
    parameters = known(state.parameters)
    random = tools.surroundings.random
    pair = dh.generate(parameters.group, random)
    nonce = random(len(state.nonce_i) or NONCE_LENGTH)
    payloads: tuple[Payload, ...] = (KeyExchange(pair.public), Nonce(nonce))
    if state.version is not None:
        bodies = natt.digests(partial(crypto.digest, parameters.hash), _cookies(exchange), exchange.path)
        draft = state.version.nat_d == PayloadType.NAT_D_DRAFT
        payloads += tuple(NatDiscovery(each, draft) for each in bodies)
    if exchange.role is Role.INITIATOR:
        return replace(exchange, state=replace(state, pair=pair, public_i=pair.public, nonce_i=nonce)), payloads
    ours = replace(state, pair=pair, public_r=pair.public, nonce_r=nonce)
    return _with_keys(replace(exchange, state=ours), pair.shared(state.public_i)), payloads


def receive_key(exchange: MainExchange, message: Message, tools: Tools) -> MainExchange:
    """Messages 3 and 4: the peer's public value and nonce, and whether a NAT is on the way."""
    del tools
    state = exchange.state
    (public,), (nonce,) = message.all(KeyExchange), message.all(Nonce)
    if public.data == state.public_i:
        raise InvalidKeyInformation("message_validate_key_exch: our own public value came back")
    if state.version is not None:
        bodies = [each.data for each in message.all(NatDiscovery) if each.payload_type == state.version.nat_d]
        hash_function = partial(crypto.digest, known(state.parameters).hash)
        state = replace(state, nat=natt.detect(hash_function, _cookies(exchange), exchange.path, bodies))
    if exchange.role is Role.RESPONDER:
        return replace(exchange, state=replace(state, public_i=public.data, nonce_i=nonce.data))
    state = replace(state, public_r=public.data, nonce_r=nonce.data)
    return _with_keys(replace(exchange, state=state), known(state.pair).shared(public.data))


def _with_keys(exchange: MainExchange, shared: bytes) -> MainExchange:
    """SKEYID and what follows from it, and the cipher for messages 5 and 6."""
    state = exchange.state
    parameters = known(state.parameters)
    derived = keys.phase1_keys(
        parameters.hash,
        parameters.encryption,
        parameters.key_length,
        skeyid=keys.skeyid_preshared(parameters.hash, state.secret, state.nonce_i, state.nonce_r),
        shared=shared,
        cookies=_cookies(exchange),
    )
    cipher = keys.phase1_cipher(derived, state.public_i, state.public_r)
    return replace(exchange, cipher=cipher, state=replace(state, keys=derived, pair=None))


def _cookies(exchange: MainExchange) -> bytes:
    return exchange.initiator_cookie + exchange.responder_cookie


# --- messages 5 and 6: ID, HASH -----------------------------------------------------------------------------------


def send_identity(exchange: MainExchange, tools: Tools) -> tuple[MainExchange, tuple[Payload, ...]]:
    """Messages 5 and 6: who we are, proved; the initiator moves to the NAT-T port here (RFC 3947 section 4)."""
    state = exchange.state
    peer = known(state.peer)
    identity = peer.identity or identities.of_address(ip_address(exchange.path.local.address))
    ours = identities.to_payload(identity)
    payloads: tuple[Payload, ...] = (ours, Hash(_hash(exchange, exchange.role, ours)))
    if state.first_contact:
        payloads += (Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, _cookies(exchange)),)
    path = exchange.path
    if exchange.role is Role.INITIATOR and state.nat is not None and state.nat.any:
        path = natt.floated(path, tools.settings.nat_port)
    return replace(exchange, path=path, state=replace(state, local_id=ours)), payloads


def receive_identity(exchange: MainExchange, message: Message, tools: Tools) -> MainExchange:
    """Messages 5 and 6: the HASH first; only then does the identity mean anything."""
    del tools
    (theirs,), (proof,) = message.all(Identification), message.all(Hash)
    sender = Role.RESPONDER if exchange.role is Role.INITIATOR else Role.INITIATOR
    if not hmac.compare_digest(_hash(exchange, sender, theirs), proof.data):
        raise InvalidHashInformation("message_validate_hash: HASH does not verify: probably the pre-shared keys differ")
    told = any(each.type is Notification.INITIAL_CONTACT for each in message.all(Notify))
    proved = replace(exchange, state=replace(exchange.state, remote_id=theirs, told_first_contact=told))
    with beyond_doubt(proved, Reason.IDENTITY_MISMATCH):
        received = identities.from_payload(theirs)
        expected = known(proved.state.peer).remote_identity
        if expected is not None and not identities.matches(expected, received):
            raise InvalidIdInformation(f"received remote ID {received} other than expected {expected}")
    return proved


def _hash(exchange: MainExchange, sender: Role, identity: Identification) -> bytes:
    """HASH_I or HASH_R over the identity's body."""
    state = exchange.state
    compute = keys.hash_i if sender is Role.INITIATOR else keys.hash_r
    spoken = keys.Transcript(
        initiator_cookie=exchange.initiator_cookie,
        responder_cookie=exchange.responder_cookie,
        public_i=state.public_i,
        public_r=state.public_r,
        sa_i=known(state.offer).body,
    )
    return compute(known(state.keys), spoken, identity.body)


# --- the table ----------------------------------------------------------------------------------------------------

_MANY = 32
_SA = {PayloadType.SA: 1}
_KEY = {PayloadType.KEY_EXCH: 1, PayloadType.NONCE: 1}
_IDENTITY = {PayloadType.ID: 1, PayloadType.HASH: 1}
_WITH_SA = {PayloadType.VENDOR: _MANY}
_WITH_KEY = {
    PayloadType.VENDOR: _MANY,
    PayloadType.NAT_D: 8,
    PayloadType.NAT_D_DRAFT: 8,
    PayloadType.CERT_REQ: 8,
    PayloadType.NOTIFY: 4,
}
_WITH_IDENTITY = {PayloadType.VENDOR: _MANY, PayloadType.NOTIFY: 4, PayloadType.CERT: 8, PayloadType.CERT_REQ: 8}
_FIRST_SA = (PayloadType.SA,)

_I, _R = Role.INITIATOR, Role.RESPONDER
_TIMER, _DUPLICATE = Retransmission.TIMER, Retransmission.DUPLICATE
_SECTION = "RFC 2409 section 5.4, message"

MAIN_MODE: Script[MainMode] = Script(
    ExchangeType.ID_PROT,
    "main mode",
    (
        Step(f"{_SECTION} 1", _I, _FIRST_SA, _SA, _WITH_SA, False, receive_offer, send_offer, _TIMER),
        # Not by timer: nothing yet shows that the peer is where it says, and nobody may be flooded through us.
        Step(f"{_SECTION} 2", _R, _FIRST_SA, _SA, _WITH_SA, False, receive_choice, send_choice, _DUPLICATE),
        Step(f"{_SECTION} 3", _I, (), _KEY, _WITH_KEY, False, receive_key, send_key, _TIMER),
        Step(f"{_SECTION} 4", _R, (), _KEY, _WITH_KEY, False, receive_key, send_key, _TIMER),
        Step(f"{_SECTION} 5", _I, (), _IDENTITY, _WITH_IDENTITY, True, receive_identity, send_identity, _TIMER),
        Step(f"{_SECTION} 6", _R, (), _IDENTITY, _WITH_IDENTITY, True, receive_identity, send_identity, _DUPLICATE),
    ),
)
