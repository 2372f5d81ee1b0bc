"""Floods: of first messages from everywhere, from one address, and of what cannot be used; each bounded."""

from __future__ import annotations

from dataclasses import replace

from daemon.ike.events import Send
from daemon.ike.exchange_table import HALF_OPEN_LIMIT, ExchangeTable
from daemon.ike.parser import parse_payloads, read_header
from daemon.ike.payloads import HEADER_LENGTH, Notify
from daemon.ike.registries import ExchangeType, Notification
from tests.daemon.ike.network import connected
from tests.daemon.ike.test_engine import initiating


def test_a_flood_of_first_messages_is_capped_and_a_true_one_still_answered() -> None:
    """The table is made smaller: a flood beyond its usual 4,096 took two minutes on a busy machine."""
    pair, limit = initiating(), 256
    pair.west.engine._core.exchanges = ExchangeTable(half_open_limit=limit)
    pair.filter = lambda *_: []
    pair.start().run(0.5)
    open_to_all = replace(pair.west.oracle.configuration, default_peer="gateway")
    pair.west.oracle.configuration = open_to_all
    first = pair.east.sent[0][1]
    assert isinstance(first, Send)
    path = first.path
    for number in range(2 * limit):
        source = replace(path.remote, address=f"203.0.{number // 200 % 250}.{number % 200 + 1}")
        forged = (number + 1).to_bytes(8, "big") + first.data[8:]
        pair.inject(pair.west, forged, replace(path, local=path.remote, remote=source))
    assert pair.west.census()["half-open"] == limit
    pair.filter = lambda _source, _path, data: [data]
    pair.run(20.0)
    assert pair.established


def test_the_usual_table_is_bounded_too() -> None:
    assert initiating().west.engine._core.exchanges._half_open_limit == HALF_OPEN_LIMIT == 4096


def test_one_address_holds_no_more_than_its_share() -> None:
    pair = initiating()
    first = pair.start().east.sent[0][1]
    assert isinstance(first, Send)
    path = replace(first.path, local=first.path.remote, remote=first.path.local)
    for number in range(1, 200):
        pair.inject(pair.west, number.to_bytes(8, "big") + first.data[8:], path)
    assert pair.west.census()["half-open"] <= 16
    pair.run(130.0)
    assert pair.west.census()["half-open"] == 0


def test_rejects_are_bounded_and_never_longer_than_their_cause() -> None:
    pair = connected()
    path = replace(pair.east.sent[0][1].path, local=pair.west.sent[0][1].path.local)
    count = len(pair.west.sent)
    pair.inject(pair.west, b"unknown!" + b"r" * 8 + bytes([1, 0x10, 2, 0]) + bytes(4) + (28).to_bytes(4, "big"), path)
    assert len(pair.west.sent) == count  # its notification would take 56 octets
    before, lines = len(pair.west.sent), len(pair.west.log)
    for number in range(1000):
        data = number.to_bytes(8, "big") + b"r" * 8 + bytes([1, 0x10, 2, 0]) + bytes(4) + (28).to_bytes(4, "big")
        pair.inject(pair.west, data, path)
        data = number.to_bytes(8, "big") + b"r" * 8 + bytes([1, 0x10, 2, 0]) + bytes(4) + (128).to_bytes(4, "big")
        pair.inject(pair.west, data + bytes(100), path)
    replies = [out for _, out in pair.west.sent[before:] if isinstance(out, Send)]
    assert 0 < len(replies) <= 60
    assert len(pair.west.log) - lines <= 61
    for reply in replies:
        header = read_header(reply.data)
        (notify,) = parse_payloads(header.next_payload, reply.data[HEADER_LENGTH:])
        assert isinstance(notify, Notify)
        assert (header.exchange_type, notify.type) == (ExchangeType.INFO, Notification.INVALID_COOKIE)
        assert notify.spi == reply.data[:16]
        assert len(reply.data) <= 128
    pair.run(pair.now + 1.0)
    pair.inject(pair.west, b"x" * 28, path)
    assert any("more messages were dropped and not logged" in line for line in pair.west.log)
