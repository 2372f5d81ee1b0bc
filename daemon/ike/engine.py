"""The protocol core behind a handful of verbs: datagrams, timers, kernel answers and commands in, outputs out.

Three things drive it: the network (`receive_datagram`), the clock (`handle_timer` at `next_deadline`) and the daemon
around it (`upcall`, `result`, `command`, `reconfigure`). Every verb takes the monotonic time and returns what is to be
done, in order. No peer, kernel or command can make a verb raise: ProtocolError is caught here and nowhere else.
"""

from __future__ import annotations

from daemon.ike import acquire, admission, dpd, lifecycle, rebinding, reception
from daemon.ike.core import Core
from daemon.ike.errors import LocalError, ProtocolError
from daemon.ike.events import (
    Acquire,
    Command,
    Connect,
    DeleteSa,
    DeleteSas,
    EngineReport,
    Expired,
    ListenOn,
    Outcome,
    Output,
    Path,
    PeerMoved,
    Reinitialize,
    SetCapture,
    SetMode,
    Shutdown,
    SpiAllocated,
    TearDown,
    Upcall,
)
from daemon.ike.exchange import Datagram, NegotiationFailed
from daemon.ike.informational import tell, tell_in_the_clear
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import Notify
from daemon.ike.negotiation import attend, fail, take_result, time_out
from daemon.ike.registries import ExchangeType, Notification, Protocol
from daemon.ike.reports import engine_report
from daemon.ike.retransmission import repeat_last_word, retransmit
from daemon.ike.sa import IpsecSa, IsakmpSa
from daemon.ike.surroundings import Credentials, Oracle, Secrets, Settings, Surroundings
from daemon.ike.timers import TimerKey, TimerKind
from daemon.ike.trust.keyring import Keyring


