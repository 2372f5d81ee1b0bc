"""Traffic is compared as the packets it means, by responder and initiator, however a peer writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from daemon.ike.events import Endpoint, Path
from daemon.ike.messages.payloads import DataAttribute, Identification, Nonce, Proposal, SaPayload, Transform
from daemon.ike.records import make_record
from daemon.ike.registries import ExchangeType, Protocol
from daemon.ike.trust.identities import to_payload
from policydb.connections import Configuration, General, Identity
from policydb.negotiation import NegotiationRecord, Outcome, Reason
from tests.daemon.ike import roadwarrior
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, WEST, FakeOracle, Pair, configuration, connected, suite
from tests.traffic import host, net, span

ZERO = str(IPv4Address(0))
HERE, THERE = net("10.2.0.0/24"), net("10.1.0.0/24")
"""As the network's two ends configure it, seen from west, the responder."""

STRONG = Transform(1, 12, (DataAttribute(4, 1), DataAttribute(5, 5), DataAttribute(6, 128)))
WEAK = Transform(1, 3, (DataAttribute(4, 1), DataAttribute(5, 1)))
"""ESP transforms: AES-128 with SHA2-256, as each connection here has it, and 3DES with MD5."""


def offered(
    pair: Pair, local: Identity | None, remote: Identity | None, weak: bool = False, number: int = 1
) -> NegotiationRecord:
    """East, which is authenticated, offers ESP for traffic between west (local) and itself: west's record of it.

    Where west takes it, the exchange is as good as done: message 3 decides nothing.
    """
    isakmp = pair.east.engine._core.sas.phase1_with("gateway")
    assert isakmp is not None
    proposal = Proposal(1, Protocol.IPSEC_ESP, bytes((1, 2, 3, number)), (WEAK if weak else STRONG,))
    ids = [] if local is None or remote is None else [to_payload(remote), to_payload(local)]
    payloads = SaPayload((proposal,)), Nonce(b"n" * 16), *ids
    message, _ = roadwarrior.forged(isakmp, 0x1000 + number, *payloads, kind=ExchangeType.QUICK_MODE)
    before = len(pair.west.records)
    pair.inject(pair.west, message, Path(Endpoint(WEST, 500), Endpoint(EAST, 500)))
    new = pair.west.records[before:]
    if new:
        return new[0]
    core = pair.west.engine._core
    exchange = core.exchanges.find(isakmp.initiator_cookie, isakmp.responder_cookie, 0x1000 + number)
    assert exchange is not None
    return make_record(exchange, Outcome.ACCEPTED, core.tools.surroundings.wall_clock())


def west(*connections: Mapping[str, Any], general: General | None = None) -> Configuration:
    """The responder, with a connection for each mapping of fields, named c0, c1, ..."""
    whole = configuration(WEST, EAST, general=general)
    made = [
        replace(whole.connections["net"], **{"name": f"c{number}", **each}) for number, each in enumerate(connections)
    ]
    return replace(whole, connections={each.name: each for each in made})


def ends(local: Identity | None, remote: Identity | None, **more: object) -> dict[str, object]:
    return {"local_identity": local, "remote_identity": remote, **more}


def verdict(record: NegotiationRecord) -> tuple[str, str, Reason | None]:
    return record.connection, record.bound_by, record.reason


REFUSED = Reason.NO_TRANSFORM_MATCHED

# --- the responder ------------------------------------------------------------------------------------------------

EQUAL = [
    (net("10.2.0.0/24"), span("10.1.0.0", "10.1.0.255")),
    (span("10.2.0.0", "10.2.0.255"), net("10.1.0.0/24")),
    (span("10.2.0.0", "10.2.0.255"), span("10.1.0.0", "10.1.0.255")),
]


@pytest.mark.parametrize(("local", "remote"), EQUAL, ids=str)
def test_equal_traffic_gets_the_connection_and_its_suites(local: Identity, remote: Identity) -> None:
    pair = connected(west=west(ends(HERE, THERE)))
    assert verdict(offered(pair, local, remote, number=1)) == ("c0", "", None)
    assert verdict(offered(pair, local, remote, weak=True, number=2)) == ("c0", "", REFUSED)


