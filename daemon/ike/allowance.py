"""A token bucket: how much strangers may make us say and log."""

from __future__ import annotations


class Allowance:
    """`burst` at once, `rate` a second in the long run. Times are seconds on the caller's monotonic clock."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at: float | None = None
        self._withheld = 0

    def take(self, now: float) -> bool:
        """Whether one more may pass; what may not is counted."""
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            self._withheld += 1
            return False
        self._tokens -= 1
        return True

    def withheld(self) -> int:
        """How many were refused since this was last asked."""
        count, self._withheld = self._withheld, 0
        return count
