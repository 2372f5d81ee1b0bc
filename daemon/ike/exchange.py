"""Exchanges as values, their messages as rows of tables, and the one runner that moves an exchange along its table.

Theory of operation. An exchange (main mode, quick mode) is a frozen value; the engine keeps the current one under its
number. `accept` takes such a value and a datagram and returns the value that follows, or raises and so leaves what the
engine holds as it was: decryption, the table of payloads, HASH and every other check come before the one assignment
with which the engine adopts the new value. A forged or damaged datagram therefore cannot change, let alone end, a
negotiation. `advance` builds the next message when it is our turn, unless the row needs something from outside first.

A message that no timer repeats (the last of an exchange, and the first answer to a peer that has not yet shown that it
receives at its address) is sent again when the peer repeats what it answered: see Retransmission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar

from daemon.ike.algorithms.ciphers import Cbc
from daemon.ike.errors import InvalidFlags, InvalidPayloadType, LocalError, PayloadMalformed, ProtocolError, Silent
from daemon.ike.events import Path
from daemon.ike.messages.parser import parse_payloads
from daemon.ike.messages.payloads import HEADER_LENGTH, Header, Message, Payload, encode_payloads
from daemon.ike.registries import ExchangeType, Flag, PayloadType
from daemon.ike.surroundings import Credentials, Oracle, Secrets, Settings, Surroundings
from policydb.graph import CompiledAssertion
from policydb.negotiation import Comparison, Question, Reason


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and what a negotiation is about, in print, as far as it is known.

    `credentials` are what the peer's certificates and credentials say beside policy. `bound_by` are connections that an
    offer's traffic concerns besides the one that it is for.
    """

    peer_name: str = ""
    connection: str = ""
    local_id: str = ""
    remote_id: str = ""
    local_filter: str = ""
    remote_filter: str = ""
    user: str = ""
    credentials: tuple[CompiledAssertion, ...] = field(default=(), repr=False)
    bound_by: tuple[str, ...] = ()


class State(Protocol):
    """What a protocol gathers while its exchange runs; a frozen value."""

    def subject(self) -> Subject:
        """For records and logs."""
        ...


S = TypeVar("S", bound=State)
T = TypeVar("T")


def known(value: T | None) -> T:
    """A value that an earlier message of the table has set. Raises LocalError if the table is wrong."""
    if value is None:
        raise LocalError("an exchange lacks what an earlier message must have given it")
    return value


class Role(StrEnum):
    """Which side of an exchange we are, or who sends a message."""

    INITIATOR = "initiator"
    RESPONDER = "responder"

    @property
    def other(self) -> Role:
        """The side at the other end."""
        return Role.RESPONDER if self is Role.INITIATOR else Role.INITIATOR


class Retransmission(StrEnum):
    """What makes us send a message again."""

    TIMER = "timer"
    DUPLICATE = "duplicate"
    NEVER = "never"


class Need(StrEnum):
    """What has to be answered from outside, by Engine.result.

    Before a message can be built; in the last row also before the one who received it counts the exchange as done.
    """

    SPI = "spi"
    INSTALLED = "installed"


