"""Main mode (RFC 2409 section 5): the six messages of phase 1 that hide the identities, as a table.

    Initiator                          Responder
    HDR, SA                     -->
                                <--    HDR, SA
    HDR, KE, Ni                 -->
                                <--    HDR, KE, Nr
    HDR*, IDii, HASH_I          -->
                                <--    HDR*, IDir, HASH_R

Signatures stand in the place of the HASHes where that is the method. Vendor IDs travel in messages 1 and 2, NAT-D
payloads in 3 and 4 (RFC 3947). Until a side has proved itself nothing in here is beyond doubt, so such messages are
only dropped; what opens an exchange, or was verified, can end it.
"""

from __future__ import annotations

from dataclasses import replace

from daemon.ike import phase1_payloads as parts
from daemon.ike.authentication import CARRIERS
from daemon.ike.exchange import Retransmission, Role, Script, Step, Tools, known
from daemon.ike.messages.payloads import Identification, Message, Notify, Payload
from daemon.ike.phase1 import Phase1, Phase1Exchange, cookies
from daemon.ike.registries import ExchangeType, Notification, PayloadType, Protocol

# --- messages 1 and 2: SA ------------------------------------------------------------------------------------------


def send_offer(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Message 1: everything configured for the peer, and what we can do besides."""
    return parts.make_offer(exchange, tools)


def receive_offer(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Message 1: who may this be, and which of its transforms do we take."""
    return parts.read_offer(parts.find_peer(exchange), message, tools)


def send_choice(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Message 2: the one transform, echoed."""
    return parts.make_choice(exchange, tools)


def receive_choice(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Message 2: it must be one of what we offered."""
    return parts.read_choice(exchange, message, tools)


# --- messages 3 and 4: KE, NONCE, NAT-D ---------------------------------------------------------------------------


def send_key(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Messages 3 and 4: our public value and nonce; the responder has all it needs for the keys then."""
    following, payloads = parts.make_key(exchange, known(exchange.state.parameters).group, tools)
    payloads += parts.make_nat_discovery(exchange)
    if exchange.role is Role.INITIATOR:
        return following, payloads
    return parts.derive_keys(following), (
        *payloads,
        *parts.make_requests((exchange.state.method,), exchange.role, tools),
    )


def receive_key(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Messages 3 and 4: the peer's public value and nonce, and whether a NAT is on the way."""
    del tools
    asked = parts.read_requests(exchange, message)
    following = parts.read_nat_discovery(parts.read_key(asked, message), message)
    return following if exchange.role is Role.RESPONDER else parts.derive_keys(following)


# --- messages 5 and 6: ID, HASH or SIG ----------------------------------------------------------------------------


def send_identity(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Messages 5 and 6: who we are, proved; the initiator moves to the NAT-T port here (RFC 3947 section 4)."""
    following, ours = parts.name_ourselves(exchange, tools)
    payloads = (ours, *parts.prove(following, tools))
    if exchange.role is Role.INITIATOR:
        payloads += parts.make_requests((exchange.state.method,), exchange.role, tools)
    if exchange.state.first_contact:
        payloads += (Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, cookies(exchange)),)
    return parts.floated(following, tools), payloads


def receive_identity(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Messages 5 and 6: the proof first; only then does the rest mean anything."""
    (theirs,) = message.all(Identification)
    proved = parts.verify(parts.read_requests(exchange, message), theirs, message, tools)
    told = any(each.type is Notification.INITIAL_CONTACT for each in message.all(Notify))
    return replace(proved, state=replace(proved.state, told_first_contact=told))


# --- the table ----------------------------------------------------------------------------------------------------

_MANY = 32
_SA = {PayloadType.SA: 1}
_KEY = {PayloadType.KEY_EXCH: 1, PayloadType.NONCE: 1}
_IDENTITY = {PayloadType.ID: 1}
_WITH_SA = {PayloadType.VENDOR: _MANY}
_WITH_KEY = {
    PayloadType.VENDOR: _MANY,
    PayloadType.NAT_D: 8,
    PayloadType.NAT_D_DRAFT: 8,
    PayloadType.CERT_REQ: _MANY,
    PayloadType.NOTIFY: 4,
}
_WITH_IDENTITY = {PayloadType.VENDOR: _MANY, PayloadType.NOTIFY: 4, PayloadType.CERT: 8, PayloadType.CERT_REQ: _MANY}
_FIRST_SA = (PayloadType.SA,)

_I, _R = Role.INITIATOR, Role.RESPONDER
_TIMER, _DUPLICATE = Retransmission.TIMER, Retransmission.DUPLICATE
_SECTION = "RFC 2409 section 5, main mode message"

MAIN_MODE: Script[Phase1] = Script(
    ExchangeType.ID_PROT,
    "main mode",
    (
        Step(f"{_SECTION} 1", _I, _FIRST_SA, _SA, _WITH_SA, False, receive_offer, send_offer, _TIMER),
        # Not by timer: nothing yet shows that the peer is where it says, and nobody may be flooded through us.
        Step(f"{_SECTION} 2", _R, _FIRST_SA, _SA, _WITH_SA, False, receive_choice, send_choice, _DUPLICATE),
        Step(f"{_SECTION} 3", _I, (), _KEY, _WITH_KEY, False, receive_key, send_key, _TIMER),
        Step(f"{_SECTION} 4", _R, (), _KEY, _WITH_KEY, False, receive_key, send_key, _TIMER),
        Step(
            f"{_SECTION} 5",
            _I,
            (),
            _IDENTITY,
            _WITH_IDENTITY,
            True,
            receive_identity,
            send_identity,
            _TIMER,
            one_of=CARRIERS,
        ),
        Step(
            f"{_SECTION} 6",
            _R,
            (),
            _IDENTITY,
            _WITH_IDENTITY,
            True,
            receive_identity,
            send_identity,
            _DUPLICATE,
            one_of=CARRIERS,
        ),
    ),
)
