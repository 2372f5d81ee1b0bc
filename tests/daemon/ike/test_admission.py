"""What comes between phase 1 and the first quick mode: what waits for XAUTH, and whose the ISAKMP SA is then."""

from __future__ import annotations

import pytest

from daemon.ike.events import Connect, Path, Send
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import Attributes, Delete
from daemon.ike.registries import ConfigurationAttribute as Kind
from daemon.ike.registries import ConfigurationType, ExchangeType, Protocol
from daemon.ike.sa import Duty, SaFlag
from policydb.connections import General
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import state_of
from tests.daemon.ike.network import EAST, SECRET, WEST, FakeOracle, Node, Pair
from tests.daemon.ike.roadwarrior import (
    PASSWORD,
    attributes,
    client,
    forged,
    gateway,
    isakmp_of,
    outcomes,
    pair_of,
    unproved,
    without,
    xauth_pair,
)

# --- what waits for XAUTH -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ExchangeType.QUICK_MODE, ExchangeType.TRANSACTION])
def test_while_xauth_is_owed_nothing_else_is_answered_and_nothing_changes(kind: ExchangeType) -> None:
    pair, west = unproved()
    before, count = state_of(west), len(west.sent)
    wish = Attributes(ConfigurationType.REQUEST, 1, attributes((Kind.INTERNAL_IP4_ADDRESS, b"")))
    data, _ = forged(isakmp_of(pair.east), 4711, wish, kind=kind)
    pair.inject(west, data, isakmp_of(west).path)
    assert state_of(west) == before
    assert len(west.sent) == count
    assert "before XAUTH is done" in west.log[-1]


def test_a_true_quick_mode_is_refused_without_state_while_xauth_is_owed() -> None:
    """The client believes that it is done; the gateway does not."""
    pair, west = unproved()
    east = isakmp_of(pair.east)
    before = state_of(west)
    east.duties = ()
    pair.do(pair.east, pair.east.engine.command(Connect("net"), pair.now))
    pair.run(2.0)
    assert any(
        read_header(out.data).exchange_type == ExchangeType.QUICK_MODE
        for _, out in pair.east.sent
        if isinstance(out, Send)
    )
    assert [each for each in west.records if each.exchange == "quick mode"] == []
    assert west.kernel == {}
    assert state_of(west) == before
    assert west.oracle.asked == []


def test_a_quick_mode_that_overtakes_the_acknowledgement_comes_through_in_the_end() -> None:
    pair = xauth_pair()
    held: list[tuple[Path, bytes]] = []

    def hold(source: str, path: Path, data: bytes) -> list[bytes]:
        told = isakmp_of(pair.west).duties == (Duty.TELL,) if pair.west.engine._core.sas.isakmp else False
        if source == EAST and told and read_header(data).exchange_type == ExchangeType.TRANSACTION and not held:
            held.append((path, data))
            return []
        return [data]

    pair.filter = hold
    pair.start().run(1.0)
    assert not pair.west.kernel
    path, data = held[0]
    pair.inject(pair.west, data, Path(path.remote, path.local))
    assert not isakmp_of(pair.west).duties
    pair.run(10.0)
    assert pair.established


def test_our_own_quick_modes_wait_as_well() -> None:
    pair, west = unproved()
    pair.do(west, west.engine.command(Connect("net"), pair.now))
    pair.do(pair.east, pair.east.engine.command(Connect("net"), pair.now))
    assert isakmp_of(west).waiting == isakmp_of(pair.east).waiting == ("net",)
    sent = [out for node in pair.nodes for _, out in node.sent if isinstance(out, Send)]
    assert ExchangeType.QUICK_MODE not in {read_header(out.data).exchange_type for out in sent}


@pytest.mark.parametrize("source", [EAST, WEST])
def test_xauth_that_nobody_finishes_ends_with_the_isakmp_sa(source: str) -> None:
    general = General(exchange_max_time=30, check_interval=1000)
    pair = pair_of(client(xauth=True, general=general), gateway(xauth=True, general=general))
    pair.filter = without({ExchangeType.TRANSACTION}, source)
    pair.start().run(29.0)
    assert pair.east.phase(1)
    pair.run(32.0)
    for node in pair.nodes:
        assert node.phase(1) == []
        assert node.census()["exchanges"] == 0
        assert node.census()["timers"] == 1  # the connection checker
        assert node.records[-1].reason in (Reason.TIMEOUT, None)


def test_a_client_is_not_kept_waiting_for_ever() -> None:
    """The gateway is silent and gone: neither question nor DELETE comes."""
    general = General(exchange_max_time=30, check_interval=1000)
    pair = pair_of(client(xauth=True, general=general), gateway(xauth=True, general=general))
    pair.filter = without({ExchangeType.TRANSACTION, ExchangeType.INFO})
    pair.start().run(32.0)
    assert pair.east.phase(1) == []
    assert any("was not done in time" in each for each in pair.east.log)
    assert outcomes(pair.east) == [(Outcome.FAILED, Reason.TIMEOUT, "XAUTH was not done in time")]


# --- users of one group -----------------------------------------------------------------------------------------------


def who_comes_after_bob(user: str, password: bytes) -> Pair:
    """Bob has a tunnel; then somebody with the group's identity and key begins afresh at the same address."""
    pair = xauth_pair().start().run(1.0)
    oracle = FakeOracle(client(xauth=True, user=user))
    pair.east = Node(EAST, oracle, lambda: pair.now, seed=77, secret=SECRET, settings=None)
    pair.east.secrets.keys = {"gateway": SECRET, "password:gateway": password}
    pair.do(pair.east, pair.east.engine.reconfigure(oracle, pair.east.secrets, pair.now))
    return pair.run(3.0)


def test_initial_contact_ends_what_the_same_user_had() -> None:
    pair = who_comes_after_bob("bob", PASSWORD)
    assert [each.user for each in pair.west.engine._core.sas.isakmp] == ["bob"]
    assert pair.established


def test_initial_contact_of_another_user_of_the_group_ends_nothing_of_bobs() -> None:
    """They share identity, key and address, say behind a NAT; only XAUTH tells them apart."""
    pair = who_comes_after_bob("eve", b"another")
    sas = pair.west.engine._core.sas
    assert [(each.user, bool(each.flags & SaFlag.REPLACED)) for each in sas.isakmp] == [("bob", False), ("eve", False)]
    assert [each.owner[2] for each in sas.ipsec] == ["bob", "eve"]
    assert len(pair.west.kernel) == 4


def test_initial_contact_of_somebody_who_proves_no_user_ends_nothing_either() -> None:
    pair = who_comes_after_bob("bob", b"not bob's password")
    assert [each.user for each in pair.west.engine._core.sas.isakmp] == ["bob"]
    assert len(pair.west.kernel) == 2


def test_a_user_cannot_delete_what_another_user_of_the_group_has() -> None:
    pair = who_comes_after_bob("eve", b"another")
    core = pair.west.engine._core
    bobs, _ = core.sas.isakmp
    (mine,) = pair.east.engine._core.sas.isakmp
    spis = [each.spi.to_bytes(4) for each in core.sas.ipsec[0].sas if not each.inbound]
    news = [*(Delete(Protocol.IPSEC_ESP, (each,)) for each in spis), Delete(Protocol.ISAKMP, (bobs.cookies,))]
    pair.inject(pair.west, forged(mine, 4711, *news, kind=ExchangeType.INFO)[0], core.sas.isakmp[1].path)
    assert len(core.sas.isakmp) == 2
    assert len(pair.west.kernel) == 4
