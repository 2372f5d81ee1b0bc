"""The table of exchanges and its bounds on half-open ones."""

from __future__ import annotations

from dataclasses import replace

from daemon.ike.events import Endpoint, Path
from daemon.ike.exchange import AnyExchange, Exchange, Role
from daemon.ike.exchange_table import (
    ANSWERED_AT_ONCE,
    HALF_OPEN_LIMIT_PER_ADDRESS,
    UNPROVED_LIMIT_PER_ADDRESS,
    ExchangeTable,
)
from daemon.ike.main_mode import MAIN_MODE
from daemon.ike.messages.payloads import ZERO_COOKIE
from daemon.ike.phase1 import Phase1
from tests.daemon.ike.network import EAST, WEST, FakeOracle, configuration

ORACLE = FakeOracle(configuration(EAST, WEST))


def exchange(number: int, address: str = EAST, role: Role = Role.RESPONDER, step: int = 2) -> AnyExchange:
    return Exchange(
        number=number,
        script=MAIN_MODE,
        role=role,
        name="",
        path=Path(Endpoint(WEST, 500), Endpoint(address, 500)),
        oracle=ORACLE,
        started=0.0,
        initiator_cookie=number.to_bytes(8, "big"),
        responder_cookie=b"r" * 8,
        state=Phase1(),
        step=step,
    )


def test_an_exchange_is_found_by_its_cookies_as_they_become_known() -> None:
    table = ExchangeTable()
    begun = replace(exchange(1, role=Role.INITIATOR), responder_cookie=ZERO_COOKIE)
    table.put(begun)
    assert table.find(begun.initiator_cookie, ZERO_COOKIE, 0) is begun
    answered = replace(begun, responder_cookie=b"r" * 8)
    table.put(answered)
    assert table.find(begun.initiator_cookie, ZERO_COOKIE, 0) is None
    assert table.find(begun.initiator_cookie, b"r" * 8, 0) is answered
    assert table.begun_here(begun.initiator_cookie)
    assert table.ours_with(begun.name) == (answered,)
    assert table.ours_with("another") == ()
    table.remove(1)
    table.remove(1)
    assert table.ours_with(begun.name) == ()
    assert not table.begun_here(begun.initiator_cookie)
    assert len(table) == 0


def test_exchanges_are_found_by_the_name_that_they_have_now() -> None:
    table = ExchangeTable()
    first, other, last = (replace(exchange(number), name=name) for number, name in ((1, "a"), (2, "b"), (3, "a")))
    for each in (first, other, last):
        table.put(each)
    assert table.named("a") == (first, last)
    recognised = replace(first, name="b", step=4)
    table.put(recognised)
    assert table.named("a") == (last,)
    assert table.named("b") == (other, recognised)
    for number in (1, 2, 3, 3):
        table.remove(number)
    assert table.named("a") == table.named("b") == ()


def test_an_opening_is_found_by_the_address_it_came_from_even_when_the_peer_moves() -> None:
    table = ExchangeTable()
    opened = exchange(1)
    assert table.admit(opened, configured=False) is None
    moved = replace(opened, path=replace(opened.path, remote=Endpoint("203.0.113.1", 4500)), step=6)
    table.put(moved)
    assert table.opened_by(opened.initiator_cookie, EAST) is moved
    assert table.opened_by(opened.initiator_cookie, "203.0.113.1") is None
    table.remove(1)
    assert table.opened_by(opened.initiator_cookie, EAST) is None


def test_message_3_ends_being_half_open() -> None:
    table = ExchangeTable()
    table.admit(exchange(1), configured=False)
    assert table.half_open == 1
    table.put(exchange(1, step=3))
    assert table.half_open == 0


def test_the_oldest_of_an_address_goes_when_it_has_its_share() -> None:
    table = ExchangeTable()
    for number in range(1, HALF_OPEN_LIMIT_PER_ADDRESS + 1):
        assert table.admit(exchange(number), configured=False) is None
    assert table.admit(exchange(100), configured=False) == 1
    assert table.admit(exchange(101, "203.0.113.1"), configured=False) is None


