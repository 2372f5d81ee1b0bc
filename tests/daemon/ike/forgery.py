"""Half-way negotiations, and messages forged for them: what the tests of hostile input share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from daemon.ike.aggressive import AGGRESSIVE_MODE
from daemon.ike.algorithms import keys
from daemon.ike.algorithms.ciphers import Cbc
from daemon.ike.events import Path, Send
from daemon.ike.exchange import AnyExchange, Datagram, Script, Step, open_message, seal
from daemon.ike.informational import INFORMATIONAL, tell
from daemon.ike.main_mode import MAIN_MODE
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import ZERO_COOKIE, Hash, Header, Message, Notify, Payload, encode_payloads
from daemon.ike.quick import QUICK_MODE
from daemon.ike.registries import ExchangeType, Flag, Notification, Protocol
from daemon.ike.sa import IsakmpSa
from daemon.ike.transaction import TRANSACTION
from policydb.connections import General
from tests.daemon.ike.network import EAST, WEST, Node, Pair, configuration
from tests.daemon.ike.roadwarrior import whole_way

NEGOTIATION = 9
"""Messages until the SAs stand: six of main mode, three of quick mode."""


SCRIPTS: dict[ExchangeType, Script[Any]] = {
    each.type: each for each in (MAIN_MODE, AGGRESSIVE_MODE, QUICK_MODE, TRANSACTION, INFORMATIONAL)
}
"""Every exchange that a peer can begin with a message, by its type."""


@dataclass(frozen=True)
class Held:
    """A negotiation stopped before its message `number` (from 1) reaches `receiver`."""

    pair: Pair
    number: int
    receiver: Node
    data: bytes
    path: Path

    @property
    def header(self) -> Header:
        return read_header(self.data)

    @property
    def exchange(self) -> AnyExchange | None:
        """The receiver's exchange that this message belongs to; None: it begins one."""
        exchanges, header = self.receiver.engine._core.exchanges, self.header
        found = exchanges.find(header.initiator_cookie, header.responder_cookie, header.message_id)
        found = found or exchanges.find(header.initiator_cookie, ZERO_COOKIE, header.message_id)
        return found and prepared(found)

    @property
    def isakmp(self) -> IsakmpSa | None:
        """The receiver's ISAKMP SA of this message."""
        return self.receiver.engine._core.sas.by_cookies(self.header.initiator_cookie + self.header.responder_cookie)

    @property
    def step(self) -> Step[Any]:
        """The row that this message has to fit."""
        exchange = self.exchange
        return exchange.script.steps[exchange.step] if exchange else SCRIPTS[self.header.exchange_type].steps[0]

    @property
    def cipher(self) -> Cbc | None:
        """The receiver's cipher for this message."""
        if self.exchange is not None:
            return self.exchange.cipher
        isakmp = self.isakmp
        return keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, self.header.message_id) if isakmp else None

    @property
    def message(self) -> Message:
        """The message in the clear."""
        return open_message(self.cipher, Datagram(self.header, self.data, self.path))[0]

    def forged(self, payloads: tuple[Payload, ...]) -> bytes:
        """The same message with other payloads, encrypted if it was, with a HASH that fits where there can be one."""
        return self.sealed(self._authenticated(payloads))

    def sealed(self, payloads: tuple[Payload, ...]) -> bytes:
        """The same message with just these payloads, encrypted if it was."""
        header = replace(self.header, flags=Flag.NONE)
        if not self.header.flags & Flag.ENC or self.cipher is None:
            return self.plain(payloads, header)
        return seal(self.cipher, Message(header, payloads))[0]

    @staticmethod
    def plain(payloads: tuple[Payload, ...], header: Header) -> bytes:
        """A message in the clear."""
        return Message(header, payloads).encode()

    def _authenticated(self, payloads: tuple[Payload, ...]) -> tuple[Payload, ...]:
        """With a true HASH(1) or, in message 2 of quick mode, HASH(2) over what follows; HASH(3) covers nothing."""
        isakmp, message_id, exchange = self.isakmp, self.header.message_id, self.exchange
        if isakmp is None or not payloads or not isinstance(payloads[0], Hash):
            return payloads
        rest = encode_payloads(payloads[1:])[1]
        fitting = keys.quick_hash1(isakmp.keys, message_id, rest)
        if exchange is not None and exchange.script is QUICK_MODE:
            if exchange.step == 2:
                return payloads
            fitting = keys.quick_hash2(isakmp.keys, message_id, exchange.state.nonce_i, rest)
        return (Hash(fitting), *payloads[1:])

    def inject(self, data: bytes) -> None:
        """Give the receiver this datagram, as from the sender."""
        self.pair.inject(self.receiver, data, self.path)

    def release(self, until: float = 8.0) -> None:
        """Let the true message arrive, and all that follows."""
        self.inject(self.data)
        self.pair.run(self.pair.now + until)


