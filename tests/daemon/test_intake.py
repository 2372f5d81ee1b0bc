"""daemon/intake.py: what continues an exchange goes first, and nobody's first messages take the turns of others."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pytest

from daemon.ike.events import Endpoint, Path
from daemon.intake import MOST, MOST_OCTETS, Intake, Waiting
from daemon.log import Levels, Log, StderrSink

HERE = Endpoint("192.0.2.1", 500)
KNOWN = "198.51.100.7"


def path(address: str) -> Path:
    return Path(HERE, Endpoint(address, 500))


def first(number: int, octets: int = 84) -> bytes:
    """A first message: its responder cookie is zero."""
    return number.to_bytes(8) + bytes(octets - 8)


def further(number: int) -> bytes:
    return number.to_bytes(8) + b"r" * 8 + bytes(60)


def drained(waiting: Waiting) -> list[tuple[str, int]]:
    """Whose messages come out, in order."""
    found = []
    while (item := waiting.take()) is not None:
        found.append((item[1].remote.address, int.from_bytes(item[0][:8])))
    return found


def filled(*messages: tuple[str, int], most: int = MOST) -> Waiting:
    waiting = Waiting(most)
    for address, number in messages:
        waiting.add(first(number), path(address), address == KNOWN)
    return waiting


def test_of_one_address_the_newest_goes_first() -> None:
    assert drained(filled((KNOWN, 1), (KNOWN, 2), (KNOWN, 3))) == [(KNOWN, 3), (KNOWN, 2), (KNOWN, 1)]


def test_addresses_have_turns_and_so_have_those_with_a_section_and_all_others() -> None:
    waiting = filled(*((f"203.0.113.{each}", each) for each in range(1, 6)), (KNOWN, 6), ("203.0.113.1", 7), (KNOWN, 8))
    order = drained(waiting)
    assert {address for address, _ in order[:2]} == {KNOWN, "203.0.113.1"}
    assert {address for address, _ in order[2:4]} == {KNOWN, "203.0.113.2"}
    assert order[-1] == ("203.0.113.1", 1)


@pytest.mark.parametrize("flooded", [KNOWN, "203.0.113.66"])
def test_a_flood_from_one_address_takes_no_place_from_another(flooded: str) -> None:
    other = "203.0.113.9"
    waiting = filled((other, 1), *((flooded, number) for number in range(2, 5000)))
    assert len(waiting) == MOST
    assert waiting.dropped == 4999 - MOST
    order = drained(waiting)
    assert (other, 1) in order[:2]
    assert Counter(address for address, _ in order)[flooded] == MOST - 1
    assert (flooded, 4999) in order[:2], "the newest are kept"


def test_a_flood_from_everywhere_takes_no_turn_from_addresses_with_a_section() -> None:
    waiting = filled(*((f"10.0.{each // 250}.{each % 250}", each) for each in range(5000)), (KNOWN, 5000))
    assert (KNOWN, 5000) in drained(waiting)[:2]


def test_one_ipv6_network_has_one_turn() -> None:
    waiting = filled(*((f"2001:db8::{each:x}", each) for each in range(1, 20)), ("2001:db8:1::1", 20))
    assert ("2001:db8:1::1", 20) in drained(waiting)[:2]


def test_what_waits_is_bounded_in_octets_too() -> None:
    waiting = Waiting()
    for number in range(100):
        waiting.add(first(number, 60_000), path(f"203.0.113.{number}"), known=False)
        assert sum(len(item[0]) for lane in waiting._lanes for items in lane._items.values() for item in items) <= (
            MOST_OCTETS
        )
    assert len(waiting) == MOST_OCTETS // 60_000


def handed_on(datagrams: Sequence[bytes]) -> tuple[list[bytes], str]:
    """What the intake gives on, in its order, where all of this came in one turn of the loop; and what it said."""
    got: list[bytes] = []
    said = io.StringIO()

    async def serve() -> None:
        intake = Intake(
            lambda data, _: got.append(data),
            lambda address: address == KNOWN,
            Log(StderrSink(said, datetime.now), Levels()),
        )
        for number, data in enumerate(datagrams):
            intake.take(data, path(KNOWN if number % 2 else "203.0.113.1"))
        while intake._serving is not None:
            await asyncio.sleep(0)
        intake._tell()
        intake.stop()

    asyncio.run(serve())
    return got, said.getvalue()


def test_what_continues_an_exchange_goes_before_what_begins_one() -> None:
    got, _ = handed_on([first(1), further(2), first(3), further(4)])
    assert got[:2] == [further(2), further(4)]
    assert sorted(got[2:]) == [first(1), first(3)]


def test_what_was_dropped_is_counted_and_said() -> None:
    got, said = handed_on([first(number) for number in range(MOST + 10)])
    assert len(got) == MOST
    assert "10 first messages dropped: more came than could be answered" in said


def test_all_that_waits_is_served_though_a_turn_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.intake._TURN", 0.0)
    got, _ = handed_on([first(number) for number in range(50)])
    assert len(got) == 50
