"""The way of a datagram to its exchange: the header checks in isakmpd's order, duplicates, and who may begin what.

The numbers in comments are those of docs/formats.md, "Checks". Everything raises ProtocolError, which the engine
turns into a log line and a notification; nothing has changed then.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from functools import partial

from daemon.ike import limits, openings
from daemon.ike.authentication import METHODS
from daemon.ike.core import Core
from daemon.ike.crowd import site
from daemon.ike.errors import (
    AuthenticationFailed,
    InvalidCookie,
    InvalidExchangeType,
    InvalidHashInformation,
    InvalidSignature,
    NoProposalChosen,
    PayloadMalformed,
    ProtocolError,
    Silent,
    UnsupportedExchangeType,
)
from daemon.ike.events import Captured
from daemon.ike.exchange import AnyExchange, Datagram, NegotiationFailed, Retransmission, Role, accept
from daemon.ike.informational import exchange_for, hearsay_exchange
from daemon.ike.messages.fragments import parse_fragment
from daemon.ike.messages.parser import check_header, read_header
from daemon.ike.messages.payloads import ZERO_COOKIE, Message
from daemon.ike.negotiation import (
    PHASE1_SCRIPTS,
    adopt,
    answer_phase1,
    answer_quick,
    answer_transaction,
    complain,
    proceed,
)
from daemon.ike.notices import act, hear
from daemon.ike.phase1 import Phase1
from daemon.ike.phase1_payloads import find_peer
from daemon.ike.quick import QuickMode
from daemon.ike.rebinding import heard_from
from daemon.ike.registries import ExchangeType, PayloadType
from daemon.ike.retransmission import retransmit
from daemon.ike.sa import IsakmpSa
from daemon.ike.standing import retire, stands
from daemon.ike.timers import TimerKey, TimerKind
from daemon.ike.transaction import Transaction
from daemon.ike.xauth import without_secrets
from policydb.negotiation import Reason

_COPIES = 2
"""Whoever repeats its message has not got our last one, which no timer repeats: it goes out so often at once.

