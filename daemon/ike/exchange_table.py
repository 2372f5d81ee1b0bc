"""The exchanges under way, found by cookies and message ID, and the bounds on those that strangers began.

IKEv1 has no stateless cookie, so a first message costs memory before its sender has shown that it receives at its
address, and a third one a key exchange before anybody has shown who he is. Both kinds have rooms apart, counted in
octets, so that a flood from forged addresses takes nothing from those who have shown that theirs are true; and within
both the addresses with a section of their own have one apart (daemon.ike.limits, daemon.ike.crowd).
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.ike import limits
from daemon.ike.crowd import Crowd
from daemon.ike.exchange import AnyExchange, Role
from daemon.ike.phase1 import octets_kept

_SHOWN_AT_STEP = 3
"""From message 3 on the initiator has shown our cookie back to us."""

Key = tuple[bytes, bytes, int]


class ExchangeTable:
    """Every exchange, at most one value for each number. Where a key is a bool: whether the address has a section."""

    def __init__(
        self,
        openings: tuple[int, int] = (limits.OTHER_OPENINGS, limits.KNOWN_OPENINGS),
        shown: tuple[int, int] = (limits.OTHER_SHOWN, limits.KNOWN_SHOWN),
    ) -> None:
        self._exchanges: dict[int, AnyExchange] = {}
        self._by_key: dict[Key, int] = {}
        self._begun_here: dict[bytes, int] = {}
        self._ours_with: dict[str, dict[int, None]] = {}
        self._openings: dict[tuple[bytes, str], int] = {}
        self._opening_of: dict[int, tuple[bytes, str]] = {}
        self._opened = tuple(map(Crowd, openings))
        self._shown = tuple(map(Crowd, shown))
        self._under: dict[bytes, dict[int, None]] = {}
        self._named: dict[str, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[AnyExchange]:
        return iter(tuple(self._exchanges.values()))

    @property
    def half_open(self) -> int:
        """How many exchanges began with a message whose sender has not answered us yet."""
        return sum(map(len, self._opened))

    @property
    def octets(self) -> int:
        """What the exchanges of those take who have proved nothing yet."""
        return sum(each.weight for each in (*self._opened, *self._shown))

    def get(self, number: int) -> AnyExchange | None:
        """The exchange of a timer or token."""
        return self._exchanges.get(number)

    def find(self, initiator_cookie: bytes, responder_cookie: bytes, message_id: int) -> AnyExchange | None:
        """The exchange of a message."""
        number = self._by_key.get((initiator_cookie, responder_cookie, message_id))
        return self._exchanges[number] if number is not None else None

    def ours_with(self, peer: str) -> tuple[AnyExchange, ...]:
        """The phase 1s under way that we began with a peer section: few, however many others begin."""
        return tuple(self._exchanges[number] for number in self._ours_with.get(peer, ()))

    def begun_here(self, initiator_cookie: bytes) -> bool:
        """Whether this cookie is ours, of a phase 1 under way that we began."""
        return initiator_cookie in self._begun_here

    def opened_by(self, initiator_cookie: bytes, address: str) -> AnyExchange | None:
        """The exchange that we answer and that a first message from this address began."""
        number = self._openings.get((initiator_cookie, address))
        return self._exchanges[number] if number is not None else None

    def under(self, cookies: bytes) -> tuple[AnyExchange, ...]:
        """The exchanges of phase 2 under an ISAKMP SA, oldest first."""
        return tuple(self._exchanges[number] for number in self._under.get(cookies, ()))

    def named(self, name: str) -> tuple[AnyExchange, ...]:
        """The exchanges with a peer section (phase 1) or about a connection (phase 2), oldest first."""
        return tuple(self._exchanges[number] for number in self._named.get(name, ()))

    def busy(self, cookies: bytes) -> bool:
        """Whether the peer of an ISAKMP SA has as many exchanges under way as may be."""
        return sum(each.role is Role.RESPONDER for each in self.under(cookies)) >= limits.ANSWERED_AT_ONCE

    def put(self, exchange: AnyExchange, now: float) -> tuple[int, ...]:
        """Enter an exchange, or put its new value in place of the old.

        The numbers of the exchanges that have to go, if any, because this one has got farther or keeps more.
        """
        before = self._exchanges.get(exchange.number)
        if before is not None and _key(before) != _key(exchange):
            del self._by_key[_key(before)]
        if before is not None and before.name != exchange.name:
            self._forget_name(before)
        self._named.setdefault(exchange.name, {})[exchange.number] = None
        if exchange.message_id:
            self._under.setdefault(_cookies(exchange), {})[exchange.number] = None
        self._exchanges[exchange.number] = exchange
        self._by_key[_key(exchange)] = exchange.number
        if exchange.role is Role.INITIATOR and exchange.message_id == 0:
            self._begun_here[exchange.initiator_cookie] = exchange.number
            self._ours_with.setdefault(exchange.name, {})[exchange.number] = None
        return self._reckon(exchange, now)

    def _reckon(self, exchange: AnyExchange, now: float) -> tuple[int, ...]:
        """Weigh anew what a stranger's exchange keeps, and let it move on once he has shown his address."""
        number = exchange.number
        opened = next((each for each in self._opened if number in each), None)
        if opened is not None and exchange.step >= _SHOWN_AT_STEP and not exchange.finished:
            opened.leave(number)
            _, address = self._opening_of[number]
            return self._shown[exchange.known].enter(number, address, octets_kept(exchange), now)
        room = opened or next((each for each in self._shown if number in each), None)
        return room.weigh(number, octets_kept(exchange)) if room is not None else ()

    def remove(self, number: int) -> None:
        """Take an exchange out; one that is gone is no error."""
        exchange = self._exchanges.pop(number, None)
        if exchange is None:
            return
        self._by_key.pop(_key(exchange), None)
        self._forget_name(exchange)
        if self._begun_here.get(exchange.initiator_cookie) == number:
            del self._begun_here[exchange.initiator_cookie]
            ours = self._ours_with[exchange.name]
            del ours[number]
            if not ours:
                del self._ours_with[exchange.name]
        if exchange.message_id:
            under = self._under[_cookies(exchange)]
            del under[number]
            if not under:
                del self._under[_cookies(exchange)]
        for room in (*self._opened, *self._shown):
            room.leave(number)
        opening = self._opening_of.pop(number, None)
        if opening is not None:
            self._openings.pop(opening, None)

    def _forget_name(self, exchange: AnyExchange) -> None:
        alike = self._named[exchange.name]
        del alike[exchange.number]
        if not alike:
            del self._named[exchange.name]

    def exhausted(self, address: str) -> bool:
        """Whether as many exchanges from this address have made us compute, and proved nothing, as may be."""
        return sum(each.count(address) for each in self._shown) >= limits.SHOWN_PER_ADDRESS

    def admits(self, address: str, known: bool, octets: int, now: float) -> bool:
        """Whether a first message of so many octets may begin an exchange."""
        return self._opened[known].admits(address, limits.EXCHANGE_OCTETS + octets, now)

    def admit(self, exchange: AnyExchange, now: float) -> tuple[int, ...]:
        """Enter a phase 1 that a first message began; the numbers of the exchanges that have to go for it."""
        address = exchange.path.remote.address
        opening = exchange.initiator_cookie, address
        self._opening_of[exchange.number] = opening
        self._openings[opening] = exchange.number
        going = self._opened[exchange.known].enter(exchange.number, address, octets_kept(exchange), now)
        return *going, *self.put(exchange, now)

    def may_go_on(self, exchange: AnyExchange, now: float) -> bool:
        """Whether there is room for a stranger's exchange that comes to the message that shows his address."""
        shows = exchange.number in self._opened[exchange.known] and exchange.step + 1 >= _SHOWN_AT_STEP
        return not shows or self._shown[exchange.known].admits(exchange.path.remote.address, octets_kept(exchange), now)


def _key(exchange: AnyExchange) -> Key:
    return exchange.initiator_cookie, exchange.responder_cookie, exchange.message_id


def _cookies(exchange: AnyExchange) -> bytes:
    return exchange.initiator_cookie + exchange.responder_cookie
