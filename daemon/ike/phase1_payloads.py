"""The payloads of phase 1, made and read the same way in main mode and in aggressive mode.

The tables of the two modes say which message holds what; here is what goes into each payload and what follows from it.
Until `verify` returns nothing in phase 1 is beyond doubt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from itertools import accumulate

from daemon.ike import limits, natt
from daemon.ike.algorithms import ciphers, dh, keys
from daemon.ike.authentication import CARRIERS, METHODS, our_identity
from daemon.ike.errors import (
    InvalidIdInformation,
    InvalidKeyInformation,
    InvalidPayloadType,
    NoProposalChosen,
    Silent,
)
from daemon.ike.exchange import NegotiationFailed, Role, Tools, beyond_doubt, known
from daemon.ike.messages import vendor
from daemon.ike.messages.parser import parse_sa
from daemon.ike.messages.payloads import (
    CertificateRequest,
    EncodedSa,
    Identification,
    KeyExchange,
    Message,
    NatDiscovery,
    Nonce,
    Payload,
    SaPayload,
    VendorId,
)
from daemon.ike.messages.proposals import check_phase1_reply, choose_phase1, offered_methods, phase1_offer
from daemon.ike.messages.vendor import Vendor
from daemon.ike.phase1 import NONCE_LENGTH, Phase1Exchange, cookies, proof_value
from daemon.ike.registries import AuthenticationMethod, Group, PayloadType
from daemon.ike.trust import identities
from policydb.negotiation import Reason

# --- who may be at the other end ----------------------------------------------------------------------------------


def find_peer(exchange: Phase1Exchange) -> Phase1Exchange:
    """The peer's section. Raises NegotiationFailed where there is none: nobody is expected here."""
    peer = exchange.state.peer or exchange.oracle.configuration.peer_at(ip_address(exchange.path.remote.address))
    if peer is None:
        unexpected = Silent('exchange_setup_p1: no "Default" tag in [Phase 1] section')
        raise NegotiationFailed(unexpected, Reason.NO_PEER_CONFIGURED, exchange=exchange)
    found = replace(exchange, name=peer.name, state=replace(exchange.state, peer=peer))
    if peer.exchange != str(exchange.script.type):
        other = Silent(f"exchange_setup_p1: expected exchange type {peer.exchange} got {exchange.script.type}")
        raise NegotiationFailed(other, Reason.NO_PEER_CONFIGURED, exchange=found)
    return found


# --- SA and vendor IDs --------------------------------------------------------------------------------------------


