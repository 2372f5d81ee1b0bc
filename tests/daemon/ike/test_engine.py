"""Whole negotiations between two engines: times, refusals, losses, and that nothing is left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike.acceptance import EXPLAINED
from daemon.ike.events import (
    AllocateSpi,
    Captured,
    Connect,
    Installed,
    InstallSas,
    KernelFailed,
    KeyMaterial,
    Reinitialize,
    Send,
    SetMode,
    Shutdown,
    SpiAllocated,
    TearDown,
)
from daemon.ike.events import Path as FlightPath
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import HEADER_LENGTH
from daemon.ike.negotiation import start_quick
from daemon.ike.registries import Flag
from daemon.ike.sa import SaFlag
from policydb.connections import General
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import (
    EAST,
    LATENCY,
    SECRET,
    WEST,
    Pair,
    Weather,
    configuration,
    connected,
    ike_transform,
    suite,
)
from tests.sizes import examples

NOTHING = {
    "exchanges": 0,
    "half-open": 0,
    "tokens": 0,
    "fragments": 0,
    "dynamic sections": 0,
    "phase 1": 0,
    "phase 2": 0,
}


def initiating(**options: object) -> Pair:
    """East would like to have the connection; nothing has happened yet."""
    return Pair(configuration(EAST, WEST, initiates=True, **options))  # type: ignore[arg-type]


def without_timers(census: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in census.items() if name != "timers"}


# --- success ------------------------------------------------------------------------------------------------------


def test_nine_messages_make_a_tunnel_that_both_kernels_agree_on() -> None:
    pair = connected()
    assert pair.established
    assert [len([1 for _, out in node.sent]) for node in pair.nodes] == [5, 4]
    for node in pair.nodes:
        assert [record.outcome for record in node.records] == [Outcome.ACCEPTED] * 2
        assert [record.exchange for record in node.records] == ["main mode", "quick mode"]
        assert all(sa.replay_window > 0 for sa in node.kernel.values())
        # phase 1 and phase 2, soft and hard each, and the connection checker
        assert node.census() == {
            "exchanges": 0,
            "half-open": 0,
            "fragments": 0,
            "dynamic sections": 0,
            "tokens": 0,
            "phase 1": 1,
            "phase 2": 1,
            "timers": 5,
        }


def test_completion_is_logged_in_isakmpds_words() -> None:
    pair = connected()
    assert pair.east.log == [
        f"isakmpd: phase 1 done: initiator id {EAST}, responder id {WEST}, src: {EAST} dst: {WEST}",
        f"isakmpd: quick mode done: src: {EAST} dst: {WEST}",
    ]
    assert pair.west.log == [
        f"isakmpd: phase 1 done (as responder): initiator id {EAST}, responder id {WEST}, src: {WEST} dst: {EAST}",
        f"isakmpd: quick mode done (as responder): src: {WEST} dst: {EAST}",
    ]


def test_the_initiator_sends_its_last_message_only_after_the_kernel_has_the_sas() -> None:
    east = connected().east
    (installed,) = (index for index, each in enumerate(east.outputs) if isinstance(each, InstallSas))
    last = max(index for index, each in enumerate(east.outputs) if isinstance(each, Send))
    assert installed < last


def test_what_was_captured_is_the_negotiation_in_the_clear() -> None:
    east = connected().east
    captured = [each for each in east.outputs if isinstance(each, Captured)]
    assert [each.outbound for each in captured] == [True, False] * 4 + [True]
    for each in captured:
        header = read_header(each.data)
        assert not header.flags & Flag.ENC
        assert parse_payloads(header.next_payload, each.data[HEADER_LENGTH:])


def test_both_ends_write_the_same_key_for_wireshark() -> None:
    pair = connected()
    (east,), (west,) = (node.all(KeyMaterial) for node in pair.nodes)
    assert east == west
    assert isinstance(east, KeyMaterial)
    assert len(east.encryption_key) == 16


def test_no_secret_is_in_any_record_log_line_or_repr() -> None:
    for pair in (connected(), Pair(initiating().east.oracle.configuration, policies=(lambda _: False,) * 2)):
        pair.start().run(1.0)
        for node in pair.nodes:
            shown = repr(node.records) + repr(node.log) + repr(node.engine.report(1.0))
            shown += repr(list(node.engine._core.sas.isakmp)) + repr(list(node.engine._core.exchanges))
            assert SECRET.decode() not in shown
            assert "passphrase:" not in shown


# --- times --------------------------------------------------------------------------------------------------------


def test_the_checker_tries_again() -> None:
    pair = initiating(general=General(check_interval=60, exchange_max_time=120))
    pair.filter = lambda *_: []
    pair.start().run(130.0)
    pair.filter = lambda _source, _path, data: [data]
    pair.run(200.0)
    assert pair.established


@pytest.mark.parametrize("lost", range(1, 10))
def test_the_loss_of_any_one_message_is_mended(lost: int) -> None:
    pair, count = initiating(), 0

    def lose(_source: str, _path: object, data: bytes) -> list[bytes]:
        nonlocal count
        count += 1
        return [] if count == lost else [data]

    pair.filter = lose
    pair.start().run(30.0)
    assert pair.established
    assert len(pair.east.kernel) == 2


def test_a_responder_sends_nothing_unasked_before_message_3() -> None:
    """Otherwise one forged packet buys four (VU#419128)."""
    pair = initiating()
    pair.filter = lambda source, _path, data: [data] if source == EAST else []
    first = pair.start().run(1.0).east.sent[0][1]
    assert isinstance(first, Send)
    pair.filter = lambda *_: []
    pair.run(6.0)
    assert len(pair.west.sent) == 1
    answer = pair.west.sent[0][1]
    assert isinstance(answer, Send)
    assert len(answer.data) <= len(first.data)
    pair.run(121.0)
    assert pair.west.census()["half-open"] == 0


@pytest.mark.parametrize("seed", range(40))
def test_a_bad_network_ends_in_a_tunnel_and_no_leak(seed: int) -> None:
    weather = Weather(loss=0.3, duplication=0.05, lateness=0.02)
    east = configuration(EAST, WEST, initiates=True, general=General(check_interval=30))
    pair = Pair(east, weather=weather, seed=seed).start().run(900.0)
    assert set(pair.east.phase(2)) == {"net"}
    pair.weather = Weather()
    for node in pair.nodes:
        pair.do(node, node.engine.command(Shutdown(), pair.now))
    pair.run(pair.now + 10)
    for node in pair.nodes:
        assert node.census() == {**NOTHING, "timers": 0}
        assert not node.kernel
        assert not node.spis


def test_two_peers_that_begin_at_the_same_time_end_with_tunnels_that_live_on() -> None:
    """Both say INITIAL-CONTACT, both results stand, and renewal comes down to one tunnel in the end."""
    for seed in range(10):
        pair = Pair(
            configuration(EAST, WEST, initiates=True, general=General(check_interval=100_000)),
            configuration(WEST, EAST, initiates=True, general=General(check_interval=100_000)),
            weather=Weather(lateness=0.03),
            seed=seed,
        )
        pair.start().run(1.0)
        assert pair.established
        for until in (1000.0, 3000.0, 20_000.0):
            pair.run(until)
            assert pair.established
        assert len(pair.east.kernel) in (2, 4)


def test_a_peer_that_lost_its_sas_is_reached_again() -> None:
    pair = connected()
    fresh = initiating()
    fresh.now = pair.now
    fresh.east = pair.east
    pair.east._clock = fresh.west._clock
    fresh.run(2500.0)  # east renews, gets no answer, and begins anew
    assert "net" in fresh.west.phase(2)


# --- refusals -----------------------------------------------------------------------------------------------------


def test_the_responders_policy_refuses_and_says_why() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), policies=(lambda _: True, lambda _: False))
    pair.start().run(5.0)
    refusal = pair.west.records[-1]
    assert (refusal.outcome, refusal.reason, refusal.role) == (Outcome.REFUSED, Reason.POLICY, "responder")
    assert refusal.detail == "check_policy: negotiated SA failed policy check"
    (question,) = refusal.questions
    assert question.attributes["esp_enc_alg"] == "aes"
    assert question.attributes["initiator"] == "no"
    assert not question.decision.allowed
    assert (refusal.connection, refusal.local_filter, refusal.remote_filter) == ("net", "10.2.0.0/24", "10.1.0.0/24")
    told = pair.east.records[-1]
    assert (told.reason, told.connection) == (Reason.PEER_REFUSED, "net")
    assert "NO_PROPOSAL_CHOSEN" in told.detail
    for node in pair.nodes:
        assert without_timers(node.census()) == {**NOTHING, "phase 1": 1}
        assert not node.kernel
        assert not node.spis


