"""Dead peer detection (RFC 3706) with the virtual clock: what is asked when, what counts as an answer, what ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.events import DeleteSas, KernelFailed, LastUse, LastUsed, Outcome, Send
from daemon.ike.informational import tell
from daemon.ike.messages.payloads import Notify
from daemon.ike.messages.vendor import Vendor
from daemon.ike.negotiation import start_phase1
from daemon.ike.registries import Notification, Protocol
from daemon.ike.removal import remove
from daemon.ike.sa import IsakmpSa, SaFlag
from daemon.ike.timers import TimerKey, TimerKind
from policydb.connections import Configuration, General, Identity
from tests.daemon.ike.network import EAST, SECRET, WEST, FakeOracle, Nat, Node, Pair, configuration

INTERVAL = 30
LONG = 100_000


def probing(interval: int = INTERVAL, *, west: int = 0) -> Pair:
    """A tunnel; east asks every `interval` seconds, and nobody's checker interferes."""
    quiet = General(check_interval=LONG)
    return (
        Pair(
            configuration(EAST, WEST, initiates=True, general=replace(quiet, dpd_check_interval=interval)),
            configuration(WEST, EAST, general=replace(quiet, dpd_check_interval=west)),
        )
        .start()
        .run(1.0)
    )


def isakmp_of(node: Node) -> IsakmpSa:
    (found,) = node.engine._core.sas.isakmp
    return found


def sends(node: Node, since: float) -> list[float]:
    return [round(at, 3) for at, out in node.sent if isinstance(out, Send) and at > since]


def say(pair: Pair, kind: Notification, number: int, *, spi: bytes | None = None, data: bytes | None = None) -> int:
    """East tells west something of DPD; how often west answered."""
    sa = isakmp_of(pair.east)
    octets = number.to_bytes(4, "big") if data is None else data
    notify = Notify(kind, Protocol.ISAKMP, sa.cookies if spi is None else spi, octets)
    before = len(pair.west.sent)
    tell(pair.east.engine._core, sa, notify)
    pair.do(pair.east, pair.east.engine._core.take_outputs())
    pair.run(pair.now + 0.1)
    return len(pair.west.sent) - before


# --- asking -------------------------------------------------------------------------------------------------------


def test_a_silent_but_living_peer_is_asked_once_an_interval_with_growing_numbers() -> None:
    pair = probing()
    first = isakmp_of(pair.east).dpd.sequence
    assert 0 <= first < 1 << 15
    pair.run(100.0)
    assert len(sends(pair.east, 1.0)) == len(sends(pair.west, 1.0)) == 3
    state = isakmp_of(pair.east).dpd
    assert (state.probes, state.sequence) == (0, first + 3)
    assert isakmp_of(pair.west).dpd.asked == first + 2
    assert pair.established
    assert isakmp_of(pair.east).flags & SaFlag.DPD


def test_a_dead_peer_gets_five_probes_five_seconds_apart_and_is_gone_25_seconds_after_the_first() -> None:
    pair = probing()
    begun = isakmp_of(pair.east).since
    number = isakmp_of(pair.east).dpd.sequence
    pair.filter = lambda *_: []
    first = begun + INTERVAL
    pair.run(first + 24.9)
    assert sends(pair.east, 1.0) == [round(first + 5 * each, 3) for each in range(5)]
    assert isakmp_of(pair.east).dpd.sequence == number
    assert pair.east.phase(2) == ["net"]
    pair.run(first + 25.1)
    assert pair.east.phase(1) == pair.east.phase(2) == []
    assert not pair.east.kernel
    assert len(sends(pair.east, 1.0)) == 5  # no DELETE: nobody is there
    assert any("is dead" in line for line in pair.east.log)
    assert pair.east.census()["timers"] == 1  # the connection checker
    assert pair.west.phase(2) == ["net"]


