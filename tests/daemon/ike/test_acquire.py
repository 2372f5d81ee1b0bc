"""On-demand connections: what the kernel asks for, under which names, for how long, and that nothing of it is left."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike import acquire
from daemon.ike.events import Acquire, AllocateSpi, Expired, InstallSas, SetMode, Shutdown, TearDown
from daemon.ike.sa import SaFlag
from policydb.connections import Configuration, General, Identity, OnDemand, Peer
from tests.daemon.ike.network import (
    EAST,
    EAST_NET,
    WEST,
    WEST_NET,
    Pair,
    configuration,
    host,
    ike_transform,
    subnet,
    suite,
)
from tests.sizes import examples

QUIET = General(check_interval=100_000)
WISH = Acquire(77, "", WEST, subnet(EAST_NET), subnet(WEST_NET))
PEER = f"peer-{WEST}"
LID, RID = f"from-{EAST_NET}", f"to-{WEST_NET}"


def on_demand(**changes: Any) -> Configuration:  # noqa: ANN401 - fields of a Configuration
    """East with the peer that ipsecctl's names give a key to, and no connection."""
    made = configuration(EAST, WEST, general=QUIET)
    section = replace(made.peers["gateway"], name=PEER)
    template = OnDemand("ID_PROT", (ike_transform(),), (suite(),))
    fields: dict[str, Any] = {
        "peers": {PEER: section},
        "peers_by_address": {},
        "connections": {},
        "on_demand": template,
    }
    return replace(made, **(fields | changes))


def started(east: Configuration | None = None) -> Pair:
    return Pair(east or on_demand(), configuration(WEST, EAST, general=QUIET)).start()


def ask(pair: Pair, wish: Acquire = WISH, seconds: float = 1.0) -> Pair:
    pair.do(pair.east, pair.east.engine.upcall(wish, pair.now))
    return pair.run(pair.now + seconds)


def shown(pair: Pair) -> dict[str, dict[str, str]]:
    return {name: dict(tags) for name, tags in pair.east.engine.report(pair.now).dynamic}


