"""The exchanges under way, found by cookies and message ID, and the bounds on those that strangers began.

IKEv1 has no stateless cookie, so a first message costs memory before its sender has shown that it receives at its
address, and a third one a key exchange before anybody has shown who he is. Both kinds are capped apart, so that a flood
from forged addresses takes no room from those who have shown that theirs are true: in all and by address. The oldest
goes first, those from configured peers only when there are no others.
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.ike.crowd import Crowd
from daemon.ike.exchange import AnyExchange, Role

HALF_OPEN_LIMIT = 4096
HALF_OPEN_LIMIT_PER_ADDRESS = 16
"""Exchanges that began with a message whose sender has not answered us yet."""

UNPROVED_LIMIT = 2048
UNPROVED_LIMIT_PER_ADDRESS = 64
"""Exchanges whose initiator receives at its address, and has not proved yet who it is."""

ANSWERED_AT_ONCE = 256
"""Exchanges that one peer may have under way with us under one ISAKMP SA; more are not answered until some have ended.

A peer with many connections begins them all at once when it comes up, and repeats what is not answered.
"""

_SHOWN_AT_STEP = 3
"""From message 3 on the initiator has shown our cookie back to us."""

Key = tuple[bytes, bytes, int]


class ExchangeTable:
    """Every exchange, at most one value for each number."""

    def __init__(self, half_open_limit: int = HALF_OPEN_LIMIT, unproved_limit: int = UNPROVED_LIMIT) -> None:
        self._exchanges: dict[int, AnyExchange] = {}
        self._by_key: dict[Key, int] = {}
        self._begun_here: dict[bytes, int] = {}
        self._ours_with: dict[str, dict[int, None]] = {}
        self._openings: dict[tuple[bytes, str], int] = {}
        self._opening_of: dict[int, tuple[bytes, str]] = {}
        self._half_open = Crowd(half_open_limit, HALF_OPEN_LIMIT_PER_ADDRESS)
        self._unproved = Crowd(unproved_limit, UNPROVED_LIMIT_PER_ADDRESS)
        self._under: dict[bytes, dict[int, None]] = {}
        self._named: dict[str, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[AnyExchange]:
        return iter(tuple(self._exchanges.values()))

    @property
    def half_open(self) -> int:
        """How many exchanges began with a message whose sender has not answered us yet."""
        return len(self._half_open)

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
        return sum(each.role is Role.RESPONDER for each in self.under(cookies)) >= ANSWERED_AT_ONCE

    def put(self, exchange: AnyExchange) -> int | None:
        """Enter an exchange, or put its new value in place of the old.

        The number of the exchange that has to go, if any, because this one has got farther.
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
        if exchange.step < _SHOWN_AT_STEP or exchange.finished:
            return None
        began = self._half_open.leave(exchange.number)
        return None if began is None else self._unproved.enter(exchange.number, *began)

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
        self._half_open.leave(number)
        self._unproved.leave(number)
        opening = self._opening_of.pop(number, None)
        if opening is not None:
            self._openings.pop(opening, None)

    def _forget_name(self, exchange: AnyExchange) -> None:
        alike = self._named[exchange.name]
        del alike[exchange.number]
        if not alike:
            del self._named[exchange.name]

    def crowded(self, address: str) -> bool:
        """Whether as many exchanges from this address are half open as may be."""
        return self._half_open.full(address)

    def exhausted(self, address: str) -> bool:
        """Whether as many exchanges from this address have made us compute, and proved nothing, as may be."""
        return self._unproved.full(address)

    def admit(self, exchange: AnyExchange, configured: bool) -> int | None:
        """Enter a phase 1 that a first message began; the number of the exchange that has to go for it, if any.

        `configured`: the peer's address has a section of its own.
        """
        self.put(exchange)
        address = exchange.path.remote.address
        opening = exchange.initiator_cookie, address
        self._opening_of[exchange.number] = opening
        self._openings[opening] = exchange.number
        return self._half_open.enter(exchange.number, address, configured)


def _key(exchange: AnyExchange) -> Key:
    return exchange.initiator_cookie, exchange.responder_cookie, exchange.message_id


def _cookies(exchange: AnyExchange) -> bytes:
    return exchange.initiator_cookie + exchange.responder_cookie