So a round trip that ends an exchange fails far less often on a lossy link (docs/decisions/0008-lossy-links.md). The
peer is authenticated and the copies go where it is, so a replayed message hurts nobody else.
"""
_UNPROVED = (AuthenticationFailed, InvalidHashInformation, InvalidSignature)


def receive(core: Core, datagram: Datagram) -> None:
    """Give a datagram to the exchange that it belongs to, or begin one. Raises ProtocolError, NegotiationFailed."""
    if datagram.header.next_payload == PayloadType.FRAGMENT and core.oracle.configuration.general.fragment_size:
        whole = _put_together(core, datagram)
        if whole is None:
            return
        datagram = whole
    header = datagram.header
    if header.responder_cookie == ZERO_COOKIE:
        _receive_first(core, datagram)
        return
    isakmp = core.sas.by_cookies(datagram.cookies)
    phase1 = _phase1_exchange(core, datagram)
    if isakmp is None and phase1 is None:  # 3
        if header.exchange_type == ExchangeType.INFO:
            raise Silent("message_recv: informational message with unknown cookies")
        raise InvalidCookie(
            f"message_recv: invalid cookie(s) {header.initiator_cookie.hex()} {header.responder_cookie.hex()}"
        )
    check_header(header)  # 5 to 9
    if header.exchange_type == ExchangeType.INFO:
        _receive_informational(core, datagram, isakmp, phase1)
    elif header.message_id == 0:
        _receive_phase1(core, datagram, isakmp, phase1)
    elif isakmp is not None:
        _receive_phase2(core, datagram, isakmp)
    elif phase1 is not None:
        _keep_early(core, phase1, datagram)


def _put_together(core: Core, datagram: Datagram) -> Datagram | None:
    """The message that a fragment completes. Only under cookies that we know, so a stranger makes us keep nothing."""
    if core.sas.by_cookies(datagram.cookies) is None and _phase1_exchange(core, datagram) is None:
        raise Silent("message_recv: fragment with unknown cookies")
    key = site(datagram.path.remote.address), datagram.cookies
    whole = core.fragments.add(key, parse_fragment(datagram.header, datagram.data), core.now)
    _attend_to_fragments(core)
    if whole is None:
        return None
    found = Datagram(read_header(whole), whole, datagram.path)
    if found.cookies != datagram.cookies or found.header.next_payload == PayloadType.FRAGMENT:
        raise Silent("message_recv: the fragments make up another message than they say")
    return found


def expire_fragments(core: Core) -> None:
    """Parts that were kept long enough are forgotten."""
    core.fragments.expire(core.now)
    _attend_to_fragments(core)


def _attend_to_fragments(core: Core) -> None:
    deadline = core.fragments.next_deadline()
    if deadline is None:
        core.timers.cancel(TimerKey(TimerKind.FRAGMENTS))
    else:
        core.timers.arm(TimerKey(TimerKind.FRAGMENTS), deadline)


def _phase1_exchange(core: Core, datagram: Datagram) -> AnyExchange | None:
    """The phase 1 with these cookies, or the one of ours to which this may be the first answer."""
    found = core.exchanges.find(datagram.header.initiator_cookie, datagram.header.responder_cookie, 0)
    return found or core.exchanges.find(datagram.header.initiator_cookie, ZERO_COOKIE, 0)


def _beginning_refused(kind: ExchangeType) -> ProtocolError:
    """Why an exchange of this type does not begin here."""
    if kind in PHASE1_SCRIPTS:  # 14
        return PayloadMalformed(f"message_recv: no exchange of type {kind} begins here")
    if kind > ExchangeType.NEW_GROUP_MODE:  # 15
        return InvalidExchangeType(f"message_recv: invalid DOI exchange type {int(kind)}")
    return UnsupportedExchangeType(f"message_recv: exchange type {kind} is not supported")


# --- phase 1 ------------------------------------------------------------------------------------------------------


def _receive_first(core: Core, datagram: Datagram) -> None:
    """A message without responder cookie: somebody begins, or repeats how it began."""
    header, cookie = datagram.header, datagram.header.initiator_cookie
    if cookie == ZERO_COOKIE:  # 2; RFC 2408 section 2.5.3: a cookie is of its maker, and nobody's is zero
        raise Silent("message_recv: initiator cookie is zero")
    opened = core.exchanges.opened_by(cookie, datagram.path.remote.address)
    if opened is not None:  # 2, 4
        if hmac.compare_digest(opened.received, datagram.fingerprint):
            openings.pay(core, opened, datagram)
            retransmit(core, opened.number)
            openings.spent(core, opened.number)
            return
        raise Silent("message_recv: dropping setup for existing exchange")
    check_header(header)
    if header.exchange_type == ExchangeType.INFO:
        _receive_informational(core, datagram, None, core.exchanges.find(cookie, ZERO_COOKIE, 0))
        return
    if core.exchanges.begun_here(cookie) or core.sas.knows(cookie):  # 2
        raise Silent("message_recv: dropping setup for existing SA")
    if header.exchange_type not in PHASE1_SCRIPTS:
        raise _beginning_refused(header.exchange_type)
    openings.check_simultaneous(core, datagram.path.remote.address)
    exchange = answer_phase1(core, datagram)
    openings.check_room(core, exchange, datagram)
    _step(core, exchange, datagram)


def _keep_early(core: Core, phase1: AnyExchange, datagram: Datagram) -> None:
    """A message of phase 2 overtook the last one of phase 1: kept, one of them, until that has come.

    Where it comes again the last one is lost, and the sender, who believes that phase 1 is done, would not repeat it.
    So what it answers is sent again. Who knows both cookies has received at that address before.
    """
    last = len(phase1.script.steps) - 1
    keyed = phase1.cipher is not None or phase1.script.steps[last].prepare is not None
    expected = keyed and phase1.step == last and not phase1.our_turn
    from_peer = datagram.path.remote.address == phase1.path.remote.address
    if not expected or not from_peer or not datagram.encrypted or len(datagram.data) > limits.EARLY_OCTETS:
        raise Silent("message_recv: phase 2 message while phase 1 is incomplete")
    if phase1.early is not None and hmac.compare_digest(phase1.early.fingerprint, datagram.fingerprint):
        _repeat_answer(core, phase1)
    else:
        core.keep(replace(phase1, early=datagram))


def _repeat_answer(core: Core, exchange: AnyExchange) -> None:
    """Send our last message again where no timer does."""
    if exchange.sent is not None and exchange.sent.repeats is Retransmission.DUPLICATE:
        retransmit(core, exchange.number)


def _receive_phase1(core: Core, datagram: Datagram, isakmp: IsakmpSa | None, exchange: AnyExchange | None) -> None:
    if exchange is not None:
        _continue(core, exchange, datagram)
    elif isakmp is not None and not _answered(core, isakmp, 0, datagram):  # 4, 10
        raise Silent("message_recv: phase 1 message after ISAKMP SA is ready")


# --- phase 2 ------------------------------------------------------------------------------------------------------


def _check_port(isakmp: IsakmpSa, datagram: Datagram) -> None:
    """Once an SA has moved to the NAT-T port, the other one is over (RFC 3947 section 4)."""
    if isakmp.path.encapsulated and not datagram.path.encapsulated:
        raise Silent("message_recv: message on the old port after the move to the NAT-T port")


def _receive_phase2(core: Core, datagram: Datagram, isakmp: IsakmpSa) -> None:
    _check_port(isakmp, datagram)
    header = datagram.header
    exchange = core.exchanges.find(header.initiator_cookie, header.responder_cookie, header.message_id)
    if exchange is not None:
        _continue(core, exchange, datagram)
        return
    if _answered(core, isakmp, header.message_id, datagram):
        return
    transaction = header.exchange_type == ExchangeType.TRANSACTION
    goes_on = transaction and isakmp.chain is not None and isakmp.chain[0] == header.message_id
    if header.message_id in isakmp.answered and not goes_on:
        raise Silent("message_recv: message of an exchange that is over")
    if not stands(core, isakmp):
        retire(core, isakmp)
        raise Silent("message_recv: new exchange under a phase 1 whose peer has changed")
    if core.exchanges.busy(datagram.cookies):
        raise Silent("message_recv: too many exchanges at once under one ISAKMP SA")
    if transaction:
        _step(core, answer_transaction(core, isakmp, datagram), datagram)
    elif header.exchange_type != ExchangeType.QUICK_MODE:
        raise _beginning_refused(header.exchange_type)
    elif isakmp.unproved:
        raise Silent("message_recv: quick mode before XAUTH is done")
    else:
        _step(core, answer_quick(core, isakmp, datagram), datagram)


def _answered(core: Core, isakmp: IsakmpSa, message_id: int, datagram: Datagram) -> bool:
    """Whether this repeats the last message of an exchange that is over; our answer, if any, goes out again then."""
    if not isakmp.answered.repeats(message_id, datagram.fingerprint):
        return False
    answer = isakmp.answered.answer(message_id, datagram.fingerprint)
    if answer is not None:
        for _ in range(_COPIES):
            core.transmit(answer)
    return True


# --- one step -----------------------------------------------------------------------------------------------------


def _continue(core: Core, exchange: AnyExchange, datagram: Datagram) -> None:
    """A message of an exchange that is under way: a repetition, or the next one."""
    if hmac.compare_digest(exchange.received, datagram.fingerprint):  # 4
        _repeat_answer(core, exchange)
        return
    if datagram.header.exchange_type != exchange.script.type:
        raise InvalidExchangeType(
            f"message_recv: exchange type {datagram.header.exchange_type} in {exchange.script.title}"
        )
    if exchange.finished or exchange.our_turn:
        raise Silent(f"message_recv: message of {exchange.script.title} out of turn")
    if not core.exchanges.may_go_on(exchange, core.now):
        raise Silent("message_recv: too many exchanges in which nobody has proved anything")
    _step(core, exchange, datagram)


def _step(core: Core, exchange: AnyExchange, datagram: Datagram) -> None:
    step = exchange.script.steps[exchange.step]
    prepare = step.prepare
    if prepare is not None and exchange.cipher is None and (datagram.encrypted or step.in_clear_too):
        exchange = adopt(core, prepare(exchange))
    try:
        following, message = accept(exchange, datagram, core.tools, partial(_check_proof, core, exchange, datagram))
        _capture(core, datagram, message)
        if exchange.step == 0 and isinstance(exchange.state, Phase1):
            following = openings.equip(core, following, datagram)
        proceed(core, following)
        if exchange.step == 0:
            openings.spent(core, exchange.number)
    except ProtocolError as error:
        if exchange.step == 0 and isinstance(exchange.state, Phase1) and isinstance(error, NoProposalChosen):
            # An offer too large to be looked at ends as one that does not fit; whom nobody expects is told nothing.
            raise NegotiationFailed(error, Reason.NO_TRANSFORM_MATCHED, exchange=find_peer(exchange)) from None
        unreadable = exchange.cipher is not None and datagram.encrypted
        if isinstance(exchange.state, Phase1) and (unreadable or isinstance(error, _UNPROVED)):
            _suspect(core, exchange, error, own=datagram.encrypted and isinstance(error, _UNPROVED))
        raise
    if isinstance(following.state, QuickMode | Transaction) and core.sas.holds(following.state.isakmp):
        _heard_from(core, following.state.isakmp, datagram)


def _check_proof(core: Core, exchange: AnyExchange, datagram: Datagram) -> None:
    """Whether a proof by signature is looked at: reading certificates costs more than making them up.

    This comes after decryption, so nobody but the peer can use up what is left of it.
    """
    phase1 = exchange.role is Role.RESPONDER and isinstance(exchange.state, Phase1) and exchange.step > 0
    if not phase1 or not exchange.script.steps[exchange.step].one_of:
        return
    if METHODS[exchange.state.method].of(exchange.role.other).carrier != PayloadType.SIG:
        return
    if exchange.failures >= limits.PROOFS_PER_EXCHANGE:
        raise Silent("message_recv: too many proofs of this peer do not verify")
    cost = 1 + len(datagram.data) / limits.PROOF_OCTETS
    if not core.proofs[exchange.known].take(core.now, min(cost, limits.PROOFS_AT_ONCE)):
        raise Silent("message_recv: too many proofs by signature at once")


def _heard_from(core: Core, isakmp: IsakmpSa, datagram: Datagram) -> None:
    """An authenticated message came in under an ISAKMP SA: where from is where the peer is now."""
    isakmp.last_word = None
    heard_from(core, isakmp, datagram.path)
    core.wear(isakmp, len(datagram.data))


def _suspect(core: Core, exchange: AnyExchange, error: ProtocolError, *, own: bool) -> None:
    """A proof is rubbish or does not verify: said once; the exchange goes on, for it may be forged.

    `own`: it could be decrypted, so it is the peer's own.
    """
    if own:
        exchange = replace(exchange, failures=exchange.failures + 1)
        core.keep(exchange)
    if not exchange.grievance and core.may_complain():
        doubt = "" if isinstance(error, _UNPROVED) else METHODS[exchange.state.method].of(exchange.role.other).doubt
        text = f"{error}: {doubt}" if doubt else str(error)
        complain(core, exchange, Reason.AUTHENTICATION_FAILED, text)
        core.keep(replace(exchange, grievance=text))


def _capture(core: Core, datagram: Datagram, message: Message) -> None:
    if core.settings.capture:
        core.emit(Captured(datagram.path, without_secrets(message).encode(), outbound=False))


# --- informational ------------------------------------------------------------------------------------------------


def _receive_informational(core: Core, datagram: Datagram, isakmp: IsakmpSa | None, phase1: AnyExchange | None) -> None:
    """Protected news is acted on, the rest is hearsay. Nothing in here is ever answered with an error."""
    if not datagram.encrypted:
        heard, message = accept(hearsay_exchange(core, datagram, Role.RESPONDER), datagram, core.tools)
        _capture(core, datagram, message)
        hear(core, phase1, heard.state, datagram.path)
        return
    if isakmp is None:  # 11
        raise Silent("message_recv: encrypted informational message without an ISAKMP SA")
    if datagram.header.message_id == 0 or datagram.header.message_id in isakmp.answered:
        raise Silent("message_recv: informational message again")
    _check_port(isakmp, datagram)
    told = exchange_for(core, isakmp, datagram.header.message_id, Role.RESPONDER)
    news, message = accept(told, datagram, core.tools)
    _capture(core, datagram, message)
    isakmp.answered.use(datagram.header.message_id)
    _heard_from(core, isakmp, datagram)
    act(core, isakmp, news.state.news)
