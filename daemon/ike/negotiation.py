"""Negotiations from their first message to the SAs, the refusal or the timeout they end in.

`proceed` is the one way on: it builds our next message or asks for what that needs, and only when all of this worked
adopts the exchange's new value. Whatever ends an exchange goes through `abandon`, which leaves nothing of it behind.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from daemon.ike import admission, limits
from daemon.ike.aggressive import AGGRESSIVE_MODE
from daemon.ike.algorithms import keys
from daemon.ike.completion import phase1_done, quick_done
from daemon.ike.core import Awaited, Core
from daemon.ike.errors import LocalError
from daemon.ike.events import (
    AllocateSpi,
    Endpoint,
    Installed,
    InstallSas,
    KernelFailed,
    KeyMaterial,
    Outcome,
    Path,
    SpiAllocated,
)
from daemon.ike.exchange import (
    AnyExchange,
    Datagram,
    Exchange,
    Need,
    NegotiationFailed,
    Role,
    advance,
    beyond_doubt,
)
from daemon.ike.informational import tell
from daemon.ike.keying import protocol_name
from daemon.ike.main_mode import MAIN_MODE
from daemon.ike.messages.payloads import ZERO_COOKIE, Delete, Notify
from daemon.ike.messages.vendor import Vendor
from daemon.ike.phase1 import Phase1
from daemon.ike.quick import (
    QUICK_MODE,
    QuickExchange,
    QuickMode,
    begin,
    initiator_spi,
    security_associations,
    wanted_protocols,
    with_spi,
)
from daemon.ike.records import make_record
from daemon.ike.registries import ExchangeType, Notification
from daemon.ike.removal import abandon, abandon_rivals
from daemon.ike.retransmission import await_peer, transmit
from daemon.ike.sa import IsakmpSa, SaFlag
from daemon.ike.standing import stands
from daemon.ike.timers import TimerKey, TimerKind
from daemon.ike.transaction import Transaction, TransactionExchange
from daemon.ike.transaction import exchange_for as transaction_for
from policydb.connections import Connection, Peer
from policydb.negotiation import Outcome as Ending
from policydb.negotiation import Reason

PHASE1_SCRIPTS = {each.type: each for each in (MAIN_MODE, AGGRESSIVE_MODE)}
"""How phase 1 can go."""

_HEAD_START = 0.05
"""Seconds that message 3 of aggressive mode has before what follows it.

