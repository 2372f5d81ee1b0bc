"""When messages are sent again: what [General] and a peer's section say, and what counts where they say nothing."""

from __future__ import annotations

from grammar.errors import Severity
from policydb.connections import Backoff, IsakmpdSteps, span
from tests.policydb.confs import altered, findings, read, shown, with_lines

SLOW = (
    "Retransmit-tries=5",
    "Retransmit-timeout=4",
    "Retransmit-base=1.8",
    "Retransmit-limit=0",
    "Retransmit-jitter=0",
)
"""As strongSwan does without settings."""
SLOWLY = (5, 4.0, 1.8, 0.0, 0)


def test_a_peer_takes_over_what_general_says_about_lossy_links_tag_by_tag() -> None:
    assert read(with_lines()).peers["east"].schedule == IsakmpdSteps(5)
    assert read(with_lines("[General]", *SLOW)).peers["east"].schedule == Backoff(5, 4.0, 1.8, 0.0, 0)
    text = with_lines("[General]", *SLOW, "[east]", "Retransmit-tries=3")
    assert read(text).peers["east"].schedule == Backoff(3, 4.0, 1.8, 0.0, 0)
    assert read(with_lines("[east]", "Retransmit-base=2")).peers["east"].schedule == Backoff(15, 0.5, 2.0, 4.0, 10)


def test_retransmits_of_general_or_of_a_peer_asks_for_isakmpds_own_rule() -> None:
    nobody = altered(("Retransmits=5", "Check-interval=60"))
    assert read(nobody).general.schedule == read(nobody).peers["east"].schedule == Backoff()
    assert read(nobody + "[east]\nRetransmits=3\n").peers["east"].schedule == IsakmpdSteps(3)
    both = with_lines("[General]", *SLOW, "[east]", "Retransmits=0")
    assert (read(both).general.schedule, read(both).peers["east"].schedule) == (Backoff(*SLOWLY), IsakmpdSteps(0))


def test_retransmits_beside_the_other_tags_is_told() -> None:
    text = with_lines("[General]", "Retransmit-tries=15")
    (warning,) = findings(text, Severity.WARNING)
    assert shown(text, warning) == ("CF102", "5")
    assert warning.message.startswith("Retransmits is not used beside Retransmit-tries")
    assert read(text).general.schedule == Backoff()


def test_by_default_a_message_leaves_sixteen_times_in_fifty_seconds() -> None:
    schedule = read("").general.schedule
    waits = [schedule.wait(sends) for sends in range(1, schedule.tries + 2)]
    assert waits[:7] == [0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875, 4.0]
    assert len(waits) == 16
    assert span(schedule) == sum(waits)
    assert 50 < span(schedule) < 51


def test_the_spans_of_strongswans_and_of_isakmpds_own_schedule() -> None:
    assert round(span(Backoff(*SLOWLY))) == 165
    assert span(IsakmpdSteps()) == 7 + 9 + 11 + 13
