"""The exchanges under way, found by cookies and message ID, and the bound on those that strangers began.

IKEv1 has no stateless cookie, so a first message costs memory before its sender has shown that it receives at its
address. Such half-open exchanges are capped: in all and by address; the oldest goes first, those from configured peers
only when there are no others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from daemon.ike.exchange import AnyExchange, Role

HALF_OPEN_LIMIT = 4096
HALF_OPEN_LIMIT_PER_ADDRESS = 16

_PROVED_AT_STEP = 3
"""From message 3 on the initiator has shown our cookie back to us."""

Key = tuple[bytes, bytes, int]


class ExchangeTable:
    """Every exchange, at most one value for each number."""

    def __init__(self, half_open_limit: int = HALF_OPEN_LIMIT) -> None:
        self._exchanges: dict[int, AnyExchange] = {}
        self._by_key: dict[Key, int] = {}
        self._begun_here: dict[bytes, int] = {}
        self._openings: dict[tuple[bytes, str], int] = {}
        self._opening_of: dict[int, tuple[bytes, str]] = {}
        self._half_open: OrderedDict[int, bool] = OrderedDict()
        self._half_open_from: dict[str, OrderedDict[int, None]] = {}
        self._half_open_limit = half_open_limit

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

    @property
    def ours(self) -> tuple[AnyExchange, ...]:
        """The phase 1s under way that we began: few, however many strangers begin."""
        return tuple(self._exchanges[number] for number in self._begun_here.values())

    def begun_here(self, initiator_cookie: bytes) -> bool:
        """Whether this cookie is ours, of a phase 1 under way that we began."""
        return initiator_cookie in self._begun_here

    def opened_by(self, initiator_cookie: bytes, address: str) -> AnyExchange | None:
        """The exchange that we answer and that a first message from this address began."""
        number = self._openings.get((initiator_cookie, address))
        return self._exchanges[number] if number is not None else None

    def put(self, exchange: AnyExchange) -> None:
        """Enter an exchange, or put its new value in place of the old."""
        before = self._exchanges.get(exchange.number)
        if before is not None and _key(before) != _key(exchange):
            del self._by_key[_key(before)]
        self._exchanges[exchange.number] = exchange
        self._by_key[_key(exchange)] = exchange.number
        if exchange.role is Role.INITIATOR and exchange.message_id == 0:
            self._begun_here[exchange.initiator_cookie] = exchange.number
        if exchange.step >= _PROVED_AT_STEP:
            self._close_half(exchange.number)

    def remove(self, number: int) -> None:
        """Take an exchange out; one that is gone is no error."""
        exchange = self._exchanges.pop(number, None)
        if exchange is None:
            return
        self._by_key.pop(_key(exchange), None)
        if self._begun_here.get(exchange.initiator_cookie) == number:
            del self._begun_here[exchange.initiator_cookie]
        self._close_half(number)
        opening = self._opening_of.pop(number, None)
        if opening is not None:
            self._openings.pop(opening, None)

    def crowded(self, address: str) -> bool:
        """Whether as many exchanges from this address are half open as may be."""
        return len(self._half_open_from.get(address, ())) >= HALF_OPEN_LIMIT_PER_ADDRESS

    def admit(self, exchange: AnyExchange, configured: bool) -> int | None:
        """Enter a phase 1 that a first message began; the number of the exchange that has to go for it, if any.

        `configured`: the peer's address has a section of its own.
        """
        self.put(exchange)
        address = exchange.path.remote.address
        opening = exchange.initiator_cookie, address
        self._opening_of[exchange.number] = opening
        self._openings[opening] = exchange.number
        self._half_open[exchange.number] = configured
        siblings = self._half_open_from.setdefault(address, OrderedDict())
        siblings[exchange.number] = None
        if len(siblings) > HALF_OPEN_LIMIT_PER_ADDRESS:
            return next(iter(siblings))
        if len(self._half_open) > self._half_open_limit:
            return next((each for each, known in self._half_open.items() if not known), next(iter(self._half_open)))
        return None

    def _close_half(self, number: int) -> None:
        if self._half_open.pop(number, None) is None:
            return
        address = self._opening_of[number][1]
        siblings = self._half_open_from[address]
        del siblings[number]
        if not siblings:
            del self._half_open_from[address]


def _key(exchange: AnyExchange) -> Key:
    return exchange.initiator_cookie, exchange.responder_cookie, exchange.message_id
