"""Datagrams of any octets in any state: dropped or answered with a notification, one log line, never an exception.

Every state of a negotiation, from before the first message to after the last, on both sides. Each failure names the
seed and the datagram, so that it can be repeated. Together well over 20,000 datagrams at full size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from random import Random

import pytest

from daemon.ike import limits
from daemon.ike.events import Captured, LogLine, Output, Record, SaReport, Send
from daemon.ike.messages.fragments import split
from tests.fuzz.engines import MESSAGES, MODERN, OLD, Algorithms, Node, Pair, converse
from tests.fuzz.mutations import EXCHANGE, HEADER, damaged, prefixes
from tests.sizes import sized

pytestmark = pytest.mark.full_size

STATES = range(MESSAGES + 1)
"""How many messages have arrived: 0 nothing, 4 the keys are there, 6 phase 1 is done, 9 all is done."""

ENCRYPTED_FROM = 4
SIDES = ("east", "west")
DAMAGED = sized(300, 1_100)
FRAGMENTED = sized(20, 80)
PREFIX = sized(4, 1)
"""Of the beginnings of messages every fourth is tried, or every one."""

MAIN_MODE, INFORMATIONAL = 2, 5
EXCHANGE_LIFE = 121.0
"""Seconds; [General]:Exchange-max-time is 120 by default."""


class OffenceError(AssertionError):
    """A datagram had an outcome that is not documented."""


def sas_of(node: Node) -> list[SaReport]:
    return list(node.engine.report(100.0).sas)


def steps_of(node: Node) -> Counter[tuple[str, str, str, int]]:
    """How far each exchange has come."""
    exchanges = node.engine.report(node.now).exchanges
    return Counter((each.type, each.role, each.message_id, each.step) for each in exchanges)


def check_outputs(outputs: list[Output]) -> None:
    """Only documented outcomes: something to say, to send or to record; nothing for the kernel."""
    if strange := [each for each in outputs if not isinstance(each, Send | LogLine | Record | Captured)]:
        raise OffenceError(f"it made the engine want {strange}")
    check_lines(outputs)
    for each in outputs:
        if isinstance(each, Send) and int.from_bytes(each.data[24:28], "big") != len(each.data):
            raise OffenceError("it was answered with a message whose length is not its length")


def check_lines(outputs: list[Output]) -> None:
    """One ordinary log line at most."""
    lines = [each.text for each in outputs if isinstance(each, LogLine) and each.level == 0 and not each.verbose]
    if len(lines) > 1:
        raise OffenceError(f"it made {len(lines)} log lines: {lines}")


def attack(node: Node, data: bytes, seed: object) -> list[Output]:
    """One datagram, and what must hold whatever it is."""
    sas, installed = sas_of(node), set(node.installed)
    node.now += 0.1  # so that the bound on complaints does not hide log lines
    try:
        outputs = node.receive(data)
        check_outputs(outputs)
        assert sas_of(node) == sas, "it changed a security association"
        assert node.installed == installed, "it changed what the kernel holds"
    except Exception as error:
        raise OffenceError(f"{type(error).__name__}: {error}; seed {seed!r}, datagram {data.hex()}") from error
    return outputs


def genuine(data: bytes, pair: Pair) -> bool:
    """Whether the damage missed all that is authenticated.

    The header of an encrypted message is not, nor what follows ID and HASH in main mode, such as INITIAL-CONTACT
    (RFC 2409 section 5: HASH_I and HASH_R cover the ID payload alone).
    """
    ends = {4: HEADER + pair.chosen.proof, 5: HEADER + pair.chosen.proof}
    spoken = enumerate(each.data for each in pair.spoken)
    return any(data[HEADER : ends.get(number)] == each[HEADER : ends.get(number)] for number, each in spoken)


def check_answers(outputs: list[Output], data: bytes, pair: Pair) -> None:
    """Once messages are encrypted, rubbish is answered with a notification, or with what was sent before."""
    said = {each.data for each in pair.spoken}
    for each in outputs:
        if isinstance(each, Send) and each.data not in said and each.data[EXCHANGE] != INFORMATIONAL:
            opening = data[8:16] == bytes(8) and each.data[EXCHANGE] == MAIN_MODE
            if not opening:
                raise OffenceError(f"answered with {each.data.hex()}; datagram {data.hex()}")


def bombard(pair: Pair, side: str, datagrams: Iterable[bytes], seed: object) -> int:
    """All of them at one node; how many. Where keys are there already, no exchange under way may move."""
    node = pair.node(side)
    strict = pair.delivered >= ENCRYPTED_FROM
    before = steps_of(node)
    count = 0
    for data in datagrams:
        if strict and genuine(data, pair):
            continue
        outputs = attack(node, data, seed)
        count += 1
        if strict:
            check_answers(outputs, data, pair)
            after = steps_of(node)
            assert not before - after, f"it moved {before - after}; seed {seed!r}, datagram {data.hex()}"
            assert {kind for kind, *_ in after - before} <= {"main mode"}, f"seed {seed!r}, datagram {data.hex()}"
    return count


def left_over(node: Node) -> tuple[int, int, int]:
    """Exchanges, SAs and timers when every exchange has had its time."""
    node.pass_time(EXCHANGE_LIFE)
    report = node.engine.report(node.now)
    return len(report.exchanges), len(report.sas), report.timers


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("delivered", STATES)
def test_every_beginning_of_every_message_in_every_state(delivered: int, side: str) -> None:
    """Nothing in a prefix is acceptable, so the negotiation that was disturbed by all of them still succeeds."""
    pair = converse(delivered)
    messages = [each.data for each in converse(MESSAGES).spoken]
    count = bombard(
        pair, side, islice((data for message in messages for data in prefixes(message)), 0, None, PREFIX), "prefixes"
    )
    assert count > 1000 // PREFIX
    pair.hush()
    pair.east.now = pair.west.now = max(pair.east.now, pair.west.now)
    assert pair.finish()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("delivered", STATES)
@pytest.mark.parametrize("chosen", [MODERN, OLD], ids=["aes-ecp256", "3des-modp1024"])
def test_damaged_messages_in_every_state(chosen: Algorithms, delivered: int, side: str) -> None:
    seed = f"{chosen.group}/{delivered}/{side}"
    pair = converse(delivered, chosen)
    valid = [each.data for each in pair.spoken]
    amount = DAMAGED if chosen is MODERN else DAMAGED // 10
    bombard(pair, side, damaged(valid, amount, Random(seed)), seed)
    node, twin = pair.node(side), converse(delivered, chosen).node(side)
    node.pass_time(EXCHANGE_LIFE)
    assert left_over(node) == left_over(twin)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("delivered", range(ENCRYPTED_FROM, MESSAGES + 1))
def test_a_negotiation_goes_on_after_damaged_messages(delivered: int, side: str) -> None:
    """From message 5 on everything is encrypted and verified: what is forged cannot even end an exchange."""
    seed = f"goes on/{delivered}/{side}"
    pair = converse(delivered)
    valid = [each.data for each in pair.spoken]
    bombard(pair, side, damaged(valid, sized(50, 200), Random(seed)), seed)
    pair.hush()
    pair.east.now = pair.west.now = max(pair.east.now, pair.west.now)
    assert pair.finish(), seed


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("delivered", STATES)
def test_damaged_messages_in_damaged_fragments_in_every_state(delivered: int, side: str) -> None:
    seed = f"fragments/{delivered}/{side}"
    random = Random(seed)
    pair = converse(delivered)
    strict = delivered >= ENCRYPTED_FROM
    pieces: list[bytes] = []
    for message in damaged([each.data for each in pair.spoken], FRAGMENTED, random):
        if len(message) >= HEADER and not (strict and genuine(message, pair)):
            for piece in split(message, 80):
                pieces += damaged([piece], 1, random) if random.random() < 0.3 else [piece]
    assert len(pieces) > FRAGMENTED
    bombard(pair, side, pieces, seed)
    node, twin = pair.node(side), converse(delivered).node(side)
    node.pass_time(EXCHANGE_LIFE)
    assert left_over(node) == left_over(twin)


def test_strangers_cannot_open_exchanges_without_bound() -> None:
    """First messages of ever new cookies, all valid: what is half open stays bounded, and goes with time."""
    first = converse(0).spoken[0].data
    west = converse(0).west
    random = Random("strangers")
    sizes = Counter[int]()
    room = limits.KNOWN_OPENINGS // limits.EXCHANGE_OCTETS
    for _ in range(2 * room):
        attack(west, random.randbytes(7) + b"\1" + first[8:], "strangers")
        sizes[len(west.engine.report(west.now).exchanges)] += 1
    assert 16 < max(sizes) <= room
    west.pass_time(EXCHANGE_LIFE)
    assert not west.engine.report(west.now).exchanges