def test_the_connection_checker_brings_a_dead_peer_back_and_both_sides_agree_again() -> None:
    pair = probing()
    pair.east.oracle.configuration = replace(
        pair.east.oracle.configuration, general=General(check_interval=10, dpd_check_interval=INTERVAL)
    )
    pair.do(pair.east, pair.east.engine.reconfigure(pair.east.oracle, pair.east.secrets, pair.now))
    pair.filter = lambda *_: []
    pair.run(70.0)
    assert not pair.east.kernel
    pair.filter = lambda _source, _path, data: [data]
    pair.run(200.0)
    assert pair.established
    assert len(pair.west.phase(1)) == 1  # INITIAL-CONTACT was said again: west dropped what was from before


def test_an_answer_to_a_late_probe_saves_the_peer() -> None:
    pair = probing()
    silence = isakmp_of(pair.east).since + INTERVAL + 19.0
    pair.filter = lambda _source, _path, data: [data] if pair.now > silence else []
    pair.run(silence + 10)
    assert isakmp_of(pair.east).dpd.probes == 0
    pair.run(silence + 200)
    assert pair.established


def test_without_an_interval_nobody_is_asked_and_everybody_answered() -> None:
    pair = probing(0)
    assert TimerKey(TimerKind.DPD, isakmp_of(pair.east).number) not in pair.east.engine._core.timers.armed()
    assert say(pair, Notification.R_U_THERE, 7) == 1


def test_a_peer_that_did_not_announce_dpd_is_not_asked() -> None:
    pair = probing()
    pair = Pair(
        configuration(EAST, WEST, initiates=True, general=General(check_interval=LONG, dpd_check_interval=INTERVAL)),
        configuration(WEST, EAST),
    )
    vendor = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
    pair.filter = lambda _source, _path, data: [data.replace(vendor, bytes(16))]
    pair.start().run(100.0)
    assert pair.established
    assert sends(pair.east, 1.0) == []


def test_both_sides_may_ask() -> None:
    pair = probing(west=20).run(200.0)
    assert pair.established
    assert len(sends(pair.east, 1.0)) > 10


# --- the kernel first ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "probed"),
    [
        (LastUsed(0.0), False),
        (LastUsed(INTERVAL - 0.1), False),
        (LastUsed(float(INTERVAL)), True),
        (LastUsed(None), True),
        (KernelFailed("no"), True),
    ],
)
def test_recent_traffic_is_an_answer(outcome: Outcome, probed: bool) -> None:
    pair = probing()
    pair.east.last_used = outcome
    pair.run(1.0 + INTERVAL)
    assert bool(sends(pair.east, 1.0)) is probed
    (asked,) = pair.east.all(LastUse)
    assert isinstance(asked, LastUse)
    assert asked.sas == tuple(key for key, sa in pair.east.kernel.items() if sa.inbound)


def test_without_phase_2_there_is_nothing_to_ask_the_kernel() -> None:
    pair = probing()
    for sa in pair.east.engine._core.sas.ipsec:
        pair.do(pair.east, [DeleteSas(sa.keys)])
        pair.east.engine._core.sas.remove(sa)
    pair.run(1.0 + INTERVAL)
    assert pair.east.all(LastUse) == []
    assert len(sends(pair.east, 1.0)) == 1


def test_a_kernel_that_does_not_answer_is_asked_again_and_leaves_one_token() -> None:
    pair = probing()
    pair.east.unanswered = []
    pair.run(1.0 + 3 * INTERVAL)
    assert len(pair.east.unanswered) == 3
    assert pair.east.census()["tokens"] == 1
    last = pair.east.unanswered[-1]
    for request in pair.east.unanswered:
        pair.do(pair.east, pair.east.engine.result(request.token, LastUsed(None), pair.now))
    assert len(sends(pair.east, 1.0)) == 1
    pair.do(pair.east, pair.east.engine.result(last.token, LastUsed(None), pair.now))
    assert len(sends(pair.east, 1.0)) == 1


