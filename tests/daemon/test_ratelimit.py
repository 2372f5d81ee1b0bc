"""daemon/ratelimit.py: first 3, then a summary per 10 s."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.ratelimit import OTHERS, RateLimit, Suppressed


def test_the_first_three_pass_and_the_others_are_counted() -> None:
    limit = RateLimit()
    passed = [limit.admits("192.0.2.1", now=100 + each / 100) for each in range(50)]
    assert passed == [True] * 3 + [False] * 47
    assert limit.due(109.99) == []
    assert limit.due(110.0) == [Suppressed("192.0.2.1", 47)]


def test_sources_are_limited_apart_from_each_other() -> None:
    limit = RateLimit()
    assert [limit.admits("a", 0) for _ in range(4)] == [True, True, True, False]
    assert limit.admits("b", 0)


def test_a_source_that_goes_on_gets_a_summary_per_window_and_nothing_else() -> None:
    limit = RateLimit()
    for _ in range(10):
        limit.admits("a", 0)
    assert limit.due(10) == [Suppressed("a", 7)]
    assert not any(limit.admits("a", 11) for _ in range(5))
    assert limit.due(20) == [Suppressed("a", 5)]


def test_a_source_that_was_quiet_for_a_window_starts_afresh() -> None:
    limit = RateLimit()
    for _ in range(10):
        limit.admits("a", 0)
    limit.due(10)
    assert limit.due(20) == []
    assert limit.admits("a", 20)
    assert limit.next_deadline() == 30


def test_forged_sources_share_what_is_left() -> None:
    limit = RateLimit(first=3, sources=4)
    passed = sum(limit.admits(f"198.51.100.{each}", 0) for each in range(250))
    assert passed == 4 + 3
    assert Suppressed(OTHERS, 250 - 7) in limit.due(10)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100)), max_size=200))
def test_what_comes_in_is_either_let_through_or_counted_once(events: list[tuple[str, float]]) -> None:
    limit = RateLimit()
    passed = counted = 0
    for source, now in sorted(events, key=lambda each: each[1]):
        counted += sum(each.count for each in limit.due(now))
        passed += limit.admits(source, now)
    counted += sum(each.count for each in limit.due(float("inf")))
    assert passed + counted == len(events)
