"""The table of all SAs: found by number, by cookies or SPI, and by whose they are, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from daemon.ike.events import Path, SecurityAssociation
from daemon.ike.sa import IpsecSa, IsakmpSa, Owner, SaFlag, SaKey

S = TypeVar("S", IsakmpSa, IpsecSa)
K = TypeVar("K", bound=Hashable)


class _Groups(Generic[K, S]):
    """SAs that have something in common, each group oldest first; one without members takes no room."""

    def __init__(self) -> None:
        self._groups: dict[K, dict[int, S]] = {}

    def add(self, key: K, sa: S) -> None:
        self._groups.setdefault(key, {})[sa.number] = sa

    def remove(self, key: K, sa: S) -> None:
        group = self._groups[key]
        del group[sa.number]
        if not group:
            del self._groups[key]

    def of(self, key: K) -> tuple[S, ...]:
        return tuple(self._groups.get(key, {}).values())

    def newest_first(self, key: K) -> Iterator[S]:
        """For whoever looks at few of many."""
        return reversed(self._groups.get(key, {}).values())


class SaTable:
    """Every SA, found by number, by cookies or by (protocol, destination, SPI)."""

    def __init__(self) -> None:
        self._isakmp: dict[int, IsakmpSa] = {}
        self._by_cookies: dict[bytes, IsakmpSa] = {}
        self._initiator_cookies: Counter[bytes] = Counter()
        self._isakmp_with: _Groups[Owner, IsakmpSa] = _Groups()
        self._isakmp_named: _Groups[str, IsakmpSa] = _Groups()
        self._filed: dict[int, Owner] = {}
        self._ipsec: dict[int, IpsecSa] = {}
        self._by_key: dict[SaKey, IpsecSa] = {}
        self._ipsec_of: _Groups[Owner, IpsecSa] = _Groups()
        self._ipsec_named: _Groups[str, IpsecSa] = _Groups()
        self._ipsec_like: _Groups[tuple[object, ...], IpsecSa] = _Groups()

    @property
    def isakmp(self) -> tuple[IsakmpSa, ...]:
        """All ISAKMP SAs, oldest first."""
        return tuple(self._isakmp.values())

    @property
    def ipsec(self) -> tuple[IpsecSa, ...]:
        """All IPsec SAs, oldest first."""
        return tuple(self._ipsec.values())

    def add(self, sa: IsakmpSa | IpsecSa) -> None:
        """Enter an SA under all that identifies it."""
        if isinstance(sa, IsakmpSa):
            self._isakmp[sa.number] = sa
            self._by_cookies[sa.cookies] = sa
            self._initiator_cookies[sa.initiator_cookie] += 1
            self._isakmp_named.add(sa.name, sa)
            self._file(sa)
        else:
            self._ipsec[sa.number] = sa
            self._ipsec_of.add(sa.owner, sa)
            self._ipsec_named.add(sa.name, sa)
            self._ipsec_like.add(sa.alike, sa)
            self._by_key.update(dict.fromkeys(sa.keys, sa))

    def remove(self, sa: IsakmpSa | IpsecSa) -> None:
        """Take an SA out; one that is gone is no error."""
        if isinstance(sa, IsakmpSa):
            if self._isakmp.pop(sa.number, None):
                del self._by_cookies[sa.cookies]
                self._isakmp_named.remove(sa.name, sa)
                self._isakmp_with.remove(self._filed.pop(sa.number), sa)
                self._initiator_cookies[sa.initiator_cookie] -= 1
                if not self._initiator_cookies[sa.initiator_cookie]:
                    del self._initiator_cookies[sa.initiator_cookie]
        elif self._ipsec.pop(sa.number, None):
            self._ipsec_of.remove(sa.owner, sa)
            self._ipsec_named.remove(sa.name, sa)
            self._ipsec_like.remove(sa.alike, sa)
            for key in sa.keys:
                self._by_key.pop(key, None)

    def _file(self, isakmp: IsakmpSa) -> None:
        self._filed[isakmp.number] = isakmp.owner
        self._isakmp_with.add(isakmp.owner, isakmp)

    def refile(self, isakmp: IsakmpSa) -> None:
        """Who is at the other end of an ISAKMP SA has been proved since it was entered."""
        if self.holds(isakmp):
            self._isakmp_with.remove(self._filed[isakmp.number], isakmp)
            self._file(isakmp)

    def move(self, sa: IpsecSa, path: Path, sas: tuple[SecurityAssociation, ...]) -> None:
        """The same IPsec SA between other addresses or ports."""
        for key in sa.keys:
            self._by_key.pop(key, None)
        sa.path, sa.sas = path, sas
        self._by_key.update(dict.fromkeys(sa.keys, sa))

    def by_number(self, number: int) -> IsakmpSa | IpsecSa | None:
        """The SA of a timer."""
        return self._isakmp.get(number) or self._ipsec.get(number)

    def holds(self, isakmp: IsakmpSa) -> bool:
        """Whether this ISAKMP SA has not been taken out."""
        return self._isakmp.get(isakmp.number) is isakmp

    def by_cookies(self, cookies: bytes) -> IsakmpSa | None:
        """The ISAKMP SA of a message."""
        return self._by_cookies.get(cookies)

    def knows(self, initiator_cookie: bytes) -> bool:
        """Whether an ISAKMP SA began with this cookie."""
        return initiator_cookie in self._initiator_cookies

    def by_key(self, key: SaKey) -> IpsecSa | None:
        """The IPsec SA that has this SPI in either direction."""
        return self._by_key.get(key)

    def phase1_with(self, peer: str) -> IsakmpSa | None:
        """The newest ISAKMP SA with a peer section that may carry new exchanges."""
        return next((each for each in self._isakmp_named.newest_first(peer) if not each.flags & SaFlag.REPLACED), None)

    def named(self, connection: str) -> tuple[IpsecSa, ...]:
        """The IPsec SAs of a connection, oldest first."""
        return self._ipsec_named.of(connection)

    def like(self, sa: IpsecSa) -> tuple[IpsecSa, ...]:
        """The IPsec SAs with the same peer for the same connection and traffic, oldest first."""
        return self._ipsec_like.of(sa.alike)

    def outbound(self, owner: Owner, protocol: str, spi: int) -> IpsecSa | None:
        """The IPsec SA that one peer receives under this SPI of its own."""
        for sa in self.owned_by(owner):
            if any((each.protocol, each.spi) == (protocol, spi) for each in sa.sas if not each.inbound):
                return sa
        return None

    def owned_by(self, owner: Owner) -> tuple[IpsecSa, ...]:
        """The IPsec SAs negotiated with one authenticated peer, oldest first."""
        return self._ipsec_of.of(owner)

    def shared_with(self, owner: Owner) -> tuple[IsakmpSa, ...]:
        """The ISAKMP SAs shared with one authenticated peer, oldest first; of those that XAUTH is owed none."""
        found = (each for each in self._isakmp_with.of(owner) if each.owner == owner)
        return tuple(sorted(found, key=lambda each: each.number))
