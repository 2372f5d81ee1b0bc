"""IKE fragmentation as Cisco and strongSwan do it for IKEv1: one payload, number 132, in an ISAKMP message of its own.

    header (next payload 132) | 0 | 0 | length (2) | id (2) | number (1) | flags (1) | part of the message

Numbers count from 1, flag 1 marks the last part; the parts together are a whole message with a header of its own. There
is no RFC. Everybody but us gives all messages the same id, so a set of parts is known by address and cookies, and a
part that contradicts the set begins it anew: what is mixed up all the same fails like any damaged message.

Whose cookies are unknown gets nothing kept (reception asks). What is kept is bounded for each message, address and in
all; the oldest set goes first, and each after a time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

from daemon.ike import limits
from daemon.ike.errors import PayloadMalformed, Silent
from daemon.ike.messages.payloads import HEADER_LENGTH, Header
from daemon.ike.messages.wire import Reader, Writer
from daemon.ike.registries import ExchangeType, PayloadType

MAX_PARTS = 64
MAX_MESSAGE = 32 * 1024
MAX_FROM_ADDRESS = 64 * 1024
MAX_IN_ALL = limits.FRAGMENTS
"""Octets, but for the first; real messages, certificates included, stay far below."""

_COST = 256
"""Octets that keeping a part costs besides its own, so that many small ones are bounded too."""

KEPT_SECONDS = 30.0
"""Longer than any peer waits until it sends a message again."""

_PART_HEADER = 8
_LAST = 1
_MARKER = 4
"""The non-ESP marker before every message on the NAT-T port (RFC 3948 section 2.2)."""

Key = tuple[str, bytes]
"""What counts as the sender's address, and both cookies."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One part of a message; `number` from 1."""

    id: int
    number: int
    last: bool
    data: bytes


def parse_fragment(header: Header, data: bytes) -> Fragment:
    """The one payload of a fragment message; `data` is the whole datagram. Raises PayloadMalformed."""
    if header.version >> 4 != 1:
        raise PayloadMalformed(f"fragment: version major {header.version >> 4}")
    reader = Reader(data[HEADER_LENGTH:])
    if reader.remaining <= _PART_HEADER:
        raise PayloadMalformed(f"fragment: {reader.remaining} octets")
    following, reserved, length = reader.uint8(), reader.uint8(), reader.uint16()
    if following or reserved or length != len(data) - HEADER_LENGTH:
        raise PayloadMalformed(f"fragment: next payload {following}, reserved {reserved}, length {length}")
    found = Fragment(reader.uint16(), reader.uint8(), bool(reader.uint8() & _LAST), reader.rest())
    if not 1 <= found.number <= MAX_PARTS:
        raise PayloadMalformed(f"fragment: number {found.number}")
    return found


def split(data: bytes, limit: int, *, encapsulated: bool = False) -> tuple[bytes, ...]:
    """A message as datagrams of at most `limit` octets each, marker included; 0, or short enough: it stays whole.

    One that needs more parts than we would take ourselves stays whole as well.
    """
    limit -= _MARKER if encapsulated and limit else 0
    room = limit - HEADER_LENGTH - _PART_HEADER
    if room <= 0 or len(data) <= limit or len(data) > room * MAX_PARTS:
        return (data,)
    number = int.from_bytes(sha256(data).digest()[:2]) or 1  # the same for a repetition, another for another message
    pieces = [data[at : at + room] for at in range(0, len(data), room)]
    return tuple(
        _encode(data, Fragment(number, position, position == len(pieces), piece))
        for position, piece in enumerate(pieces, 1)
    )


def _encode(message: bytes, fragment: Fragment) -> bytes:
    """The datagram of a part: the message's cookies, message ID 0 and a phase 1 exchange type, as strongSwan sends."""
    kind = ExchangeType(message[18])
    body = Writer().uint8(0).uint8(0).uint16(_PART_HEADER + len(fragment.data)).uint16(fragment.id)
    body.uint8(fragment.number).uint8(_LAST if fragment.last else 0).octets(fragment.data)
    octets = body.getvalue()
    header = Header(
        message[:8],
        message[8:16],
        kind if kind == ExchangeType.AGGRESSIVE else ExchangeType.ID_PROT,
        next_payload=PayloadType.FRAGMENT,
        length=HEADER_LENGTH + len(octets),
    )
    return header.encode() + octets


@dataclass(slots=True)
class _Set:
    """The parts of one message so far; `last` is the number of the last one, 0 while unknown."""

    id: int
    until: float
    parts: dict[int, bytes] = field(default_factory=dict)
    last: int = 0
    octets: int = 0

    def contradicts(self, fragment: Fragment) -> bool:
        """Whether the fragment cannot belong to the same message."""
        known = self.parts.get(fragment.number)
        highest = max(self.parts, default=0)
        return (
            fragment.id != self.id
            or (known is not None and known != fragment.data)
            or (fragment.last and (self.last not in (0, fragment.number) or highest > fragment.number))
            or (not fragment.last and self.last != 0 and fragment.number >= self.last)
        )

    def whole(self) -> bytes | None:
        """The message, once no part is missing."""
        if not self.last or len(self.parts) < self.last:
            return None
        return b"".join(self.parts[number] for number in range(1, self.last + 1))


class FragmentStore:
    """Messages of which some parts are still missing, at most one for each address and cookies."""

    def __init__(self) -> None:
        self._sets: OrderedDict[Key, _Set] = OrderedDict()
        self._octets_from: Counter[str] = Counter()
        self._octets = 0

    def __len__(self) -> int:
        return len(self._sets)

    @property
    def octets(self) -> int:
        """What keeping all this costs."""
        return self._octets

    def next_deadline(self) -> float | None:
        """When the oldest set has been kept long enough; None: there is none."""
        return next(iter(self._sets.values())).until if self._sets else None

    def expire(self, now: float) -> None:
        """Forget the sets that have waited long enough."""
        while self._sets and next(iter(self._sets.values())).until <= now:
            self._forget(next(iter(self._sets)))

    def add(self, key: Key, fragment: Fragment, now: float) -> bytes | None:
        """Keep a part; the whole message if it was the last one missing. Raises Silent where it becomes too long."""
        found = self._sets.get(key)
        if found is not None and found.contradicts(fragment):
            self._forget(key)
            found = None
        if found is None:
            found = self._sets[key] = _Set(fragment.id, now + KEPT_SECONDS)
        if fragment.number not in found.parts:
            found.parts[fragment.number] = fragment.data
            self._count(key, found, _COST + len(fragment.data))
        if fragment.last:
            found.last = fragment.number
        if found.octets - _COST * len(found.parts) > MAX_MESSAGE:
            self._forget(key)
            raise Silent(f"fragment: message of more than {MAX_MESSAGE} octets")
        whole = found.whole()
        if whole is not None:
            self._forget(key)
        else:
            self._make_room(key[0])
        return whole

    def _make_room(self, address: str) -> None:
        """Let the oldest sets go until the bounds hold: those of this address for its own, any for the whole."""
        while self._octets_from[address] > MAX_FROM_ADDRESS:
            self._forget(next(each for each in self._sets if each[0] == address))
        while self._octets > MAX_IN_ALL:
            self._forget(next(iter(self._sets)))

    def _count(self, key: Key, found: _Set, octets: int) -> None:
        found.octets += octets
        self._octets += octets
        self._octets_from[key[0]] += octets

    def _forget(self, key: Key) -> None:
        found = self._sets.pop(key)
        self._count(key, found, -found.octets)
        if not self._octets_from[key[0]]:
            del self._octets_from[key[0]]
