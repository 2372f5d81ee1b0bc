"""Quick mode (RFC 2409 section 5.5): suites, PFS, identities, connections, policy, lifetimes and renewal."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from random import randbytes

import pytest

from daemon.ike.algorithms.dh import generate
from daemon.ike.events import Connect, Expired, Send
from daemon.ike.messages.payloads import Identification, KeyExchange
from daemon.ike.registries import Group, IdType
from daemon.ike.sa import SaFlag
from policydb.connections import Configuration, Connection, General, Identity, IpsecProtocol, Suite
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, EAST_NET, WEST, WEST_NET, Pair, configuration, connected, host, subnet, suite

PATIENT = General(check_interval=100_000)


def with_suites(east: tuple[Suite, ...], west: tuple[Suite, ...] | None = None) -> Pair:
    return connected(
        configuration(EAST, WEST, initiates=True, suites=east, general=PATIENT),
        configuration(WEST, EAST, suites=east if west is None else west, general=PATIENT),
    )


# --- suites and PFS -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authentication", ["HMAC_MD5", "HMAC_SHA", "HMAC_SHA2_256", "HMAC_SHA2_384", "HMAC_SHA2_512"])
@pytest.mark.parametrize(
    ("cipher", "bits", "octets"),
    [("AES", 128, 16), ("AES", 192, 24), ("AES", 256, 32), ("3DES", None, 24), ("NULL", None, 0)],
)
def test_both_ends_derive_the_same_keys_of_the_right_length(
    cipher: str, bits: int | None, octets: int, authentication: str
) -> None:
    pair = with_suites((suite(cipher=cipher, bits=bits, authentication=authentication),))
    assert pair.established
    keys = {"HMAC_MD5": 16, "HMAC_SHA": 20, "HMAC_SHA2_256": 32, "HMAC_SHA2_384": 48, "HMAC_SHA2_512": 64}
    for sa in pair.east.kernel.values():
        assert (sa.encryption, sa.authentication) == (cipher, authentication)
        assert len(sa.encryption_key) == octets
        assert len(sa.authentication_key) == keys[authentication]
    assert len({sa.authentication_key for sa in pair.east.kernel.values()}) == 2


@pytest.mark.parametrize("group", ["MODP_1024", "MODP_2048", "ECP_256", "ECP_384"])
def test_pfs_works_and_policy_is_told(group: str) -> None:
    pair = with_suites((suite(group=group),))
    assert pair.established
    for node in pair.nodes:
        assert node.oracle.asked[-1].attributes["pfs"] == "yes"


def test_pfs_changes_the_keys_and_no_pfs_is_told() -> None:
    plain, perfect = with_suites((suite(),)), with_suites((suite(group="ECP_256"),))
    assert plain.east.oracle.asked[-1].attributes["pfs"] == "no"
    assert {sa.encryption_key for sa in plain.east.kernel.values()}.isdisjoint(
        {sa.encryption_key for sa in perfect.east.kernel.values()}
    )


@pytest.mark.parametrize(("east", "west"), [("ECP_256", None), (None, "ECP_256"), ("ECP_256", "ECP_384")])
def test_disagreement_on_pfs_is_no_match(east: str | None, west: str | None) -> None:
    pair = with_suites((suite(group=east),), (suite(group=west),))
    record = pair.west.records[-1]
    assert (record.outcome, record.reason) == (Outcome.REFUSED, Reason.NO_TRANSFORM_MATCHED)
    assert not pair.west.oracle.asked
    assert record.comparisons


def test_the_responder_takes_only_what_the_connection_has() -> None:
    pair = with_suites((suite(bits=128), suite(bits=256)), (suite(bits=256),))
    assert pair.established
    assert {len(sa.encryption_key) for sa in pair.west.kernel.values()} == {32}


def test_the_configured_replay_window_is_used_and_never_zero() -> None:
    pair = with_suites((suite(replay_window=64),), (suite(replay_window=0),))
    assert {sa.replay_window for sa in pair.east.kernel.values()} == {64}
    assert {sa.replay_window for sa in pair.west.kernel.values()} == {16}


def test_a_suite_of_two_protocols_makes_four_sas() -> None:
    esp = suite().protocols[0]
    ah_transform = replace(esp.transforms[0], name="AH-XF", transform_id="SHA2_256", key_length=None)
    both = Suite("BOTH", (esp, IpsecProtocol("AH", "IPSEC_AH", (ah_transform,))))
    pair = with_suites((both,))
    assert pair.established
    assert sorted(sa.protocol for sa in pair.west.kernel.values()) == ["AH", "AH", "ESP", "ESP"]
    assert len({sa.spi for sa in pair.west.kernel.values()}) == 4


# --- identities and connections -----------------------------------------------------------------------------------

POLICY_ONLY = Identity("IPV4_ADDR_SUBNET", network=IPv4Network("172.16.0.0/16"))


def selectors(pair: Pair) -> set[tuple[str, str]]:
    return {(str(sa.source_selector), str(sa.destination_selector)) for sa in pair.west.kernel.values()}


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        (subnet(EAST_NET), subnet(WEST_NET)),
        (host("10.1.0.7"), host("10.2.0.9")),
        (replace(host("10.1.0.7"), protocol=6, port=80), replace(subnet(WEST_NET), protocol=6)),
        (
            Identity("IPV6_ADDR_SUBNET", network=IPv6Network("2001:db8:1::/48")),
            Identity("IPV6_ADDR_SUBNET", network=IPv6Network("2001:db8:2::/48")),
        ),
    ],
    ids=str,
)
def test_the_traffic_is_what_the_connection_says(local: Identity, remote: Identity) -> None:
    pair = connected(
        configuration(
            EAST, WEST, initiates=True, connection={"local_identity": local, "remote_identity": remote}, general=PATIENT
        ),
        configuration(WEST, EAST, connection={"local_identity": remote, "remote_identity": local}, general=PATIENT),
    )
    assert pair.established
    assert selectors(pair) == {(str(local), str(remote)), (str(remote), str(local))}
    assert pair.west.phase(2) == ["net"]


def test_host_to_host_needs_no_identities() -> None:
    nothing = {"local_identity": None, "remote_identity": None}
    pair = connected(
        configuration(EAST, WEST, initiates=True, connection=nothing), configuration(WEST, EAST, connection=nothing)
    )
    assert pair.established
    assert selectors(pair) == {(EAST, WEST), (WEST, EAST)}
    assert pair.west.phase(2) == ["net"]
    assert pair.west.oracle.asked[-1].attributes["remote_filter"] == "192.000.002.001"


def unmatched(west: Configuration, policy: bool = True) -> Pair:
    """East proposes traffic that west's connection does not have."""
    east = configuration(
        EAST,
        WEST,
        initiates=True,
        connection={"remote_identity": POLICY_ONLY},
        suites=(suite(bits=192),),
        general=PATIENT,
    )
    return Pair(east, west, policies=(lambda _: True, lambda _: policy)).start().run(1.0)