A peer with several threads may take up both in either order, and drop a quick mode that it is not ready for: strongSwan
did so in 3 of 20 negotiations, and was asked again only after 7 s.
"""

_NEGOTIATION_LEVEL = 70

_REFUSALS = frozenset(
    {
        Reason.POLICY,
        Reason.NO_TRANSFORM_MATCHED,
        Reason.NO_PEER_CONFIGURED,
        Reason.IDENTITY_MISMATCH,
        Reason.PEER_REFUSED,
    }
)


# --- beginning ----------------------------------------------------------------------------------------------------


def start_phase1(core: Core, peer: Peer, waiting: tuple[str, ...], path: Path | None = None) -> None:
    """Begin phase 1 with a peer; the connections in `waiting` start when it is done.

    `path` is where the peer was last heard of; without it the peer's section says where it is.
    """
    try:
        way = path or _path_to(core, peer)
    except LocalError as error:
        core.log(f"exchange_establish: {error}")
        return
    exchange = Exchange(
        number=core.next_number(),
        script=PHASE1_SCRIPTS[ExchangeType.from_text(peer.exchange)],
        role=Role.INITIATOR,
        name=peer.name,
        path=way,
        oracle=core.oracle,
        started=core.now,
        initiator_cookie=core.random_cookie(),
        responder_cookie=ZERO_COOKIE,
        state=Phase1(peer=peer, first_contact=way.remote.address not in core.contacted),
        waiting=waiting,
    )
    proceed_or_fail(core, exchange)


def _path_to(core: Core, peer: Peer) -> Path:
    """The way to a peer as its section says. Raises LocalError where there is none."""
    if peer.address is None:
        raise LocalError(f'no "Address" specified for peer "{peer.name}"')
    remote = str(peer.address)
    try:
        local = str(peer.local_address) if peer.local_address else core.tools.surroundings.local_address(remote)
    except LocalError as error:
        raise LocalError(f'peer "{peer.name}": {error}') from error
    return Path(Endpoint(local, core.settings.ike_port), Endpoint(remote, peer.port))


def start_quick(core: Core, isakmp: IsakmpSa, connection: Connection) -> None:
    """Begin a quick mode for a connection under an ISAKMP SA, as soon as that has no duties left and what it needs."""
    if connection.peer != isakmp.name or not stands(core, isakmp):
        core.log(f'exchange_establish: connection "{connection.name}" is not for {isakmp.path.remote} any more')
        return
    at_once = core.timers.deadline(TimerKey(TimerKind.FOLLOW, isakmp.number)) is None
    if isakmp.duties or not at_once or admission.lacks_address(isakmp, connection):
        isakmp.waiting = tuple(dict.fromkeys((*isakmp.waiting, connection.name)))
        return
    try:
        state = begin(isakmp, connection)
    except LocalError as error:
        core.log(f'exchange_establish: connection "{connection.name}": {error}')
        return
    message_id = core.random_message_id(isakmp.cookies)
    exchange = _quick_exchange(core, isakmp, Role.INITIATOR, message_id, state)
    proceed_or_fail(core, replace(exchange, name=connection.name))


def answer_phase1(core: Core, datagram: Datagram) -> Exchange[Phase1]:
    """The value with which an incoming phase 1 begins, one of PHASE1_SCRIPTS; not yet in the table."""
    remote = datagram.path.remote.address
    return Exchange(
        number=core.next_number(),
        script=PHASE1_SCRIPTS[datagram.header.exchange_type],
        role=Role.RESPONDER,
        name="",
        path=datagram.path,
        oracle=core.oracle,
        started=core.now,
        initiator_cookie=datagram.header.initiator_cookie,
        responder_cookie=core.random_cookie(),
        state=Phase1(first_contact=remote not in core.contacted),
        known=ip_address(remote) in core.oracle.configuration.peers_by_address,
    )


def answer_quick(core: Core, isakmp: IsakmpSa, datagram: Datagram) -> QuickExchange:
    """The value with which an incoming quick mode begins; not yet in the table."""
    return _quick_exchange(core, isakmp, Role.RESPONDER, datagram.header.message_id, QuickMode(isakmp))


def answer_transaction(core: Core, isakmp: IsakmpSa, datagram: Datagram) -> TransactionExchange:
    """The value with which an incoming transaction begins; not yet in the table."""
    return transaction_for(core, isakmp, Role.RESPONDER, datagram.header.message_id)


def _quick_exchange(core: Core, isakmp: IsakmpSa, role: Role, message_id: int, state: QuickMode) -> QuickExchange:
    return Exchange(
        number=core.next_number(),
        script=QUICK_MODE,
        role=role,
        name="",
        path=isakmp.path,
        oracle=core.oracle.session(isakmp.credentials),
        started=core.now,
        initiator_cookie=isakmp.initiator_cookie,
        responder_cookie=isakmp.responder_cookie,
        state=state,
        message_id=message_id,
        cipher=keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, message_id),
        fragment_size=isakmp.fragment_size,
    )


# --- going on -----------------------------------------------------------------------------------------------------


def proceed(core: Core, exchange: AnyExchange) -> None:
    """Go as far as we can without the peer or the kernel. Raises before anything has changed."""
    if exchange.our_turn and exchange.need is None:
        exchange = advance(_prepared(core, exchange), core.tools)
    adopt(core, exchange)
    core.timers.cancel(TimerKey(TimerKind.RETRANSMIT, exchange.number))
    if exchange.sent is not None:
        exchange = transmit(core, exchange)
    if exchange.need is not None:
        _ask(core, exchange, exchange.need)
    elif exchange.finished:
        _complete(core, exchange)


def _prepared(core: Core, exchange: AnyExchange) -> AnyExchange:
    """A phase 1 with what has come to be known since it began.

    INITIAL-CONTACT is no longer true where another phase 1 has met the peer meanwhile, and long messages may be sent in
    fragments once the peer has said that it takes them.
    """
    state = exchange.state
    if not isinstance(state, Phase1):
        return exchange
    first_contact = state.first_contact and exchange.path.remote.address not in core.contacted
    general = exchange.oracle.configuration.general
    size = general.fragment_size if Vendor.FRAGMENTATION in state.vendors else 0
    if (size, first_contact) == (exchange.fragment_size, state.first_contact):
        return exchange
    return replace(exchange, fragment_size=size, state=replace(state, first_contact=first_contact))


def proceed_or_fail(core: Core, exchange: AnyExchange) -> None:
    """`proceed` where nothing unverified can be at fault: what goes wrong ends the exchange."""
    try:
        with beyond_doubt(exchange, Reason.MALFORMED):
            proceed(core, exchange)
    except NegotiationFailed as failure:
        core.log_dropped(exchange.path, failure.error)
        fail(core, failure.exchange or exchange, failure)
    except LocalError as error:
        end(core, exchange, Reason.LOCAL_ERROR, str(error))


def adopt(core: Core, exchange: AnyExchange) -> AnyExchange:
    """Make this the exchange's value."""
    before = core.exchanges.get(exchange.number)
    if before is None:
        core.timers.arm(TimerKey(TimerKind.EXCHANGE_END, exchange.number), core.now + _longest(exchange))
        if exchange.role is Role.RESPONDER and exchange.message_id == 0:
            for number in core.exchanges.admit(exchange, core.now):
                core.forget(number)
        if isinstance(exchange.state, QuickMode | Transaction):
            exchange.state.isakmp.answered.use(exchange.message_id)
    core.keep(exchange)
    fresh = exchange.cipher is not None and (before is None or before.cipher is None)
    if fresh and exchange.cipher and exchange.message_id == 0 and core.settings.key_log:
        core.emit(KeyMaterial(exchange.initiator_cookie, exchange.cipher.key))
    return exchange


