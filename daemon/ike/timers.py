"""Deadlines of the protocol core: what is due when. Times are seconds on the caller's monotonic clock."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import StrEnum


class TimerKind(StrEnum):
    """What a timer is for; `owner` of its key is the number of the exchange or SA, 0 for the engine's own."""

    RETRANSMIT = "retransmit"
    EXCHANGE_END = "exchange-end"
    SOFT_EXPIRY = "soft-expiry"
    HARD_EXPIRY = "hard-expiry"
    KEEPALIVE = "nat-t-keepalive"
    DPD = "dead-peer-detection"
    ADMISSION = "admission"
    FOLLOW = "what-follows-phase-1"
    LAST_WORD = "last-message-of-phase-1"
    CHECK = "connection-checker"
    FRAGMENTS = "fragments"


@dataclass(frozen=True, slots=True)
class TimerKey:
    """Names one timer: arming it again moves it."""

    kind: TimerKind
    owner: int = 0


class Timers:
    """A heap of deadlines. A moved or cancelled entry stays in the heap until it comes up or the heap is rebuilt."""

    def __init__(self) -> None:
        self._deadlines: dict[TimerKey, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, TimerKey]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._deadlines)

    def arm(self, key: TimerKey, deadline: float) -> None:
        """Let `key` come due at `deadline`, wherever it stood before."""
        self._sequence += 1
        self._deadlines[key] = (deadline, self._sequence)
        heapq.heappush(self._heap, (deadline, self._sequence, key))
        if len(self._heap) > 2 * len(self._deadlines) + 64:
            self._heap = [(at, order, each) for each, (at, order) in self._deadlines.items()]
            heapq.heapify(self._heap)

    def cancel(self, key: TimerKey) -> None:
        """Forget `key`; one that is not armed is no error."""
        self._deadlines.pop(key, None)

    def deadline(self, key: TimerKey) -> float | None:
        """When `key` comes due; None: it is not armed."""
        found = self._deadlines.get(key)
        return found[0] if found else None

    def next_deadline(self) -> float | None:
        """The earliest deadline; None: nothing is armed."""
        while self._heap:
            at, order, key = self._heap[0]
            if self._deadlines.get(key) == (at, order):
                return at
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> TimerKey | None:
        """Take out the earliest timer that is due at `now`; equal deadlines come in the order they were armed."""
        at = self.next_deadline()
        if at is None or at > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._deadlines[key]
        return key

    def armed(self) -> frozenset[TimerKey]:
        """Everything armed."""
        return frozenset(self._deadlines)