def test_every_proposal_is_asked_about_until_one_is_allowed() -> None:
    suites = (suite(bits=128), suite(bits=192), suite(bits=256))
    pair = Pair(
        configuration(EAST, WEST, initiates=True, suites=suites),
        configuration(WEST, EAST, suites=suites),
        policies=(lambda _: True, lambda request: request.attributes["esp_key_length"] == "192"),
    )
    pair.start().run(2.0)
    assert [each.attributes["esp_key_length"] for each in pair.west.oracle.asked] == ["128", "192"]
    assert pair.established
    assert all(len(sa.encryption_key) == 24 for sa in pair.west.kernel.values())
    assert not pair.west.oracle.explained


def test_all_refused_proposals_are_in_one_record() -> None:
    suites = (suite(bits=128), suite(bits=256))
    pair = Pair(
        configuration(EAST, WEST, initiates=True, suites=suites),
        configuration(WEST, EAST, suites=suites),
        policies=(lambda _: True, lambda _: False),
    )
    pair.start().run(2.0)
    (record,) = (each for each in pair.west.records if each.outcome is Outcome.REFUSED)
    assert [each.attributes["esp_key_length"] for each in record.questions] == ["128", "256"]


@pytest.mark.parametrize("count", [1, EXPLAINED, EXPLAINED + 1, 40])
def test_a_refusal_explains_no_more_than_the_first_proposals(count: int) -> None:
    """Each explanation costs milliseconds, and the peer decides how many proposals there are."""
    suites = tuple(suite(seconds=1000 + number) for number in range(count))
    pair = Pair(
        configuration(EAST, WEST, initiates=True, suites=suites),
        configuration(WEST, EAST, suites=suites),
        policies=(lambda _: True, lambda _: False),
    )
    pair.start().run(2.0)
    (record,) = (each for each in pair.west.records if each.outcome is Outcome.REFUSED)
    assert len(pair.west.oracle.asked) == count
    assert len(pair.west.oracle.explained) == len(record.questions) == min(count, EXPLAINED)
    assert [each.attributes["esp_life_seconds"] for each in record.questions] == [
        str(1000 + number) for number in range(min(count, EXPLAINED))
    ]
    assert (f"the first {EXPLAINED} of {count} proposals" in record.detail) is (count > EXPLAINED)


