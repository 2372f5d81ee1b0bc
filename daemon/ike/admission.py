"""What must happen between phase 1 and the first quick mode: XAUTH, then mode-config (isakmpd.conf(5), flag ikecfg).

An ISAKMP SA has a list of duties. `next_transaction` says how we go about the first; `transaction_done` and
`transaction_failed` say what has become of it. A user who is not proved costs the peer its ISAKMP SA; mode-config that
comes to nothing costs nobody anything but the connections that wait for an address.
"""

from __future__ import annotations

from daemon.ike import limits, modeconfig, xauth
from daemon.ike.authentication import METHODS
from daemon.ike.completion import supersede
from daemon.ike.core import Core
from daemon.ike.errors import AuthenticationFailed
from daemon.ike.exchange import AnyExchange, Role, known
from daemon.ike.informational import delete_of, tell
from daemon.ike.messages.payloads import Identification
from daemon.ike.phase1 import Phase1Exchange
from daemon.ike.policy import user_authorizer
from daemon.ike.rebinding import heard_from
from daemon.ike.records import make_record, printed
from daemon.ike.registries import ConfigurationType, IdType
from daemon.ike.removal import remove
from daemon.ike.sa import Duty, IsakmpSa, SaFlag
from daemon.ike.timers import TimerKey, TimerKind
from daemon.ike.transaction import TransactionExchange, asking, exchange_for
from policydb.connections import Connection
from policydb.negotiation import Outcome, Reason

MODE_CONFIG_FLAG = "ikecfg"


def begin(core: Core, isakmp: IsakmpSa, phase1: Phase1Exchange) -> None:
    """Give a new ISAKMP SA its duties: what the method agreed on asks for, and the flag of the peer's section."""
    duties, asked = [], METHODS[phase1.state.method].asked
    if asked is not None:
        duties.append(Duty.ANSWER if asked is isakmp.role else Duty.ASK)
        limit = core.oracle.configuration.general.exchange_max_time
        core.timers.arm(TimerKey(TimerKind.ADMISSION, isakmp.number), core.now + limit)
    if MODE_CONFIG_FLAG in known(phase1.state.peer).flags:
        isakmp.flags |= SaFlag.IKECFG
        duties.append(Duty.CONFIGURE)
    isakmp.duties, isakmp.waiting = tuple(duties), phase1.waiting
    if Duty.ASK in duties:
        _bound_unproved(core, isakmp)


def next_transaction(core: Core, isakmp: IsakmpSa) -> TransactionExchange | None:
    """What we begin now for the first duty that is ours to begin; None: there is none, or it is the peer's turn."""
    while isakmp.duties:
        match isakmp.duties[0]:
            case Duty.ASK:
                return asking(core, isakmp, ConfigurationType.REQUEST, xauth.request())
            case Duty.TELL:
                return asking(core, isakmp, ConfigurationType.SET, xauth.status(bool(isakmp.user)))
            case Duty.ANSWER:
                return None
            case Duty.CONFIGURE:
                section = modeconfig.section_for(core.oracle.configuration, isakmp.remote_id, isakmp.user)
                if section is not None and section.push:
                    return asking(core, isakmp, ConfigurationType.SET, modeconfig.to_set(section))
                if section is not None:
                    return asking(core, isakmp, ConfigurationType.REQUEST, modeconfig.to_request(section))
                core.log(f"mode-config: there is no IKECFG-ID section for {printed(isakmp.remote_id)}")
                _discharge(core, isakmp)
    return None


def transaction_done(core: Core, exchange: TransactionExchange) -> IsakmpSa:
    """Everything of a transaction was said; the ISAKMP SA, which may be gone now."""
    isakmp = exchange.state.isakmp
    heard_from(core, isakmp, exchange.path)  # before the next transaction goes there
    isakmp.chain = exchange.message_id, known(exchange.cipher)
    isakmp.answered.remember(exchange.message_id, exchange.received, exchange.sent)
    if not exchange.state.about_user:
        _configured(core, exchange)
    elif exchange.role is Role.INITIATOR:
        _asked(core, exchange)
    else:
        _answered(core, exchange)
    return isakmp


def transaction_failed(core: Core, exchange: TransactionExchange) -> IsakmpSa:
    """A transaction came to nothing; the ISAKMP SA, which may be gone now."""
    isakmp = exchange.state.isakmp
    if exchange.state.about_user and isakmp.unproved:
        _expel(core, isakmp)
    elif exchange.role is Role.INITIATOR and isakmp.duties:
        _discharge(core, isakmp)
    return isakmp


def lacks_address(isakmp: IsakmpSa, connection: Connection) -> bool:
    """Whether the connection's local identity is the address that mode-config gives us, and there is none yet."""
    local = connection.local_identity
    return local is not None and local.unspecified and isakmp.assigned is None


def overdue(core: Core, isakmp: IsakmpSa) -> None:
    """Exchange-max-time is over since phase 1, and XAUTH is not done."""
    core.log(f"XAUTH with {isakmp.path.remote} was not done in time: its ISAKMP SA is deleted")
    role = Role.RESPONDER if Duty.ANSWER in isakmp.duties else Role.INITIATOR
    none_came = exchange_for(core, isakmp, role, 0)
    _record(core, none_came, Outcome.FAILED, "XAUTH was not done in time", Reason.TIMEOUT)
    _expel(core, isakmp)


