"""Floods: of first messages from everywhere, from one address, and of what cannot be used; each bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike import limits
from daemon.ike.algorithms.keys import phase2_cipher, quick_hash1
from daemon.ike.events import Endpoint, Path, Send
from daemon.ike.exchange import seal
from daemon.ike.exchange_table import ExchangeTable
from daemon.ike.messages.fragments import MAX_IN_ALL
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import HEADER_LENGTH, Hash, Message, Notify, encode_payloads
from daemon.ike.registries import ExchangeType, Notification, PayloadType
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, Pair, connected
from tests.daemon.ike.test_engine import initiating


def test_a_flood_of_first_messages_is_capped_and_a_true_one_still_answered() -> None:
    """The room is made smaller: what it is in octets, the next test holds."""
    pair, room = initiating(), 256 * 2 * limits.EXCHANGE_OCTETS
    pair.west.engine._core.exchanges = ExchangeTable(openings=(room, room))
    pair.filter = lambda *_: []
    pair.start().run(0.5)
    open_to_all = replace(pair.west.oracle.configuration, default_peer="gateway")
    pair.west.oracle.configuration = open_to_all
    first = pair.east.sent[0][1]
    assert isinstance(first, Send)
    path = first.path
    for number in range(1024):
        pair.now += 0.001
        source = replace(path.remote, address=f"203.0.{number // 200 % 250}.{number % 200 + 1}")
        forged = (number + 1).to_bytes(8, "big") + first.data[8:]
        pair.inject(pair.west, forged, replace(path, local=path.remote, remote=source))
    assert 256 <= pair.west.census()["half-open"] < 512
    assert pair.west.engine._core.exchanges.octets <= room
    pair.filter = lambda _source, _path, data: [data]
    pair.run(20.0)
    assert pair.established


def test_all_half_open_state_together_has_16_megabytes() -> None:
    rooms = (limits.KNOWN_OPENINGS, limits.OTHER_OPENINGS, limits.KNOWN_SHOWN, limits.OTHER_SHOWN, limits.FRAGMENTS)
    assert sum(rooms) <= 16 * 2**20
    core = initiating().west.engine._core
    held = [each._limit for each in (*core.exchanges._opened, *core.exchanges._shown)]
    assert sum(held) + MAX_IN_ALL == sum(rooms)


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
        for number in range(1, 3 * limits.SHOWN_PER_ADDRESS)
    )
    assert answered == limits.SHOWN_PER_ADDRESS
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
    monkeypatch.setattr("daemon.ike.limits.ANSWERED_AT_ONCE", 16)
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