def test_when_all_is_full_strangers_go_before_configured_peers() -> None:
    table = ExchangeTable(half_open_limit=3)
    for number, known in ((1, True), (2, False), (3, False)):
        assert table.admit(exchange(number, f"192.0.2.{number}"), configured=known) is None
    gone = []
    for number in (4, 5, 6):
        evicted = table.admit(exchange(number, f"192.0.2.{number}"), configured=True)
        assert evicted is not None
        table.remove(evicted)
        gone.append(evicted)
    assert gone == [2, 3, 1]
    assert table.half_open == 3


def test_all_addresses_of_an_ipv6_network_have_one_share() -> None:
    table = ExchangeTable()
    for number in range(1, HALF_OPEN_LIMIT_PER_ADDRESS + 1):
        assert not table.crowded("2001:db8::1")
        assert table.admit(exchange(number, f"2001:db8::{number:x}:1"), configured=False) is None
    assert table.crowded("2001:db8:0:0:f::")
    assert not table.crowded("2001:db8:0:1::1")
    assert table.admit(exchange(100, "2001:db8::ffff"), configured=False) == 1
    for number in (*range(1, HALF_OPEN_LIMIT_PER_ADDRESS + 1), 100):
        table.remove(number)
    assert not table.crowded("2001:db8::1")


def test_who_has_got_to_message_3_counts_apart_until_the_exchange_ends() -> None:
    """So a flood from forged addresses pushes out nobody who has shown that his is true."""
    table = ExchangeTable(half_open_limit=1)
    table.admit(exchange(1), configured=False)
    assert table.put(exchange(1, step=3)) is None
    assert table.admit(exchange(2, "203.0.113.1"), configured=False) is None
    assert table.admit(exchange(3, "203.0.113.2"), configured=False) == 2
    for number in range(10, 10 + UNPROVED_LIMIT_PER_ADDRESS - 1):
        assert not table.exhausted(EAST)
        table.admit(exchange(number), configured=False)
        assert table.put(exchange(number, step=4)) is None
        assert table.put(exchange(number, step=5)) is None
    assert table.exhausted(EAST)
    assert not table.exhausted("203.0.113.1")
    table.remove(1)
    assert not table.exhausted(EAST)


def test_of_too_many_who_prove_nothing_strangers_go_before_configured_peers() -> None:
    table = ExchangeTable(unproved_limit=2)
    gone = []
    for number, known in ((1, True), (2, False), (3, True), (4, True)):
        table.admit(exchange(number, f"192.0.2.{number}"), configured=known)
        evicted = table.put(exchange(number, f"192.0.2.{number}", step=4))
        if evicted is not None:
            table.remove(evicted)
            gone.append(evicted)
    assert gone == [2, 1]


def test_one_peer_has_so_many_exchanges_under_way_and_no_more() -> None:
    """Ours do not count: else two gateways that come up together would refuse each other."""
    table = ExchangeTable()
    ours = replace(exchange(1, role=Role.INITIATOR), initiator_cookie=b"i" * 8)
    for number in range(1, ANSWERED_AT_ONCE + 10):
        table.put(replace(ours, number=number, message_id=number))
    cookies = b"i" * 8 + b"r" * 8
    assert not table.busy(cookies)
    for number in range(1000, 1000 + ANSWERED_AT_ONCE):
        assert not table.busy(cookies)
        answered = replace(ours, number=number, message_id=number, role=Role.RESPONDER)
        table.put(answered)
        table.put(replace(answered, step=3))
    assert table.busy(cookies)
    assert not table.busy(b"another SA" + bytes(6))
    table.remove(1000)
    assert not table.busy(cookies)
    for each in table:
        table.remove(each.number)
    assert not table.under(cookies)


def test_the_exchanges_under_an_isakmp_sa_are_found_together() -> None:
    table = ExchangeTable()
    first, second, other = (replace(exchange(number), message_id=number) for number in (1, 2, 3))
    cookies = first.initiator_cookie + first.responder_cookie
    second = replace(second, initiator_cookie=first.initiator_cookie)
    for each in (exchange(4), second, first, other):
        table.put(each)
    moved = replace(second, step=3)
    table.put(moved)
    assert table.under(cookies) == (moved, first)
    table.remove(2)
    assert table.under(cookies) == (first,)