def test_traffic_that_no_connection_has_is_policys_alone_to_decide() -> None:
    pair = unmatched(configuration(WEST, EAST))
    assert pair.established
    assert pair.west.phase(2) == [""]
    assert "net" in pair.east.phase(2)
    refused = unmatched(configuration(WEST, EAST), policy=False)
    assert refused.west.records[-1].reason is Reason.POLICY
    assert refused.west.records[-1].connection == ""


def test_without_policy_such_traffic_is_refused() -> None:
    pair = unmatched(configuration(WEST, EAST, general=General(use_keynote=False)))
    record = pair.west.records[-1]
    assert record.reason is Reason.IDENTITY_MISMATCH
    assert record.detail == (
        "responder_recv_HASH_SA_NONCE: peer proposed invalid phase 2 IDs: "
        "initiator id 10.1.0.0/24, responder id 172.16.0.0/16"
    )
    assert pair.east.records[-1].reason is Reason.PEER_REFUSED


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, "net"),
        ({"remote_identity": None}, "net"),  # road warriors: the local identity is enough
        ({"answers": False}, ""),
        ({"peer": "somebody else"}, ""),
        ({"remote_identity": subnet(IPv4Network("10.1.0.0/25"))}, ""),
        ({"remote_identity": replace(subnet(EAST_NET), protocol=6)}, ""),
        ({"local_identity": subnet(EAST_NET), "remote_identity": subnet(WEST_NET)}, ""),  # the wrong way round
    ],
    ids=str,
)
def test_a_connection_answers_for_both_its_identities_only(change: dict[str, object], name: str) -> None:
    pair = connected(west=configuration(WEST, EAST, connection=change))
    assert pair.west.phase(2) == [name]