@dataclass(frozen=True, slots=True)
class Tools:
    """What a step may use besides the exchange itself."""

    secrets: Secrets
    settings: Settings
    surroundings: Surroundings
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of ours as it went out, and how often it was sent so far.

    `message`: what it says in the clear, until it went out for the first time.
    `fragment_size`: octets above which it travels in fragments; 0: it never does.
    """

    path: Path
    data: bytes
    message: Message | None
    repeats: Retransmission
    transmissions: int = 0
    fragment_size: int = 0


@dataclass(frozen=True, slots=True)
class Exchange(Generic[S]):
    """One negotiation under way: who, where, which message comes next, and what its protocol has gathered (`state`).

    `received` is the digest of the last datagram accepted; `granted` holds the answers to needs; `waiting` are the
    connections whose quick mode starts when this phase 1 is done, `early` is a datagram of phase 2 that came before;
    `grievance` is why a record was already written, `failures` how many proofs of the peer's own do not verify;
    `fragment_size` is that of the messages we send. `known`: somebody else began, and the address has a section of its
    own.
    """

    number: int
    script: Script[S]
    role: Role
    name: str
    path: Path
    oracle: Oracle
    started: float
    initiator_cookie: bytes
    responder_cookie: bytes
    state: S
    message_id: int = 0
    step: int = 0
    cipher: Cbc | None = None
    received: bytes = b""
    sent: Sent | None = None
    granted: frozenset[Need] = frozenset()
    waiting: tuple[str, ...] = ()
    early: Datagram | None = None
    grievance: str = ""
    failures: int = 0
    fragment_size: int = 0
    known: bool = False

    @property
    def finished(self) -> bool:
        """Whether the last message was sent or received."""
        return self.step == len(self.script.steps)

    @property
    def our_turn(self) -> bool:
        """Whether the next message is ours to send."""
        return not self.finished and self.script.steps[self.step].sender is self.role

    @property
    def need(self) -> Need | None:
        """What must be answered from outside before the exchange can go on."""
        steps = self.script.steps
        row = steps[-1] if self.finished else steps[self.step]
        if row.need is None or row.need in self.granted:
            return None
        return row.need if self.our_turn or self.finished else None

    @property
    def label(self) -> str:
        """The name as logs show it."""
        return self.name or "<unnamed>"


@dataclass(frozen=True, slots=True)
class Step(Generic[S]):
    """One message of an exchange.

    `leading` payloads stand first, in this order; `required` come exactly so often, `optional` up to so often; of the
    kinds in `one_of`, where there are any, exactly one payload is there. `in_clear_too`: encrypted when we send it, and
    taken either way.
    `prepare` computes what the message is opened with, where that was put off until the sender has shown its address.
    `receive` checks everything and returns the exchange with its new state; `send` returns it with what to send.
    """

    reference: str
    sender: Role
    leading: tuple[PayloadType, ...]
    required: Mapping[PayloadType, int]
    optional: Mapping[PayloadType, int]
    encrypted: bool
    receive: Callable[[Exchange[S], Message, Tools], Exchange[S]]
    send: Callable[[Exchange[S], Tools], tuple[Exchange[S], tuple[Payload, ...]]]
    retransmission: Retransmission
    need: Need | None = None
    one_of: frozenset[PayloadType] = frozenset()
    in_clear_too: bool = False
    prepare: Callable[[Exchange[S]], Exchange[S]] | None = None


@dataclass(frozen=True, slots=True)
class Script(Generic[S]):
    """A whole exchange: its type on the wire, its name in logs and records, its messages in order."""

    type: ExchangeType
    title: str
    steps: tuple[Step[S], ...] = field(repr=False)


AnyExchange = Exchange[Any]


class NegotiationFailed(Exception):  # noqa: N818 - it says what happened; the error inside says what was wrong
    """A negotiation that ends for a reason beyond doubt: what refused it was authenticated, or opens the exchange."""

    def __init__(
        self,
        error: ProtocolError,
        reason: Reason,
        *,
        exchange: AnyExchange | None = None,
        questions: tuple[Question, ...] = (),
        comparisons: tuple[Comparison, ...] = (),
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.reason = reason
        self.exchange = exchange
        self.questions = questions
        self.comparisons = comparisons


@contextmanager
def beyond_doubt(exchange: AnyExchange, reason: Reason) -> Iterator[None]:
    """Whatever is wrong in here ends the exchange: the message was authenticated, or opens the exchange."""
    try:
        yield
    except NegotiationFailed as failure:
        failure.exchange = failure.exchange or exchange
        raise
    except ProtocolError as error:
        raise NegotiationFailed(error, reason, exchange=exchange) from None


# --- receiving ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Datagram:
    """What came in: the octets, their header, and the way they took."""

    header: Header
    data: bytes
    path: Path

    @property
    def encrypted(self) -> bool:
        """Whether the ENC flag is set."""
        return bool(self.header.flags & Flag.ENC)

    @property
    def cookies(self) -> bytes:
        """Both cookies."""
        return self.header.initiator_cookie + self.header.responder_cookie

    @property
    def fingerprint(self) -> bytes:
        """What a datagram is recognised by when it comes again."""
        return sha256(self.data).digest()


def open_message(cipher: Cbc | None, datagram: Datagram) -> tuple[Message, Cbc | None]:
    """Decrypt (where ENC is set) and parse a datagram: the message in the clear and the cipher for what follows."""
    header = datagram.header
    body = datagram.data[HEADER_LENGTH:]
    if datagram.encrypted:
        if cipher is None:
            raise Silent("message_recv: encrypted message without keys")
        body, cipher = cipher.decrypt(body)
    proved = datagram.encrypted and header.message_id != 0
    payloads = parse_payloads(header.next_payload, body, padded=datagram.encrypted, proved=proved)
    return Message(replace(header, flags=header.flags & ~Flag.ENC) if datagram.encrypted else header, payloads), cipher


def check_payloads(step: Step[Any], message: Message) -> None:
    """Hold a message against its row. Raises InvalidPayloadType or PayloadMalformed.

    Payloads of the private range that nobody asked for are skipped (isakmpd's rule).
    """
    present = [each.payload_type for each in message.payloads]
    if tuple(present[: len(step.leading)]) != step.leading:
        raise PayloadMalformed("message_recv: payload out of sequence")
    for kind in set(present):
        count = present.count(kind)
        most = step.required.get(kind, 0) + step.optional.get(kind, 0) + (kind in step.one_of)
        if most == 0 and kind < 128:
            raise InvalidPayloadType(f"message_parse_payloads: payload type {kind} unexpected")
        if 0 < most < count:
            raise PayloadMalformed(f"message_parse_payloads: {count} payloads of type {kind}, at most {most} expected")
    for kind, count in step.required.items():
        if present.count(kind) < count:
            raise PayloadMalformed(f"message_parse_payloads: payload type {kind} missing")
    if step.one_of and sum(each in step.one_of for each in present) != 1:
        kinds = " or ".join(sorted(str(each) for each in step.one_of))
        raise PayloadMalformed(f"message_parse_payloads: not exactly one payload of type {kinds}")


def accept(
    exchange: Exchange[S], datagram: Datagram, tools: Tools, consider: Callable[[], None] = lambda: None
) -> tuple[Exchange[S], Message]:
    """The exchange after the peer's next message, and that message in the clear. Raises, changing nothing.

    `consider` raises where a message that could be opened, and has the payloads of its row, is not looked at after all.
    The peer's address is followed only in messages that the keys protect (RFC 3947 section 7).
    """
    step = exchange.script.steps[exchange.step]
    if step.encrypted and not datagram.encrypted and not step.in_clear_too:
        raise InvalidFlags(f"message_recv: cleartext phase {2 if exchange.message_id else 1} message")
    if datagram.encrypted and not step.encrypted:
        raise Silent("message_recv: encrypted message without keys")
    message, cipher = open_message(exchange.cipher, datagram)
    check_payloads(step, message)
    consider()
    ahead = replace(exchange, cipher=cipher, path=datagram.path) if step.encrypted else exchange
    following = step.receive(ahead, message, tools)
    return replace(following, step=exchange.step + 1, received=datagram.fingerprint, sent=None), message


# --- sending ------------------------------------------------------------------------------------------------------


def advance(exchange: Exchange[S], tools: Tools) -> Exchange[S]:
    """The exchange after our next message, which is left in `sent`. To be called on our turn, with no need open."""
    step = exchange.script.steps[exchange.step]
    built, payloads = step.send(exchange, tools)
    header = Header(
        built.initiator_cookie, built.responder_cookie, built.script.type, built.message_id, flags=Flag.NONE
    )
    message = Message(header, payloads)
    cipher = built.cipher
    if not step.encrypted:
        data = message.encode()
    elif cipher is None:
        raise LocalError("a message is to be encrypted before there are keys")
    else:
        data, cipher = seal(cipher, message)
    sent = Sent(built.path, data, message, step.retransmission, fragment_size=built.fragment_size)
    return replace(built, step=exchange.step + 1, cipher=cipher, sent=sent)


def seal(cipher: Cbc, message: Message) -> tuple[bytes, Cbc]:
    """An encrypted message and the cipher for what follows (RFC 2409 appendix B: zero padding, the IV chained)."""
    first, plain = encode_payloads(message.payloads)
    body, following = cipher.encrypt(plain)
    header = message.header
    outer = replace(header, flags=header.flags | Flag.ENC, next_payload=first, length=HEADER_LENGTH + len(body))
    return outer.encode() + body, following
