"""The security associations that stand: ISAKMP SAs (phase 1) and IPsec SAs (phase 2).

What identifies them: an ISAKMP SA its pair of cookies, an IPsec SA any of its (protocol, destination, SPI).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from enum import IntFlag, StrEnum

from daemon.ike.algorithms.ciphers import Cbc
from daemon.ike.algorithms.keys import Phase1Keys
from daemon.ike.events import Path, SecurityAssociation
from daemon.ike.exchange import Role, Sent
from daemon.ike.messages.payloads import Identification
from daemon.ike.messages.vendor import Vendor
from daemon.ike.natt import NatFound, NatVersion
from daemon.ike.registries import ExchangeType, Group
from policydb.connections import Address, Peer
from policydb.graph import CompiledAssertion

_ANSWERS_KEPT = 256

_MOST_REPEATS = 32
"""How often an answer goes out again: twice as often as any peer asks, for a replayer must not flood it through us."""

MOST_MESSAGE_IDS = 16_384
"""Message IDs that one ISAKMP SA may use up: probes of both sides every ten seconds take eleven hours for that."""

Owner = tuple[str, bytes, str]
"""A peer: its section, its phase 1 identity and, where XAUTH has proved one, its user. A group shares the first two."""

SaKey = tuple[str, str, int]
"""Protocol ("ESP", "AH"), destination address, SPI: what DeleteSas takes."""


class SaFlag(IntFlag):
    """isakmpd's flags of an SA, as its report prints them."""

    NONE = 0
    READY = 0x1
    STAYALIVE = 0x2
    ONDEMAND = 0x4
    REPLACED = 0x8
    FADING = 0x10
    IKECFG = 0x40
    DPD = 0x80
    NAT_T_ENABLE = 0x100
    NAT_T_KEEPALIVE = 0x200


class Duty(StrEnum):
    """What an ISAKMP SA owes before the quick modes that wait for it start; it comes in this order.

    ASK and TELL: as XAUTH gateway, ask for user and password, then say whether they were right. ANSWER: as client, wait
    for both. CONFIGURE: begin mode-config.
    """

    ASK = "ask for XAUTH"
    TELL = "tell the outcome of XAUTH"
    ANSWER = "answer XAUTH"
    CONFIGURE = "configure"


