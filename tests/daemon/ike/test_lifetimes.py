"""Lifetimes in seconds and kilobytes, renewal of both phases, and RESPONDER-LIFETIME."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.errors import PayloadMalformed
from daemon.ike.events import Expired
from daemon.ike.informational import tell
from daemon.ike.lifetimes import announcements, heeded, shorter, told
from daemon.ike.messages.payloads import Notify
from daemon.ike.registries import LifeType, Notification, Protocol
from daemon.ike.sa import IpsecSa, IsakmpSa, SaFlag
from daemon.ike.timers import TimerKey, TimerKind
from policydb.connections import Configuration, General, Interval, Lifetime, Suite
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, WEST, Node, Pair, configuration, connected, ike_transform, suite

LONG = 100_000
QUIET = General(check_interval=LONG)


def ipsec_of(node: Node) -> list[IpsecSa]:
    return list(node.engine._core.sas.ipsec)


def isakmp_of(node: Node) -> list[IsakmpSa]:
    return list(node.engine._core.sas.isakmp)


def with_lives(made: Suite, *lives: Lifetime) -> Suite:
    (protocol,) = made.protocols
    (transform,) = protocol.transforms
    return replace(made, protocols=(replace(protocol, transforms=(replace(transform, lifetimes=lives),)),))


def exactly(kind: str, number: int) -> Lifetime:
    return Lifetime(kind, Interval(number, number, number))


def quiet(local: str, remote: str, **changes: Any) -> Configuration:  # noqa: ANN401 - as configuration()
    return configuration(local, remote, **{"general": QUIET, **changes})


# --- kilobytes ----------------------------------------------------------------------------------------------------

KILOBYTES = (with_lives(suite(), exactly("SECONDS", 1200), exactly("KILOBYTES", 100_000)),)


def in_kilobytes() -> Pair:
    return connected(
        quiet(EAST, WEST, initiates=True, suites=KILOBYTES),
        quiet(WEST, EAST, suites=KILOBYTES),
    )


def test_a_kernel_is_told_the_soft_and_the_hard_lifetime_in_kilobytes() -> None:
    pair = in_kilobytes()
    for node in pair.nodes:
        for sa in node.kernel.values():
            assert sa.hard_kilobytes == 100_000
            assert sa.soft_kilobytes is not None
            assert 85_000 <= sa.soft_kilobytes < 95_000
    assert all(sa.soft_kilobytes is None for sa in connected().east.kernel.values())


def test_kilobytes_that_run_out_softly_bring_a_successor_and_then_the_end() -> None:
    pair = in_kilobytes()
    (old,) = ipsec_of(pair.east)
    for key in old.keys:  # both directions may say so
        pair.do(pair.east, pair.east.engine.upcall(Expired(*key, hard=False), pair.now))
    pair.run(2.0)
    assert [bool(each.flags & SaFlag.REPLACED) for each in ipsec_of(pair.east)] == [True, False]
    assert len(ipsec_of(pair.west)) == 2
    pair.do(pair.east, pair.east.engine.upcall(Expired(*old.keys[0], hard=True), pair.now))
    pair.run(3.0)
    assert pair.established
    assert len(pair.east.kernel) == 2
    assert not set(old.keys) & set(pair.west.kernel)


def test_the_side_that_answered_does_not_renew_for_kilobytes_either() -> None:
    pair = in_kilobytes()
    (sa,) = ipsec_of(pair.west)
    pair.do(pair.west, pair.west.engine.upcall(Expired(*sa.keys[0], hard=False), pair.now))
    pair.run(2.0)
    assert len(ipsec_of(pair.west)) == 1


def test_a_phase_1_wears_out_by_the_octets_it_protects() -> None:
    transforms = (replace(ike_transform(), lifetimes=(exactly("SECONDS", 3600), exactly("KILOBYTES", 4))),)
    general = replace(QUIET, dpd_check_interval=10)
    pair = connected(
        quiet(EAST, WEST, initiates=True, transforms=transforms, general=general),
        quiet(WEST, EAST, transforms=transforms),
    )
    (first,) = isakmp_of(pair.east)
    while len(isakmp_of(pair.east)) == 1 and pair.now < 1000:
        pair.run(pair.now + 1.0)
    assert 0.9 * 4096 <= first.octets < 4096 + 200
    assert isakmp_of(pair.east)[-1].cookies == isakmp_of(pair.west)[-1].cookies != first.cookies
    assert first.flags & SaFlag.REPLACED
    core = pair.east.engine._core
    while first in core.sas.isakmp and pair.now < 3000:
        tell(core, first, Notify(Notification.REPLAY_STATUS))
        pair.do(pair.east, core.take_outputs())
        pair.run(pair.now + 1.0)
    assert first.octets >= 4096
    assert pair.now < 1000
    assert pair.established


def test_a_phase_1_wears_out_by_the_message_ids_it_has_to_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.ike.sa.MOST_MESSAGE_IDS", 40)
    pair = connected(quiet(EAST, WEST, initiates=True), quiet(WEST, EAST))
    (first,) = isakmp_of(pair.east)
    core = pair.east.engine._core
    for _ in range(36):
        tell(core, first, Notify(Notification.REPLAY_STATUS))
        pair.do(pair.east, core.take_outputs())
        pair.run(pair.now + 0.1)
    pair.run(pair.now + 1.0)
    assert isakmp_of(pair.east)[-1].cookies == isakmp_of(pair.west)[-1].cookies != first.cookies
    for _ in range(4):
        tell(core, first, Notify(Notification.REPLAY_STATUS))
        pair.do(pair.east, core.take_outputs())
        pair.run(pair.now + 0.1)
    assert first not in core.sas.isakmp
    assert len(isakmp_of(pair.west)) == 1
    assert pair.established


# --- renewal ------------------------------------------------------------------------------------------------------


def test_a_renewal_that_came_to_nothing_is_tried_again_by_the_checker() -> None:
    general = General(check_interval=20, exchange_max_time=15)
    pair = connected(configuration(EAST, WEST, initiates=True, general=general))
    (old,) = ipsec_of(pair.east)
    assert old.soft_at is not None
    pair.filter = lambda *_: []
    pair.run(old.soft_at + 16.0)
    assert len(ipsec_of(pair.east)) == 1
    pair.filter = lambda _source, _path, data: [data]
    pair.run(old.soft_at + 60.0)
    assert len(ipsec_of(pair.east)) == 2
    assert old.flags & SaFlag.REPLACED
    assert pair.established


def test_both_sides_renewing_phase_2_at_once_leaves_both_results_until_they_expire() -> None:
    pair = connected(quiet(EAST, WEST, initiates=True), quiet(WEST, EAST))
    for node in pair.nodes:
        (sa,) = ipsec_of(node)
        sa.flags |= SaFlag.STAYALIVE
        pair.do(node, node.engine.upcall(Expired(*sa.keys[0], hard=False), pair.now))
    pair.run(2.0)
    assert pair.established
    for node in pair.nodes:
        assert len(ipsec_of(node)) == 3
        assert [bool(each.flags & SaFlag.REPLACED) for each in ipsec_of(node)] == [True, True, False]
    for until in (1199.0, 5_000.0, 20_000.0):
        pair.run(until)
        assert pair.established
        assert 1 <= len(ipsec_of(pair.east)) <= 4


def test_both_sides_renewing_phase_1_at_once_come_down_to_one() -> None:
    transforms = (ike_transform(seconds=600),)
    pair = connected(quiet(EAST, WEST, initiates=True, transforms=transforms), quiet(WEST, EAST, transforms=transforms))
    for node in pair.nodes:
        (sa,) = isakmp_of(node)
        sa.flags |= SaFlag.STAYALIVE
        node.engine._core.timers.arm(TimerKey(TimerKind.SOFT_EXPIRY, sa.number), pair.now)
    pair.run(2.0)
    assert len(isakmp_of(pair.east)) == len(isakmp_of(pair.west)) == 3
    pair.run(5_000.0)
    for node in pair.nodes:
        assert sum(not each.flags & SaFlag.REPLACED for each in isakmp_of(node)) == 1
    assert {each.cookies for each in isakmp_of(pair.east)} == {each.cookies for each in isakmp_of(pair.west)}
    assert pair.established


def test_a_replaced_phase_1_stays_until_its_end_and_is_not_renewed() -> None:
    transforms = (ike_transform(seconds=600),)
    pair = connected(quiet(EAST, WEST, initiates=True, transforms=transforms), quiet(WEST, EAST, transforms=transforms))
    (first,) = isakmp_of(pair.east)
    pair.run(590.0)
    assert [bool(each.flags & SaFlag.REPLACED) for each in isakmp_of(pair.east)] == [True, False]
    pair.run(602.0)
    assert first not in isakmp_of(pair.east)
    assert len(isakmp_of(pair.east)) == len(isakmp_of(pair.west)) == 1
    pair.run(10_000.0)
    assert len(isakmp_of(pair.east)) <= 2
    assert pair.established


def test_phase_2_outlives_its_phase_1() -> None:
    """Dangling SAs: only DELETE, INITIAL-CONTACT, a dead peer and `t` take phase 2 with phase 1."""
    transforms = (ike_transform(seconds=100),)
    pair = connected(quiet(EAST, WEST, initiates=True, transforms=transforms), quiet(WEST, EAST, transforms=transforms))
    for node in pair.nodes:
        (sa,) = isakmp_of(node)
        sa.flags &= ~SaFlag.STAYALIVE
    pair.run(110.0)
    assert isakmp_of(pair.east) == isakmp_of(pair.west) == []
    assert pair.established
    pair.run(1190.0)
    assert len(ipsec_of(pair.east)) == 2  # its renewal brought a phase 1 of its own


# --- RESPONDER-LIFETIME -------------------------------------------------------------------------------------------


def responder_lifetime(attributes: bytes, protocol: Protocol = Protocol.ISAKMP, spi: bytes = b"") -> Notify:
    return Notify(Notification.RESPONDER_LIFETIME, protocol, spi, attributes)


SECONDS_300 = bytes.fromhex("80010001 8002012c")


def test_what_the_offer_leaves_open_the_responder_fills_in_and_says_so() -> None:
    pair = connected(
        configuration(EAST, WEST, initiates=True, suites=(with_lives(suite()),)),
        configuration(WEST, EAST, suites=(suite(seconds=1000),)),
    )
    assert pair.established
    for node in pair.nodes:
        assert {sa.hard_seconds for sa in node.kernel.values()} == {1000}


def test_without_a_shorter_lifetime_of_ours_nothing_is_said() -> None:
    for theirs in (with_lives(suite()), suite(seconds=86400)):
        pair = connected(
            configuration(EAST, WEST, initiates=True, suites=(with_lives(suite()),)),
            configuration(WEST, EAST, suites=(theirs,)),
        )
        assert pair.established
        assert {sa.hard_seconds for sa in pair.west.kernel.values()} == {28800}


def test_the_notification_names_the_spi_and_says_seconds() -> None:
    (notify,) = announcements({Protocol.IPSEC_ESP: 100_000}, {Protocol.IPSEC_ESP: b"spi!"})
    assert (notify.type, notify.protocol, notify.spi) == (Notification.RESPONDER_LIFETIME, Protocol.IPSEC_ESP, b"spi!")
    assert notify.data == bytes.fromhex("80010001 00020004 000186a0")
    assert told(notify) == {LifeType.SECONDS: 100_000}


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [(1200, 600, 600), (1200, 3600, 1200), (1200, 5, 60), (None, 600, 600), (1200, None, 1200), (30, 5, 30)],
)
def test_the_shorter_counts_and_theirs_is_a_minute_at_least(
    ours: int | None, theirs: int | None, found: int | None
) -> None:
    assert shorter(ours, theirs, 60) == found


@given(st.binary(max_size=60))
def test_any_data_is_lifetimes_or_malformed(data: bytes) -> None:
    try:
        lives = told(responder_lifetime(data))
    except PayloadMalformed:
        return
    assert all(number > 0 for number in lives.values())


@pytest.mark.parametrize("data", ["80010001", "8002012c", "80010001 80010001", "80010001 80020000", "80050001"])
def test_attributes_that_make_no_lifetime_are_malformed(data: str) -> None:
    if data == "80010001":
        assert told(responder_lifetime(bytes.fromhex(data))) == {}
        return
    with pytest.raises(PayloadMalformed):
        told(responder_lifetime(bytes.fromhex(data)))


def ends(node: Node) -> list[tuple[float | None, float | None]]:
    phase1 = [(each.soft_at, each.hard_at) for each in isakmp_of(node)]
    return phase1 + [(each.soft_at, each.hard_at) for each in ipsec_of(node)]


def say(pair: Pair, notify: Notify) -> None:
    core = pair.west.engine._core
    tell(core, isakmp_of(pair.west)[0], notify)
    pair.do(pair.west, core.take_outputs())
    pair.run(pair.now + 0.1)


def test_an_authenticated_peer_shortens_either_phase_afterwards() -> None:
    pair = connected(quiet(EAST, WEST, initiates=True), quiet(WEST, EAST))
    (isakmp,), (ipsec,) = isakmp_of(pair.east), ipsec_of(pair.east)
    say(pair, responder_lifetime(SECONDS_300, spi=isakmp.cookies))
    assert (isakmp.lifetime_seconds, isakmp.hard_at) == (300, isakmp.since + 300)
    (outbound,) = (each for each in ipsec.sas if not each.inbound)
    say(pair, responder_lifetime(SECONDS_300, Protocol.IPSEC_ESP, outbound.spi.to_bytes(4, "big")))
    assert ipsec.hard_at == ipsec.since + 300
    assert ipsec.soft_at is not None
    assert 255 <= ipsec.soft_at - ipsec.since < 285
    say(pair, responder_lifetime(bytes.fromhex("80010001 8002ffff"), spi=isakmp.cookies))
    assert isakmp.hard_at == isakmp.since + 300
    pair.run(310.0)
    assert isakmp not in isakmp_of(pair.east)
    assert ipsec not in ipsec_of(pair.east)
    assert ipsec_of(pair.east)


@pytest.mark.parametrize(
    "notify",
    [
        responder_lifetime(SECONDS_300, Protocol.IPSEC_ESP, b"none"),
        responder_lifetime(bytes.fromhex("80010002 8002012c")),
        responder_lifetime(bytes.fromhex("80020001")),
        responder_lifetime(b"", Protocol.IPSEC_AH, b""),
    ],
    ids=["no such SA", "kilobytes", "malformed", "nothing"],
)
def test_what_names_no_sa_or_no_seconds_changes_nothing(notify: Notify) -> None:
    pair = connected()
    before = ends(pair.east)
    say(pair, notify)
    assert ends(pair.east) == before
    assert pair.east.log


def test_message_2_may_shorten_seconds_and_add_kilobytes_for_the_proposal_with_that_spi() -> None:
    held = held_at(9)
    (exchange,) = (each for each in held.pair.west.engine._core.exchanges if each.message_id)
    proposal = exchange.state.proposal
    (protocol,) = proposal.protocols
    both = SECONDS_300 + bytes.fromhex("80010002 80021388")
    other = heeded(
        proposal, [responder_lifetime(both, Protocol.IPSEC_ESP, b"none"), Notify(Notification.REPLAY_STATUS)]
    )
    assert other == proposal
    (found,) = heeded(proposal, [responder_lifetime(both, Protocol.IPSEC_ESP, protocol.spi)]).protocols
    assert (found.life_seconds, found.life_kilobytes) == (300, 5000)