def test_an_answer_while_probes_are_out_adds_none() -> None:
    pair = probing()
    pair.filter = lambda *_: []
    pair.east.unanswered = []
    pair.run(1.0 + INTERVAL)
    (request,) = pair.east.unanswered
    isakmp = isakmp_of(pair.east)
    isakmp.dpd = replace(isakmp.dpd, probes=1)
    pair.do(pair.east, pair.east.engine.result(request.token, LastUsed(None), pair.now))
    assert sends(pair.east, 1.0) == []


def test_the_token_goes_with_the_sa() -> None:
    pair = probing()
    pair.east.unanswered = []
    pair.run(1.0 + INTERVAL)
    remove(pair.east.engine._core, isakmp_of(pair.east))
    assert pair.east.census()["tokens"] == 0


def test_a_replaced_sa_is_not_asked_about() -> None:
    pair = probing()
    isakmp_of(pair.east).flags |= SaFlag.REPLACED
    pair.run(1.0 + 3 * INTERVAL)
    assert sends(pair.east, 1.0) == []
    assert pair.established


# --- a peer that comes back from elsewhere ----------------------------------------------------------------------------

SECOND = "192.0.2.77"
QUIET = General(check_interval=LONG)


def elsewhere(*, gone: bool, dpd: bool = True, key: bytes = SECRET, name: str = "east", at: str = SECOND) -> Pair:
    """East has a tunnel with west; then whoever calls himself `name` begins anew at another address.

    `gone`: nobody is left at the first address. West knows its peer by identity, not by address.
    """

    def begins(called: str) -> Configuration:
        peer = {"identity": Identity("FQDN", name=called)}
        return configuration(EAST, WEST, initiates=True, peer=peer, general=QUIET)

    west = configuration(WEST, EAST, peer={"address": None}, general=QUIET)
    pair = Pair(begins("east"), replace(west, peers_by_address={}, default_peer="gateway"))
    if not dpd:
        pair.filter = lambda _source, _path, data: [data.replace(Vendor.DPD.value, bytes(len(Vendor.DPD.value)))]
    pair.start().run(1.0)
    assert pair.established
    before, oracle = pair.east, FakeOracle(begins(name))
    pair.east = Node(at, oracle, lambda: pair.now, seed=99, secret=key, settings=None)
    pair.others = [] if gone else [before]
    pair.do(pair.east, pair.east.engine.reconfigure(oracle, pair.east.secrets, pair.now))
    return pair.run(pair.now + 1.0)


def places(pair: Pair) -> list[tuple[str, bool]]:
    """Where west believes its phase 1 SAs to be, and whether they are replaced."""
    return [
        (each.path.remote.address, bool(each.flags & SaFlag.REPLACED)) for each in pair.west.engine._core.sas.isakmp
    ]


def test_what_does_not_answer_at_the_old_place_ends_after_25_seconds() -> None:
    pair = elsewhere(gone=True)
    assert places(pair) == [(EAST, True), (SECOND, False)]
    assert len(pair.west.kernel) == 4
    pair.run(pair.now + 23.0)
    assert len(pair.west.kernel) == 4
    pair.run(pair.now + 3.0)
    assert places(pair) == [(SECOND, False)]
    assert pair.established
    assert any("peer has left 192.0.2.1:500: 1 phase 2 SAs end" in each for each in pair.west.log)


def test_a_second_host_of_the_same_identity_answers_and_both_keep_what_they_have() -> None:
    pair = elsewhere(gone=False)
    pair.run(pair.now + 60.0)
    assert places(pair) == [(EAST, True), (SECOND, False)]
    assert len(pair.west.kernel) == 4
    assert {each.dpd.probes for each in pair.west.engine._core.sas.isakmp} == {0}


def test_a_peer_without_dpd_keeps_its_old_sas() -> None:
    pair = elsewhere(gone=True, dpd=False)
    pair.run(pair.now + 60.0)
    assert places(pair) == [(EAST, True), (SECOND, False)]
    assert len(pair.west.kernel) == 4


