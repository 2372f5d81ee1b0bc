"""The table of exchanges and its bounds on half-open ones."""

from __future__ import annotations

from dataclasses import replace

from daemon.ike import limits
from daemon.ike.events import Endpoint, Path
from daemon.ike.exchange import AnyExchange, Exchange, Role
from daemon.ike.exchange_table import ExchangeTable
from daemon.ike.main_mode import MAIN_MODE
from daemon.ike.messages.payloads import ZERO_COOKIE
from daemon.ike.phase1 import Phase1
from tests.daemon.ike.network import EAST, WEST, FakeOracle, configuration

WEIGHT = limits.EXCHANGE_OCTETS
"""What an exchange takes that keeps nothing of its peer's."""

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
    table.put(begun, 0.0)
    assert table.find(begun.initiator_cookie, ZERO_COOKIE, 0) is begun
    answered = replace(begun, responder_cookie=b"r" * 8)
    table.put(answered, 0.0)
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
        table.put(each, 0.0)
    assert table.named("a") == (first, last)
    recognised = replace(first, name="b", step=4)
    table.put(recognised, 0.0)
    assert table.named("a") == (last,)
    assert table.named("b") == (other, recognised)
    for number in (1, 2, 3, 3):
        table.remove(number)
    assert table.named("a") == table.named("b") == ()


def test_an_opening_is_found_by_the_address_it_came_from_even_when_the_peer_moves() -> None:
    table = ExchangeTable()
    opened = exchange(1)
    assert table.admit(opened, 0.0) == ()
    moved = replace(opened, path=replace(opened.path, remote=Endpoint("203.0.113.1", 4500)), step=6)
    table.put(moved, 0.0)
    assert table.opened_by(opened.initiator_cookie, EAST) is moved
    assert table.opened_by(opened.initiator_cookie, "203.0.113.1") is None
    table.remove(1)
    assert table.opened_by(opened.initiator_cookie, EAST) is None


def test_message_3_ends_being_half_open() -> None:
    table = ExchangeTable()
    table.admit(exchange(1), 0.0)
    assert table.half_open == 1
    table.put(exchange(1, step=3), 0.0)
    assert table.half_open == 0


def test_an_address_alone_may_fill_a_room_and_then_its_oldest_goes() -> None:
    table = ExchangeTable(openings=(4 * WEIGHT, 0))
    assert [table.admit(exchange(number), 0.0) for number in (1, 2, 3, 4)] == [()] * 4
    assert table.admit(exchange(5), 1.0) == (1,)


def test_whoever_has_more_than_its_share_makes_room_for_others() -> None:
    """The oldest of the address that has most, though another's is older; and it need not have had its time."""
    table = ExchangeTable(openings=(32 * WEIGHT, 0))
    assert table.admit(exchange(1, "198.51.100.1"), 0.0) == ()
    for number in range(2, 33):
        assert table.admit(exchange(number), 0.0) == ()
    assert table.admits("198.51.100.2", known=False, octets=0, now=0.0)
    assert not table.admits(EAST, known=False, octets=0, now=0.0)
    assert table.admit(exchange(100, "198.51.100.2"), 0.0) == (2,)


def test_nobody_goes_before_a_round_trip_is_over() -> None:
    table = ExchangeTable(openings=(2 * WEIGHT, 0))
    table.admit(exchange(1, "198.51.100.1"), 0.0)
    table.admit(exchange(2, "198.51.100.2"), 0.1)
    assert not table.admits("198.51.100.3", known=False, octets=0, now=limits.ROUND_TRIP - 0.01)
    assert table.admits("198.51.100.3", known=False, octets=0, now=limits.ROUND_TRIP)
    assert table.admit(exchange(3, "198.51.100.3"), limits.ROUND_TRIP) == (1,)
    assert not table.admits("198.51.100.4", known=False, octets=0, now=limits.ROUND_TRIP)


def test_strangers_take_nothing_from_addresses_with_a_section_nor_these_from_them() -> None:
    table = ExchangeTable(openings=(2 * WEIGHT, 2 * WEIGHT))
    for number, configured in ((1, True), (2, True), (3, False), (4, False)):
        begun = replace(exchange(number, f"198.51.100.{number}"), known=configured)
        assert table.admit(begun, number / 100) == ()
    assert not table.admits("198.51.100.9", known=True, octets=0, now=0.0)
    assert table.admit(exchange(5, "198.51.100.5"), 1.0) == (3,)
    assert table.admit(replace(exchange(6, "198.51.100.6"), known=True), 1.0) == (1,)