def test_the_initiators_policy_refuses_at_message_2_and_the_peer_drops_its_half() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), policies=(lambda _: False, lambda _: True))
    pair.start().run(5.0)
    refusal = pair.east.records[-1]
    assert (refusal.reason, refusal.role) == (Reason.POLICY, "initiator")
    assert refusal.questions[0].attributes["initiator"] == "yes"
    assert any("initiator_recv_HASH_SA_NONCE: policy check failed" in line for line in pair.east.log)
    assert pair.west.records[-1].reason is Reason.PEER_REFUSED
    for node in pair.nodes:
        assert without_timers(node.census()) == {**NOTHING, "phase 1": 1}
        assert not node.kernel
        assert not node.spis


def test_without_keynote_nothing_is_asked() -> None:
    general = General(use_keynote=False)
    pair = Pair(
        configuration(EAST, WEST, initiates=True, general=general),
        configuration(WEST, EAST, general=general),
        policies=(lambda _: False, lambda _: False),
    )
    pair.start().run(2.0)
    assert pair.established
    assert not pair.east.oracle.asked + pair.west.oracle.asked


def test_transforms_that_do_not_match_are_shown_side_by_side() -> None:
    general = General(check_interval=1000)
    pair = Pair(configuration(EAST, WEST, initiates=True, transforms=(ike_transform(bits=256),), general=general))
    pair.start().run(5.0)
    (record,) = pair.west.records
    assert (record.outcome, record.reason, record.exchange) == (
        Outcome.REFUSED,
        Reason.NO_TRANSFORM_MATCHED,
        "main mode",
    )
    (comparison,) = record.comparisons
    assert [(each.offered, each.configured) for each in comparison.differences] == [("256", "128")]
    assert without_timers(pair.west.census()) == NOTHING
    hearsay = pair.east.records[-1]
    assert hearsay.reason is Reason.PEER_REFUSED
    assert "not authenticated" in hearsay.detail
    assert pair.east.census()["exchanges"] == 1  # hearsay ends nothing
    pair.run(121.0)
    assert len(pair.east.records) == 1  # nor is there a second record when it times out