class Answered:
    """Message IDs used under one ISAKMP SA, and of the last exchanges the digest of their last message and our answer.

    So a repeated last message is answered again, and a replayed one does nothing. The answers are forgotten, oldest
    first; the message IDs never: whoever recorded a message could move the SA with it to where he is, an hour later.
    """

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._known: OrderedDict[int, tuple[bytes, Sent | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._used

    def use(self, message_id: int) -> None:
        """Note that an exchange with `message_id` has begun, or was one message."""
        self._used.add(message_id)

    def remember(self, message_id: int, digest: bytes, answer: Sent | None) -> None:
        """Note that `message_id` ended with the datagram of this digest, and what we sent last."""
        self._used.add(message_id)
        self._known[message_id] = (digest, answer)
        self._known.move_to_end(message_id)
        if len(self._known) > _ANSWERS_KEPT:
            self._known.popitem(last=False)

    def repeats(self, message_id: int, digest: bytes) -> bool:
        """Whether exactly that last datagram comes once more."""
        known = self._known.get(message_id)
        return known is not None and known[0] == digest

    def answer(self, message_id: int, digest: bytes) -> Sent | None:
        """What to send again when exactly that last datagram comes once more, though not for ever."""
        before, answer = self._known.get(message_id, (b"", None))
        if before != digest or answer is None or answer.transmissions >= _MOST_REPEATS:
            return None
        self._known[message_id] = digest, replace(answer, transmissions=answer.transmissions + 1)
        return answer


@dataclass(frozen=True, slots=True)
class Probing:
    """Dead peer detection: `sequence` is the number of our probes of this round, of which `probes` were sent.

    `asked` is the number of the peer's last probe, None before the first, `asked_times` how often that came.
    """

    sequence: int = 0
    probes: int = 0
    asked: int | None = None
    asked_times: int = 0


@dataclass(slots=True, eq=False)
class IsakmpSa:
    """A phase 1 that is done. `cipher` is as phase 1 left it; `name` is the ISAKMP-peer section;
    `exchange_type` is the mode that made it.

    `peer` is that section as it was when phase 1 began. `begun` and `since` are when its exchange began and ended.
    Lifetimes in seconds and kilobytes, None for none;
    `octets` is how much it has protected; `last_word` is the last message of phase 1, where that was ours, until the
    peer is heard of under this SA. `authorizers` may hold the pre-shared key: never log them. `credentials` are
    what the peer's certificates and credentials say; its quick modes ask policy with them. `fragment_size` as in
    Exchange.

    `duties` come first; `waiting` are the connections whose quick mode starts when none is left. `user` is the peer's,
    as XAUTH has proved; `received` what mode-config gave us, in print, and `assigned` the address among it; `chain` the
    message ID and cipher of the last transaction, which may go on. `told_first_contact`: the peer said INITIAL-CONTACT.
    """

    number: int
    name: str
    role: Role
    path: Path
    initiator_cookie: bytes
    responder_cookie: bytes
    group: Group
    keys: Phase1Keys = field(repr=False)
    cipher: Cbc = field(repr=False)
    authorizers: tuple[str, ...] = field(repr=False)
    local_id: Identification
    remote_id: Identification
    transform: tuple[tuple[str, str], ...]
    lifetime_seconds: int | None
    lifetime_kilobytes: int | None
    begun: float
    since: float
    peer: Peer | None = None
    exchange_type: ExchangeType = ExchangeType.ID_PROT
    version: NatVersion | None = None
    nat: NatFound | None = None
    vendors: frozenset[Vendor] = frozenset()
    fragment_size: int = 0
    dpd: Probing = Probing()
    flags: SaFlag = SaFlag.NONE
    soft_at: float | None = None
    hard_at: float | None = None
    octets: int = 0
    last_word: Sent | None = field(default=None, repr=False)
    answered: Answered = field(default_factory=Answered, repr=False)
    credentials: tuple[CompiledAssertion, ...] = field(default=(), repr=False)
    duties: tuple[Duty, ...] = ()
    waiting: tuple[str, ...] = ()
    user: str = ""
    received: tuple[tuple[str, str], ...] = ()
    assigned: Address | None = None
    chain: tuple[int, Cbc] | None = field(default=None, repr=False)
    told_first_contact: bool = False

    @property
    def unproved(self) -> bool:
        """Whether XAUTH is owed: until it is done nothing but XAUTH itself is answered."""
        return any(each is not Duty.CONFIGURE for each in self.duties)

    @property
    def worn(self) -> float:
        """The part used up of what it may protect: its lifetime in kilobytes, and the message IDs it can remember."""
        kilobytes = self.lifetime_kilobytes
        return max(self.octets / (kilobytes * 1024) if kilobytes else 0.0, len(self.answered) / MOST_MESSAGE_IDS)

    @property
    def cookies(self) -> bytes:
        """Both cookies: the SA's SPI in notifications and DELETEs (RFC 2408 section 3.15)."""
        return self.initiator_cookie + self.responder_cookie

    @property
    def owner(self) -> Owner:
        """Who is at the other end, as proved; while XAUTH is owed nobody that anything else belongs to."""
        if self.unproved:
            return self.name, b"", str(self.number)  # no identity is empty
        return self.name, self.remote_id.body, self.user


@dataclass(slots=True, eq=False)
class IpsecSa:
    """What one quick mode made: the SAs of all its protocols in both directions; `name` is the connection, "" if none.

    `owner` is who may delete it: the peer under whose ISAKMP SA it was negotiated. `exchange`: the
    cookies of that phase 1 and the message ID of the quick mode.
    """

    number: int
    name: str
    role: Role
    path: Path
    owner: Owner
    sas: tuple[SecurityAssociation, ...]
    local_id: str
    remote_id: str
    transform: tuple[tuple[str, str], ...]
    lifetime_seconds: int | None
    lifetime_kilobytes: int | None
    since: float
    flags: SaFlag = SaFlag.NONE
    soft_at: float | None = None
    hard_at: float | None = None
    exchange: tuple[bytes, int] = (b"", 0)

    @property
    def keys(self) -> tuple[SaKey, ...]:
        """All directions as DeleteSas takes them."""
        return tuple((each.protocol, each.destination, each.spi) for each in self.sas)

    @property
    def inbound(self) -> tuple[SecurityAssociation, ...]:
        """The SAs whose SPIs are ours: the ones a DELETE of ours names."""
        return tuple(each for each in self.sas if each.inbound)

    @property
    def alike(self) -> tuple[object, ...]:
        """What SAs share of which the newest counts: owner, connection and traffic, however that is written."""
        first = self.inbound[0]
        ends = first.destination_selector, first.source_selector
        return self.owner, self.name, *((each.meaning(), each.protocol, each.port) for each in ends)

    @property
    def selectors(self) -> tuple[str, str]:
        """Local and remote traffic, in print."""
        first = self.inbound[0]
        return str(first.destination_selector), str(first.source_selector)
