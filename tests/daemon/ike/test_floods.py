"""Floods: of first messages from everywhere, from one address, and of what cannot be used; each bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.algorithms.keys import phase2_cipher, quick_hash1
from daemon.ike.events import Endpoint, Path, Send
from daemon.ike.exchange import seal
from daemon.ike.exchange_table import (
    HALF_OPEN_LIMIT,
    UNPROVED_LIMIT,
    UNPROVED_LIMIT_PER_ADDRESS,
    ExchangeTable,
)
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import HEADER_LENGTH, Hash, Message, Notify, encode_payloads
from daemon.ike.registries import ExchangeType, Notification, PayloadType
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, Pair, connected
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
    exchanges = initiating().west.engine._core.exchanges
    assert exchanges._half_open._limit == HALF_OPEN_LIMIT == 4096
    assert exchanges._unproved._limit == UNPROVED_LIMIT == 2048


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


def test_whoever_computes_keys_with_us_and_proves_nothing_is_answered_so_often_and_no_more() -> None:
    """Such exchanges are not half open: their initiator has shown our cookie. Each costs us a key exchange."""
    pair = initiating()
    open_to_all = replace(pair.west.oracle.configuration, default_peer="gateway")
    pair.west.oracle.configuration = open_to_all
    keys: list[Send] = []
    pair.filter = lambda _source, path, data: [data] if not keys and not _is_key(path, data, keys) else []
    first = pair.start().east.sent[0][1]
    pair.run(0.5)
    pair.filter = lambda *_: []
    assert isinstance(first, Send)
    path = replace(first.path, local=first.path.remote, remote=Endpoint("203.0.113.9", 500))
    answered = sum(
        _gets_as_far_as_message_4(pair, number.to_bytes(8, "big") + first.data[8:], keys[0].data, path)
        for number in range(1, 3 * UNPROVED_LIMIT_PER_ADDRESS)
    )
    assert answered == UNPROVED_LIMIT_PER_ADDRESS
    pair.filter = lambda _source, _path, data: [data]
    pair.run(20.0)
    assert pair.established, "another address is not concerned"
    pair.run(150.0)
    assert pair.west.census()["exchanges"] == 0
    assert _gets_as_far_as_message_4(pair, b"afresh!!" + first.data[8:], keys[0].data, path)


def _is_key(path: Path, data: bytes, keys: list[Send]) -> bool:
    """Whether this is message 3, which is kept."""
    header = read_header(data)
    found = header.next_payload == PayloadType.KEY_EXCH and path.local.address == EAST
    if found:
        keys.append(Send(path, data))
    return found


def _gets_as_far_as_message_4(pair: Pair, first: bytes, third: bytes, path: Path) -> bool:
    """Whether a stranger's messages 1 and 3 are both answered."""
    for message in (first, third):
        replies = [out for _, out in pair.west.sent if isinstance(out, Send)]
        cookies = first[:8] + (replies[-1].data[8:16] if message is third else bytes(8))
        pair.inject(pair.west, cookies + message[16:], path)
        if len(pair.west.sent) == len(replies):
            return False
    return True


def test_a_peer_that_begins_quick_modes_without_end_is_answered_so_often_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.ike.exchange_table.ANSWERED_AT_ONCE", 16)
    held = held_at(7)
    message, isakmp = held.message, held.isakmp
    assert isakmp is not None
    rest = message.payloads[1:]
    for message_id in range(1, 40):
        proof = Hash(quick_hash1(isakmp.keys, message_id, encode_payloads(rest)[1]))
        begun = Message(replace(message.header, message_id=message_id), (proof, *rest))
        held.inject(seal(phase2_cipher(isakmp.keys, isakmp.cipher.iv, message_id), begun)[0])
    assert held.receiver.census()["exchanges"] == 16
    held.pair.run(held.pair.now + 150.0)
    assert held.receiver.census()["exchanges"] == 0
    assert not held.receiver.spis


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
