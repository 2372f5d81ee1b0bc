"""When a message is sent again, and what is done where nothing repeats it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.events import Path, Send
from daemon.ike.messages.parser import read_header
from daemon.ike.negotiation import start_quick
from daemon.ike.registries import ExchangeType
from policydb.connections import Backoff, General
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, WEST, Node, Pair, configuration

LOSSY = Backoff(tries=15, timeout=0.5, base=1.5, limit=4.0)


def silent(peer: Backoff | None = None, general: General | None = None) -> Pair:
    """East calls, and nobody answers."""
    pair = Pair(configuration(EAST, WEST, initiates=True, peer={"backoff": peer}, general=general or General()))
    pair.filter = lambda *_: []
    return pair.start()


def times(node: Node) -> list[float]:
    return [round(at, 3) for at, out in node.sent if isinstance(out, Send)]


@pytest.mark.parametrize(
    ("retransmits", "expected"), [(3, [0, 7, 16, 27]), (0, [0]), (1, [0, 7]), (5, [0, 7, 16, 27, 40, 55])]
)
def test_without_tags_isakmpds_rule_holds(retransmits: int, expected: list[float]) -> None:
    pair = silent(general=General(retransmits=retransmits, check_interval=1000)).run(119.0)
    assert times(pair.east) == expected
    assert pair.east.log == [
        f"transport_send_messages: giving up on exchange gateway, no response from peer {WEST}:500"
    ]


def test_a_silent_peer_gets_one_message_and_the_exchange_ends_in_its_time() -> None:
    pair = silent(general=General(check_interval=1000)).run(119.9)
    assert len({out.data for _, out in pair.east.sent if isinstance(out, Send)}) == 1
    assert pair.east.census()["exchanges"] == 1
    pair.run(120.0)
    assert {**pair.east.census(), "timers": 0} == dict.fromkeys(pair.east.census(), 0)
    (record,) = pair.east.records
    assert (record.outcome, record.reason) == (Outcome.FAILED, Reason.TIMEOUT)


def test_with_the_tags_sixteen_leave_in_forty_six_seconds() -> None:
    pair = silent(LOSSY, General(check_interval=1000)).run(119.0)
    found = times(pair.east)
    assert found[:8] == pytest.approx([0.0, 0.5, 1.25, 2.375, 4.0625, 6.594, 10.391, 14.391], abs=0.01)
    assert len(found) == 16
    assert found[-1] == pytest.approx(46.391, abs=0.01)
    assert len(pair.east.log) == 1
    pair.run(121.0)
    assert pair.east.census()["exchanges"] == 0


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (Backoff(tries=2), [0.0, 4.0, 11.2]),
        (Backoff(tries=0), [0.0]),
        (Backoff(tries=3, timeout=1.0, base=1.0), [0.0, 1.0, 2.0, 3.0]),
    ],
)
def test_the_tags_mean_what_strongswans_do(backoff: Backoff, expected: list[float]) -> None:
    assert times(silent(backoff, General(check_interval=1000)).run(119.0).east) == expected


def test_a_peer_whose_section_is_gone_is_treated_as_general_says() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True, general=General(check_interval=1000))).start().run(1.0)
    gone = configuration(EAST, WEST, general=General(backoff=Backoff(tries=1, timeout=2.0), check_interval=1000))
    (sa,) = pair.east.engine._core.sas.ipsec
    net = gone.connections["net"]
    pair.east.oracle.configuration = replace(gone, peers={"other": gone.peers["gateway"]}, connections={"net": net})
    pair.filter = lambda *_: []
    core, before = pair.east.engine._core, len(pair.east.sent)
    start_quick(core, core.sas.isakmp[0], net)
    pair.do(pair.east, core.take_outputs())
    begun = pair.now
    pair.run(60.0)
    assert [at - begun for at in times(pair.east)[before:]] == [0.0, 2.0]
    assert sa in core.sas.ipsec


# --- last messages ------------------------------------------------------------------------------------------------


def test_a_responder_that_never_sees_message_3_takes_back_what_it_promised() -> None:
    held = held_at(9)
    pair = held.pair
    pair.east.oracle.configuration = replace(pair.east.oracle.configuration, general=General(check_interval=10_000))
    pair.filter = lambda source, _path, data: [data] if source == WEST else []
    assert pair.east.kernel
    assert not pair.west.kernel
    pair.run(125.0)
    assert pair.east.phase(2) == []
    assert not pair.east.kernel
    assert not pair.west.spis


def test_message_3_of_aggressive_mode_goes_along_until_the_peer_is_heard_of() -> None:
    general = General(accept_aggressive_psk=True, check_interval=10_000)
    pair = Pair(
        configuration(EAST, WEST, initiates=True, peer={"exchange": "AGGRESSIVE"}, general=general),
        configuration(WEST, EAST, peer={"exchange": "AGGRESSIVE"}, general=general),
    )
    lost: list[bytes] = []

    def lose(source: str, _path: Path, data: bytes) -> list[bytes]:
        header = read_header(data)
        last = header.exchange_type == ExchangeType.AGGRESSIVE and header.responder_cookie != bytes(8)
        if source == EAST and last and not lost:
            lost.append(data)
            return []
        return [data]

    pair.filter = lose
    pair.start().run(6.0)
    assert lost
    assert pair.west.phase(1) == []
    pair.run(8.0)
    assert pair.established
    again = [out.data for _, out in pair.east.sent if isinstance(out, Send)].count(lost[0])
    assert again == 2
    assert pair.east.engine._core.sas.isakmp[0].last_word is None
