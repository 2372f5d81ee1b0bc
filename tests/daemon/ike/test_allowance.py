"""The token bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.allowance import Allowance, Balance


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


def test_what_goes_out_is_paid_for_by_what_comes_in() -> None:
    """Of questions that are shorter than their answers so many are answered that these are not longer in sum."""
    balance = Balance(rate=0.0, burst=1000)
    came = went = 0
    for number in range(1000):
        came += 100
        if balance.pays(100, number / 1000):
            balance.spend(150)
            went += 150
    assert came < went <= came + 1000 + 150


def test_time_pays_for_some_octets_too() -> None:
    balance = Balance(rate=10.0, burst=100)
    assert balance.pays(0, 0.0)
    balance.spend(200)
    assert not balance.pays(0, 10.0)
    assert balance.pays(0, 10.1)
    balance.spend(100)
    assert balance.pays(0, 1000.0)
    balance.spend(101)
    assert not balance.pays(0, 1000.0), "no more than the burst is saved up"
