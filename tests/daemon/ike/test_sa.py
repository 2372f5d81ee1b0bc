"""What is remembered of finished exchanges under an ISAKMP SA."""

from __future__ import annotations

from daemon.ike.events import Endpoint, Path
from daemon.ike.exchange import Retransmission, Sent
from daemon.ike.messages.payloads import Header, Message
from daemon.ike.registries import ExchangeType
from daemon.ike.sa import Answered
from tests.daemon.ike.network import EAST, WEST


def sent() -> Sent:
    path = Path(Endpoint(EAST, 500), Endpoint(WEST, 500))
    return Sent(
        path, b"data", Message(Header(b"i" * 8, b"r" * 8, ExchangeType.QUICK_MODE), ()), Retransmission.DUPLICATE
    )


def test_only_the_very_last_datagram_is_answered_again() -> None:
    answered, last = Answered(), sent()
    answered.remember(7, b"digest", last)
    assert answered.answer(7, b"digest") is last
    assert answered.answer(7, b"other") is None
    assert answered.answer(8, b"digest") is None
    assert 7 in answered
    assert 8 not in answered


def test_answers_are_kept_for_a_while_and_message_ids_for_ever() -> None:
    answered = Answered()
    for number in range(1000):
        answered.remember(number, b"digest", sent())
    assert [number for number in range(1000) if answered.answer(number, b"digest")] == list(range(744, 1000))
    assert all(number in answered for number in range(1000))
    answered.use(5000)
    assert 5000 in answered
    assert not answered.repeats(5000, b"")


def test_an_answer_is_not_repeated_for_ever() -> None:
    """Sixteen sends are the most that any peer makes of a message; who repeats it more often replays it."""
    answered = Answered()
    answered.remember(7, b"digest", sent())
    repeated = sum(answered.answer(7, b"digest") is not None for _ in range(1000))
    assert 16 <= repeated <= 32
    assert answered.repeats(7, b"digest")