def make_offer(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """The initiator's SA payload: everything configured for the peer; and, apart, what we can do besides."""
    found = find_peer(exchange)
    offer = phase1_offer(known(found.state.peer).transforms)
    ready = replace(found, state=replace(found.state, offer=offer.body))
    methods = [METHODS[each] for each in offered_methods(offer)]
    for method in methods:
        ready = method.of(exchange.role).equip(ready, tools)
    asked = any(each.asked is not None for each in methods)
    vendors = vendor.announced(tools.settings.nat_traversal, _takes_fragments(exchange), asked)
    return ready, (offer, *_vendor_payloads(vendors))


def read_offer(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Which of the initiator's transforms we take, and whether we can do what it asks for."""
    (offer,) = message.all(SaPayload)
    try:
        chosen = choose_phase1(offer, known(exchange.state.peer).transforms)
    except NoProposalChosen as error:
        raise NegotiationFailed(
            error, Reason.NO_TRANSFORM_MATCHED, exchange=exchange, comparisons=error.comparisons
        ) from None
    state = replace(exchange.state, offer=offer.body, reply=chosen.sa.body, parameters=chosen.parameters)
    ready = METHODS[state.method].of(exchange.role).equip(replace(exchange, state=state), tools)
    return read_vendors(ready, message, tools)


def make_choice(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """The responder's SA payload: the one transform, echoed; and, apart, what both sides can do."""
    state, asked = exchange.state, METHODS[exchange.state.method].asked is not None
    vendors = vendor.answered(tools.settings.nat_traversal, _takes_fragments(exchange), state.vendors, asked)
    payloads = EncodedSa(state.reply), *_vendor_payloads(vendors)
    return replace(exchange, state=replace(state, reply=b"")), payloads


def read_choice(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """What the responder took: it must be one of what we offered."""
    (reply,) = message.all(SaPayload)
    parameters = check_phase1_reply(parse_sa(exchange.state.offer), reply)
    ready = replace(
        exchange,
        responder_cookie=message.header.responder_cookie,
        state=replace(exchange.state, parameters=parameters),
    )
    return read_vendors(ready, message, tools)


def read_vendors(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """What the peer can do, and so which NAT traversal both can."""
    vendors = vendor.recognised(each.data for each in message.all(VendorId))
    version = natt.agreed(tools.settings.nat_traversal, vendors)
    return replace(exchange, state=replace(exchange.state, vendors=vendors, version=version))


def _takes_fragments(exchange: Phase1Exchange) -> bool:
    return exchange.oracle.configuration.general.fragment_size > 0


def _vendor_payloads(vendors: Iterable[Vendor]) -> tuple[VendorId, ...]:
    return tuple(VendorId(each.value) for each in vendors)


# --- KE, NONCE, NAT-D, and the keys -------------------------------------------------------------------------------


def make_key(exchange: Phase1Exchange, group: Group, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Our public value, that of the state's pair if it has one, and nonce; a responder mirrors the nonce's length."""
    state = exchange.state
    random = tools.surroundings.random
    pair = state.pair or dh.generate(group, random)
    nonce = random(len(state.nonce_i) or NONCE_LENGTH)
    if exchange.role is Role.INITIATOR:
        following = replace(state, pair=pair, public_i=pair.public, nonce_i=nonce)
    else:
        following = replace(state, pair=pair, public_r=pair.public, nonce_r=nonce)
    return replace(exchange, state=following), (KeyExchange(pair.public), Nonce(nonce))


def read_key(exchange: Phase1Exchange, message: Message) -> Phase1Exchange:
    """The peer's public value and nonce. Nothing is computed yet; a value that is none of the group's is refused."""
    state = exchange.state
    (public,), (nonce,) = message.all(KeyExchange), message.all(Nonce)
    dh.check(known(state.parameters).group, public.data)
    if public.data == state.public_i:
        raise InvalidKeyInformation("message_validate_key_exch: our own public value came back")
    if exchange.role is Role.RESPONDER:
        return replace(exchange, state=replace(state, public_i=public.data, nonce_i=nonce.data))
    return replace(exchange, state=replace(state, public_r=public.data, nonce_r=nonce.data))


def make_nat_discovery(exchange: Phase1Exchange) -> tuple[Payload, ...]:
    """Two NAT-D payloads (RFC 3947 section 3.2), none where the peer does not know them."""
    version = exchange.state.version
    if version is None:
        return ()
    hash_function = partial(ciphers.digest, known(exchange.state.parameters).hash)
    bodies = natt.digests(hash_function, cookies(exchange), exchange.path)
    return tuple(NatDiscovery(each, version.nat_d == PayloadType.NAT_D_DRAFT) for each in bodies)


def read_nat_discovery(exchange: Phase1Exchange, message: Message) -> Phase1Exchange:
    """Whether a NAT is on the way."""
    version = exchange.state.version
    if version is None:
        return exchange
    bodies = [each.data for each in message.all(NatDiscovery) if each.payload_type == version.nat_d]
    hash_function = partial(ciphers.digest, known(exchange.state.parameters).hash)
    nat = natt.detect(hash_function, cookies(exchange), exchange.path, bodies)
    return replace(exchange, state=replace(exchange.state, nat=nat))


def floated(exchange: Phase1Exchange, tools: Tools) -> Phase1Exchange:
    """On the NAT-T port where there is a NAT: the initiator moves with its first message after NAT-D (RFC 3947)."""
    nat = exchange.state.nat
    if exchange.role is not Role.INITIATOR or nat is None or not nat.any:
        return exchange
    return replace(exchange, path=natt.floated(exchange.path, tools.settings.nat_port))


def make_skeyid(exchange: Phase1Exchange) -> Phase1Exchange:
    """SKEYID where it needs no g^xy: enough for a proof, and what needs more is put off."""
    skeyid = METHODS[exchange.state.method].skeyid(exchange.state, b"")
    return replace(exchange, state=replace(exchange.state, skeyid=skeyid))


def derive_keys(exchange: Phase1Exchange) -> Phase1Exchange:
    """SKEYID and what follows from it, and the cipher for the first encrypted message; both publics are known."""
    state = exchange.state
    parameters = known(state.parameters)
    theirs = state.public_r if exchange.role is Role.INITIATOR else state.public_i
    shared = known(state.pair).shared(theirs)
    skeyid = state.skeyid or METHODS[state.method].skeyid(state, shared)
    derived = keys.phase1_keys(
        parameters.hash,
        parameters.encryption,
        parameters.key_length,
        skeyid=skeyid,
        shared=shared,
        cookies=cookies(exchange),
    )
    cipher = keys.phase1_cipher(derived, state.public_i, state.public_r)
    return replace(exchange, cipher=cipher, state=replace(state, skeyid=skeyid, keys=derived, pair=None))


# --- CERT_REQ -----------------------------------------------------------------------------------------------------


def make_requests(methods: Iterable[AuthenticationMethod], role: Role, tools: Tools) -> tuple[Payload, ...]:
    """Which certificates we ask for, where the peer may come to sign (RFC 2408 section 3.10)."""
    signed = any(METHODS[each].of(role.other).carrier == PayloadType.SIG for each in methods)
    return tools.credentials.requests() if signed else ()


def read_requests(exchange: Phase1Exchange, message: Message) -> Phase1Exchange:
    """Which certificates the peer asks for, in whatever message; the first of them, where they are many or long."""
    asked = (*exchange.state.requests, *message.all(CertificateRequest))[: limits.REQUESTS]
    octets = accumulate(len(each.authority) for each in asked)
    kept = tuple(each for each, so_far in zip(asked, octets, strict=True) if so_far <= limits.REQUEST_OCTETS)
    return replace(exchange, state=replace(exchange.state, requests=kept)) if asked else exchange


# --- ID and proof -------------------------------------------------------------------------------------------------


def name_ourselves(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, Identification]:
    """Who we say that we are: the peer section's ID, else our address."""
    ours = our_identity(exchange, tools)
    return replace(exchange, state=replace(exchange.state, local_id=ours)), ours


def prove(exchange: Phase1Exchange, tools: Tools) -> tuple[Payload, ...]:
    """The proof that we are who we said, by the method agreed on."""
    ours = known(exchange.state.local_id)
    value = proof_value(exchange, exchange.role, ours)
    return METHODS[exchange.state.method].of(exchange.role).prove(exchange, ours, value, tools)


def verify(exchange: Phase1Exchange, theirs: Identification, message: Message, tools: Tools) -> Phase1Exchange:
    """The peer's proof first; only then does its identity mean anything.

    Raises what the method raises, everything in doubt still; then NegotiationFailed where the peer is somebody else
    than the one expected.
    """
    sender = exchange.role.other
    proving = METHODS[exchange.state.method].of(sender)
    if any(each.payload_type in CARRIERS - {proving.carrier} for each in message.payloads):
        raise InvalidPayloadType(f"message_parse_payloads: {exchange.state.method} is proved by {proving.carrier}")
    proof = proving.verify(exchange, theirs, message, proof_value(exchange, sender, theirs), tools)
    proved = replace(exchange, state=replace(exchange.state, remote_id=theirs, proof=proof))
    check_identity(proved, theirs)
    return proved


def check_identity(exchange: Phase1Exchange, theirs: Identification) -> None:
    """Hold the peer's identity against Remote-ID, type and value whole. Raises NegotiationFailed."""
    with beyond_doubt(exchange, Reason.IDENTITY_MISMATCH):
        received = identities.from_payload(theirs)
        expected = known(exchange.state.peer).remote_identity
        if expected is not None and not identities.matches(expected, received):
            raise InvalidIdInformation(f"received remote ID {received} other than expected {expected}")
