"""A room for what strangers who have got equally far make us keep: bounded as a whole, and shared out by address.

Whoever comes when it is full takes the place of another: of the oldest of the address that has most, where that is more
than its share, else of the oldest of all. That one must have had its time; else the newcomer is turned away, unless the
other's address has more than his.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain

from daemon.ike import limits


@dataclass(slots=True)
class _Member:
    """What one exchange or SA takes: whose it is, how much, since when."""

    site: str
    weight: int
    since: float


class Crowd:
    """Numbers of exchanges or SAs, oldest first. `limit` and `share` are in the unit of their weights."""

    def __init__(self, limit: int, share: int | None = None) -> None:
        self._limit = limit
        self._share = limit // limits.SHARE if share is None else share
        self._weight = 0
        self._members: OrderedDict[int, _Member] = OrderedDict()
        self._of: dict[str, OrderedDict[int, None]] = {}
        self._weights: dict[str, int] = {}
        self._heavy: set[str] = set()

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, number: int) -> bool:
        return number in self._members

    @property
    def weight(self) -> int:
        """What all of them take together."""
        return self._weight

    def count(self, address: str) -> int:
        """How many are of this address."""
        return len(self._of.get(site(address), ()))

    def oldest_of(self, address: str) -> int:
        """The oldest of this address; it must have one here."""
        return next(iter(self._of[site(address)]))

    def admits(self, address: str, weight: int, now: float) -> bool:
        """Whether one more may come: there is room, or somebody who has had his time would go for it."""
        first = self._next_to_go()
        if self._weight + weight <= self._limit or first is None:
            return True
        oldest = self._members[first]
        if oldest.since + limits.ROUND_TRIP <= now:
            return True
        return self._weights[oldest.site] > self._weights.get(site(address), 0) + weight

    def enter(self, number: int, address: str, weight: int, now: float) -> tuple[int, ...]:
        """One more; the numbers of those that have to go for it."""
        home = site(address)
        self._members[number] = _Member(home, 0, now)
        self._of.setdefault(home, OrderedDict())[number] = None
        return self.weigh(number, weight)

    def weigh(self, number: int, weight: int) -> tuple[int, ...]:
        """One takes more, or less, than it did; the numbers of those that have to go for it."""
        member = self._members[number]
        self._add(member.site, weight - member.weight)
        member.weight = weight
        going: list[int] = []
        while self._weight > self._limit and (victim := self._next_to_go(number)) is not None:
            self.leave(victim)
            going.append(victim)
        return tuple(going)

    def leave(self, number: int) -> None:
        """Take one out; one that is not here is no error."""
        member = self._members.pop(number, None)
        if member is None:
            return
        del self._of[member.site][number]
        self._add(member.site, -member.weight)
        if not self._of[member.site]:
            del self._of[member.site], self._weights[member.site]

    def _precedence(self, home: str) -> tuple[int, float]:
        """Of the addresses with too much the one with most gives up, of equals the one whose first came first."""
        return self._weights[home], -self._members[next(iter(self._of[home]))].since

    def _add(self, home: str, weight: int) -> None:
        self._weight += weight
        self._weights[home] = self._weights.get(home, 0) + weight
        if self._weights[home] > self._share:
            self._heavy.add(home)
        else:
            self._heavy.discard(home)

    def _next_to_go(self, spared: int | None = None) -> int | None:
        """Who goes next: not `spared`, so perhaps nobody."""
        heaviest = max(self._heavy, key=self._precedence, default=None)
        order = chain(self._of[heaviest] if heaviest is not None else (), self._members)
        return next((number for number in order if number != spared), None)


def site(address: str) -> str:
    """What counts as one address: of IPv6 the 64 bits of the network, for a host may call itself anything in it."""
    return ip_address(address).exploded[:19] if ":" in address else address
