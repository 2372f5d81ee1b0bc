"""Traffic as the packets that it means, however an identity writes them, and a quick search for what overlaps.

RFC 2407 section 4.6.2: a protocol or a port of zero is ignored. So a host, its /32 and a range of one address are the
same traffic, and so are a range and the network that it fills.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import cycle
from typing import TypeAlias

_IPV4 = 4
_FAMILY_BITS = 128
"""On one line for both families the addresses of IPv4 come before those of IPv6."""


_SHORT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,2}", re.ASCII)


def in_four_parts(text: str) -> str:
    """An IPv4 network whose end ipsec.conf leaves out (172.20) as isakmpd.conf has it; anything else as it stands."""
    return f"{text}{'.0' * (3 - text.count('.'))}" if _SHORT.fullmatch(text) else text


@dataclass(frozen=True, slots=True)
class Traffic:
    """The packets of one end: addresses of a family (4 or 6) from `lowest` to `highest`, protocol and port (0: any)."""

    family: int
    lowest: int
    highest: int
    protocol: int = 0
    port: int = 0

    @property
    def is_one_address(self) -> bool:
        """Whether this is the traffic of a single host."""
        return self.lowest == self.highest

    @property
    def first_address(self) -> IPv4Address | IPv6Address:
        """The lowest address, by which an index of text finds hosts and networks alike."""
        return IPv4Address(self.lowest) if self.family == _IPV4 else IPv6Address(self.lowest)

    def within(self, other: Traffic) -> bool:
        """Whether every packet of this is one of the other."""
        return (
            self.family == other.family
            and other.lowest <= self.lowest
            and self.highest <= other.highest
            and other.protocol in (0, self.protocol)
            and other.port in (0, self.port)
        )

    def overlaps(self, other: Traffic) -> bool:
        """Whether some packet is of both."""
        return (
            self.family == other.family
            and self.lowest <= other.highest
            and other.lowest <= self.highest
            and _meet(self.protocol, other.protocol)
            and _meet(self.port, other.port)
        )


def _meet(one: int, other: int) -> bool:
    """Whether two protocols or ports have something in common."""
    return one == other or not (one and other)


Flow: TypeAlias = tuple[Traffic | None, Traffic | None]
"""Our end and the peer's; None is whatever traffic there may be."""


def flows_overlap(one: Flow, other: Flow) -> bool:
    """Whether some packet belongs to both flows."""
    return all(mine is None or its is None or mine.overlaps(its) for mine, its in zip(one, other, strict=True))


class FlowIndex:
    """Flows by the addresses of both ends: what overlaps another flow is found without looking at all of them."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self._flows = tuple(flows)
        self._ends = tuple(_Spans([_span(flow[side]) for flow in self._flows]) for side in (0, 1))

    def overlapping(self, flow: Flow) -> list[int]:
        """The positions of the flows that overlap this one, in order."""
        candidates = _shorter([spans.overlapping(*_span(end)) for spans, end in zip(self._ends, flow, strict=True)])
        return sorted(each for each in candidates if flows_overlap(self._flows[each], flow))


def _span(end: Traffic | None) -> tuple[int, int]:
    """The place of an end's addresses on the line."""
    if end is None:
        return 0, 1 << 2 * _FAMILY_BITS
    base = end.family << _FAMILY_BITS
    return base + end.lowest, base + end.highest


def _shorter(searches: Sequence[Iterator[int]]) -> list[int]:
    """What the search that ends first has found; all go on in turn until one does."""
    found: list[list[int]] = [[] for _ in searches]
    for search, results in cycle(zip(searches, found, strict=True)):
        result = next(search, None)
        if result is None:
            break
        results.append(result)
    return results


class _Spans:
    """Spans of a line, sorted by where they begin, as a balanced tree: the root of a part stands in its middle.

    `reaches` says of each root how far the spans of its part reach at most.
    """

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self._order = sorted(range(len(spans)), key=lambda each: spans[each])
        self._first = [spans[each][0] for each in self._order]
        self._last = [spans[each][1] for each in self._order]
        self._reaches = list(self._last)
        self._reach(0, len(self._order))

    def _reach(self, start: int, end: int) -> int:
        if start >= end:
            return -1
        root = (start + end) // 2
        self._reaches[root] = max(self._last[root], self._reach(start, root), self._reach(root + 1, end))
        return self._reaches[root]

    def overlapping(self, first: int, last: int) -> Iterator[int]:
        """The numbers of the spans that have something in common with this one."""
        pending = [(0, len(self._order))]
        while pending:
            start, end = pending.pop()
            root = (start + end) // 2
            if start == end or self._reaches[root] < first:
                continue
            pending.append((start, root))
            if self._first[root] <= last:
                pending.append((root + 1, end))
                if self._last[root] >= first:
                    yield self._order[root]
