"""What all parts of the engine share: the tables, the timers, this turn's clock and outputs, and ways to say things."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daemon.ike import limits
from daemon.ike.allowance import Allowance, Balance
from daemon.ike.crowd import Crowd
from daemon.ike.dynamic import DynamicSections
from daemon.ike.errors import ProtocolError
from daemon.ike.events import Captured, LogLine, Output, Path, Record, Send
from daemon.ike.exchange import AnyExchange, Datagram, Sent, Tools
from daemon.ike.exchange_table import ExchangeTable
from daemon.ike.messages.fragments import FragmentStore, split
from daemon.ike.messages.payloads import COOKIE_LENGTH, ZERO_COOKIE
from daemon.ike.public_values import PublicValues
from daemon.ike.registries import Protocol
from daemon.ike.sa import IsakmpSa
from daemon.ike.sa_table import SaTable
from daemon.ike.surroundings import Credentials, Oracle, Secrets, Settings, Surroundings
from daemon.ike.timers import TimerKey, TimerKind, Timers
from daemon.ike.xauth import without_secrets
from policydb.connections import Connection, Peer
from policydb.negotiation import NegotiationRecord, Question

_SOFT_WEAR = 0.9
"""The part of a lifetime in kilobytes after which a phase 1 is renewed, as kernels do it for phase 2."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a token stands for: an SPI of a protocol for an exchange, or (None) the installation of its SAs.

    `last_use`: the owner is an ISAKMP SA, and the kernel was asked when its peer's SAs were last used.
    """

    owner: int
    protocol: Protocol | None = None
    last_use: bool = False


class Core:
    """The engine's state. Every verb sets `now` first and takes the outputs last."""

    def __init__(
        self,
        oracle: Oracle,
        secrets: Secrets,
        settings: Settings,
        surroundings: Surroundings,
        credentials: Credentials,
    ) -> None:
        self.oracle = oracle
        self.tools = Tools(secrets, settings, surroundings, credentials)
        self.timers = Timers()
        self.sas = SaTable()
        self.exchanges = ExchangeTable()
        self.fragments = FragmentStore()
        self.dynamic = DynamicSections()
        self.awaited: dict[int, Awaited] = {}
        self.contacted: set[str] = set()
        self.stopped: set[str] = set()
        self.passive = settings.passive
        self.signed_openings = Allowance(limits.SIGNED_OPENINGS, limits.SIGNED_OPENINGS)
        self.proofs = (
            Allowance(limits.OTHER_PROOFS, limits.PROOFS_AT_ONCE),
            Allowance(limits.KNOWN_PROOFS, limits.PROOFS_AT_ONCE),
        )
        self.answers = Balance(limits.EXCESS_OCTETS, limits.EXCESS_OCTETS)
        self.unadmitted = Crowd(limits.UNADMITTED)
        self.public_values = PublicValues()
        self.complaints = Allowance(limits.COMPLAINTS_PER_SECOND, limits.COMPLAINTS_AT_ONCE)
        self.lapses = Allowance(limits.LAPSES_PER_SECOND, limits.LAPSES_AT_ONCE)
        self.closed = False
        self.now = 0.0
        self._outputs: list[Output] = []
        self._early: list[Datagram] = []
        self._last_number = 0

    @property
    def settings(self) -> Settings:
        """What the command line decided."""
        return self.tools.settings

    def use(self, oracle: Oracle, secrets: Secrets, credentials: Credentials | None = None) -> None:
        """Begin new exchanges with these from now on; `credentials` None: those in use stay."""
        self.oracle = oracle
        self.tools = replace(self.tools, secrets=secrets, credentials=credentials or self.tools.credentials)

    def capture(self, wanted: bool) -> None:
        """Begin or end to give out messages in the clear."""
        self.tools = replace(self.tools, settings=replace(self.settings, capture=wanted))

    def connection(self, name: str) -> Connection | None:
        """A connection of the configuration, or one that the kernel asked for."""
        return self.oracle.configuration.connections.get(name) or self.dynamic.connections.get(name)

    def peer(self, name: str) -> Peer | None:
        """A peer section, likewise."""
        return self.oracle.configuration.peers.get(name) or self.dynamic.peers.get(name)

    def next_number(self) -> int:
        """A number for an exchange, an SA or a token; never used twice."""
        self._last_number += 1
        return self._last_number

    def random_cookie(self) -> bytes:
        """Eight unpredictable octets, not all zero: cookies are checked by looking them up."""
        while True:
            cookie = self.tools.surroundings.random(COOKIE_LENGTH)
            if cookie != ZERO_COOKIE:
                return cookie

    def random_message_id(self, cookies: bytes) -> int:
        """A message ID that no exchange of this ISAKMP SA has; never 0."""
        initiator, responder = cookies[:8], cookies[8:]
        while True:
            message_id = int.from_bytes(self.tools.surroundings.random(4))
            if message_id and self.exchanges.find(initiator, responder, message_id) is None:
                return message_id

    def arm_again(self, key: TimerKey, interval: int) -> None:
        """Let a timer that comes again and again come once more, `interval` seconds from now, one at least."""
        self.timers.arm(key, self.now + max(1, interval))

    def emit(self, output: Output) -> None:
        """One more thing for the loop to do, after all before it."""
        self._outputs.append(output)

    def take_outputs(self) -> list[Output]:
        """What the loop is to do, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def postpone(self, datagram: Datagram) -> None:
        """Receive a datagram that came too early once more, after the one that is being received."""
        self._early.append(datagram)

    def take_early(self) -> list[Datagram]:
        """The datagrams that are to be received once more."""
        early, self._early = self._early, []
        return early

    def log(self, text: str, category: str = "Default", level: int = 0, *, verbose: bool = False) -> None:
        """One line; level 0 is an ordinary message."""
        self.emit(LogLine(category, level, text, verbose))

    def log_questions(self, questions: tuple[Question, ...]) -> None:
        """What policy was asked and said, for `-D 9=80` (isakmpd: authorizers at level 40, attributes at 80)."""
        for each in questions:
            self.log(f"check_policy: {', '.join(each.authorizers)}: {each.decision.value}", "Plcy", 40)
            for name, value in each.attributes.items():
                self.log(f"check_policy: {name} = {value}", "Plcy", 80)

    def record(self, record: NegotiationRecord) -> None:
        """One line for the decision log."""
        self.emit(Record(record))

    def transmit(self, sent: Sent, *, priority: bool = False) -> None:
        """Put a message of ours on the wire; a repetition is not captured again."""
        for datagram in split(sent.data, sent.fragment_size, encapsulated=sent.path.encapsulated):
            self.emit(Send(sent.path, datagram, priority))
        if self.settings.capture and sent.message is not None:
            self.emit(Captured(sent.path, without_secrets(sent.message).encode(), outbound=True))

    def wear(self, isakmp: IsakmpSa, octets: int) -> None:
        """An ISAKMP SA has protected so many octets more: it is renewed before it is worn out, and then ends."""
        isakmp.octets += octets
        if isakmp.soft_at is None or isakmp.hard_at is None:
            return
        if isakmp.worn >= 1:
            isakmp.hard_at = min(isakmp.hard_at, self.now)
            self.timers.arm(TimerKey(TimerKind.HARD_EXPIRY, isakmp.number), isakmp.hard_at)
        elif isakmp.worn >= _SOFT_WEAR and isakmp.soft_at > self.now:
            isakmp.soft_at = self.now
            self.timers.arm(TimerKey(TimerKind.SOFT_EXPIRY, isakmp.number), self.now)

    def may_complain(self) -> bool:
        """Whether strangers have not yet made us say too much; tells once how much was held back."""
        if not self.complaints.take(self.now):
            return False
        withheld = self.complaints.withheld()
        if withheld:
            self.log(f"{withheld} more messages were dropped and not logged")
        return True

    def log_dropped(self, path: Path, error: ProtocolError) -> None:
        """The one line that a dropped message gets."""
        remote = path.remote
        if error.notification is None:
            self.log(f"dropped message from {remote.address} port {remote.port}: {error}")
            return
        self.log(
            f"dropped message from {remote.address} port {remote.port} "
            f"due to notification type {error.notification}: {error}"
        )

    def keep(self, exchange: AnyExchange) -> None:
        """Make this the exchange's value; what has to go for it is forgotten."""
        for number in self.exchanges.put(exchange, self.now):
            self.forget(number)

    def forget(self, number: int) -> None:
        """Take an exchange out with everything that belongs to it: timers, tokens, its place in the table."""
        for kind in (TimerKind.RETRANSMIT, TimerKind.EXCHANGE_END):
            self.timers.cancel(TimerKey(kind, number))
        self.drop_tokens(number)
        exchange = self.exchanges.get(number)
        if exchange is not None:
            self.dynamic.doubt(exchange.name, *exchange.waiting)
        self.exchanges.remove(number)

    def drop_tokens(self, owner: int) -> None:
        """Take no more answers for an exchange or SA."""
        for token in [token for token, each in self.awaited.items() if each.owner == owner]:
            del self.awaited[token]
