"""A datagram's way to its exchange: who may begin what, repetitions, what comes too late (see test_checks besides)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.events import Endpoint, LogLine, Send, SpiAllocated
from daemon.ike.informational import tell
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import HEADER_LENGTH, ZERO_COOKIE, Notify
from daemon.ike.registries import ExchangeType, Flag, Notification, Protocol
from tests.daemon.ike.forgery import Held, held_at, state_of
from tests.daemon.ike.network import Pair, connected


def changed(data: bytes, **fields: object) -> bytes:
    """A datagram with other header fields."""
    return replace(read_header(data), **fields).encode() + data[HEADER_LENGTH:]  # type: ignore[arg-type]


def answers(held: Held, data: bytes) -> tuple[list[str], list[Notification]]:
    """The log lines and plain notifications that a datagram causes; nothing else may change."""
    node = held.receiver
    before, lines, sent = state_of(node), len(node.log), len(node.sent)
    held.inject(data)
    assert state_of(node) == before
    notifications = []
    for _, out in node.sent[sent:]:
        assert isinstance(out, Send)
        header = read_header(out.data)
        assert header.exchange_type == ExchangeType.INFO
        payloads = parse_payloads(header.next_payload, out.data[HEADER_LENGTH:])
        notifications += [each.type for each in payloads if isinstance(each, Notify)]
    return node.log[lines:], notifications


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 27, b"x" * 28, b"x" * 2000])
def test_a_datagram_that_is_no_message_gets_a_line_and_no_answer(data: bytes) -> None:
    (line,), told = answers(held_at(3), data)
    assert "message_recv: bad message length" in line
    assert told == []


@pytest.mark.parametrize(
    ("kind", "notification"),
    [
        (ExchangeType.BASE, Notification.UNSUPPORTED_EXCHANGE_TYPE),
        (ExchangeType.AUTH_ONLY, Notification.UNSUPPORTED_EXCHANGE_TYPE),
        (ExchangeType.TRANSACTION, Notification.UNSUPPORTED_EXCHANGE_TYPE),
        (ExchangeType.QUICK_MODE, Notification.INVALID_EXCHANGE_TYPE),
        (ExchangeType.NEW_GROUP_MODE, Notification.INVALID_EXCHANGE_TYPE),
    ],
)
def test_other_exchanges_than_phase_1_begin_nothing(kind: ExchangeType, notification: Notification) -> None:
    held = held_at(1)
    _, told = answers(held, changed(held.data, exchange_type=kind))
    assert told == [notification]


def test_a_cookie_of_zeros_begins_nothing() -> None:
    held = held_at(1)
    (line,), told = answers(held, changed(held.data, initiator_cookie=ZERO_COOKIE))
    assert "message_recv: initiator cookie is zero" in line
    assert told == []


@pytest.mark.parametrize("number", [3, 5])
def test_another_exchange_type_in_the_middle_is_refused(number: int) -> None:
    held = held_at(number)
    _, told = answers(held, changed(held.data, exchange_type=ExchangeType.AGGRESSIVE))
    assert told == [Notification.INVALID_EXCHANGE_TYPE]


@pytest.mark.parametrize("number", [5, 6])
def test_phase_1_in_the_clear_after_the_keys_is_refused(number: int) -> None:
    held = held_at(number)
    (line,), told = answers(held, changed(held.data, flags=Flag.NONE))
    assert "message_recv: cleartext phase 1 message" in line
    assert told == [Notification.INVALID_FLAGS]


@pytest.mark.parametrize("number", [7, 8, 9])
def test_phase_2_in_the_clear_is_refused(number: int) -> None:
    held = held_at(number)
    before = state_of(held.receiver)
    held.inject(changed(held.data, flags=Flag.NONE))
    assert state_of(held.receiver) == before
    assert any("message_recv: cleartext phase 2 message" in line for line in held.receiver.log)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_encrypted_before_there_are_keys_is_dropped(number: int) -> None:
    held = held_at(number)
    answers(held, changed(held.data, flags=Flag.ENC))
    held.release()
    assert held.pair.established


@pytest.mark.parametrize("number", range(1, 10))
def test_the_commit_bit_is_ignored(number: int) -> None:
    """RFC 2408 section 3.1; HASH does not cover the header."""
    held = held_at(number)
    held.inject(changed(held.data, flags=held.header.flags | Flag.COMMIT))
    held.pair.run(held.pair.now + 2.0)
    assert held.pair.established


def test_phase_1_messages_after_the_end_of_phase_1_are_dropped() -> None:
    held = held_at(7)
    first = held_at(5)
    (line,), told = answers(held, changed(first.data, length=len(first.data) + 16) + bytes(16))
    assert "message_recv: phase 1 message after ISAKMP SA is ready" in line
    assert told == []


def test_the_last_message_of_phase_1_is_sent_again_when_message_5_comes_again() -> None:
    held = held_at(6)  # message 6 is lost
    west, count = held.pair.west, len(held.pair.west.sent)
    again = held_at(5)
    held.pair.inject(west, again.data, again.path)
    assert [out.data for _, out in west.sent[count:] if isinstance(out, Send)] == [held.data] * 2


def test_the_last_message_of_quick_mode_is_sent_again_when_message_2_comes_again() -> None:
    held = held_at(9)
    east, count = held.pair.east, len(held.pair.east.sent)
    again = held_at(8)
    held.pair.inject(east, again.data, again.path)
    assert [out.data for _, out in east.sent[count:] if isinstance(out, Send)] == [held.data] * 2


def test_a_finished_quick_mode_cannot_be_begun_again() -> None:
    pair = connected()
    first = next(out for _, out in pair.east.sent if isinstance(out, Send) and read_header(out.data).message_id)
    before, sent = state_of(pair.west), len(pair.west.sent)
    path = pair.west.engine._core.sas.isakmp[0].path
    pair.inject(pair.west, first.data, path)
    assert state_of(pair.west) == before
    assert len(pair.west.sent) == sent


def test_a_message_replayed_from_elsewhere_moves_nothing_however_long_ago_it_was() -> None:
    """Where an authenticated message comes from is where the peer is, so it must be its first time."""
    pair = connected()
    core = pair.east.engine._core
    (ours,), (theirs,) = core.sas.isakmp, pair.west.engine._core.sas.isakmp
    recorded: list[bytes] = []
    for _ in range(400):
        tell(core, ours, Notify(Notification.CONNECTED, Protocol.ISAKMP, ours.cookies))
        recorded += (each.data for each in core.take_outputs() if isinstance(each, Send))
        pair.inject(pair.west, recorded[-1], theirs.path)
    before = theirs.path
    elsewhere = replace(before, remote=Endpoint("203.0.113.66", 31337))
    for data in recorded:
        pair.inject(pair.west, data, elsewhere)
    assert theirs.path == before


def test_a_quick_mode_that_came_to_nothing_cannot_be_begun_again_either() -> None:
    held = held_at(9)
    west, first = (
        held.receiver,
        next(out for _, out in held.pair.east.sent if isinstance(out, Send) and read_header(out.data).message_id),
    )
    held.pair.run(held.pair.now + 130.0)
    assert west.census()["exchanges"] == 0
    before = state_of(west)
    held.pair.inject(west, first.data, replace(held.path, remote=Endpoint("203.0.113.66", 31337)))
    assert state_of(west) == before
    assert west.census()["exchanges"] == 0


@pytest.mark.parametrize("number", range(2, 7))
def test_encrypted_news_before_phase_1_is_done_is_dropped_silently(number: int) -> None:
    """CVE-2019-12312: there are no keys to read it with, nor to answer it."""
    held = held_at(number)
    news = changed(held.data, exchange_type=ExchangeType.INFO, flags=Flag.ENC, message_id=7)
    (line,), notifications = answers(held, news)
    assert "encrypted informational message without an ISAKMP SA" in line
    assert not notifications
    held.release()
    assert held.pair.established


def test_another_message_while_we_wait_for_the_kernel_is_dropped() -> None:
    held = held_at(7)
    west = held.receiver
    west.unanswered = []
    held.inject(held.data)
    (line,), notifications = answers(held, held.data[:-1] + bytes([held.data[-1] ^ 1]))
    assert "out of turn" in line
    assert not notifications
    (asked,) = west.unanswered
    west.unanswered = None
    held.pair.do(west, west.engine.result(asked.token, SpiAllocated(4711), held.pair.now))
    held.pair.run(held.pair.now + 8.0)
    assert held.pair.established


def test_every_dropped_datagram_gets_one_line_at_most() -> None:
    pair: Pair = connected()
    path = pair.west.engine._core.sas.isakmp[0].path
    for data in (b"", b"\0" * 28, bytes(24) + (28).to_bytes(4, "big"), b"\xff" * 100):
        outputs = pair.west.engine.receive_datagram(data, path, pair.now)
        assert sum(isinstance(each, LogLine) for each in outputs) == 1