def test_different_keys_are_said_to_be_that_on_both_sides() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), secrets=(b"one", b"other"))
    pair.start().run(119.0)
    (west,), (east,) = pair.west.records, pair.east.records
    assert (west.outcome, west.reason) == (Outcome.FAILED, Reason.AUTHENTICATION_FAILED)
    for record in (west, east):
        assert "probably the pre-shared keys differ" in record.detail
    assert not pair.east.kernel
    pair.run(239.0)
    assert without_timers(pair.west.census())["phase 1"] == 0


def test_a_kernel_without_room_for_an_spi_ends_the_negotiation() -> None:
    for index in (0, 1):
        pair = initiating()
        pair.nodes[index].refuse = AllocateSpi
        pair.start().run(5.0)
        record = pair.nodes[index].records[-1]
        assert (record.outcome, record.reason) == (Outcome.FAILED, Reason.LOCAL_ERROR)
        assert "no room" in record.detail
        for node in pair.nodes:
            assert without_timers(node.census()) == {**NOTHING, "phase 1": 1}
            assert not node.spis


def test_a_kernel_that_refuses_the_sas_ends_the_negotiation_on_both_sides() -> None:
    for index in (0, 1):
        pair = initiating(general=General(check_interval=1000))
        pair.nodes[index].refuse = InstallSas
        pair.start().run(5.0)
        assert pair.nodes[index].records[-1].reason is Reason.LOCAL_ERROR
        for node in pair.nodes:
            assert without_timers(node.census()) == {**NOTHING, "phase 1": 1}
            assert not node.kernel
            assert not node.spis


@pytest.mark.parametrize(
    "gives_up", [False, True], ids=["refused by the kernel", "timed out before the kernel answers"]
)
def test_a_peer_that_names_the_spi_of_a_standing_sa_does_not_take_that_from_the_kernel(gives_up: bool) -> None:
    """Two peers behind one NAT have one address, so it may be the other's SA that one of them names."""
    pair = connected()
    standing = dict(pair.west.kernel)
    (again,) = (sa.spi for sa in pair.east.kernel.values() if sa.inbound)
    pair.east.unanswered = []
    core, (sa,) = pair.east.engine._core, pair.east.engine._core.sas.isakmp
    start_quick(core, sa, pair.east.oracle.configuration.connections["net"])
    pair.do(pair.east, core.take_outputs())
    (asked,) = pair.east.unanswered
    pair.east.unanswered = None
    pair.east.kernel.clear()
    pair.do(pair.east, pair.east.engine.result(asked.token, SpiAllocated(again), pair.now))
    if gives_up:
        pair.run(pair.now + 1.5 * LATENCY)
        pair.west.unanswered = []
    pair.run(pair.now + 130.0)
    assert pair.west.records[-1].outcome is Outcome.FAILED
    assert pair.west.kernel == standing
    assert pair.west.census()["exchanges"] == 0


