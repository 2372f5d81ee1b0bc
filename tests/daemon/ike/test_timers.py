"""Timers: a heap against the plainest model of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.timers import TimerKey, TimerKind, Timers

KEYS = st.builds(TimerKey, st.sampled_from(TimerKind), st.integers(0, 5))
TIMES = st.integers(0, 100).map(float)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("arm"), KEYS, TIMES), st.tuples(st.just("cancel"), KEYS), st.tuples(st.just("pop"), TIMES)
        ),
        max_size=200,
    )
)
def test_timers_behave_like_a_dictionary_of_deadlines(actions: list[tuple[object, ...]]) -> None:
    timers, model = Timers(), dict[TimerKey, float]()
    for action in actions:
        match action:
            case ("arm", TimerKey() as key, float(at)):
                timers.arm(key, at)
                model[key] = at
            case ("cancel", TimerKey() as key):
                timers.cancel(key)
                model.pop(key, None)
            case ("pop", float(now)):
                key_or_none = timers.pop_due(now)
                due = [at for at in model.values() if at <= now]
                if key_or_none is None:
                    assert not due
                else:
                    assert model.pop(key_or_none) == min(due)
        assert timers.next_deadline() == min(model.values(), default=None)
        assert timers.armed() == model.keys()
        assert len(timers) == len(model)


def test_equal_deadlines_come_in_the_order_they_were_armed() -> None:
    timers = Timers()
    keys = [TimerKey(TimerKind.RETRANSMIT, each) for each in (3, 1, 2)]
    for key in keys:
        timers.arm(key, 5.0)
    assert [timers.pop_due(5.0) for _ in keys] == keys


def test_nothing_is_due_before_its_time() -> None:
    timers = Timers()
    timers.arm(TimerKey(TimerKind.CHECK), 5.0)
    assert timers.pop_due(4.999) is None
    assert timers.deadline(TimerKey(TimerKind.CHECK)) == 5.0


def test_the_heap_stays_small_when_one_timer_moves_for_ever() -> None:
    timers = Timers()
    for at in range(100_000):
        timers.arm(TimerKey(TimerKind.KEEPALIVE, 1), float(at))
    assert len(timers._heap) < 200