def _longest(exchange: AnyExchange) -> int:
    """Seconds that an exchange may take."""
    seconds = exchange.oracle.configuration.general.exchange_max_time
    stranger = exchange.role is Role.RESPONDER and exchange.message_id == 0 and not exchange.known
    return min(seconds, limits.STRANGER_SECONDS) if stranger else seconds


# --- needs --------------------------------------------------------------------------------------------------------


def _ask(core: Core, exchange: QuickExchange, need: Need) -> None:
    """Ask the kernel for what the exchange needs; the answer comes back to `take_result`."""
    local, remote = exchange.path.local.address, exchange.path.remote.address
    if need is Need.SPI:
        for protocol in wanted_protocols(exchange):
            token = core.next_number()
            core.awaited[token] = Awaited(exchange.number, protocol)
            core.emit(AllocateSpi(token, protocol_name(protocol), local, remote))
        return
    following = replace(exchange, state=replace(exchange.state, sas=security_associations(exchange, core.tools)))
    core.keep(following)
    token = core.next_number()
    core.awaited[token] = Awaited(exchange.number)
    core.emit(InstallSas(token, following.state.sas))


def take_result(core: Core, awaited: Awaited, token: int, outcome: Outcome) -> None:
    """The kernel's answer. One for an exchange that has ended meanwhile is dropped."""
    exchange = core.exchanges.get(awaited.owner)
    if exchange is None:
        return
    match outcome:
        case KernelFailed(text):
            what = f"{protocol_name(awaited.protocol)} SPI" if awaited.protocol else "SAs"
            if awaited.protocol is None:  # all of them are installed, or none
                exchange = replace(exchange, state=replace(exchange.state, sas=()))
            _tell_peer(core, exchange, Notification.NO_PROPOSAL_CHOSEN)
            end(core, exchange, Reason.LOCAL_ERROR, f"the kernel refused the {what}: {text}")
        case SpiAllocated(spi) if awaited.protocol is not None:
            following = with_spi(exchange, awaited.protocol, spi)
            core.keep(following)
            if Need.SPI in following.granted:
                proceed_or_fail(core, following)
        case Installed() if awaited.protocol is None:
            proceed_or_fail(core, replace(exchange, granted=exchange.granted | {Need.INSTALLED}))
        case _:
            core.log(f"an answer of the wrong kind to token {token}")


# --- ends ---------------------------------------------------------------------------------------------------------


def _complete(core: Core, exchange: AnyExchange) -> None:
    """Everything was said: the SA stands, and what waited for it starts."""
    core.forget(exchange.number)
    if isinstance(exchange.state, Phase1):
        exchange = replace(exchange, waiting=(*exchange.waiting, *abandon_rivals(core, exchange)))
        isakmp = phase1_done(core, exchange)
        admission.begin(core, isakmp, exchange)
        if exchange.script is AGGRESSIVE_MODE and exchange.role is Role.INITIATOR:
            core.timers.arm(TimerKey(TimerKind.FOLLOW, isakmp.number), core.now + _HEAD_START)
        else:
            attend(core, isakmp)
        if exchange.early is not None:
            core.postpone(exchange.early)
    elif isinstance(exchange.state, Transaction):
        attend(core, admission.transaction_done(core, exchange))
    else:
        quick_done(core, exchange)


