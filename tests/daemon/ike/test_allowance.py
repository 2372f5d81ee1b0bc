"""The token bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.allowance import Allowance


def test_a_burst_passes_and_then_the_rate() -> None:
    allowance = Allowance(rate=2.0, burst=3)
    assert [allowance.take(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert allowance.withheld() == 2
    assert allowance.withheld() == 0
    assert allowance.take(0.5)
    assert not allowance.take(0.5)


@given(st.lists(st.floats(0.0, 3.0), max_size=300))
def test_never_more_than_burst_and_rate_allow(waits: list[float]) -> None:
    allowance, now, passed = Allowance(rate=5.0, burst=10), 0.0, 0
    for wait in waits:
        now += wait
        passed += allowance.take(now)
    assert passed <= 10 + 5.0 * now + 1e-6