def negotiating(seed: int = 1, exchange: str = "ID_PROT") -> Pair:
    """A pair of which east initiates, not yet started."""
    peer, general = {"exchange": exchange}, General(accept_aggressive_psk=True)
    return Pair(
        configuration(EAST, WEST, initiates=True, peer=peer, general=general),
        configuration(WEST, EAST, peer=peer, general=general),
        seed=seed,
    )


def held_news(seed: int = 1) -> Held:
    """A negotiation that is done, and then news of east's that has not reached west."""
    pair = negotiating(seed).start().run(1.0)
    core = pair.east.engine._core
    (isakmp,) = core.sas.isakmp
    tell(core, isakmp, Notify(Notification.R_U_THERE, Protocol.ISAKMP, isakmp.cookies, b"1234"))
    (sent,) = (each for each in core.take_outputs() if isinstance(each, Send))
    return Held(pair, 1, pair.west, sent.data, Path(sent.path.remote, sent.path.local, sent.path.encapsulated))


@dataclass(frozen=True)
class Course:
    """How a negotiation goes: `hold(number, seed)` stops it before one of its `messages`."""

    messages: int
    hold: Callable[[int, int], Held]


COURSES = {
    "main and quick mode": Course(NEGOTIATION, lambda number, seed: held_at(number, negotiating(seed))),
    "aggressive and quick mode": Course(
        NEGOTIATION - 3, lambda number, seed: held_at(number, negotiating(seed, "AGGRESSIVE"))
    ),
    "main mode, XAUTH, mode-config and quick mode": Course(
        NEGOTIATION + 6, lambda number, seed: held_at(number, whole_way(seed=seed))
    ),
    "informational": Course(1, lambda _, seed: held_news(seed)),
}
"""Every table is walked along these, message by message."""


def held_at(number: int, pair: Pair | None = None) -> Held:
    """The negotiation of a pair, stopped so that message `number` (1 to 9) is kept back."""
    pair = pair or negotiating()
    seen: list[tuple[str, Path, bytes]] = []

    def hold(source: str, path: Path, data: bytes) -> list[bytes]:
        if read_header(data).exchange_type != ExchangeType.INFO:
            seen.append((source, path, data))
        return [data] if len(seen) < number else []

    pair.filter = hold
    pair.start().run(pair.now + 1.0)
    pair.filter = lambda _source, _path, data: [data]
    source, path, data = seen[number - 1]
    receiver = pair.west if source == EAST else pair.east
    return Held(pair, number, receiver, data, Path(path.remote, path.local, path.encapsulated))


def prepared(exchange: AnyExchange) -> AnyExchange:
    """The exchange with the keys that its receiver computes, from what it knows, when the next message comes."""
    step = None if exchange.finished or exchange.our_turn else exchange.script.steps[exchange.step]
    if step is None or step.prepare is None or exchange.cipher is not None:
        return exchange
    return step.prepare(exchange)


def state_of(node: Node) -> object:
    """All that a forged message must not change: exchanges, SAs, kernel. (That one was recorded, or counted, may.)"""

    def plain(exchange: AnyExchange) -> AnyExchange:
        sent = exchange.sent and replace(exchange.sent, transmissions=0, message=None)
        return replace(prepared(exchange), grievance="", failures=0, sent=sent)

    core = node.engine._core
    return (
        [plain(each) for each in core.exchanges],
        node.engine.report(0.0).sas,
        dict(node.kernel),
        set(node.spis),
        set(core.awaited),
        core.contacted,
    )
