"""The SA table and what is remembered of finished exchanges."""

from __future__ import annotations

from daemon.ike.events import Endpoint, Path
from daemon.ike.exchange import Retransmission, Sent
from daemon.ike.payloads import Header, Message
from daemon.ike.registries import ExchangeType
from daemon.ike.sa import Answered, SaFlag, SaTable
from tests.daemon.ike.network import EAST, WEST, connected


def sent() -> Sent:
    path = Path(Endpoint(EAST, 500), Endpoint(WEST, 500))
    return Sent(
        path, b"data", Message(Header(b"i" * 8, b"r" * 8, ExchangeType.QUICK_MODE), ()), Retransmission.DUPLICATE
    )


def test_only_the_very_last_datagram_is_answered_again() -> None:
    answered, last = Answered(), sent()
    answered.remember(7, b"digest", last)
    assert answered.answer(7, b"digest") is last
    assert answered.answer(7, b"other") is None
    assert answered.answer(8, b"digest") is None
    assert 7 in answered
    assert 8 not in answered


def test_answers_are_kept_for_a_while_and_message_ids_for_ever() -> None:
    answered = Answered()
    for number in range(1000):
        answered.remember(number, b"digest", sent())
    assert [number for number in range(1000) if answered.answer(number, b"digest")] == list(range(744, 1000))
    assert all(number in answered for number in range(1000))
    answered.use(5000)
    assert 5000 in answered
    assert not answered.repeats(5000, b"")


def test_an_sa_is_found_by_all_that_identifies_it_until_it_is_removed() -> None:
    core = connected().east.engine._core
    (isakmp,), (sa,) = core.sas.isakmp, core.sas.ipsec
    table = SaTable()
    for each in (isakmp, sa):
        table.add(each)
    inbound, outbound = sa.sas
    assert table.by_cookies(isakmp.cookies) is isakmp
    assert table.phase1_with("gateway") is isakmp
    assert table.knows(isakmp.initiator_cookie)
    assert table.by_number(isakmp.number) is isakmp
    assert table.by_number(sa.number) is sa
    assert table.named("net") == table.owned_by(isakmp.owner) == (sa,)
    assert {table.by_key(key) for key in sa.keys} == {sa}
    assert table.outbound(isakmp.owner, "ESP", outbound.spi) is sa
    assert table.outbound(isakmp.owner, "ESP", inbound.spi) is None
    assert table.outbound(("gateway", b"somebody else", ""), "ESP", outbound.spi) is None
    for each in (isakmp, sa, isakmp, sa):
        table.remove(each)
    assert not table.isakmp
    assert not table.ipsec
    assert table.by_cookies(isakmp.cookies) is None
    assert not table.knows(isakmp.initiator_cookie)
    assert all(table.by_key(key) is None for key in sa.keys)


def test_a_replaced_phase_1_carries_nothing_new() -> None:
    core = connected().east.engine._core
    (isakmp,) = core.sas.isakmp
    isakmp.flags |= SaFlag.REPLACED
    assert core.sas.phase1_with("gateway") is None