def test_a_silent_kernel_leaves_no_token_behind() -> None:
    pair = initiating(general=General(check_interval=100_000))
    for node in pair.nodes:
        node.unanswered = []
    pair.start().run(5.0)
    assert pair.east.census()["tokens"] == 1
    pair.run(130.0)
    assert without_timers(pair.east.census()) == {**NOTHING, "phase 1": 1}
    (request,) = list(pair.east.unanswered or [])
    assert pair.east.engine.result(request.token, SpiAllocated(4711), pair.now) == []


def test_an_answer_of_the_kernel_of_another_kind_is_said_and_passed_over() -> None:
    held = held_at(7)
    west = held.receiver
    west.unanswered = []
    held.inject(held.data)
    (asked,) = west.unanswered
    before = west.census()["exchanges"]
    held.pair.do(west, west.engine.result(asked.token, Installed(), held.pair.now))
    assert "answer of the wrong kind" in west.log[-1]
    assert west.census()["exchanges"] == before == 1


def test_a_daemon_that_has_shut_down_hears_nothing_any_more() -> None:
    pair = connected()
    west = pair.west
    pair.do(west, west.engine.command(Shutdown(), pair.now))
    assert west.engine.command(Connect("net"), pair.now) == []
    assert west.engine.reconfigure(west.oracle, west.secrets, pair.now) == []
    (first, *_) = (out for _, out in pair.east.sent if isinstance(out, Send))
    assert west.engine.receive_datagram(first.data, first.path, pair.now) == []
    assert west.engine.next_deadline() is None


def test_who_is_not_expected_at_all_fills_neither_log_nor_record() -> None:
    pair = initiating()
    (first, *_) = (out for _, out in pair.start().east.sent if isinstance(out, Send))
    for number in range(1, 500):
        stranger = FlightPath(first.path.remote, replace(first.path.local, address=f"203.0.113.{number % 250}"))
        pair.inject(pair.west, number.to_bytes(8) + first.data[8:], stranger)
    assert 0 < len(pair.west.log) <= 60
    assert 0 < len(pair.west.records) <= 60
    assert not pair.west.sent
    assert pair.west.census()["exchanges"] == 0


def test_a_kernel_that_gives_no_spi_says_nothing_about_the_peer() -> None:
    """Only where the peer does not answer our message 1 may it have lost the ISAKMP SA."""
    held = held_at(7)
    west = held.receiver
    west.unanswered = []
    held.release(130.0)
    (isakmp,) = west.engine._core.sas.isakmp
    assert west.records[-1].reason is Reason.TIMEOUT
    assert not isakmp.flags & SaFlag.REPLACED


def test_an_answer_of_the_kernel_that_comes_too_late_is_ignored() -> None:
    pair = connected()
    before = pair.east.census()
    for outcome in (SpiAllocated(7), Installed(), KernelFailed("late")):
        for token in range(20):
            assert pair.east.engine.result(token, outcome, pair.now) == []
    assert pair.east.census() == before


# --- reconfiguration ----------------------------------------------------------------------------------------------


def test_an_exchange_keeps_the_generation_it_began_with() -> None:
    pair = initiating()
    pair.start()
    newer = replace(pair.west.oracle, generation=2, policy=lambda _: False)
    pair.run(0.035)  # west is between messages 2 and 4
    pair.do(pair.west, pair.west.engine.reconfigure(newer, pair.west.secrets, pair.now))
    pair.run(2.0)
    assert [record.generation for record in pair.west.records] == [1, 2]
    assert pair.west.records[1].reason is Reason.POLICY


def test_a_connection_that_a_new_generation_brings_is_started() -> None:
    pair = Pair().start().run(1.0)
    assert not pair.east.sent
    pair.east.oracle = replace(pair.east.oracle, generation=2, configuration=configuration(EAST, WEST, initiates=True))
    pair.do(pair.east, pair.east.engine.reconfigure(pair.east.oracle, pair.east.secrets, pair.now))
    pair.run(2.0)
    assert pair.established


def test_a_command_for_a_connection_that_does_not_exist_is_said() -> None:
    pair = Pair().start()
    pair.do(pair.east, pair.east.engine.command(Connect("nowhere"), 0.0))
    assert pair.east.log == ['exchange_establish: no connection "nowhere" or no peer for it']