def many(count: int, local: str, remote: str, initiates: bool) -> Configuration:
    base = configuration(local, remote)
    connections = {}
    for number in range(count):
        east, west = subnet(IPv4Network(f"10.1.{number}.0/24")), subnet(IPv4Network(f"10.2.{number}.0/24"))
        mine, theirs = (east, west) if local == EAST else (west, east)
        name = f"net{number}"
        connections[name] = Connection(name, "gateway", (suite(),), mine, theirs, initiates=initiates)
    return replace(base, connections=connections)


def test_several_quick_modes_run_at_once_behind_one_phase_1() -> None:
    pair = connected(many(8, EAST, WEST, initiates=True), many(8, WEST, EAST, initiates=False))
    assert pair.established
    assert sorted(pair.west.phase(2)) == [f"net{number}" for number in range(8)]
    assert pair.east.phase(1) == ["gateway"]
    assert len(pair.east.kernel) == 16


def test_a_quick_mode_that_comes_before_phase_1_is_done_is_dropped_silently() -> None:
    early = held_at(7).data
    held = held_at(5)
    sent = len(held.pair.west.sent)
    held.inject(early)
    assert len(held.pair.west.sent) == sent
    held.release()
    assert held.pair.established


# --- lifetimes and renewal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_the_soft_lifetime_is_85_to_95_percent(seed: int) -> None:
    pair = connected(seed=seed)
    for node in pair.nodes:
        for sa in node.kernel.values():
            assert sa.hard_seconds == 1200
            assert sa.soft_seconds is not None
            assert 1020 <= sa.soft_seconds < 1140


def test_renewal_replaces_the_old_sas_which_then_expire() -> None:
    pair = with_suites((suite(),))
    first = set(pair.east.kernel)
    pair.run(1150.0)
    assert len(pair.east.kernel) == 4
    for node in pair.nodes:
        old, new = node.engine._core.sas.ipsec
        assert old.flags & SaFlag.REPLACED
        assert not new.flags & SaFlag.REPLACED
    pair.run(1210.0)
    assert pair.established
    assert len(pair.east.kernel) == 2
    assert not first & set(pair.east.kernel)


def test_only_the_initiator_renews() -> None:
    pair = with_suites((suite(),))
    pair.run(10_000.0)
    roles = {record.role for record in pair.west.records if record.exchange == "quick mode"}
    assert roles == {"responder"}
    assert pair.established
    assert len(pair.east.kernel) in (2, 4)


def test_a_day_of_renewals_leaves_nothing_behind() -> None:
    pair = with_suites((suite(seconds=600),)).run(86_400.0)
    assert pair.established
    for node in pair.nodes:
        assert node.census()["exchanges"] == node.census()["tokens"] == 0
        assert len(node.kernel) in (2, 4)
        assert node.census()["timers"] <= 9
        assert len([each for each in node.records if each.outcome is not Outcome.ACCEPTED]) == 0
    assert len(pair.east.records) > 140


