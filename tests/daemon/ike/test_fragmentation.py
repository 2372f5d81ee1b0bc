"""Fragments between two engines: when they are sent, that a bad network does not matter, and what a stranger can do."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike.events import Endpoint, Path, Send
from daemon.ike.messages.fragments import KEPT_SECONDS, split
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.vendor import Vendor
from daemon.ike.registries import PayloadType
from daemon.ike.timers import TimerKey, TimerKind
from policydb.connections import Configuration, General
from tests.daemon.ike.forgery import held_at, state_of
from tests.daemon.ike.network import EAST, WEST, Nat, Node, Pair, Weather, configuration, suite
from tests.sizes import examples

SMALL = General(fragment_size=576)
PUBLIC = "198.51.100.1"
MANY = tuple(
    replace(suite(bits=bits, authentication=name, seconds=seconds), name=f"{bits}-{name}-{seconds}")
    for bits in (128, 192, 256)
    for name in ("HMAC_SHA2_256", "HMAC_SHA2_384", "HMAC_SHA2_512", "HMAC_SHA")
    for seconds in (1200, 1300)
)
"""Enough to offer for a quick mode of more than a kilobyte."""


def long(local: str, remote: str, general: General = SMALL) -> Configuration:
    return configuration(local, remote, initiates=local == EAST, suites=MANY, general=general)


def pair(east: General = SMALL, west: General = SMALL, weather: Weather | None = None, seed: int = 1) -> Pair:
    return Pair(long(EAST, WEST, east), long(WEST, EAST, west), weather=weather, seed=seed).start()


def datagrams(node: Node) -> list[bytes]:
    return [out.data for _, out in node.sent if isinstance(out, Send)]


def in_fragments(node: Node) -> list[bytes]:
    return [each for each in datagrams(node) if read_header(each).next_payload == PayloadType.FRAGMENT]


# --- sending ------------------------------------------------------------------------------------------------------


def test_what_is_longer_than_the_limit_goes_in_fragments() -> None:
    made = pair().run(1.0)
    assert made.established
    assert in_fragments(made.east)
    assert all(len(each) <= 576 for node in made.nodes for each in datagrams(node))
    for node in made.nodes:
        assert node.census()["fragments"] == 0
        assert TimerKey(TimerKind.FRAGMENTS) not in node.engine._core.timers.armed()


def test_on_the_nat_t_port_the_marker_counts() -> None:
    made = Pair(long(EAST, WEST), replace(long(WEST, PUBLIC)), nats={EAST: Nat(PUBLIC)}).start().run(1.0)
    assert made.east.phase(2) == made.west.phase(2) == ["net"]
    found = in_fragments(made.east)
    assert found
    assert max(len(each) for each in found) == 572


@pytest.mark.parametrize("silent", ["east", "west"])
def test_a_peer_that_did_not_announce_it_gets_whole_messages(silent: str) -> None:
    made = Pair(long(EAST, WEST), long(WEST, EAST))
    source = EAST if silent == "east" else WEST
    body = Vendor.FRAGMENTATION.value[:16]
    made.filter = lambda sender, _path, data: [data.replace(body, bytes(16)) if sender == source else data]
    made.start().run(1.0)
    assert made.established
    assert not in_fragments(made.east)
    assert not in_fragments(made.west)


@pytest.mark.parametrize("switched_off", ["east", "west"])
def test_switched_off_on_either_side_nothing_travels_in_fragments(switched_off: str) -> None:
    off = General(fragment_size=0)
    made = pair(off if switched_off == "east" else SMALL, off if switched_off == "west" else SMALL).run(1.0)
    assert made.established
    assert not in_fragments(made.east)


def test_short_messages_stay_whole() -> None:
    for made in (pair(General(), General()), Pair(configuration(EAST, WEST, initiates=True, general=SMALL)).start()):
        assert made.run(1.0).established
        assert not in_fragments(made.east)


@pytest.mark.parametrize("seed", range(8))
def test_fragments_on_a_bad_network_make_the_tunnel_all_the_same(seed: int) -> None:
    made = pair(weather=Weather(loss=0.15, duplication=0.1, lateness=0.05), seed=seed).run(400.0)
    assert set(made.east.phase(2)) == {"net"}
    made.weather = Weather()
    made.run(made.now + KEPT_SECONDS + 130.0)
    assert all(node.census()["fragments"] == 0 for node in made.nodes)


# --- strangers ----------------------------------------------------------------------------------------------------


def fragment_of(cookies: bytes, octets: int = 900, seed: int = 1) -> list[bytes]:
    body = random.Random(seed).randbytes(octets)
    message = cookies + bytes([8, 0x10, 32, 1]) + b"mid!" + (28 + octets).to_bytes(4, "big") + body
    return list(split(message, 576))


def test_under_unknown_cookies_nothing_is_kept_and_nothing_answered() -> None:
    made = pair().run(1.0)
    path = made.west.engine._core.sas.isakmp[0].path
    sent = len(made.west.sent)
    for number in range(1, 50):
        for each in fragment_of(number.to_bytes(16, "big")):
            made.inject(made.west, each, path)
    assert made.west.census()["fragments"] == 0
    assert len(made.west.sent) == sent


def test_parts_that_stay_alone_are_forgotten_by_the_timer() -> None:
    made = pair().run(1.0)
    (isakmp,) = made.west.engine._core.sas.isakmp
    made.inject(made.west, fragment_of(isakmp.cookies)[0], isakmp.path)
    assert made.west.census()["fragments"] == 1
    made.run(made.now + KEPT_SECONDS - 0.1)
    assert made.west.census()["fragments"] == 1
    made.run(made.now + 0.2)
    assert made.west.census()["fragments"] == 0


def test_a_forged_whole_changes_nothing() -> None:
    made = pair().run(1.0)
    (isakmp,) = made.west.engine._core.sas.isakmp
    before = state_of(made.west)
    for each in fragment_of(isakmp.cookies):
        made.inject(made.west, each, replace(isakmp.path, remote=Endpoint("203.0.113.5", 500)))
    assert state_of(made.west) == before
    assert made.west.census()["fragments"] == 0


@pytest.mark.parametrize("inner", ["other cookies", "a fragment"])
def test_what_comes_out_must_be_what_the_fragments_said(inner: str) -> None:
    made = pair().run(1.0)
    (isakmp,) = made.west.engine._core.sas.isakmp
    cookies = bytes(range(16)) if inner == "other cookies" else isakmp.cookies
    kind = 8 if inner == "other cookies" else 132
    message = cookies + bytes([kind, 0x10, 32, 1]) + b"mid!" + (900).to_bytes(4, "big") + bytes(872)
    for each in split(message, 576):
        made.inject(made.west, isakmp.cookies + each[16:], isakmp.path)
    assert "the fragments make up another message than they say" in made.west.log[-1]
    assert made.west.census()["fragments"] == 0


def test_a_message_of_phase_1_may_come_in_fragments_too() -> None:
    """Message 3 of a peer with a large public value or certificates."""
    held = held_at(3)
    for each in split(held.data, 120):
        held.pair.inject(held.receiver, each, held.path)
    (exchange,) = held.receiver.engine._core.exchanges
    assert exchange.step == 4


@settings(max_examples=examples(60))
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 255), st.integers(0, 3), st.binary(max_size=40), st.booleans()),
        max_size=20,
    )
)
def test_any_fragments_leave_the_engine_as_it_was(parts: list[tuple[int, int, int, bytes, bool]]) -> None:
    made = pair().run(1.0)
    (isakmp,) = made.west.engine._core.sas.isakmp
    before = state_of(made.west)
    path = Path(isakmp.path.local, Endpoint("203.0.113.9", 4500))
    for identity, number, flags, data, known in parts:
        cookies = isakmp.cookies if known else bytes(range(16))
        body = (
            bytes(2) + (8 + len(data)).to_bytes(2, "big") + identity.to_bytes(2, "big") + bytes([number, flags]) + data
        )
        header = cookies + bytes([132, 0x10, 2, 0]) + bytes(4) + (28 + len(body)).to_bytes(4, "big")
        made.inject(made.west, header + body, path)
    assert state_of(made.west) == before
    made.run(made.now + KEPT_SECONDS + 0.1)
    assert made.west.census()["fragments"] == 0
    assert not any("internal" in line for line in made.west.log)
