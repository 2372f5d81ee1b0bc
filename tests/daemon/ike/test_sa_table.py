"""The table of SAs: everything finds them until they are removed, and how many others there are costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from daemon.ike.messages.payloads import Identification
from daemon.ike.registries import IdType
from daemon.ike.sa import Duty, SaFlag
from daemon.ike.sa_table import SaTable
from tests.daemon.ike.network import connected


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


def test_the_sas_of_a_peer_are_those_of_its_user_once_that_is_proved() -> None:
    core = connected().east.engine._core
    (isakmp,) = core.sas.isakmp
    table = SaTable()
    mine, colleague = (replace(isakmp, number=each, initiator_cookie=each.to_bytes(8)) for each in (1, 2))
    for each in (mine, colleague):
        table.add(each)
    assert table.shared_with(isakmp.owner) == (mine, colleague)
    mine.duties = (Duty.ASK,)
    assert table.shared_with(isakmp.owner) == (colleague,)
    assert table.shared_with(mine.owner) == ()
    mine.user, mine.duties = "alice", ()
    table.refile(mine)
    assert table.shared_with(mine.owner) == (mine,)
    assert table.shared_with(isakmp.owner) == (colleague,)
    assert table.shared_with(("gateway", b"somebody else", "")) == ()
    table.remove(mine)
    assert table.shared_with(mine.owner) == ()


def test_an_isakmp_sa_is_found_by_who_was_proved_and_leaves_whoever_it_was_entered_as() -> None:
    """In hybrid mode the user takes the place of an identity that was only claimed."""
    core = connected().east.engine._core
    (isakmp,) = core.sas.isakmp
    table = SaTable()
    early, late = (replace(isakmp, number=each, initiator_cookie=each.to_bytes(8)) for each in (1, 2))
    for each in (early, late):
        table.add(each)
        each.duties = (Duty.ASK,)
    assert table.shared_with(isakmp.owner) == ()
    for each in (late, early):
        each.duties, each.user = (), "alice"
        each.remote_id = Identification(IdType.KEY_ID, 0, 0, b"alice")
        table.refile(each)
    assert table.shared_with(early.owner) == (early, late)
    late.duties = (Duty.ASK,)
    table.remove(late)
    table.remove(early)
    table.refile(early)
    assert table.shared_with(early.owner) == table.isakmp == ()


class _Watched(dict[object, object]):
    """A dictionary that may not be walked through."""

    def __iter__(self) -> Iterator[object]:
        raise AssertionError("walked through")

    values = items = keys = __iter__  # type: ignore[assignment]


def test_to_find_the_sas_of_one_peer_nobody_looks_at_all() -> None:
    """Five thousand tunnels took sixteen seconds to shut down, when each DELETE looked for its ISAKMP SA in all."""
    core = connected().east.engine._core
    (isakmp,), (sa,) = core.sas.isakmp, core.sas.ipsec
    table = SaTable()
    for each in (isakmp, sa):
        table.add(each)
    for name in ("_isakmp", "_by_cookies", "_ipsec", "_by_key"):
        setattr(table, name, _Watched(getattr(table, name)))
    assert table.shared_with(isakmp.owner) == (isakmp,)
    assert table.phase1_with("gateway") is isakmp
    assert table.owned_by(sa.owner) == table.named("net") == (sa,)
    assert table.outbound(sa.owner, "ESP", sa.sas[1].spi) is sa
    for each in (sa, isakmp):
        table.remove(each)
    assert not table.owned_by(sa.owner)
