"""Which datagram is handled next: what continues an exchange at once, what begins one when there is time.

Anybody can send first messages, under any address, faster than they can be answered. So they wait: those of addresses
with a section of their own and all others in turns, within both the addresses in turns, and of one address the newest
first, for whoever sent the oldest has perhaps given up. When there are too many, the address that has most loses its
oldest; a peer repeats what was not answered.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from daemon.ike.crowd import site
from daemon.ike.events import Path
from daemon.log import Log

MOST = 256
"""First messages that wait: a tenth of a second's work."""

MOST_OCTETS = 2**20

_TURN = 0.002
"""Seconds of first messages before sockets and timers are looked at again; one message at least."""

_NEWS = 10.0
"""Seconds between two lines about what was dropped."""

_COOKIE = slice(8, 16)
_NO_COOKIE = bytes(8)

Receive = Callable[[bytes, Path], None]
Item = tuple[bytes, Path]


class Lane:
    """First messages by address: addresses in turns, of each the newest first."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, deque[Item]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, item: Item) -> None:
        """One more."""
        self._items.setdefault(site(item[1].remote.address), deque()).append(item)

    def take(self) -> Item:
        """The next one; there must be one."""
        home, items = self._items.popitem(last=False)
        item = items.pop()
        if items:
            self._items[home] = items
        return item

    def most(self) -> int:
        """How many wait of the address of which most do."""
        return max(map(len, self._items.values()), default=0)

    def drop(self) -> Item:
        """Take out the oldest of the address of which most wait; there must be one."""
        home = max(self._items, key=lambda each: len(self._items[each]))
        item = self._items[home].popleft()
        if not self._items[home]:
            del self._items[home]
        return item


class Waiting:
    """First messages until there is time for them: so many, and so many octets, and no more."""

    def __init__(self, most: int = MOST, octets: int = MOST_OCTETS) -> None:
        self._most = most
        self._most_octets = octets
        self._lanes = deque((Lane(), Lane()))
        self._by_kind = dict(zip((False, True), self._lanes, strict=True))
        self._count = 0
        self._octets = 0
        self.dropped = 0

    def __len__(self) -> int:
        return self._count

    def add(self, data: bytes, path: Path, known: bool) -> None:
        """One more; `known`: its address has a section of its own. Others may be dropped for it, or it for others."""
        self._by_kind[known].add((data, path))
        self._count += 1
        self._octets += len(data)
        while self._count > self._most or self._octets > self._most_octets:
            self._left(max(self._lanes, key=Lane.most).drop())
            self.dropped += 1

    def take(self) -> Item | None:
        """The next one, or None."""
        for _ in range(len(self._lanes)):
            self._lanes.rotate()
            if self._lanes[0]:
                return self._left(self._lanes[0].take())
        return None

    def _left(self, item: Item) -> Item:
        self._count -= 1
        self._octets -= len(item[0])
        return item


class Intake:
    """Hands datagrams on. Must be made and used inside the running event loop.

    `known` tells whether an address has a section of its own.
    """

    def __init__(self, receive: Receive, known: Callable[[str], bool], log: Log) -> None:
        self._receive = receive
        self._known = known
        self._log = log
        self._events = asyncio.get_running_loop()
        self._waiting = Waiting()
        self._serving: asyncio.Handle | None = None
        self._news: asyncio.TimerHandle | None = None

    def take(self, data: bytes, path: Path) -> None:
        """A datagram from a socket."""
        if data[_COOKIE] != _NO_COOKIE:
            self._receive(data, path)
            return
        self._waiting.add(data, path, self._known(path.remote.address))
        if self._serving is None:
            self._serving = self._events.call_soon(self._serve)
        if self._waiting.dropped and self._news is None:
            self._news = self._events.call_later(_NEWS, self._tell)

    def stop(self) -> None:
        """Hand on no more."""
        for handle in (self._serving, self._news):
            if handle is not None:
                handle.cancel()

    def _serve(self) -> None:
        ends = self._events.time() + _TURN
        while (item := self._waiting.take()) is not None:
            self._receive(*item)
            if self._events.time() >= ends:
                break
        self._serving = self._events.call_soon(self._serve) if self._waiting else None

    def _tell(self) -> None:
        self._news = None
        count, self._waiting.dropped = self._waiting.dropped, 0
        self._log.notice(f"{count} first messages dropped: more came than could be answered")