WRITTEN = [
    [host("10.1.0.5"), net("10.1.0.5/32"), span("10.1.0.5", "10.1.0.5")],
    [net("10.1.0.0/31"), span("10.1.0.0", "10.1.0.1")],
    [net("0.0.0.0/0"), span(ZERO, "255.255.255.255")],
    [host("2001:db8::5"), net("2001:db8::5/128"), span("2001:db8::5", "2001:db8::5")],
    [net("::/0"), span("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")],
    [host("10.1.0.5", 17, 500), net("10.1.0.5/32", 17, 500)],
    [host("10.1.0.5", 0, 500), span("10.1.0.5", "10.1.0.5", 0, 500)],
]


@pytest.mark.parametrize("ways", WRITTEN, ids=lambda ways: str(ways[0]))
def test_each_way_of_writing_is_each_other(ways: list[Identity]) -> None:
    number = 0
    for configured in ways:
        if configured.upper is not None:
            continue  # isakmpd.conf has no ranges
        for said in ways:
            for fields, local, remote in (
                (ends(configured, configured), said, said),
                (ends(configured, None), said, host("10.9.9.9")),
            ):
                number += 1
                pair = connected(west=west(fields))
                assert offered(pair, local, remote, number=1).connection == "c0"
                assert offered(pair, local, remote, weak=True, number=2).reason is REFUSED


OTHERS = {
    "a host inside": (host("10.2.0.7"), THERE),
    "a network inside": (net("10.2.0.0/25"), net("10.1.0.128/25")),
    "one protocol at a host inside": (host("10.2.0.7", 6, 22), host("10.1.0.7", 6)),
    "a port without a protocol": (host("10.2.0.7", 0, 22), THERE),
    "wider here": (net("10.2.0.0/16"), THERE),
    "wider there": (HERE, net("0.0.0.0/0")),
    "all": (net("0.0.0.0/0"), net("0.0.0.0/0")),
    "all, as ranges": (span(ZERO, "255.255.255.255"), span(ZERO, "255.255.255.255")),
    "across": (span("10.1.255.0", "10.2.0.0"), span("10.1.0.255", "10.1.1.3")),
}


@pytest.mark.parametrize("what", OTHERS)
def test_traffic_in_or_across_a_connections_is_bound_by_its_suites(what: str) -> None:
    """The connection is not for it, so the SA has no name and policy is asked; but its suites cannot be evaded."""
    pair = connected(west=west(ends(HERE, THERE)))
    assert verdict(offered(pair, *OTHERS[what], number=1)) == ("", "c0", None)
    refused = offered(pair, *OTHERS[what], weak=True, number=2)
    assert verdict(refused) == ("", "c0", REFUSED)
    assert refused.comparisons
    assert all(each.configured.endswith(" of [c0]") for each in refused.comparisons)
    assert "[c0]" in refused.detail


@pytest.mark.parametrize("what", OTHERS)
def test_without_policy_only_what_is_configured_is_taken(what: str) -> None:
    pair = connected(west=west(ends(HERE, THERE), general=General(use_keynote=False)))
    assert verdict(offered(pair, *OTHERS[what], number=1)) == ("", "c0", Reason.IDENTITY_MISMATCH)
    for number, ids in enumerate(EQUAL, 2):
        assert verdict(offered(pair, *ids, number=number)) == ("c0", "", None)


@pytest.mark.parametrize(
    ("local", "remote"),
    [(net("10.3.0.0/24"), THERE), (HERE, net("10.3.0.0/24")), (net("::/0"), net("::/0")), (THERE, HERE)],
    ids=str,
)
def test_traffic_that_has_nothing_in_common_is_policys_alone(local: Identity, remote: Identity) -> None:
    pair = connected(west=west(ends(HERE, THERE)))
    assert verdict(offered(pair, local, remote, weak=True)) == ("", "", None)


@pytest.mark.parametrize("change", [{"answers": False}, {"answers": False, "initiates": True}])
def test_a_connection_that_does_not_answer_binds_all_the_same(change: dict[str, object]) -> None:
    pair = connected(west=west(ends(HERE, THERE, **change)))
    assert verdict(offered(pair, HERE, THERE, number=1)) == ("", "c0", None)
    assert verdict(offered(pair, HERE, THERE, weak=True, number=2)) == ("", "c0", REFUSED)