class Engine:
    """One IKE daemon without its IO. To be started by `reconfigure`. `credentials` None: neither keys nor CAs."""

    def __init__(
        self,
        oracle: Oracle,
        secrets: Secrets,
        settings: Settings,
        surroundings: Surroundings,
        credentials: Credentials | None = None,
    ) -> None:
        self._core = Core(oracle, secrets, settings, surroundings, credentials or Keyring())

    # --- verbs ----------------------------------------------------------------------------------------------------

    def receive_datagram(self, data: bytes, path: Path, now: float) -> list[Output]:
        """A datagram of any octets from anybody; on the NAT-T port without its non-ESP marker."""
        core = self._at(now)
        if core.closed:
            return []
        try:
            datagram = Datagram(read_header(data), data, path)
        except ProtocolError as error:
            self._complain(error, path)
            return self._done()
        self._receive(datagram)
        for early in core.take_early():
            self._receive(early)
        return self._done()

    def handle_timer(self, now: float) -> list[Output]:
        """Whatever is due."""
        core = self._at(now)
        while (key := core.timers.pop_due(now)) is not None:
            self._due(key)
        return self._done()

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called; None: no timer runs."""
        return self._core.timers.next_deadline()

    def upcall(self, event: Upcall, now: float) -> list[Output]:
        """An event from the kernel."""
        core = self._at(now)
        if isinstance(event, Acquire):
            if not core.closed:
                acquire.acquire(core, event)
            return self._done()
        sa = core.sas.by_key((event.protocol, event.destination, event.spi))
        if sa is not None:
            match event:
                case PeerMoved():
                    rebinding.esp_heard_from(core, sa, event.remote)
                case Expired(hard=True):
                    lifecycle.delete(core, sa)
                case Expired():
                    lifecycle.soften(core, sa, event.octets)
        return self._done()

    def result(self, token: int, outcome: Outcome, now: float) -> list[Output]:
        """The answer to an output that carried a token. What nobody waits for any more is given back."""
        core = self._at(now)
        awaited = core.awaited.pop(token, None)
        sa = core.sas.by_number(awaited.owner) if awaited is not None and awaited.last_use else None
        if isinstance(sa, IsakmpSa):
            dpd.take_last_use(core, sa, outcome)
        elif awaited is not None:
            take_result(core, awaited, token, outcome)
        elif isinstance(outcome, SpiAllocated) and outcome.protocol:
            core.emit(DeleteSas(((outcome.protocol, outcome.local, outcome.spi),)))
        return self._done()

    def command(self, command: Command, now: float) -> list[Output]:
        """A command from the FIFO, the control socket or a signal."""
        core = self._at(now)
        if core.closed:
            return []
        match command:
            case Connect(name):
                lifecycle.connect(core, name)
            case TearDown(name, phase):
                lifecycle.tear_down(core, name, phase)
            case SetMode(passive):
                core.passive = passive
            case SetCapture(wanted):
                core.capture(wanted)
            case DeleteSa(cookies, message_id, line):
                lifecycle.delete_named(core, cookies, message_id, line)
            case ListenOn(addresses):
                lifecycle.listen_on(core, addresses)
            case Reinitialize():
                lifecycle.reinitialize(core)
            case Shutdown():
                lifecycle.shut_down(core)
        return self._done()

    def reconfigure(
        self, oracle: Oracle, secrets: Secrets, now: float, credentials: Credentials | None = None
    ) -> list[Output]:
        """A new generation: exchanges under way keep theirs, connections that should be up are started.

        `credentials` None: those in use stay.
        """
        core = self._at(now)
        if core.closed:
            return []
        core.use(oracle, secrets, credentials)
        lifecycle.check(core)
        return self._done()

    def report(self, now: float) -> EngineReport:
        """Everything the engine holds."""
        return engine_report(self._core, now)

    # --- the rest -------------------------------------------------------------------------------------------------

    def _at(self, now: float) -> Core:
        self._core.now = now
        return self._core

    def _receive(self, datagram: Datagram) -> None:
        core, path = self._core, datagram.path
        try:
            reception.receive(core, datagram)
        except NegotiationFailed as failure:
            self._refuse(failure, datagram)
        except ProtocolError as error:
            if self._complain(error, path):
                self._notify(error, datagram)
        except LocalError as error:
            if core.may_complain():
                core.log(f"message from {path.remote} not handled: {error}")

    def _done(self) -> list[Output]:
        """The end of a turn."""
        acquire.settle(self._core)
        return self._core.take_outputs()

    def _due(self, key: TimerKey) -> None:
        core = self._core
        match key.kind:
            case TimerKind.RETRANSMIT:
                retransmit(core, key.owner)
            case TimerKind.EXCHANGE_END:
                time_out(core, key.owner)
            case TimerKind.CHECK:
                lifecycle.check(core)
            case TimerKind.FRAGMENTS:
                reception.expire_fragments(core)
            case _:
                sa = core.sas.by_number(key.owner)
                if sa is not None:
                    self._sa_due(key.kind, sa)

    def _sa_due(self, kind: TimerKind, sa: IsakmpSa | IpsecSa) -> None:
        if kind is TimerKind.SOFT_EXPIRY:
            lifecycle.soften(self._core, sa)
        elif kind is TimerKind.HARD_EXPIRY:
            lifecycle.delete(self._core, sa)
        elif isinstance(sa, IsakmpSa) and kind is TimerKind.DPD:
            dpd.tick(self._core, sa)
        elif isinstance(sa, IsakmpSa) and kind is TimerKind.ADMISSION:
            admission.overdue(self._core, sa)
        elif isinstance(sa, IsakmpSa) and kind is TimerKind.FOLLOW:
            attend(self._core, sa)
        elif isinstance(sa, IsakmpSa) and kind is TimerKind.LAST_WORD:
            repeat_last_word(self._core, sa)
        elif isinstance(sa, IsakmpSa):
            lifecycle.keep_alive(self._core, sa)

    def _complain(self, error: ProtocolError, path: Path) -> bool:
        """One log line about a message that cannot be used, within bounds; whether there was room for it."""
        if not self._core.may_complain():
            return False
        self._core.log_dropped(path, error)
        return True

    def _refuse(self, failure: NegotiationFailed, datagram: Datagram) -> None:
        """A negotiation that ends here. What a stranger began and failed at once is bounded like any complaint."""
        core = self._core
        exchange = failure.exchange
        if exchange is None:
            self._complain(failure.error, datagram.path)
            return
        begun = exchange.message_id or core.exchanges.get(exchange.number)
        if not begun and not core.may_complain():
            return
        core.log_dropped(datagram.path, failure.error)
        fail(core, exchange, failure)
        if not exchange.message_id:
            self._notify(failure.error, datagram)

    def _notify(self, error: ProtocolError, datagram: Datagram) -> None:
        """Tell the sender; never in answer to an informational message (RFC 2408 section 5.4)."""
        if error.notification is None or datagram.header.exchange_type == ExchangeType.INFO:
            return
        core = self._core
        isakmp = core.sas.by_cookies(datagram.cookies)
        if isakmp is not None:
            tell(core, isakmp, Notify(error.notification))
            return
        spi = datagram.cookies if error.notification is Notification.INVALID_COOKIE else b""
        tell_in_the_clear(core, datagram, Notify(error.notification, Protocol.ISAKMP, spi))
