"""How often one source may cause something: the first few times, then only a count per window.

Used for log lines and for records that a datagram causes, so that a flood of datagrams cannot fill a disk.
"""

from __future__ import annotations

from dataclasses import dataclass

OTHERS = "other sources"
"""Who is named where more sources than `sources` speak within one window (forged addresses cost nothing)."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What was held back from one source during one window."""

    source: str
    count: int


@dataclass(slots=True)
class _Bucket:
    """One source's window: when it ends, how many were let through and how many held back."""

    ends: float
    admitted: int = 0
    held: int = 0


class RateLimit:
    """The first `first` of a source pass; then one summary per `window` seconds for as long as it goes on.

    A source that is quiet for a whole window starts afresh. At most `sources` are told apart. Times are seconds on
    any monotonic clock.
    """

    def __init__(self, first: int = 3, window: float = 10.0, sources: int = 64) -> None:
        self._first = first
        self._window = window
        self._sources = sources
        self._buckets: dict[str, _Bucket] = {}

    def admits(self, source: str, now: float) -> bool:
        """Whether one more from `source` may pass; where not, it is counted for the summary."""
        if source not in self._buckets and len(self._buckets) >= self._sources:
            source = OTHERS
        bucket = self._buckets.setdefault(source, _Bucket(now + self._window))
        if bucket.admitted < self._first:
            bucket.admitted += 1
            return True
        bucket.held += 1
        return False

    def due(self, now: float) -> list[Suppressed]:
        """The summaries of the windows that have ended; call it at or after `next_deadline`."""
        ended = [(source, bucket) for source, bucket in self._buckets.items() if bucket.ends <= now]
        for source, bucket in ended:
            if bucket.held:
                # Still noisy: it keeps its place and gets nothing through until it has been quiet for a window.
                self._buckets[source] = _Bucket(now + self._window, admitted=self._first)
            else:
                del self._buckets[source]
        return [Suppressed(source, bucket.held) for source, bucket in ended if bucket.held]

    def next_deadline(self) -> float | None:
        """When `due` has something to do; None while nobody has spoken."""
        return min((bucket.ends for bucket in self._buckets.values()), default=None)
