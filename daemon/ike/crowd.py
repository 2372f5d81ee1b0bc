"""A bound on what strangers who have got equally far keep with us: in all and by address, the oldest going first.

Those from configured peers go only when there are no others.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address


class Crowd:
    """Numbers of exchanges or SAs, oldest first, each with its address and whether that is a configured peer's."""

    def __init__(self, limit: int, limit_per_address: int) -> None:
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._members: OrderedDict[int, tuple[str, bool]] = OrderedDict()
        self._of: dict[str, OrderedDict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._members)

    def full(self, address: str) -> bool:
        """Whether as many are of this address as may be."""
        return len(self._of.get(_site(address), ())) >= self._limit_per_address

    def enter(self, number: int, address: str, configured: bool) -> int | None:
        """One more; who has to go for it, if anybody."""
        self._members[number] = address, configured
        siblings = self._of.setdefault(_site(address), OrderedDict())
        siblings[number] = None
        if len(siblings) > self._limit_per_address:
            return next(iter(siblings))
        if len(self._members) > self._limit:
            strangers = (each for each, (_, known) in self._members.items() if not known)
            return next(strangers, next(iter(self._members)))
        return None

    def leave(self, number: int) -> tuple[str, bool] | None:
        """Take one out; where it came from and whether that is a known peer, None if it was not here."""
        found = self._members.pop(number, None)
        if found is not None:
            site = _site(found[0])
            del self._of[site][number]
            if not self._of[site]:
                del self._of[site]
        return found


def _site(address: str) -> str:
    """What counts as one address: of IPv6 the 64 bits of the network, for a host may call itself anything in it."""
    return ip_address(address).exploded[:19] if ":" in address else address
