"""Connections: started, checked, torn down, and what a configuration that cannot be used leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.engine import Engine
from daemon.ike.errors import LocalError
from daemon.ike.events import (
    Captured,
    Connect,
    DeleteSa,
    ListenOn,
    LogLine,
    Reinitialize,
    Send,
    SetCapture,
    SetMode,
    Shutdown,
    TearDown,
)
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


# --- M, d, p and connection_reinit --------------------------------------------------------------------------------


def test_in_passive_mode_nothing_is_initiated_and_the_next_check_after_it_starts_what_is_due() -> None:
    pair = connected()
    pair.do(pair.east, pair.east.engine.command(SetMode(passive=True), pair.now))
    pair.do(pair.east, pair.east.engine.command(TearDown(None), pair.now))
    pair.run(pair.now + 200.0)
    assert pair.east.phase(2) == []
    refused = pair.east.engine.command(Connect("net"), pair.now)
    assert [type(each) for each in refused] == [LogLine]
    assert pair.east.engine.command(SetMode(passive=False), pair.now) == []
    assert pair.east.phase(2) == []
    pair.run(pair.now + 61.0)  # Check-interval
    assert pair.east.phase(2) == ["net"]


def test_in_passive_mode_it_answers() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), None)
    pair.do(pair.west, pair.west.engine.command(SetMode(passive=True), pair.now))
    pair.start().run(1.0)
    assert pair.west.phase(2) == ["net"]


def test_what_t_has_stopped_comes_up_again_at_connection_reinit() -> None:
    pair = connected()
    pair.do(pair.east, pair.east.engine.command(TearDown("net"), pair.now))
    pair.run(pair.now + 200.0)
    assert pair.east.phase(2) == []
    pair.do(pair.east, pair.east.engine.command(Reinitialize(), pair.now))
    pair.run(pair.now + 1.0)
    assert pair.east.phase(2) == ["net"]


def cookies_of(pair: Pair) -> bytes:
    (isakmp,) = (each for each in pair.east.engine.report(pair.now).sas if each.phase == 1)
    return bytes.fromhex(isakmp.initiator_cookie + isakmp.responder_cookie)


def listen_on(pair: Pair, *addresses: str) -> None:
    pair.do(pair.east, pair.east.engine.command(ListenOn(addresses), pair.now))


@pytest.mark.parametrize("addresses", [(EAST,), ("0.0.0.0", "::"), (EAST, "198.51.100.9")])  # noqa: S104 - all of IPv4
def test_what_speaks_from_an_address_that_stays_is_left_alone(addresses: tuple[str, ...]) -> None:
    pair = connected()
    before = pair.east.census()
    listen_on(pair, *addresses)
    assert pair.east.census() == before
    assert pair.run(pair.now + 1.0).established


@pytest.mark.parametrize("addresses", [("198.51.100.9",), ("::",)])
def test_phase_1_at_an_address_that_goes_ends_with_a_delete_and_phase_2_lives_on(addresses: tuple[str, ...]) -> None:
    pair = connected()
    listen_on(pair, *addresses)
    assert pair.east.phase(1) == []
    pair.run(pair.now + 1.0)
    assert pair.west.phase(1) == []
    assert pair.established
    assert any(f"{EAST} is not listened on any more" in each for each in pair.east.log)


@pytest.mark.parametrize("number", range(2, 9))
def test_an_exchange_at_an_address_that_goes_ends_with_a_record_and_leaves_nothing(number: int) -> None:
    """Stopped before each message of main and quick mode."""
    held = held_at(number)
    pair = held.pair
    under_way = pair.east.census()["exchanges"]
    assert under_way == 1
    listen_on(pair, "198.51.100.9")
    record = pair.east.records[-1]
    assert (record.reason, record.detail) == (Reason.LOCAL_ERROR, f"{EAST} is not listened on any more")
    assert {key: value for key, value in pair.east.census().items() if key != "timers"} == dict.fromkeys(
        {key for key in pair.east.census() if key != "timers"}, 0
    )
    assert pair.east.spis <= set(pair.east.kernel)


def test_one_sa_is_deleted_by_its_cookies_and_message_id_and_the_peer_is_told() -> None:
    pair = connected()
    cookies = cookies_of(pair)
    (message_id,) = {
        int.from_bytes(each.data[20:24])  # RFC 2408 section 3.1; quick mode is exchange type 32
        for _, each in pair.east.sent
        if isinstance(each, Send) and each.data[18] == 32
    }
    for wrong in (DeleteSa(cookies, message_id ^ 1, "d x"), DeleteSa(bytes(16), message_id, "d x")):
        (line,) = pair.east.engine.command(wrong, pair.now)
        assert isinstance(line, LogLine)
        assert line.text == 'ui_delete: command "d x" found no SA'
    pair.do(pair.east, pair.east.engine.command(DeleteSa(cookies, message_id, "d x"), pair.now))
    pair.run(pair.now + 1.0)
    assert pair.east.phase(2) == pair.west.phase(2) == []
    assert pair.east.phase(1) == pair.west.phase(1) == ["gateway"]
    pair.do(pair.east, pair.east.engine.command(DeleteSa(cookies, None, "d x"), pair.now))
    pair.run(pair.now + 1.0)
    assert pair.east.phase(1) == pair.west.phase(1) == []


@pytest.mark.parametrize("wanted", [True, False])
def test_messages_in_the_clear_are_given_out_while_they_are_wanted(wanted: bool) -> None:
    pair = connected()
    assert pair.east.engine.command(SetCapture(wanted=not wanted), pair.now) == []
    assert pair.east.engine.command(SetCapture(wanted=wanted), pair.now) == []
    outputs = pair.east.engine.command(TearDown("net"), pair.now)
    assert any(isinstance(each, Captured) for each in outputs) is wanted