# --- XAUTH --------------------------------------------------------------------------------------------------------


def _asked(core: Core, exchange: TransactionExchange) -> None:
    """As gateway: judge the reply, or see what has come of our judgement. One attempt is all that a phase 1 buys."""
    isakmp = exchange.state.isakmp
    if isakmp.duties[0] is Duty.TELL:
        if isakmp.user:
            _proved(core, exchange, f"user {isakmp.user}")
        else:
            _expel(core, isakmp)
        return
    try:
        users = core.oracle.configuration.users
        _accept_user(isakmp, xauth.judge(known(exchange.state.answer).attributes, users, core.tools.secrets))
    except AuthenticationFailed as error:
        core.log(f"{error} (from {isakmp.path.remote})")
        _record(core, exchange, Outcome.REFUSED, str(error), Reason.AUTHENTICATION_FAILED)
    isakmp.duties = Duty.TELL, *isakmp.duties[1:]


def _accept_user(isakmp: IsakmpSa, user: str) -> None:
    """Somebody is proved: policy is asked for the user besides whatever phase 1 has proved.

    Where that was nobody (hybrid mode), the identity was claimed and no more; the user takes its place.
    """
    isakmp.user = user
    if not isakmp.authorizers:
        isakmp.remote_id = Identification(IdType.KEY_ID, 0, 0, user.encode("latin-1"))
    isakmp.authorizers += (user_authorizer(user),)


def _answered(core: Core, exchange: TransactionExchange) -> None:
    """As client: after our reply the gateway goes on; after its status we are in or out."""
    isakmp, question = exchange.state.isakmp, known(exchange.state.question)
    text = xauth.message(question.attributes)
    if text:
        core.log(f"XAUTH: {isakmp.path.remote} says: {text}")
    if question.type is not ConfigurationType.SET:
        return
    if xauth.passed(question.attributes):
        _proved(core, exchange, "the gateway lets us in")
        return
    core.log(f"XAUTH: {isakmp.path.remote} does not let us in")
    _record(core, exchange, Outcome.REFUSED, "XAUTH: the gateway does not let us in", Reason.PEER_REFUSED)
    _expel(core, isakmp)


def _proved(core: Core, exchange: TransactionExchange, what: str) -> None:
    isakmp = exchange.state.isakmp
    core.log(f"isakmpd: XAUTH done: {what}, with {isakmp.path.remote}", verbose=True)
    _record(core, exchange, Outcome.ACCEPTED, f"XAUTH: {what}")
    _discharge(core, isakmp)
    supersede(core, isakmp)


def _expel(core: Core, isakmp: IsakmpSa) -> None:
    """No user was proved: the ISAKMP SA is of no use to anybody."""
    tell(core, isakmp, *delete_of(isakmp))
    remove(core, isakmp)


# --- mode-config --------------------------------------------------------------------------------------------------


def _configured(core: Core, exchange: TransactionExchange) -> None:
    """What was given goes into log, report and record; that of a SET or REPLY to us may bring an address."""
    isakmp = exchange.state.isakmp
    question, answer = known(exchange.state.question), known(exchange.state.answer)
    pushed = question.type is ConfigurationType.SET
    told = question.attributes if pushed else answer.attributes
    shown = modeconfig.printed(told)
    received = pushed is (exchange.role is Role.RESPONDER)
    text = ", ".join(f"{name} {value}" for name, value in shown) or "nothing"
    core.log(f"mode-config: {'got' if received else 'gave'} {isakmp.path.remote}: {text}", verbose=True)
    _record(core, exchange, Outcome.ACCEPTED, f"mode-config {'got' if received else 'gave'} {text}")
    if received:
        isakmp.received = shown
        isakmp.assigned = modeconfig.assigned(told) or isakmp.assigned
    if exchange.role is Role.INITIATOR:
        _discharge(core, isakmp)


# --- shared -------------------------------------------------------------------------------------------------------


def _bound_unproved(core: Core, isakmp: IsakmpSa) -> None:
    """In hybrid mode anybody comes as far as this, and with a group's key many do: so many, and no more, may wait."""
    address = isakmp.path.remote.address
    evicted = core.unadmitted.enter(isakmp.number, address, 1, core.now)
    if core.unadmitted.count(address) > limits.UNADMITTED_PER_ADDRESS:
        evicted += (core.unadmitted.oldest_of(address),)
    for number in evicted:
        sa = core.sas.by_number(number)
        if sa is not None:
            remove(core, sa)


def _discharge(core: Core, isakmp: IsakmpSa) -> None:
    """The first duty is done."""
    isakmp.duties = isakmp.duties[1:]
    if not isakmp.unproved:
        core.sas.refile(isakmp)
        core.unadmitted.leave(isakmp.number)
        core.timers.cancel(TimerKey(TimerKind.ADMISSION, isakmp.number))


def _record(core: Core, exchange: AnyExchange, outcome: Outcome, detail: str, reason: Reason | None = None) -> None:
    core.record(make_record(exchange, outcome, core.tools.surroundings.wall_clock(), reason=reason, detail=detail))
