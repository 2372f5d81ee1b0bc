"""When a message is sent again, and what is done where nothing repeats it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon.ike.events import Path, Send
from daemon.ike.messages.parser import read_header
from daemon.ike.negotiation import start_phase1, start_quick
from daemon.ike.registries import ExchangeType
from policydb.connections import DEFAULT_SCHEDULE, Backoff, General, IsakmpdSteps, Schedule
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, WEST, Node, Pair, configuration
from tests.daemon.ike.roadwarrior import INSIDE, client, dynamic, for_warrior, gateway, pair_of, section, xauth_pair

SILENT = General(check_interval=1000)
STEADY = Backoff(jitter=0)
BOTH_WAYS = ((EAST, WEST), (WEST, EAST))


def silent(peer: Schedule = DEFAULT_SCHEDULE, general: General = SILENT) -> Pair:
    """East calls, and nobody answers."""
    pair = Pair(configuration(EAST, WEST, initiates=True, peer={"schedule": peer}, general=general))
    pair.filter = lambda *_: []
    return pair.start()


def times(node: Node) -> list[float]:
    return [round(at, 3) for at, out in node.sent if isinstance(out, Send)]


@pytest.mark.parametrize(
    ("retransmits", "expected"), [(3, [0, 7, 16, 27]), (0, [0]), (1, [0, 7]), (5, [0, 7, 16, 27, 40, 55])]
)
def test_retransmits_is_isakmpds_rule(retransmits: int, expected: list[float]) -> None:
    pair = silent(IsakmpdSteps(retransmits)).run(119.0)
    assert times(pair.east) == expected
    assert pair.east.log == [
        f"transport_send_messages: giving up on exchange gateway, no response from peer {WEST}:500"
    ]


def test_a_silent_peer_gets_one_message_and_the_exchange_ends_in_its_time() -> None:
    pair = silent().run(119.9)
    assert len({out.data for _, out in pair.east.sent if isinstance(out, Send)}) == 1
    assert pair.east.census()["exchanges"] == 1
    pair.run(120.0)
    assert {**pair.east.census(), "timers": 0} == dict.fromkeys(pair.east.census(), 0)
    (record,) = pair.east.records
    assert (record.outcome, record.reason) == (Outcome.FAILED, Reason.TIMEOUT)


def test_by_default_sixteen_leave_in_forty_six_seconds() -> None:
    pair = silent(STEADY).run(119.0)
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
        (Backoff(2, 4.0, 1.8, 0.0, 0), [0.0, 4.0, 11.2]),
        (Backoff(tries=0, jitter=0), [0.0]),
        (Backoff(tries=3, timeout=1.0, base=1.0, jitter=0), [0.0, 1.0, 2.0, 3.0]),
    ],
)
def test_the_tags_mean_what_strongswans_do(backoff: Backoff, expected: list[float]) -> None:
    assert times(silent(backoff).run(119.0).east) == expected


def test_a_peer_that_no_section_describes_is_treated_as_general_says() -> None:
    """As one that only the kernel has asked for."""
    pair = Pair(configuration(EAST, WEST, initiates=True, general=General(check_interval=1000))).start().run(1.0)
    gone = configuration(
        EAST, WEST, general=General(schedule=Backoff(tries=1, timeout=2.0, jitter=0), check_interval=1000)
    )
    (sa,) = pair.east.engine._core.sas.ipsec
    net = gone.connections["net"]
    pair.east.oracle.configuration = replace(gone, peers={"other": gone.peers["gateway"]}, connections={"net": net})
    pair.filter = lambda *_: []
    core, before = pair.east.engine._core, len(pair.east.sent)
    core.sas.isakmp[0].peer = None
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


def loses_message_3(lost: list[bytes]) -> Callable[[str, Path, bytes], list[bytes]]:
    """A filter that loses the first sending of it."""

    def lose(source: str, _path: Path, data: bytes) -> list[bytes]:
        header = read_header(data)
        last = header.exchange_type == ExchangeType.AGGRESSIVE and header.responder_cookie != bytes(8)
        if source == EAST and last and not lost:
            lost.append(data)
            return []
        return [data]

    return lose


def sendings(node: Node, data: bytes) -> int:
    return [out.data for _, out in node.sent if isinstance(out, Send)].count(data)


def test_message_3_of_aggressive_mode_goes_along_until_the_peer_is_heard_of() -> None:
    general = General(accept_aggressive_psk=True, check_interval=10_000)
    peer = {"exchange": "AGGRESSIVE", "schedule": IsakmpdSteps()}
    pair = Pair(
        configuration(EAST, WEST, initiates=True, peer=peer, general=general),
        configuration(WEST, EAST, peer=peer, general=general),
    )
    lost: list[bytes] = []
    pair.filter = loses_message_3(lost)
    pair.start().run(6.0)
    assert lost
    assert pair.west.phase(1) == []
    pair.run(8.0)
    assert pair.established
    assert sendings(pair.east, lost[0]) == 2
    assert pair.east.engine._core.sas.isakmp[0].last_word is None


@pytest.mark.parametrize("xauth", [True, False], ids=["XAUTH", "mode-config"])
def test_message_3_of_aggressive_mode_is_repeated_where_it_is_the_peers_turn_to_begin(xauth: bool) -> None:
    """The gateway asks for the user, or gives the address: it waits for message 3, and we for the gateway."""
    general = General(accept_aggressive_psk=True, check_interval=10_000)
    flags, given = frozenset({"ikecfg"}), section(f"ipv4/{EAST}", Address=str(INSIDE))
    pair = (
        xauth_pair()
        if xauth
        else pair_of(client(connection=dynamic()), gateway(given, flags=flags, connection=for_warrior()))
    )
    for node in pair.nodes:
        found = node.oracle.configuration
        peers = {
            name: replace(each, exchange="AGGRESSIVE", schedule=DEFAULT_SCHEDULE) for name, each in found.peers.items()
        }
        node.oracle.configuration = replace(found, general=general, peers=peers)
    lost: list[bytes] = []
    pair.filter = loses_message_3(lost)
    pair.start().run(0.4)
    assert lost
    assert pair.west.phase(1) == []
    pair.run(2.0)
    assert pair.established
    assert sendings(pair.east, lost[0]) == 2
    pair.run(100.0)
    assert sendings(pair.east, lost[0]) == 2, "it is not repeated to a peer that was heard of"


def test_message_3_is_not_repeated_where_nobody_waits_for_an_answer() -> None:
    general = General(accept_aggressive_psk=True, check_interval=10_000)
    pair = Pair(*(configuration(*ends, peer={"exchange": "AGGRESSIVE"}, general=general) for ends in BOTH_WAYS)).start()
    core = pair.east.engine._core
    start_phase1(core, pair.east.oracle.configuration.peers["gateway"], ())
    pair.do(pair.east, core.take_outputs())
    pair.run(100.0)
    assert len(pair.east.phase(1)) == len(pair.west.phase(1)) == 1
    assert len(times(pair.east)) == 2
