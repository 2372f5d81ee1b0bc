"""Both ends begin phase 1 at once or nearly so, and messages that come twice (isakmpd.md 5.5 and 5.7)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.events import Connect, Path, Send
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import ZERO_COOKIE
from daemon.ike.registries import ExchangeType
from policydb.connections import General
from tests.daemon.ike.forgery import COURSES, Held, held_at
from tests.daemon.ike.network import EAST, WEST, Node, Pair, configuration

in_both_modes = pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
GENERAL = General(accept_aggressive_psk=True, check_interval=100_000)


def both_initiate(exchange: str = "ID_PROT", seed: int = 1) -> Pair:
    peer = {"exchange": exchange}
    return Pair(
        configuration(EAST, WEST, peer=peer, general=GENERAL),
        configuration(WEST, EAST, peer=peer, general=GENERAL),
        seed=seed,
    ).start()


def connect(pair: Pair, node: Node) -> None:
    pair.do(node, node.engine.command(Connect("net"), pair.now))


def phase1_begun_by(node: Node) -> int:
    sent = [read_header(out.data) for _, out in node.sent if isinstance(out, Send)]
    return len({each.initiator_cookie for each in sent if each.responder_cookie == ZERO_COOKIE})


@in_both_modes
@pytest.mark.parametrize("delay", [0.0, 0.005, 0.015, 0.025, 0.035, 0.06])
def test_however_close_they_begin_both_have_their_tunnel_within_a_second(exchange: str, delay: float) -> None:
    pair = both_initiate(exchange)
    connect(pair, pair.east)
    pair.run(delay)
    connect(pair, pair.west)
    pair.run(delay + 1.0)
    assert pair.established
    for node in pair.nodes:
        assert "net" in node.phase(2)
    pair.run(200.0)
    assert pair.established
    for node in pair.nodes:
        assert node.census()["exchanges"] == node.census()["half-open"] == 0


def held_answer() -> Held:
    """East has west's answer to message 1, and west begins as well."""
    return held_at(4, both_ready())


def both_ready() -> Pair:
    return Pair(configuration(EAST, WEST, initiates=True, general=GENERAL), configuration(WEST, EAST, general=GENERAL))


def wests_opening() -> tuple[bytes, Path]:
    """A first message of west's, as east sees it."""
    pair = both_initiate(seed=7)
    connect(pair, pair.west)
    first = pair.west.sent[0][1]
    assert isinstance(first, Send)
    return first.data, Path(first.path.remote, first.path.local)


def test_a_peer_that_has_answered_begins_no_second_phase_1() -> None:
    held = held_answer()
    east, (data, path) = held.pair.east, wests_opening()
    sent, count = len(east.sent), east.census()["exchanges"]
    held.pair.inject(east, data, path)
    assert len(east.sent) == sent
    assert east.census()["exchanges"] == count
    assert 'phase 1 with "gateway" is under way already' in east.log[-1]
    held.release()
    assert held.pair.established


def test_before_it_has_answered_it_may_begin_as_well() -> None:
    held = held_at(2, both_ready())
    data, path = wests_opening()
    held.pair.inject(held.pair.east, data, path)
    assert held.pair.east.census()["exchanges"] == 2


def test_a_peer_that_answers_no_more_may_begin_anew() -> None:
    """It may have restarted: after we gave it up, not only after Exchange-max-time."""
    held = held_answer()
    held.pair.filter = lambda _source, _path, _data: []
    held.pair.run(40.0)
    east, (data, path) = held.pair.east, wests_opening()
    assert any("giving up" in line for line in east.log)
    sent = len(east.sent)
    held.pair.inject(east, data, path)
    assert len(east.sent) == sent + 1


def test_for_the_default_peer_nobody_is_refused() -> None:
    east = replace(configuration(EAST, WEST, initiates=True, general=GENERAL), peers_by_address={})
    pair = Pair(replace(east, default_peer="gateway"), configuration(WEST, EAST, general=GENERAL))
    held = held_at(4, pair)
    data, path = wests_opening()
    sent = len(pair.east.sent)
    held.pair.inject(held.pair.east, data, path)
    assert len(pair.east.sent) == sent + 1


def test_connections_wait_no_longer_where_the_peer_was_quicker() -> None:
    """West's first message is lost, east's phase 1 is done meanwhile: west's connection comes up under it."""
    pair = both_initiate()
    pair.filter = lambda source, _path, data: [] if source == WEST else [data]
    connect(pair, pair.west)
    pair.run(1.0)
    pair.filter = lambda _source, _path, data: [data]
    east = pair.east
    connect(pair, east)
    pair.run(2.0)
    assert pair.west.census()["exchanges"] == 0
    assert phase1_begun_by(pair.west) == 1
    assert pair.west.phase(1) == ["gateway"]
    assert pair.established
    assert len([1 for each in pair.west.records if each.role == "initiator" and each.exchange == "quick mode"]) == 1


# --- what comes twice ---------------------------------------------------------------------------------------------

PLACES = [(course, number) for course, each in COURSES.items() for number in range(1, each.messages + 1)]


@pytest.mark.parametrize(("course", "number"), PLACES, ids=str)
def test_an_identical_message_is_answered_with_the_same_octets_or_not_at_all(course: str, number: int) -> None:
    held = COURSES[course].hold(number, 1)
    node = held.receiver
    held.pair.filter = lambda _source, _path, _data: []
    held.inject(held.data)
    said = {out.data for _, out in node.sent if isinstance(out, Send)}
    for _ in range(5):
        held.inject(held.data)
    again = {out.data for _, out in node.sent if isinstance(out, Send)}
    assert again == said


@pytest.mark.parametrize(("course", "number"), [each for each in PLACES if each[1] > 2], ids=str)
def test_older_messages_get_no_answer_but_the_last_one(course: str, number: int) -> None:
    """A message before the last one of the peer's is dropped: what it would be answered with is long acknowledged."""
    along = COURSES[course]
    held = along.hold(number, 1)
    node, sent = held.receiver, len(held.receiver.sent)
    mine = [along.hold(each, 1) for each in range(1, number - 2)]
    for each in mine:
        if each.receiver.address == node.address and each.header.message_id == held.header.message_id:
            held.inject(each.data)
    new = [out for _, out in node.sent[sent:] if isinstance(out, Send)]
    assert not [each for each in new if read_header(each.data).exchange_type != ExchangeType.INFO]