def test_a_stopped_engine_says_nothing_more() -> None:
    pair = connected()
    path = pair.west.sent[0][1].path
    pair.do(pair.west, pair.west.engine.command(Shutdown(), pair.now))
    assert without_timers(pair.west.census()) == NOTHING
    assert pair.west.engine.receive_datagram(b"anything", path, pair.now) == []
    assert pair.west.engine.next_deadline() is None


# --- anything at all ----------------------------------------------------------------------------------------------

ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.005, 0.02, 0.5, 8.0, 130.0, 1100.0, 4000.0])),
    st.tuples(st.just("replay"), st.integers(0, 1), st.integers(0, 10_000)),
    st.tuples(st.just("damage"), st.integers(0, 1), st.integers(0, 10_000), st.integers(0, 10_000)),
    st.tuples(
        st.just("command"),
        st.integers(0, 1),
        st.sampled_from(
            [
                *(Connect("net"), TearDown("net"), TearDown(None), TearDown("gateway", 1)),
                *(TearDown(EAST), TearDown(WEST, 1), SetMode(passive=True), SetMode(passive=False), Reinitialize()),
            ]
        ),
    ),
    st.tuples(st.just("weather"), st.sampled_from([Weather(), Weather(0.3, 0.2, 0.05), Weather(loss=1.0)])),
    st.tuples(st.just("kernel"), st.integers(0, 1), st.sampled_from([None, AllocateSpi, InstallSas])),
)


def act(pair: Pair, action: tuple[Any, ...], seen: list[tuple[str, FlightPath, bytes]]) -> None:
    match action:
        case ("wait", seconds):
            pair.run(pair.now + seconds)
        case ("command", side, command):
            pair.do(pair.nodes[side], pair.nodes[side].engine.command(command, pair.now))
        case ("weather", weather):
            pair.weather = weather
        case ("kernel", side, refused):
            pair.nodes[side].refuse = refused
        case (_, side, which, *bit) if seen:
            _, path, data = seen[which % len(seen)]
            if bit:
                position = bit[0] % (8 * len(data))
                number = int.from_bytes(data, "big") ^ (1 << position)
                data = number.to_bytes(len(data), "big")
            node = pair.nodes[side]
            other = pair.nodes[1 - side]
            there = replace(path.remote, address=other.address)
            pair.inject(node, data, replace(path, local=replace(path.local, address=node.address), remote=there))


def check_books(pair: Pair) -> None:
    """What must hold at any time: table, kernel and timers tell the same story."""
    for node in pair.nodes:
        core = node.engine._core
        held = {key for sa in core.sas.ipsec for key in sa.keys}
        held |= {
            (sa.protocol, sa.destination, sa.spi) for each in core.exchanges for sa in getattr(each.state, "sas", ())
        }
        assert set(node.kernel) <= held
        owners = {each.number for each in (*core.exchanges, *core.sas.isakmp, *core.sas.ipsec)} | {0}
        assert {key.owner for key in core.timers.armed()} <= owners
        assert {each.owner for each in core.awaited.values()} <= owners
        assert len(core.exchanges._by_key) == len(core.exchanges)


@settings(max_examples=examples(60))
@given(st.lists(ACTIONS, max_size=25), st.integers(0, 1000))
def test_whatever_happens_the_books_are_in_order_and_shutdown_clears_them(
    actions: list[tuple[Any, ...]], seed: int
) -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), seed=seed)
    seen: list[tuple[str, FlightPath, bytes]] = []

    def remember(source: str, path: FlightPath, data: bytes) -> list[bytes]:
        seen.append((source, path, data))
        return [data]

    pair.filter = remember
    pair.start()
    for action in actions:
        act(pair, action, seen)
        check_books(pair)
    for node in pair.nodes:
        pair.do(node, node.engine.command(Shutdown(), pair.now))
    for node in pair.nodes:
        assert node.census() == {**NOTHING, "timers": 0}
        assert not node.kernel
        assert not node.spis