@pytest.mark.parametrize(
    ("key", "name"), [(b"not the key", "east"), (SECRET, "somebody else")], ids=["proves nothing", "is another"]
)
def test_nobody_else_makes_us_doubt_a_peer(key: bytes, name: str) -> None:
    pair = elsewhere(gone=True, key=key, name=name)
    pair.run(pair.now + 60.0)
    assert [at for at, out in pair.west.sent if out.path.remote.address == EAST and at > 1.0] == []
    assert (EAST, False) in places(pair)
    assert len([each for each in pair.west.kernel.values() if EAST in (each.source, each.destination)]) == 2


def test_a_renewal_from_the_same_place_asks_nothing() -> None:
    pair = elsewhere(gone=True, at=EAST)
    sent = len(pair.west.sent)
    pair.run(pair.now + 60.0)
    assert len(pair.west.sent) == sent


def test_a_peer_that_is_alive_behind_a_new_port_is_told_what_ended() -> None:
    """Its NAT has forgotten it, and phase 1 was renewed through the new mapping: nobody may use an SA that is gone."""
    nat = Nat("198.51.100.1")
    pair = Pair(
        configuration(EAST, WEST, initiates=True, general=QUIET),
        configuration(WEST, nat.public, general=QUIET),
        nats={EAST: nat},
    )
    pair.start().run(1.0)
    assert len(pair.east.kernel) == len(pair.west.kernel) == 2
    nat.forget()
    core = pair.east.engine._core
    start_phase1(core, core.oracle.configuration.peers["gateway"], ())
    pair.do(pair.east, core.take_outputs())
    pair.run(pair.now + 2.0)
    assert [flags for _, flags in places(pair)] == [True, False]
    pair.run(pair.now + 30.0)
    assert [flags for _, flags in places(pair)] == [False]
    assert not pair.west.kernel
    assert not pair.east.kernel


# --- answering ----------------------------------------------------------------------------------------------------


def test_a_number_below_the_last_or_for_the_fifth_time_is_refused() -> None:
    pair = probing(0)
    assert [say(pair, Notification.R_U_THERE, 100) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert pair.west.log[-1] == "dpd_handle_notify: bad R_U_THERE seqno 100 <= 100"
    assert say(pair, Notification.R_U_THERE, 99) == 0
    assert pair.west.log[-1] == "dpd_handle_notify: bad R_U_THERE seqno 99 <= 100"
    assert [say(pair, Notification.R_U_THERE, 101) for _ in range(5)] == [1, 1, 1, 1, 0]


def test_an_ack_with_another_number_is_told_and_does_not_count() -> None:
    pair = probing(west=INTERVAL)
    sa = isakmp_of(pair.west)
    expected = sa.dpd.sequence
    sa.dpd = replace(sa.dpd, probes=1)
    say(pair, Notification.R_U_THERE_ACK, expected + 5)
    assert pair.west.log[-1] == f"dpd_handle_notify: got bad ACK seqno {expected + 5}, expected {expected}"
    assert sa.dpd.probes == 1
    say(pair, Notification.R_U_THERE_ACK, expected)
    assert (sa.dpd.probes, sa.dpd.sequence) == (0, expected + 1)


def test_an_ack_that_nobody_waits_for_changes_nothing() -> None:
    pair = probing(west=INTERVAL)
    sa = isakmp_of(pair.west)
    before = sa.dpd
    say(pair, Notification.R_U_THERE_ACK, before.sequence)
    assert sa.dpd == before


@pytest.mark.parametrize("changes", [{"spi": bytes(16)}, {"spi": b""}, {"data": b""}, {"data": bytes(5)}])
def test_a_probe_for_another_sa_or_without_a_number_is_not_answered(changes: dict[str, bytes]) -> None:
    pair = probing(0)
    assert say(pair, Notification.R_U_THERE, 5, **changes) == 0
    assert isakmp_of(pair.west).dpd.asked is None