TRIPLE = suite(cipher="3DES", bits=None, authentication="HMAC_MD5")


def test_of_several_connections_each_binds_unless_one_is_for_exactly_this() -> None:
    """So neither a wide connection opens a narrow one's traffic to its suites, nor the other way round."""
    inner = net("10.2.0.128/25"), net("10.1.0.128/25")
    pair = connected(west=west(ends(HERE, THERE), ends(*inner, suites=(TRIPLE,))))
    assert verdict(offered(pair, *inner, weak=True, number=1)) == ("c1", "", None)
    assert verdict(offered(pair, *inner, number=2)) == ("c1", "", REFUSED)
    assert verdict(offered(pair, HERE, THERE, number=3)) == ("c0", "", None)
    assert verdict(offered(pair, HERE, THERE, weak=True, number=4)) == ("c0", "", REFUSED)
    for number, weak in ((5, False), (6, True)):
        assert verdict(offered(pair, host("10.2.0.129"), host("10.1.0.129"), weak, number)) == ("", "c0, c1", REFUSED)
    assert verdict(offered(pair, host("10.2.0.1"), host("10.1.0.1"), number=7)) == ("", "c0", None)


def test_a_connection_for_road_warriors_is_bound_by_what_is_configured_within() -> None:
    pair = connected(west=west(ends(HERE, None), ends(HERE, net("10.1.0.0/24"), suites=(TRIPLE,))))
    assert verdict(offered(pair, span("10.2.0.0", "10.2.0.255"), host("10.7.0.9"), number=1)) == ("c0", "", None)
    assert verdict(offered(pair, HERE, host("10.1.0.9"), number=2)) == ("c0", "c1", REFUSED)
    assert verdict(offered(pair, HERE, THERE, weak=True, number=3)) == ("c1", "", None)


HOSTS = ends(None, None)


@pytest.mark.parametrize(
    ("local", "remote", "name"),
    [
        (None, None, "c0"),
        (host(WEST), host(EAST), "c0"),
        (net(f"{WEST}/32"), span(EAST, EAST), "c0"),
        (host(WEST, 6, 22), host(EAST), ""),
        (net("192.0.2.0/24"), net("192.0.2.0/24"), ""),
        (net("0.0.0.0/0"), host(EAST), ""),
    ],
    ids=str,
)
def test_two_hosts_without_identities_are_meant_however_they_are_said(
    local: Identity | None, remote: Identity | None, name: str
) -> None:
    pair = connected(configuration(EAST, WEST, initiates=True, connection=HOSTS), west=west(HOSTS))
    assert offered(pair, local, remote, number=1).connection == name
    assert offered(pair, local, remote, weak=True, number=2).reason is REFUSED


@pytest.mark.parametrize("unspecified", [host(ZERO), net(f"{ZERO}/32")], ids=str)
def test_the_address_that_mode_config_gave_us_is_that_connections_traffic(unspecified: Identity) -> None:
    pair = connected(west=west(ends(unspecified, THERE)))
    (isakmp,) = pair.west.engine._core.sas.isakmp
    assert verdict(offered(pair, host("10.9.0.5"), THERE, weak=True, number=1)) == ("", "", None)
    isakmp.assigned = IPv4Address("10.9.0.5")
    assert verdict(offered(pair, net("10.9.0.5/32"), span("10.1.0.0", "10.1.0.255"), number=2)) == ("c0", "", None)
    assert verdict(offered(pair, host("10.9.0.5"), THERE, weak=True, number=3)) == ("c0", "", REFUSED)
    assert verdict(offered(pair, net("0.0.0.0/0"), THERE, weak=True, number=4)) == ("", "c0", REFUSED)
    assert verdict(offered(pair, host(ZERO), THERE, weak=True, number=5)) == ("", "", Reason.IDENTITY_MISMATCH)


