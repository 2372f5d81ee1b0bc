"""How much strangers may make us say and log, and how many octets they may have us send."""

from __future__ import annotations


class Allowance:
    """`burst` at once, `rate` a second in the long run. Times are seconds on the caller's monotonic clock."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at: float | None = None
        self._withheld = 0

    def take(self, now: float, cost: float = 1) -> bool:
        """Whether one more may pass, or one that counts for so many; what may not is counted."""
        if self._filled_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < cost:
            self._withheld += 1
            return False
        self._tokens -= cost
        return True

    def withheld(self) -> int:
        """How many were refused since this was last asked."""
        count, self._withheld = self._withheld, 0
        return count


class Balance:
    """Octets that strangers have us send, paid for by those that they sent, so that nobody gets a flood made larger.

    `burst` is free at once and `rate` a second, because an honest answer may be a little longer than its question.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._credit = float(burst)
        self._filled_at: float | None = None

    def pays(self, octets: int, now: float) -> bool:
        """So many octets came in: whether they may be answered."""
        passed = now - self._filled_at if self._filled_at is not None else 0.0
        self._credit = min(self._burst, self._credit + octets + passed * self._rate)
        self._filled_at = now
        return self._credit > 0

    def spend(self, octets: int) -> None:
        """So many octets went out."""
        self._credit -= octets