def test_the_kernels_word_on_lifetimes_counts_as_well() -> None:
    pair = with_suites((suite(),))
    protocol, destination, spi = next(iter(pair.east.kernel))
    pair.do(pair.east, pair.east.engine.upcall(Expired(protocol, destination, spi, hard=False), pair.now))
    pair.run(pair.now + 1)
    assert len(pair.east.phase(2)) == 2
    pair.do(pair.east, pair.east.engine.upcall(Expired(protocol, destination, spi, hard=True), pair.now))
    pair.run(pair.now + 1)
    assert pair.established
    assert len(pair.east.kernel) == 2
    unknown = Expired(protocol, destination, 1, hard=True)
    assert pair.east.engine.upcall(unknown, pair.now) == []


# --- policy -------------------------------------------------------------------------------------------------------


def test_policy_is_told_who_and_what() -> None:
    pair = Pair(
        configuration(EAST, WEST, initiates=True),
    )
    pair.start().run(1.0)
    (request,) = pair.west.oracle.asked
    assert [each.partition(":")[0] for each in request.authorizers] == [
        "passphrase",
        "passphrase-md5-hex",
        "passphrase-sha1-hex",
    ]
    expected = {
        "app_domain": "IPsec policy",
        "doi": "ipsec",
        "initiator": "no",
        "phase_1": "main",
        "phase1_group_desc": "19",
        "remote_id": "192.000.002.001",
        "remote_filter_addr_upper": "010.001.000.255",
        "local_filter_addr_lower": "010.002.000.000",
        "esp_enc_alg": "aes",
        "esp_auth_alg": "hmac-sha2-256",
        "esp_life_seconds": "1200",
    }
    assert {name: request.attributes[name] for name in expected} == expected


def test_a_refused_connection_is_tried_again_by_the_checker_not_at_once() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), policies=(lambda _: True, lambda _: False))
    pair.start().run(59.0)
    assert len([each for each in pair.west.records if each.reason is Reason.POLICY]) == 1
    pair.run(61.0)
    assert len([each for each in pair.west.records if each.reason is Reason.POLICY]) == 2


def test_a_connection_asked_for_twice_is_negotiated_once() -> None:
    pair = Pair().start()
    for _ in range(3):
        pair.do(pair.east, pair.east.engine.command(Connect("net"), pair.now))
    pair.run(1.0)
    assert len(pair.east.kernel) == 2
    assert len([out for _, out in pair.east.sent if isinstance(out, Send)]) == 5


# --- hostile values from a peer that has the keys -----------------------------------------------------------------


@pytest.mark.parametrize("number", [7, 8])
@pytest.mark.parametrize("value", [b"\0" * 256, b"\0" * 255 + b"\1", b"\xff" * 256, b"\1" * 255, b"\1" * 257, b"x"])
def test_a_bad_public_value_ends_the_quick_mode_and_nothing_else(number: int, value: bytes) -> None:
    """CVE-2015-3240: g^x of 0; and 1, more than p, too short, too long (MODP_2048)."""
    suites = (suite(group="MODP_2048"),)
    pair = Pair(
        configuration(EAST, WEST, initiates=True, suites=suites, general=PATIENT),
        configuration(WEST, EAST, suites=suites),
    )
    held = held_at(number, pair)
    payloads = tuple(KeyExchange(value) if isinstance(each, KeyExchange) else each for each in held.message.payloads)
    held.inject(held.forged(payloads))
    pair.run(pair.now + 1.0)
    assert held.receiver.records[-1].reason is Reason.MALFORMED
    assert held.receiver.census()["exchanges"] == 0
    assert held.receiver.census()["tokens"] == 0
    assert not held.receiver.spis
    assert not held.receiver.kernel
    assert held.receiver.phase(1) == ["gateway"]