def test_what_goes_back_is_what_the_peer_has_written() -> None:
    east = configuration(EAST, WEST, initiates=True, connection=ends(net("10.1.0.5/32"), net("10.2.0.5/32")))
    pair = connected(east, west(ends(host("10.2.0.5"), host("10.1.0.5"))))
    assert pair.established
    assert pair.west.phase(2) == ["c0"]
    selectors = {str(each.source_selector) for each in pair.west.kernel.values()}
    assert selectors == {"10.1.0.5/32", "10.2.0.5/32"}


def test_an_sa_for_equal_traffic_makes_the_connection_count_as_up() -> None:
    """So the checker does not begin it again."""
    mine = ends(host("10.2.0.5"), host("10.1.0.5"))
    pair = connected(
        configuration(EAST, WEST, initiates=True, connection=ends(net("10.1.0.5/32"), net("10.2.0.5/32"))),
        configuration(WEST, EAST, connection=mine),
    )
    wanted = FakeOracle(configuration(WEST, EAST, initiates=True, connection=mine))
    pair.do(pair.west, pair.west.engine.reconfigure(wanted, pair.west.secrets, pair.now))
    pair.run(pair.now + 300.0)
    assert pair.west.phase(2) == pair.east.phase(2) == ["net"]


# --- the initiator ------------------------------------------------------------------------------------------------


def answered(sent: tuple[Identity, Identity] | None, *said: Identity) -> tuple[bool, Reason | None, str]:
    """Whether east, which sent these identities (or none), takes an answer with those; its reason and last line."""
    local, remote = sent or (None, None)
    east = configuration(
        EAST, WEST, initiates=True, connection=ends(local, remote), general=General(check_interval=900)
    )
    held = held_at(8, Pair(east, configuration(WEST, EAST, connection=ends(remote, local))))
    kept = tuple(each for each in held.message.payloads if not isinstance(each, Identification))
    held.inject(held.forged((*kept, *map(to_payload, said))))
    return bool(held.receiver.kernel), held.receiver.records[-1].reason, held.receiver.log[-1]


@pytest.mark.parametrize("ways", WRITTEN, ids=lambda ways: str(ways[0]))
def test_our_traffic_may_come_back_in_another_way_of_writing(ways: list[Identity]) -> None:
    """RFC 2409 section 5.5; strongSwan writes a network of 32 bits as a host."""
    for sent in ways:
        for said in ways:
            assert answered((sent, THERE), said, THERE)[0]
            assert answered((HERE, sent), span("10.2.0.0", "10.2.0.255"), said)[0]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ((HERE, THERE), ()),
        ((HERE, THERE), (THERE, HERE)),
        ((HERE, THERE), (host("10.2.0.0"), THERE)),
        ((HERE, THERE), (net("10.2.0.0/25"), THERE)),
        ((HERE, THERE), (net("10.2.0.0/23"), THERE)),
        ((HERE, THERE), (HERE, span("10.1.0.0", "10.1.0.254"))),
        ((HERE, THERE), (HERE, net("10.1.0.0/24", 6))),
        ((HERE, THERE), (HERE, net("10.1.0.0/24", 0, 22))),
        ((net("10.2.0.0/24", 6, 22), THERE), (HERE, THERE)),
        ((HERE, THERE), (HERE, Identity("FQDN", name="10.1.0.0"))),
        ((host("10.2.0.5"), THERE), (host("::ffff:10.2.0.5"), THERE)),
        (None, (host(EAST), host("10.2.0.9"))),
        (None, (host(EAST), host(WEST, 6))),
        (None, (host(EAST), net(f"{WEST}/31"))),
    ],
    ids=str,
)
def test_other_traffic_in_the_answer_is_refused_also_if_it_is_less(
    sent: tuple[Identity, Identity] | None, said: tuple[Identity, ...]
) -> None:
    taken, reason, log = answered(sent, *said)
    assert (taken, reason) == (False, Reason.IDENTITY_MISMATCH)
    assert "INVALID_ID_INFORMATION: initiator_recv_HASH_SA_NONCE: the responder returned other identities" in log


def test_the_two_addresses_that_we_left_out_may_be_said_as_networks() -> None:
    assert answered(None, net(f"{EAST}/32"), span(WEST, WEST))[0]