@pytest.fixture
def nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written down stays as it is until the end of the turn: no negotiation fails for want of a key."""
    monkeypatch.setattr(acquire, "establish", lambda _core, _name: None)


def written(*wishes: Acquire) -> dict[str, dict[str, str]]:
    """The sections of wishes for a peer that nobody has configured, before anything of them has ended."""
    pair = started(on_demand(peers={}))
    for wish in wishes:
        acquire.acquire(pair.east.engine._core, wish)
    return shown(pair)


# --- the way ------------------------------------------------------------------------------------------------------


def test_what_the_kernel_asks_for_is_negotiated_with_the_peer_that_has_isakmpds_name() -> None:
    pair = ask(started())
    assert pair.established
    assert pair.east.phase(1) == [PEER]
    assert pair.east.phase(2) == ["Connection-1"]
    assert {sa.acquire for sa in pair.east.kernel.values()} == {77}
    (sa,) = pair.east.engine._core.sas.ipsec
    assert sa.flags == SaFlag.READY | SaFlag.ONDEMAND


@pytest.mark.usefixtures("nothing_begins")
def test_the_sections_are_isakmpds() -> None:
    peer = f"peer-{WEST}-local-{EAST}"
    assert written(replace(WISH, local=EAST, remote_identity="fqdn/west.example.org")) == {
        "Connection-1": {
            "Phase": "2",
            "Flags": "__ondemand",
            "ISAKMP-peer": peer,
            "Acquire-ID": "77",
            "Local-ID": LID,
            "Remote-ID": RID,
            "Configuration": f"phase2-{LID}-{RID}",
            "Refcount": "2",
        },
        LID: {"ID-type": "IPV4_ADDR_SUBNET", "Network": "10.1.0.0", "Netmask": "255.255.255.0", "Refcount": "1"},
        RID: {"ID-type": "IPV4_ADDR_SUBNET", "Network": "10.2.0.0", "Netmask": "255.255.255.0", "Refcount": "1"},
        f"phase2-{LID}-{RID}": {
            "Exchange_type": "Quick_mode",
            "DOI": "IPSEC",
            "Suites": suite().name,
            "Refcount": "1",
        },
        peer: {
            "Phase": "1",
            "Address": WEST,
            "Configuration": f"phase1-{peer}",
            "Local-address": EAST,
            "Remote-ID": "id-west.example.org",
            "Refcount": "1",
        },
        f"phase1-{peer}": {
            "Exchange_Type": "ID_PROT",
            "DOI": "IPSEC",
            "Transforms": ike_transform().name,
            "Refcount": "1",
        },
        "id-west.example.org": {"ID-type": "FQDN", "Name": "west.example.org", "Refcount": "1"},
    }


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("fqdn/a.example.org", {"ID-type": "FQDN", "Name": "a.example.org"}),
        ("ufqdn/u@example.org", {"ID-type": "USER_FQDN", "Name": "u@example.org"}),
        ("ipv4/192.0.2.7", {"ID-type": "IPV4_ADDR", "Address": "192.0.2.7"}),
        ("ipv6/2001:db8::7", {"ID-type": "IPV6_ADDR", "Address": "2001:db8::7"}),
        ("u@example.org", {"ID-type": "USER_FQDN", "Name": "u@example.org"}),
        ("a.example.org", {"ID-type": "FQDN", "Name": "a.example.org"}),
    ],
)
@pytest.mark.usefixtures("nothing_begins")
def test_identities_come_with_isakmpds_prefixes(text: str, tags: dict[str, str]) -> None:
    sections = written(replace(WISH, local_identity=text))
    name = f"id-{text.partition('/')[2] or text}"
    assert sections[PEER]["ID"] == name
    assert sections[name] == {**tags, "Refcount": "1"}


def test_protocol_and_port_are_part_of_the_names_and_of_the_flow() -> None:
    wish = replace(
        WISH,
        local_selector=replace(host(EAST), protocol=17, port=0),
        remote_selector=replace(host(WEST), protocol=17, port=53),
    )
    pair = ask(started(), wish, 0.0)
    assert shown(pair)[f"to-{WEST}=17:53"] == {
        "ID-type": "IPV4_ADDR",
        "Address": WEST,
        "Protocol": "17",
        "Port": "53",
        "Refcount": "1",
    }
    assert f"from-{EAST}=17" in shown(pair)


def test_a_configured_peer_of_that_name_is_used_and_not_written_again() -> None:
    for name in (PEER, f"{PEER}-local-{EAST}"):
        section = replace(on_demand().peers[PEER], name=name)
        pair = ask(started(on_demand(peers={name: section})), replace(WISH, local=EAST))
        assert pair.established
        assert pair.east.phase(1) == [name]
        assert set(shown(pair)) == {"Connection-1", LID, RID, f"phase2-{LID}-{RID}"}


def test_a_static_connection_of_that_name_lends_its_suites_or_is_started_itself() -> None:
    other = suite(bits=256)
    made = configuration(EAST, WEST).connections["net"]
    name = f"{LID}-{RID}"
    for initiates, found in ((False, "Connection-1"), (True, name)):
        static = replace(made, name=name, peer=PEER, suites=(other,), initiates=initiates)
        pair = Pair(on_demand(connections={name: static}), configuration(WEST, EAST, suites=(other,), general=QUIET))
        ask(pair)
        assert pair.established
        assert pair.east.phase(2) == [found]


# --- repeated wishes, and what cannot be --------------------------------------------------------------------------


def test_a_wish_for_a_flow_that_is_negotiated_or_stands_begins_nothing() -> None:
    pair = started()
    for sequence in range(5):
        ask(pair, replace(WISH, sequence=sequence), 0.005)
    ask(pair, replace(WISH, sequence=9))
    assert pair.established
    assert pair.east.phase(2) == ["Connection-1"]


HOST_WISH = replace(WISH, local_selector=host("10.1.0.5"))
NET_WISH = replace(WISH, local_selector=subnet(IPv4Network("10.1.0.5/32")))


@pytest.mark.parametrize("wishes", [(HOST_WISH, NET_WISH), (NET_WISH, HOST_WISH)])
def test_a_host_and_its_network_of_32_bits_are_one_flow_under_one_name(wishes: tuple[Acquire, Acquire]) -> None:
    west = configuration(WEST, EAST, general=QUIET, connection={"remote_identity": host("10.1.0.5")})
    pair = Pair(on_demand(), west).start()
    for each in wishes:
        ask(pair, each)
    assert pair.established
    assert pair.east.phase(2) == ["Connection-1"]
    assert f"from-10.1.0.5-{RID}" in str(shown(pair)["Connection-1"])


@pytest.mark.usefixtures("nothing_begins")
def test_another_flow_shares_the_sections_of_the_peer() -> None:
    sections = written(WISH, replace(WISH, local_selector=host(EAST)))
    assert [sections[name]["Refcount"] for name in (PEER, RID, LID, f"phase1-{PEER}")] == ["2", "2", "1", "1"]


def test_two_flows_are_negotiated_under_one_phase_1() -> None:
    nets = configuration(WEST, EAST, general=QUIET)
    single = replace(nets.connections["net"], name="single", remote_identity=host(EAST))
    pair = Pair(on_demand(), replace(nets, connections={**nets.connections, "single": single}))
    ask(pair, WISH, 0.0)
    ask(pair, replace(WISH, local_selector=host(EAST)))
    assert pair.established
    assert pair.east.phase(1) == [PEER]
    assert sorted(pair.east.phase(2)) == ["Connection-1", "Connection-2"]


def test_a_name_that_somebody_configured_is_not_given_again() -> None:
    there = replace(configuration(EAST, WEST).connections["net"], name="Connection-1", peer=PEER)
    pair = ask(started(on_demand(connections={"Connection-1": there})))
    assert pair.east.phase(2) == ["Connection-2"]


def test_a_negotiation_that_fails_leaves_no_section() -> None:
    pair = ask(started(on_demand(peers={})), seconds=0.0)
    assert shown(pair) == {}
    pair = started()
    pair.filter = lambda *_: []
    ask(pair)
    assert shown(pair)
    pair.run(130.0)
    assert shown(pair) == {}
    assert pair.east.engine._core.dynamic.connections == {}


@pytest.mark.parametrize("wish", [replace(WISH, remote="nowhere"), replace(WISH, local_identity="ipv4/x")])
def test_what_is_no_address_is_said_and_begins_nothing(wish: Acquire) -> None:
    pair = ask(started(), wish)
    assert shown(pair) == {}
    assert pair.east.log[-1].startswith("acquire 77: ")


def test_a_passive_or_ended_daemon_begins_nothing() -> None:
    for command in (SetMode(passive=True), Shutdown()):
        pair = started()
        pair.do(pair.east, pair.east.engine.command(command, pair.now))
        ask(pair)
        assert shown(pair) == {}
        assert not pair.east.sent


# --- the end ------------------------------------------------------------------------------------------------------


def soft(pair: Pair, octets: int | None) -> None:
    sa = pair.east.engine._core.sas.ipsec[-1]
    for key in sa.keys:
        pair.do(pair.east, pair.east.engine.upcall(Expired(*key, hard=False, octets=octets), pair.now))
    pair.run(pair.now + 1.0)


def test_an_sa_that_carried_nothing_fades_and_takes_its_sections_with_it() -> None:
    pair = ask(started())
    assert shown(pair)["Connection-1"]["Refcount"] == "1"
    soft(pair, 0)
    (sa,) = pair.east.engine._core.sas.ipsec
    assert sa.flags & SaFlag.FADING
    pair.run(1300.0)
    assert pair.east.phase(2) == []
    assert shown(pair) == {}
    assert not pair.east.kernel


def test_an_sa_that_carried_something_is_renewed_under_its_name() -> None:
    pair = ask(started())
    soft(pair, 1500)
    assert pair.east.phase(2) == ["Connection-1"] * 2
    old, new = pair.east.engine._core.sas.ipsec
    assert old.flags & SaFlag.REPLACED
    assert new.flags == SaFlag.READY | SaFlag.ONDEMAND
    pair.run(1195.0)
    assert shown(pair)["Connection-1"]["Refcount"] == "1"
    soft(pair, 0)
    pair.run(3000.0)
    assert shown(pair) == {}


def test_our_own_clock_alone_renews_nothing_on_demand() -> None:
    pair = ask(started()).run(1190.0)
    assert pair.east.phase(2) == ["Connection-1"]
    pair.run(1300.0)
    assert pair.east.phase(2) == []
    assert shown(pair) == {}


def test_a_fading_sa_does_not_keep_a_new_wish_away() -> None:
    pair = ask(started())
    soft(pair, 0)
    ask(pair, replace(WISH, sequence=78))
    assert pair.east.phase(2) == ["Connection-1", "Connection-2"]
    assert pair.established


def test_tearing_it_down_removes_its_sections() -> None:
    for name in ("Connection-1", WEST, None):
        pair = ask(started())
        pair.do(pair.east, pair.east.engine.command(TearDown(name), pair.now))
        assert shown(pair) == {}
        ask(pair, replace(WISH, sequence=78))
        assert pair.east.phase(2) == ["Connection-2"]


SELECTORS: list[Identity] = [subnet(EAST_NET), host(EAST), replace(host(EAST), protocol=6, port=22)]
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(SELECTORS), st.sampled_from(["", EAST])),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.015, 1.0, 130.0, 1100.0]), st.none()),
    st.tuples(st.just("soft"), st.sampled_from([0, 1]), st.none()),
    st.tuples(st.just("down"), st.sampled_from([None, "Connection-1", "Connection-2"]), st.none()),
    st.tuples(st.just("kernel"), st.sampled_from([None, AllocateSpi, InstallSas]), st.none()),
)


@settings(max_examples=examples(40))
@given(st.lists(STEPS, max_size=12), st.booleans())
def test_whatever_is_asked_for_the_sections_are_those_of_what_is_there(steps: list[Any], keyed: bool) -> None:
    peers: dict[str, Peer] = on_demand().peers if keyed else {}  # type: ignore[assignment]
    pair = started(on_demand(peers=peers))
    core = pair.east.engine._core
    for kind, value, local in steps:
        if kind == "ask":
            ask(pair, replace(WISH, local_selector=value, local=local), 0.0)
        elif kind == "wait":
            pair.run(pair.now + value)
        elif kind == "soft" and core.sas.ipsec:
            soft(pair, value)
        elif kind == "down":
            pair.do(pair.east, pair.east.engine.command(TearDown(value), pair.now))
        elif kind == "kernel":
            pair.east.refuse = value
        used = {sa.name for sa in core.sas.ipsec} | {each.name for each in core.exchanges}
        used |= {name for each in core.exchanges for name in each.waiting}
        assert set(core.dynamic.connections) == {name for name in used if name.startswith("Connection-")}
        named = [core.dynamic.sections[name].tags for name in core.dynamic.sections]
        for name, section in core.dynamic.sections.items():
            if name not in core.dynamic.connections:
                assert section.refcount == sum(name in tags.values() for tags in named)
    pair.do(pair.east, pair.east.engine.command(Shutdown(), pair.now))
    assert shown(pair) == {}
    assert not core.dynamic.peers
    assert not core.dynamic.connections
