"""Aggressive mode (RFC 2409 section 5): phase 1 in three messages, in which both sides say who they are in the clear.

    Initiator                          Responder
    HDR, SA, KE, Ni, IDii       -->
                                <--    HDR, SA, KE, Nr, IDir, HASH_R
    HDR*, HASH_I                -->

Signatures stand in the place of the HASHes where that is the method. Vendor IDs travel in messages 1 and 2, NAT-D
payloads in 2 and 3 (RFC 3947). Message 3 may be encrypted or not: we send it encrypted and take both. INITIAL-CONTACT
is neither sent nor believed. With a pre-shared key whoever hears HASH_R, or just asks for it, can try keys at home:
that must be allowed in so many words ([General]:Accept-aggressive-psk).

Message 2 is owed to whoever writes message 1, from whatever address. So its g^xr is shared (daemon.ike.public_values),
and g^xy is not computed before message 3 where SKEYID needs none; where it does, answers are counted by the second.
"""

from __future__ import annotations

from dataclasses import replace

from daemon.ike import phase1_payloads as parts
from daemon.ike.authentication import CARRIERS, METHODS
from daemon.ike.errors import Silent
from daemon.ike.exchange import NegotiationFailed, Retransmission, Role, Script, Step, Tools, known
from daemon.ike.messages.parser import parse_sa
from daemon.ike.messages.payloads import Identification, Message, Payload
from daemon.ike.messages.proposals import offered_methods, with_one_group
from daemon.ike.phase1 import Phase1, Phase1Exchange
from daemon.ike.registries import AuthenticationMethod, ExchangeType, PayloadType
from policydb.negotiation import Reason

# --- message 1: SA, KE, Ni, IDii ----------------------------------------------------------------------------------


def send_opening(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Message 1: what we offer, all in the group of the first transform, and who we are."""
    ready, (_, *vendors) = parts.make_offer(exchange, tools)
    offer, group = with_one_group(parse_sa(ready.state.offer))
    for method in offered_methods(offer):
        _check_allowed(ready, method)
    keyed, key = parts.make_key(replace(ready, state=replace(ready.state, offer=offer.body)), group, tools)
    named, ours = parts.name_ourselves(keyed, tools)
    return named, (offer, *key, ours, *vendors, *parts.make_requests(offered_methods(offer), exchange.role, tools))


def receive_opening(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Message 1: who says he is there, and which of his transforms do we take. Nothing of it is proved.

    Somebody else than Remote-ID says is refused here already: he gets no HASH_R to try keys on.
    """
    (theirs,) = message.all(Identification)
    found = parts.find_peer(exchange)
    claimed = replace(found, state=replace(found.state, remote_id=theirs))
    parts.check_identity(claimed, theirs)
    ready = parts.read_offer(claimed, message, tools)
    _check_allowed(ready, ready.state.method)
    return parts.read_requests(parts.read_key(ready, message), message)


def _check_allowed(exchange: Phase1Exchange, method: AuthenticationMethod) -> None:
    """Raises NegotiationFailed where the proof would be fuel for guessing and nobody has allowed that."""
    if METHODS[method].guessable and not exchange.oracle.configuration.general.accept_aggressive_psk:
        error = Silent(f"aggressive mode with {method} is not allowed by [General]:Accept-aggressive-psk")
        raise NegotiationFailed(error, Reason.NO_TRANSFORM_MATCHED, exchange=exchange)


# --- message 2: SA, KE, Nr, IDir, HASH_R --------------------------------------------------------------------------


def send_answer(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Message 2: the one transform, our public value, who we are, and the proof of it."""
    chosen, (choice, *vendors) = parts.make_choice(exchange, tools)
    keyed, key = parts.make_key(chosen, known(exchange.state.parameters).group, tools)
    ready = parts.make_skeyid(keyed) if METHODS[keyed.state.method].without_power else parts.derive_keys(keyed)
    named, ours = parts.name_ourselves(ready, tools)
    proof = parts.prove(named, tools)
    return named, (
        choice,
        *key,
        ours,
        *proof,
        *vendors,
        *parts.make_requests((named.state.method,), named.role, tools),
        *parts.make_nat_discovery(named),
    )


def receive_answer(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Message 2: everything that is needed to verify its proof, and then that."""
    (theirs,) = message.all(Identification)
    chosen = parts.read_choice(exchange, message, tools)
    keyed = parts.read_requests(parts.derive_keys(parts.read_key(chosen, message)), message)
    return parts.verify(parts.read_nat_discovery(keyed, message), theirs, message, tools)


# --- message 3: HASH_I --------------------------------------------------------------------------------------------


def send_proof(exchange: Phase1Exchange, tools: Tools) -> tuple[Phase1Exchange, tuple[Payload, ...]]:
    """Message 3: the proof of who we are; we move to the NAT-T port here (RFC 3947 section 4)."""
    moved = parts.floated(exchange, tools)
    return moved, (*parts.prove(moved, tools), *parts.make_nat_discovery(moved))


def receive_proof(exchange: Phase1Exchange, message: Message, tools: Tools) -> Phase1Exchange:
    """Message 3: the proof for the identity of message 1."""
    return parts.verify(parts.read_nat_discovery(exchange, message), known(exchange.state.remote_id), message, tools)


# --- the table ----------------------------------------------------------------------------------------------------

_FIRST_SA = (PayloadType.SA,)
_OPENING = {PayloadType.SA: 1, PayloadType.KEY_EXCH: 1, PayloadType.NONCE: 1, PayloadType.ID: 1}
_WITH_OPENING = {PayloadType.VENDOR: 32, PayloadType.CERT_REQ: 32, PayloadType.NOTIFY: 4}
_WITH_ANSWER = {**_WITH_OPENING, PayloadType.CERT: 8, PayloadType.NAT_D: 8, PayloadType.NAT_D_DRAFT: 8}

_I, _R = Role.INITIATOR, Role.RESPONDER
_TIMER, _DUPLICATE = Retransmission.TIMER, Retransmission.DUPLICATE
_SECTION = "RFC 2409 section 5, aggressive mode message"

AGGRESSIVE_MODE: Script[Phase1] = Script(
    ExchangeType.AGGRESSIVE,
    "aggressive mode",
    (
        Step(f"{_SECTION} 1", _I, _FIRST_SA, _OPENING, _WITH_OPENING, False, receive_opening, send_opening, _TIMER),
        # Not by timer: nothing yet shows that the peer is where it says, and nobody may be flooded through us.
        Step(
            f"{_SECTION} 2",
            _R,
            _FIRST_SA,
            _OPENING,
            _WITH_ANSWER,
            False,
            receive_answer,
            send_answer,
            _DUPLICATE,
            one_of=CARRIERS,
        ),
        Step(
            f"{_SECTION} 3",
            _I,
            (),
            {},
            _WITH_ANSWER,
            True,
            receive_proof,
            send_proof,
            _DUPLICATE,
            one_of=CARRIERS,
            in_clear_too=True,
            prepare=parts.derive_keys,
        ),
    ),
)