def attend(core: Core, isakmp: IsakmpSa) -> None:
    """What an ISAKMP SA owes comes first, then the quick modes that wait for it."""
    core.timers.cancel(TimerKey(TimerKind.FOLLOW, isakmp.number))
    if not core.sas.holds(isakmp):
        return
    transaction = admission.next_transaction(core, isakmp)
    if transaction is not None:
        proceed_or_fail(core, transaction)
    elif not isakmp.duties:
        waiting, isakmp.waiting = isakmp.waiting, ()
        for name in dict.fromkeys(waiting):
            connection = core.connection(name)
            if connection is not None and name not in core.stopped:
                start_quick(core, isakmp, connection)
    if not core.exchanges.under(isakmp.cookies):
        await_peer(core, isakmp)


def fail(core: Core, exchange: AnyExchange, failure: NegotiationFailed) -> None:
    """End an exchange for a reason beyond doubt; the peer is told where keys protect the telling."""
    if failure.error.notification is not None:
        _tell_peer(core, exchange, failure.error.notification)
    end(core, exchange, failure.reason, str(failure), failure=failure)


def _tell_peer(core: Core, exchange: AnyExchange, notification: Notification) -> None:
    """Say that a quick mode is off: the SPI of its initiator names it, and no SPI of ours will be used."""
    state = exchange.state
    if isinstance(state, Transaction):
        tell(core, state.isakmp, Notify(notification))
    if not isinstance(state, QuickMode) or (exchange.role is Role.INITIATOR and exchange.step == 0):
        return
    protocol, spi = initiator_spi(exchange)
    _disown(core, state, Notify(notification, protocol, spi))


def _disown(core: Core, state: QuickMode, *reasons: Notify) -> None:
    """DELETE for our SPIs of a quick mode that came to nothing, after the reasons."""
    deletes = (Delete(each, (number.to_bytes(4),)) for each, number in state.spis.items())
    if news := (*reasons, *deletes):
        tell(core, state.isakmp, *news)


def end(
    core: Core, exchange: AnyExchange, reason: Reason, detail: str, *, failure: NegotiationFailed | None = None
) -> None:
    """Write the record of an exchange that came to nothing, and forget it."""
    complain(core, exchange, reason, detail, failure=failure)
    abandon(core, exchange)
    if isinstance(exchange.state, Transaction):
        attend(core, admission.transaction_failed(core, exchange))


def complain(
    core: Core, exchange: AnyExchange, reason: Reason, detail: str, *, failure: NegotiationFailed | None = None
) -> None:
    """Write a record of why an exchange does not come to an SA; the exchange stays as it is."""
    for comparison in failure.comparisons if failure else ():
        for each in comparison.differences:
            text = f"attribute_unacceptable: {each.attribute}: got {each.offered}, expected {each.configured}"
            core.log(text, "Negt", _NEGOTIATION_LEVEL)
    core.log_questions(failure.questions if failure else ())
    core.record(
        make_record(
            exchange,
            Ending.REFUSED if reason in _REFUSALS else Ending.FAILED,
            core.tools.surroundings.wall_clock(),
            reason=reason,
            detail=detail,
            questions=failure.questions if failure else (),
            comparisons=failure.comparisons if failure else (),
        )
    )


def time_out(core: Core, number: int) -> None:
    """Exchange-max-time is over. One record is enough: where one says why already, there is no second."""
    exchange = core.exchanges.get(number)
    if exchange is None:
        return
    if exchange.role is Role.RESPONDER and isinstance(exchange.state, Phase1) and not _worth_a_line(core):
        abandon(core, exchange)
        return
    missing = f"{exchange.script.title} with {exchange.path.remote} got no further than message {exchange.step}"
    core.log(f"exchange {exchange.label} timed out: {missing}", "Exch", 10)
    if isinstance(exchange.state, QuickMode) and exchange.role is Role.INITIATOR and exchange.step == 1:
        # Not a word to our message 1: the peer may have lost this ISAKMP SA, so the next attempt makes a new one.
        exchange.state.isakmp.flags |= SaFlag.REPLACED
    if isinstance(exchange.state, QuickMode) and exchange.role is Role.RESPONDER:
        # Message 3 never came, but may have been sent: then SAs stand at the peer that nobody answers to.
        _disown(core, exchange.state)
    if exchange.grievance:
        abandon(core, exchange)
    else:
        end(core, exchange, Reason.TIMEOUT, missing)


def _worth_a_line(core: Core) -> bool:
    """Whether what a stranger began and left is told: the first of many are, then a count."""
    if not core.lapses.take(core.now):
        return False
    withheld = core.lapses.withheld()
    if withheld:
        core.log(f"{withheld} more exchanges that others began timed out and were not logged")
    return True