def test_what_is_kept_is_counted_in_octets() -> None:
    """Of a long offer two have room where four short ones have; what is kept later counts as well."""
    table = ExchangeTable(openings=(4 * WEIGHT, 0))
    long = Phase1(offer=bytes(WEIGHT))
    for number in (1, 2):
        assert table.admit(replace(exchange(number, f"198.51.100.{number}"), state=long), number / 100) == ()
    assert table.octets == 4 * WEIGHT
    assert table.admit(exchange(3, "198.51.100.3"), 1.0) == (1,)
    assert table.octets == 3 * WEIGHT
    grown = replace(exchange(3, "198.51.100.3"), state=Phase1(nonce_i=bytes(2 * WEIGHT)))
    assert table.put(grown, 1.0) == (2,)
    for number in (1, 2, 3):
        table.remove(number)
    assert table.octets == 0


def test_all_addresses_of_an_ipv6_network_are_one() -> None:
    table = ExchangeTable(openings=(32 * WEIGHT, 0))
    for number in range(1, 33):
        assert table.admit(exchange(number, f"2001:db8::{number:x}:1"), 0.0) == ()
    assert not table.admits("2001:db8:0:0:f::", known=False, octets=0, now=0.0)
    assert table.admits("2001:db8:0:1::1", known=False, octets=0, now=0.0)
    for number in range(1, 33):
        table.remove(number)
    assert table.admits("2001:db8::1", known=False, octets=0, now=0.0)


def test_who_has_got_to_message_3_counts_apart_until_the_exchange_ends() -> None:
    """So a flood from forged addresses pushes out nobody who has shown that his is true."""
    table = ExchangeTable(openings=(WEIGHT, 0))
    table.admit(exchange(1), 0.0)
    assert table.put(exchange(1, step=3), 0.0) == ()
    assert table.admit(exchange(2, "203.0.113.1"), 0.0) == ()
    assert table.admit(exchange(3, "203.0.113.2"), 1.0) == (2,)
    table.remove(2)
    table.remove(3)
    for number in range(10, 10 + limits.SHOWN_PER_ADDRESS - 1):
        assert not table.exhausted(EAST)
        table.admit(exchange(number), 2.0)
        assert table.put(exchange(number, step=4), 2.0) == ()
        assert table.put(exchange(number, step=5), 2.0) == ()
    assert table.exhausted(EAST)
    assert not table.exhausted("203.0.113.1")
    table.remove(1)
    assert not table.exhausted(EAST)


def test_who_shows_its_address_when_that_room_is_full_is_asked_to_wait() -> None:
    table = ExchangeTable(shown=(WEIGHT, 0))
    for number in (1, 2):
        table.admit(exchange(number, f"198.51.100.{number}"), 0.0)
    first, second = (exchange(number, f"198.51.100.{number}") for number in (1, 2))
    assert table.may_go_on(first, 0.0)
    table.put(replace(first, step=4), 0.0)
    assert not table.may_go_on(second, 0.1)
    assert table.may_go_on(replace(first, step=4), 0.1)
    assert table.may_go_on(second, limits.ROUND_TRIP)
    assert table.put(replace(second, step=4), limits.ROUND_TRIP) == (1,)


def test_one_peer_has_so_many_exchanges_under_way_and_no_more() -> None:
    """Ours do not count: else two gateways that come up together would refuse each other."""
    table = ExchangeTable()
    ours = replace(exchange(1, role=Role.INITIATOR), initiator_cookie=b"i" * 8)
    for number in range(1, limits.ANSWERED_AT_ONCE + 10):
        table.put(replace(ours, number=number, message_id=number), 0.0)
    cookies = b"i" * 8 + b"r" * 8
    assert not table.busy(cookies)
    for number in range(1000, 1000 + limits.ANSWERED_AT_ONCE):
        assert not table.busy(cookies)
        answered = replace(ours, number=number, message_id=number, role=Role.RESPONDER)
        table.put(answered, 0.0)
        table.put(replace(answered, step=3), 0.0)
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
        table.put(each, 0.0)
    moved = replace(second, step=3)
    table.put(moved, 0.0)
    assert table.under(cookies) == (moved, first)
    table.remove(2)
    assert table.under(cookies) == (first,)