@pytest.mark.parametrize("number", [7, 8])
@pytest.mark.parametrize("group", [None, "ECP_256"])
def test_a_key_without_a_group_or_a_group_without_a_key_is_refused(number: int, group: str | None) -> None:
    """RFC 2409 section 5.5: the KE payload is there if, and only if, the proposals have a group."""
    suites = (suite(group=group),)
    pair = Pair(
        configuration(EAST, WEST, initiates=True, suites=suites, general=PATIENT),
        configuration(WEST, EAST, suites=suites),
    )
    held = held_at(number, pair)
    others = tuple(each for each in held.message.payloads if not isinstance(each, KeyExchange))
    held.inject(held.forged(others if group else (*others, KeyExchange(generate(Group.ECP_256, randbytes).public))))
    pair.run(pair.now + 1.0)
    (record,) = [each for each in held.receiver.records if each.outcome is not Outcome.ACCEPTED]
    if number == 7:
        assert [each.attribute for each in record.comparisons[0].differences] == ["group"]
    else:
        assert "disagreement on PFS" in record.detail
    assert held.receiver.census()["exchanges"] == 0
    assert not held.receiver.kernel
    assert held.receiver.phase(1) == ["gateway"]


@pytest.mark.parametrize("number", [7, 8])
@pytest.mark.parametrize(
    "identities",
    [
        (),
        (Identification(IdType.IPV4_ADDR, 0, 0, b"\1\2\3\4"),),
        (Identification(IdType.IPV4_ADDR, 0, 0, b"\1\2\3"),) * 2,
        (Identification(IdType.DER_ASN1_DN, 0, 0, b"0"),) * 2,
        (Identification(IdType(200), 0, 0, b""),) * 2,
        (Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, b"\1\2\3\4\x00\xff\x00\xff"),) * 2,
    ],
    ids=["none", "one", "short", "DN", "unknown", "mask"],
)
def test_odd_identities_end_in_a_refusal_or_in_what_policy_allows(
    number: int, identities: tuple[Identification, ...]
) -> None:
    """CVE-2023-38711: identity types other than the configured one."""
    held = held_at(number)
    kept = tuple(each for each in held.message.payloads if not isinstance(each, Identification))
    held.inject(held.forged(kept + identities))
    held.pair.run(held.pair.now + 1.0)
    if number == 7 and not identities:
        assert not held.receiver.records[-1].connection  # host to host, which no connection has
    else:
        assert held.receiver.census()["exchanges"] == 0
        assert held.receiver.records[-1].outcome is not Outcome.ACCEPTED
        assert not held.receiver.spis


def test_host_to_host_may_be_said_in_identities_as_well() -> None:
    """As strongSwan does: two single addresses, those of the negotiation."""
    west = configuration(WEST, EAST, connection={"local_identity": None, "remote_identity": None})
    east = configuration(
        EAST, WEST, initiates=True, connection={"local_identity": host(EAST), "remote_identity": host(WEST)}
    )
    pair = connected(east, west)
    assert pair.established
    assert pair.west.phase(2) == ["net"]


@pytest.mark.parametrize(("answered", "up"), [((EAST, WEST), True), ((WEST, EAST), False), ((EAST, "10.2.0.9"), False)])
def test_a_responder_may_say_the_two_addresses_that_we_left_out(answered: tuple[str, str], up: bool) -> None:
    """RFC 2409 section 5.5: without identities the addresses are meant; strongSwan answers with them all the same."""
    hosts = {"local_identity": None, "remote_identity": None}
    pair = Pair(
        configuration(EAST, WEST, initiates=True, connection=hosts), configuration(WEST, EAST, connection=hosts)
    )
    held = held_at(8, pair)
    said = tuple(Identification(IdType.IPV4_ADDR, 0, 0, IPv4Address(each).packed) for each in answered)
    held.inject(held.forged(held.message.payloads + said))
    assert bool(held.receiver.kernel) is up
