"""IKEv1 fragments: cut and put together again, whatever the network does, and bounded whatever a stranger does."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.errors import PayloadMalformed, Silent
from daemon.ike.messages import fragments
from daemon.ike.messages.fragments import (
    KEPT_SECONDS,
    MAX_FROM_ADDRESS,
    MAX_IN_ALL,
    MAX_MESSAGE,
    MAX_PARTS,
    Fragment,
    FragmentStore,
    parse_fragment,
    split,
)
from daemon.ike.messages.parser import read_header
from daemon.ike.registries import ExchangeType, Flag, PayloadType

COOKIES = bytes(range(16))
KEY = ("192.0.2.1", COOKIES)
LIMIT = 576


def message(octets: int, kind: int = 32, seed: int = 1) -> bytes:
    """A message with a header that fits."""
    body = random.Random(seed).randbytes(octets - 28)
    return COOKIES + bytes([8, 0x10, kind, 1]) + b"mid!" + octets.to_bytes(4, "big") + body


def parts(data: bytes, limit: int = LIMIT, encapsulated: bool = False) -> list[Fragment]:
    return [parse_fragment(read_header(each), each) for each in split(data, limit, encapsulated=encapsulated)]


def put(store: FragmentStore, found: list[Fragment], now: float = 0.0) -> list[bytes]:
    """The messages that came out."""
    return [whole for each in found if (whole := store.add(KEY, each, now)) is not None]


# --- sending ------------------------------------------------------------------------------------------------------


@given(st.integers(28, 12_000), st.integers(LIMIT, 3000), st.booleans())
def test_no_datagram_is_longer_than_the_limit_and_together_they_are_the_message(
    octets: int, limit: int, encapsulated: bool
) -> None:
    data = message(octets)
    datagrams = split(data, limit, encapsulated=encapsulated)
    assert all(len(each) + 4 * encapsulated <= limit for each in datagrams)
    if len(datagrams) == 1:
        assert datagrams == (data,)
        return
    store = FragmentStore()
    assert put(store, [parse_fragment(read_header(each), each) for each in datagrams]) == [data]
    assert (len(store), store.octets) == (0, 0)


@pytest.mark.parametrize(("kind", "sent"), [(2, 2), (4, 4), (32, 2), (5, 2), (6, 2)])
def test_a_fragment_looks_as_strongswan_sends_it(kind: int, sent: int) -> None:
    first, second = split(message(800, kind), LIMIT)
    header = read_header(first)
    assert (header.initiator_cookie, header.responder_cookie) == (COOKIES[:8], COOKIES[8:])
    assert (header.next_payload, header.exchange_type) == (PayloadType.FRAGMENT, ExchangeType(sent))
    assert (header.message_id, header.flags, header.version) == (0, Flag.NONE, 0x10)
    assert first[28:30] == bytes(2)
    assert int.from_bytes(first[30:32], "big") == LIMIT - 28
    assert first[32:34] == second[32:34] != bytes(2)
    assert (first[34:36], second[34:36]) == (b"\x01\x00", b"\x02\x01")
    assert first[36:] + second[36:] == message(800, kind)


def test_a_repetition_has_the_same_id_and_another_message_another() -> None:
    assert split(message(800), LIMIT) == split(message(800), LIMIT)
    assert parts(message(800))[0].id != parts(message(800, seed=2))[0].id


@pytest.mark.parametrize("limit", [0, 30, 36])
def test_without_room_a_message_stays_whole(limit: int) -> None:
    assert split(message(800), limit) == (message(800),)


def test_what_needs_more_parts_than_anybody_takes_stays_whole() -> None:
    room = LIMIT - 28 - 8
    assert len(split(message(room * MAX_PARTS), LIMIT)) == MAX_PARTS
    assert len(split(message(room * MAX_PARTS + 1), LIMIT)) == 1


# --- receiving ----------------------------------------------------------------------------------------------------


@given(st.integers(600, 9000), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(octets: int, dice: random.Random) -> None:
    data = message(octets)
    found = parts(data)
    shuffled = found + dice.sample(found, dice.randrange(len(found)))
    dice.shuffle(shuffled)
    store = FragmentStore()
    out = put(store, shuffled)
    assert data in out
    assert set(out) == {data}


def test_the_same_id_for_another_message_as_everybody_does_it() -> None:
    old, new = (
        [Fragment(1, each.number, each.last, each.data) for each in parts(message(1700, seed=n))] for n in (1, 2)
    )
    store = FragmentStore()
    assert put(store, old[:2]) == []
    assert put(store, new) == [message(1700, seed=2)]


@pytest.mark.parametrize(
    ("kept", "then"),
    [
        (Fragment(1, 1, False, b"a"), Fragment(2, 1, False, b"a")),
        (Fragment(1, 1, False, b"a"), Fragment(1, 1, False, b"b")),
        (Fragment(1, 2, True, b"a"), Fragment(1, 3, True, b"b")),
        (Fragment(1, 2, True, b"a"), Fragment(1, 2, False, b"a")),
        (Fragment(1, 2, True, b"a"), Fragment(1, 4, False, b"b")),
        (Fragment(1, 3, False, b"a"), Fragment(1, 2, True, b"b")),
    ],
    ids=["id", "data", "two lasts", "last and not", "behind the last", "last before"],
)
def test_a_part_that_contradicts_begins_anew(kept: Fragment, then: Fragment) -> None:
    store = FragmentStore()
    assert put(store, [kept, then]) == []
    assert len(store) == 1
    assert store.octets == fragments._COST + len(then.data)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:28] + b"\x01" + data[29:],
        lambda data: data[:29] + b"\x01" + data[30:],
        lambda data: data[:30] + b"\x00\x07" + data[32:],
        lambda data: data[:30] + b"\xff\xff" + data[32:],
        lambda data: data[:34] + b"\x00" + data[35:],
        lambda data: data[:34] + bytes([MAX_PARTS + 1]) + data[35:],
        lambda data: data[:17] + b"\x20" + data[18:],
    ],
    ids=["next payload", "reserved", "short length", "long length", "number 0", "number 65", "version 2"],
)
def test_a_malformed_fragment_is_refused(change: Callable[[bytes], bytes]) -> None:
    data = change(split(message(800), LIMIT)[0])
    with pytest.raises(PayloadMalformed):
        parse_fragment(read_header(data), data)


@pytest.mark.parametrize("octets", range(41))
def test_each_length_up_to_forty_is_handled(octets: int) -> None:
    """CVE-2016-1287 was a length below 8; CVE-2013-6076 a fragment without data."""
    whole = split(message(800), LIMIT)[0]
    body = whole[28 : 28 + octets]
    if len(body) >= 4:
        body = body[:2] + len(body).to_bytes(2, "big") + body[4:]
    data = whole[:24] + (28 + len(body)).to_bytes(4, "big") + body
    if octets > 8:
        assert parse_fragment(read_header(data), data).data == body[8:]
    else:
        with pytest.raises(PayloadMalformed):
            parse_fragment(read_header(data), data)


@given(st.binary(max_size=80))
def test_any_octets_are_a_fragment_or_malformed(body: bytes) -> None:
    data = COOKIES + bytes([132, 0x10, 2, 0]) + bytes(4) + (28 + len(body)).to_bytes(4, "big") + body
    try:
        found = parse_fragment(read_header(data), data)
    except PayloadMalformed:
        return
    assert 1 <= found.number <= MAX_PARTS
    assert found.data


# --- bounds -------------------------------------------------------------------------------------------------------


def test_a_message_that_grows_too_long_is_forgotten() -> None:
    store = FragmentStore()
    piece = bytes(MAX_MESSAGE // 4)
    assert put(store, [Fragment(1, number, False, piece) for number in (1, 2, 3, 4)]) == []
    with pytest.raises(Silent):
        store.add(KEY, Fragment(1, 5, True, b"x"), 0.0)
    assert (len(store), store.octets) == (0, 0)


def test_the_longest_message_that_is_taken_has_exactly_the_limit() -> None:
    store = FragmentStore()
    data = bytes(MAX_MESSAGE)
    assert put(store, [Fragment(1, 1, False, data[1:]), Fragment(1, 2, True, data[:1])]) == [data]


@pytest.mark.parametrize("octets", [1, 1000, MAX_MESSAGE])
def test_one_address_takes_no_more_than_its_share_and_not_that_of_others(octets: int) -> None:
    store = FragmentStore()
    store.add(("198.51.100.9", COOKIES), Fragment(1, 1, False, b"mine"), 0.0)
    others = store.octets
    for number in range(300):
        store.add(("192.0.2.66", number.to_bytes(16, "big")), Fragment(1, 1, False, bytes(octets)), 0.0)
        assert store.octets <= MAX_FROM_ADDRESS + others
    assert store.add(("198.51.100.9", COOKIES), Fragment(1, 2, True, b"too"), 0.0) == b"minetoo"


def test_all_addresses_together_take_no_more_than_the_bound() -> None:
    store = FragmentStore()
    for number in range(2 * MAX_IN_ALL // MAX_MESSAGE):
        store.add((f"2001:db8::{number:x}", COOKIES), Fragment(1, 1, False, bytes(MAX_MESSAGE)), 0.0)
        assert store.octets <= MAX_IN_ALL
    assert len(store) > 60
    store.expire(KEPT_SECONDS)
    assert (len(store), store.octets, store._octets_from) == (0, 0, {})


def test_what_stays_incomplete_is_forgotten_after_a_while() -> None:
    store = FragmentStore()
    assert store.next_deadline() is None
    first, second = parts(message(800))
    store.add(KEY, first, 10.0)
    store.add(("192.0.2.2", COOKIES), first, 20.0)
    assert store.next_deadline() == 10.0 + KEPT_SECONDS
    store.expire(9.9 + KEPT_SECONDS)
    assert len(store) == 2
    store.expire(10.0 + KEPT_SECONDS)
    assert store.next_deadline() == 20.0 + KEPT_SECONDS
    assert store.add(KEY, second, 41.0) is None
