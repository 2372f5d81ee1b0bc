"""Connections: started, checked, torn down, and what a configuration that cannot be used leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.engine import Engine
from daemon.ike.errors import LocalError
from daemon.ike.events import Connect, LogLine, Send, Shutdown, TearDown
from daemon.ike.surroundings import Settings, Surroundings
from policydb.connections import General, IpsecProtocol, Suite
from policydb.negotiation import Reason
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import BEGIN, EAST, WEST, Pair, configuration, connected, suite


def test_connections_that_initiate_start_at_once_and_others_do_not() -> None:
    assert connected().established
    assert not Pair().start().run(100.0).east.sent


def test_a_command_starts_a_connection_even_after_it_was_stopped() -> None:
    pair = connected()
    for command, there in ((TearDown("net"), []), (Connect("net"), ["net"])):
        pair.do(pair.east, pair.east.engine.command(command, pair.now))
        pair.run(pair.now + 1.0)
        assert pair.east.phase(2) == pair.west.phase(2) == there


def test_tearing_down_ends_the_negotiation_under_way_as_well() -> None:
    held = held_at(8)
    pair = held.pair
    pair.do(pair.east, pair.east.engine.command(TearDown("net"), pair.now))
    assert pair.east.census()["exchanges"] == 0
    assert not pair.east.spis
    held = held_at(4)
    held.pair.do(held.pair.east, held.pair.east.engine.command(TearDown("gateway", 1), held.pair.now))
    assert held.pair.east.census()["exchanges"] == 0


def test_what_waits_for_a_phase_1_and_is_stopped_does_not_start() -> None:
    held = held_at(4)
    held.pair.do(held.pair.east, held.pair.east.engine.command(TearDown("net"), held.pair.now))
    held.release()
    assert held.pair.east.phase(1) == ["gateway"]
    assert held.pair.east.phase(2) == []


def test_delete_sas_no_leaves_the_peer_alone() -> None:
    pair = connected(configuration(EAST, WEST, initiates=True, general=General(delete_sas=False)))
    count = len(pair.east.sent)
    pair.do(pair.east, pair.east.engine.command(Shutdown(), pair.now))
    assert len(pair.east.sent) == count
    assert not pair.east.kernel
    assert pair.west.phase(2) == ["net"]


def test_a_peer_without_address_can_only_answer() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True, peer={"address": None})).start().run(1.0)
    assert not pair.east.sent
    assert pair.east.log == ['exchange_establish: no "Address" specified for peer "gateway"']


def test_no_way_to_a_peer_is_said_and_tried_again() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True))

    def no_way(remote: str) -> str:
        raise LocalError(f"no way to {remote}")

    surroundings = Surroundings(b"r".__mul__, lambda: BEGIN, no_way)
    engine = Engine(pair.east.oracle, pair.east.secrets, Settings(), surroundings)
    (line,) = engine.reconfigure(pair.east.oracle, pair.east.secrets, 0.0)
    assert isinstance(line, LogLine)
    assert line.text == f'exchange_establish: peer "gateway": no way to {WEST}'
    assert engine.next_deadline() == 60.0


@pytest.mark.parametrize(
    "protocols",
    [
        (),
        (IpsecProtocol("COMP", "IPCOMP", ()),),
        (replace(suite().protocols[0], transforms=()),),
    ],
    ids=["no protocol", "IPCOMP", "no transform"],
)
def test_a_suite_that_cannot_be_offered_is_said_to_be_one(protocols: tuple[IpsecProtocol, ...]) -> None:
    pair = connected(configuration(EAST, WEST, initiates=True, suites=(Suite("odd", protocols),)))
    assert not pair.east.kernel
    assert pair.east.census()["exchanges"] == 0
    assert not pair.east.spis
    told = [record.detail for record in pair.east.records if record.reason is Reason.LOCAL_ERROR] + pair.east.log
    assert any("cannot be offered" in each or "IPCOMP is not supported" in each for each in told)
    assert len(pair.west.records) == 1


@pytest.mark.parametrize("interval", [0, -5])
def test_an_interval_of_nothing_does_not_spin(interval: int) -> None:
    general = General(check_interval=interval, nat_t_keepalive=interval)
    pair = connected(configuration(EAST, WEST, initiates=True, general=general))
    pair.run(5.0)
    assert pair.established


def test_a_shut_down_engine_sends_its_deletes_with_priority_only() -> None:
    pair = connected()
    outputs = pair.west.engine.command(Shutdown(), pair.now)
    sends = [each for each in outputs if isinstance(each, Send)]
    assert sends
    assert all(each.priority for each in sends)
