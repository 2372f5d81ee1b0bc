"""Half-way negotiations, and messages forged for them: what the tests of hostile input share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from daemon.ike import keys
from daemon.ike.crypto import Cbc
from daemon.ike.events import Path
from daemon.ike.exchange import AnyExchange, Datagram, open_message, seal
from daemon.ike.parser import read_header
from daemon.ike.payloads import Hash, Header, Message, Payload, encode_payloads
from daemon.ike.registries import ExchangeType, Flag
from tests.daemon.ike.network import EAST, WEST, Node, Pair, configuration

NEGOTIATION = 9
"""Messages until the SAs stand: six of main mode, three of quick mode."""


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
    def cipher(self) -> Cbc | None:
        """The receiver's cipher for this message."""
        core, header = self.receiver.engine._core, self.header
        found = core.exchanges.find(header.initiator_cookie, header.responder_cookie, header.message_id)
        if found is not None:
            return found.cipher
        isakmp = core.sas.by_cookies(header.initiator_cookie + header.responder_cookie)
        return keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, header.message_id) if isakmp else None

    @property
    def message(self) -> Message:
        """The message in the clear."""
        return open_message(self.cipher, Datagram(self.header, self.data, self.path))[0]

    def forged(self, payloads: tuple[Payload, ...]) -> bytes:
        """The same message with other payloads, encrypted if it was, with a HASH(1) or (2) that fits where it can."""
        header = replace(self.header, flags=Flag.NONE)
        if not self.header.flags & Flag.ENC or self.cipher is None:
            return Message(header, payloads).encode()
        return seal(self.cipher, Message(header, self._authenticated(payloads)))[0]

    def _authenticated(self, payloads: tuple[Payload, ...]) -> tuple[Payload, ...]:
        core, header = self.receiver.engine._core, self.header
        isakmp = core.sas.by_cookies(header.initiator_cookie + header.responder_cookie)
        if isakmp is None or self.number == NEGOTIATION or not payloads or not isinstance(payloads[0], Hash):
            return payloads
        rest = encode_payloads(payloads[1:])[1]
        if self.number == 7:
            return (Hash(keys.quick_hash1(isakmp.keys, header.message_id, rest)), *payloads[1:])
        ours = core.exchanges.find(header.initiator_cookie, header.responder_cookie, header.message_id)
        assert ours is not None
        return (Hash(keys.quick_hash2(isakmp.keys, header.message_id, ours.state.nonce_i, rest)), *payloads[1:])

    def inject(self, data: bytes) -> None:
        """Give the receiver this datagram, as from the sender."""
        self.pair.inject(self.receiver, data, self.path)

    def release(self, until: float = 2.0) -> None:
        """Let the true message arrive, and all that follows."""
        self.inject(self.data)
        self.pair.run(self.pair.now + until)


def negotiating(seed: int = 1) -> Pair:
    """A pair of which east initiates, not yet started."""
    return Pair(configuration(EAST, WEST, initiates=True), seed=seed)


def held_at(number: int, pair: Pair | None = None) -> Held:
    """The negotiation of a pair, stopped so that message `number` (1 to 9) is kept back."""
    pair = pair or negotiating()
    seen: list[tuple[str, Path, bytes]] = []

    def hold(source: str, path: Path, data: bytes) -> list[bytes]:
        if read_header(data).exchange_type != ExchangeType.INFO:
            seen.append((source, path, data))
        return [data] if len(seen) < number else []

    pair.filter = hold
    pair.start().run(1.0)
    pair.filter = lambda _source, _path, data: [data]
    source, path, data = seen[number - 1]
    receiver = pair.west if source == EAST else pair.east
    return Held(pair, number, receiver, data, Path(path.remote, path.local, path.encapsulated))


def state_of(node: Node) -> object:
    """Everything a forged message must not change: exchanges, SAs, kernel. (That one was recorded may change.)"""

    def plain(exchange: AnyExchange) -> AnyExchange:
        sent = exchange.sent and replace(exchange.sent, transmissions=0)
        return replace(exchange, grievance="", sent=sent)

    core = node.engine._core
    return (
        [plain(each) for each in core.exchanges],
        node.engine.report(0.0).sas,
        dict(node.kernel),
        set(node.spis),
        set(core.awaited),
        core.contacted,
    )
