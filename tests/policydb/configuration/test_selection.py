"""Which peer section and connection an incoming negotiation gets, held against a scan over all of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.configuration.selection import Candidate, Incoming, select
from policydb.connections import Configuration, Connection, Identity, IkeTransform, Interval, Peer
from policydb.negotiation import Difference
from tests.policydb.confs import WHOLE, altered, read

EAST = ip_address("192.0.2.1")


def net(text: str, protocol: int = 0, port: int = 0) -> Identity:
    return Identity("IPV4_ADDR_SUBNET", network=ip_network(text), protocol=protocol, port=port)


def host(text: str) -> Identity:
    return Identity("IPV4_ADDR", address=ip_address(text))


HERE, THERE = net("10.2.0.0/16"), net("10.1.0.0/16")


# --- the index ----------------------------------------------------------------------------------------------------


def _matches(configured: Identity, received: Identity) -> bool:
    """isakmpd.md 5.9 as it stands: type and value, protocol and port where configured."""
    return (
        configured.meaning() == received.meaning()
        and configured.protocol in {0, received.protocol}
        and configured.port in {0, received.port}
    )


def _scanned(
    configuration: Configuration, peer: str, local: Identity, remote: Identity, *, hosts: bool
) -> Connection | None:
    """The first for exactly this, or that matches both; else the first without Remote-ID that matches what it has."""
    own = [each for each in configuration.connections.values() if each.answers and each.peer == peer]
    for each in own:
        if (each.local_identity, each.remote_identity) == (local, remote):
            return each
    for each in own:
        ours, theirs = each.local_identity, each.remote_identity
        if ours and theirs and _matches(ours, local) and _matches(theirs, remote):
            return each
    for each in own:
        if each.remote_identity is None and (
            hosts if each.local_identity is None else _matches(each.local_identity, local)
        ):
            return each
    return None


IDENTITIES = st.builds(
    net,
    st.sampled_from(["10.1.0.0/16", "10.1.0.0/17", "10.2.0.0/16"]),
    st.sampled_from([0, 6, 17]),
    st.sampled_from([0, 22]),
) | st.sampled_from([host("10.1.0.0"), Identity("IPV6_ADDR", address=ip_address("::1"))])
CONNECTIONS = st.builds(
    Connection,
    name=st.just(""),
    peer=st.sampled_from(["a", "b"]),
    suites=st.just(()),
    local_identity=st.none() | IDENTITIES,
    remote_identity=st.none() | IDENTITIES,
    answers=st.booleans(),
)


@given(st.lists(CONNECTIONS, max_size=8), IDENTITIES, IDENTITIES, st.booleans())
def test_a_look_up_finds_what_a_scan_finds(
    connections: list[Connection], local: Identity, remote: Identity, hosts: bool
) -> None:
    named = {f"c{number}": replace(each, name=f"c{number}") for number, each in enumerate(connections)}
    configuration = Configuration(connections=named)
    for peer in ("a", "b"):
        found = configuration.connection_for(peer, local, remote, hosts=hosts)
        assert found == _scanned(configuration, peer, local, remote, hosts=hosts)


@given(st.lists(CONNECTIONS, max_size=6), IDENTITIES, IDENTITIES)
def test_what_is_explained_is_what_the_daemon_takes(
    connections: list[Connection], local: Identity, remote: Identity
) -> None:
    named = {f"c{number}": replace(each, name=f"c{number}") for number, each in enumerate(connections)}
    peers = {name: Peer(name, ()) for name in "ab"}
    configuration = Configuration(peers=peers, default_peer="a", connections=named)
    selection = select(configuration, Incoming(EAST, traffic=(local, remote)))
    taken = configuration.connection_for("a", local, remote, hosts=False)
    assert [each.name for each in selection.connections if each.chosen] == ([taken.name] if taken else [])
    assert selection.found is (taken is not None)
    for each in selection.connections:
        before = taken is not None and list(named).index(taken.name) <= list(named).index(each.name)
        narrower = taken is not None and named[each.name].remote_identity is None
        exact = taken is not None and (taken.local_identity, taken.remote_identity) == (local, remote)
        assert each.difference is not None or each.chosen or before or narrower or exact


# --- peers --------------------------------------------------------------------------------------------------------


def _peers(text: str, incoming: Incoming) -> tuple[Candidate, ...]:
    return select(read(text), incoming).peers


def test_the_address_is_looked_up_before_default() -> None:
    first, second = _peers(WHOLE, Incoming(EAST))
    assert first == Candidate("[Phase 1]:192.0.2.1", "east", chosen=True)
    assert second == Candidate("[Phase 1]:Default", "Default-phase-1", chosen=False)


def test_an_unknown_address_gets_the_default() -> None:
    first, second = _peers(WHOLE, Incoming(ip_address("203.0.113.9")))
    assert first.difference == Difference("tag", "203.0.113.9", None)
    assert second == Candidate("[Phase 1]:Default", "Default-phase-1", chosen=True)


def test_a_peer_of_that_address_that_phase_1_does_not_name_is_shown() -> None:
    *_, last = _peers(altered(("192.0.2.1=east\n", "")), Incoming(EAST))
    assert last == Candidate(
        "[east]:Address", "east", chosen=False, difference=Difference("section", "Default-phase-1", "east")
    )


@pytest.mark.parametrize(
    ("identity", "difference"),
    [
        (host("192.0.2.1"), None),
        (host("192.0.2.2"), Difference("Remote-ID address", "192.0.2.2", "192.0.2.1")),
        (
            Identity("FQDN", name="192.0.2.1"),
            Difference("Remote-ID type", "FQDN 192.0.2.1", "IPV4_ADDR 192.0.2.1"),
        ),
    ],
)
def test_the_peers_identity_is_checked(identity: Identity, difference: Difference | None) -> None:
    selection = select(read(WHOLE), Incoming(EAST, remote_id=identity))
    assert (selection.peers[0].difference, selection.found) == (difference, difference is None)


def test_our_identity_is_checked() -> None:
    first, _ = _peers(WHOLE, Incoming(EAST, local_id=Identity("FQDN", name="west.example.net")))
    assert first.difference == Difference("ID name", "west.example.net", "west.example.org")


def test_nobody_is_expected_without_an_entry_and_without_default() -> None:
    selection = select(Configuration(), Incoming(EAST))
    assert [each.difference for each in selection.peers] == [
        Difference("tag", "192.0.2.1", None),
        Difference("tag", "Default", None),
    ]
    assert not selection.found


# --- connections --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "remote", "difference"),
    [
        (HERE, THERE, None),
        (net("10.2.0.0/16", 6, 22), net("10.1.0.0/16", 6), None),
        (HERE, net("10.3.0.0/16"), Difference("remote network", "10.3.0.0/16", "10.1.0.0/16")),
        (THERE, HERE, Difference("local network", "10.1.0.0/16", "10.2.0.0/16")),
        (HERE, host("10.1.0.1"), Difference("remote type", "IPV4_ADDR 10.1.0.1", "IPV4_ADDR_SUBNET 10.1.0.0/16")),
    ],
)
def test_the_first_field_that_differs_is_named(
    local: Identity, remote: Identity, difference: Difference | None
) -> None:
    selection = select(read(WHOLE), Incoming(EAST, traffic=(local, remote)))
    (link,) = selection.connections
    assert (link.chosen, link.difference) == (difference is None, difference)
    assert selection.found is (difference is None)


@pytest.mark.parametrize(
    ("local", "field", "given_", "wanted"),
    [(net("10.2.0.0/16", 17), "local protocol", "17", "6"), (net("10.2.0.0/16", 6, 23), "local port", "23", "22")],
)
def test_protocol_and_port_differ_where_they_are_configured(
    local: Identity, field: str, given_: str, wanted: str
) -> None:
    text = altered(("Network=10.2.0.0\n", "Network=10.2.0.0\nProtocol=6\nPort=22\n"))
    (link,) = select(read(text), Incoming(EAST, traffic=(local, THERE))).connections
    assert link.difference == Difference(field, given_, wanted)


def test_a_connection_that_only_starts_is_shown_as_such() -> None:
    text = altered(("[link]\n", "[link]\nFlags=Active-only\n"))
    selection = select(read(text), Incoming(EAST, traffic=(HERE, THERE)))
    assert [each.difference.attribute for each in selection.connections if each.difference] == ["direction"]
    assert not selection.found


def test_a_connection_of_another_peer_that_would_fit_is_shown() -> None:
    selection = select(read(WHOLE), Incoming(ip_address("203.0.113.9"), traffic=(HERE, THERE)))
    (link,) = selection.connections
    assert link.difference == Difference("ISAKMP-peer", "Default-phase-1", "east")


def test_two_hosts_get_the_connection_without_identities() -> None:
    text = altered(("Local-ID=here\nRemote-ID=there\n", ""))
    assert select(read(text), Incoming(EAST, traffic=(host("192.0.2.7"), host("192.0.2.1")))).found
    (link,) = select(read(text), Incoming(EAST, traffic=(HERE, THERE))).connections
    assert link.difference == Difference("traffic", "10.2.0.0/16 - 10.1.0.0/16", "the two hosts themselves")


# --- offers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offer", "differences"),
    [
        (IkeTransform("o", "AES_CBC", "SHA2_256", "PRE_SHARED", "MODP_2048", Interval(256, 256, 256)), ()),
        (
            IkeTransform("o", "3DES_CBC", "SHA", "PRE_SHARED", "MODP_1024"),
            ("encryption", "key length", "hash", "group"),
        ),
    ],
)
def test_phase_1_offers_are_held_against_the_peers_transforms(
    offer: IkeTransform, differences: tuple[str, ...]
) -> None:
    offer = replace(offer, lifetimes=read(WHOLE).peers["east"].transforms[0].lifetimes)
    selection = select(read(WHOLE), Incoming(EAST, transforms=(offer,)))
    (held,) = selection.transforms
    assert tuple(each.attribute for each in held.differences) == differences
    assert selection.found is (differences == ())


@pytest.mark.parametrize("traffic", [None, (HERE, THERE)])
@pytest.mark.parametrize(
    ("name", "differences"),
    [
        ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", ()),
        ("QM-ESP-AES-SHA2-256-SUITE", ("group",)),
        ("QM-ESP-TRP-3DES-SHA-PFS-GRP14-SUITE", ("encryption", "key length", "authentication", "encapsulation")),
        ("QM-AH-SHA2-256-PFS-GRP14-SUITE", ("protocols",)),
    ],
)
def test_phase_2_offers_are_held_against_the_suites(
    name: str, differences: tuple[str, ...], traffic: tuple[Identity, Identity] | None
) -> None:
    offered = read(altered(("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", name))).connections["link"].suites
    selection = select(read(WHOLE), Incoming(EAST, traffic=traffic, suites=offered))
    (held,) = selection.suites
    assert tuple(each.attribute for each in held.differences) == differences
    assert selection.found is (differences == ())
