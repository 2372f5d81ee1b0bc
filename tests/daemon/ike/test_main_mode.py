"""Main mode (RFC 2409 section 5.4): algorithms, identities, who may be at the other end, and NATs on the way."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network

import pytest

from daemon.ike.algorithms.dh import GROUPS
from daemon.ike.events import Endpoint, Send, SendKeepalive
from daemon.ike.exchange import Datagram, accept
from daemon.ike.informational import tell
from daemon.ike.main_mode import MAIN_MODE
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import HEADER_LENGTH, Delete, KeyExchange, NatDiscovery, VendorId
from daemon.ike.messages.vendor import Vendor
from daemon.ike.negotiation import answer_phase1
from daemon.ike.phase1 import Phase1
from daemon.ike.registries import Group, Protocol
from daemon.ike.sa import SaFlag
from daemon.ike.surroundings import Settings
from policydb.connections import General, Identity, IkeTransform
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import held_at, state_of
from tests.daemon.ike.network import EAST, WEST, Nat, Pair, Weather, configuration, connected, host, ike_transform

PUBLIC = "198.51.100.1"


def clear_payloads(out: object) -> list[object]:
    assert isinstance(out, Send)
    header = read_header(out.data)
    return list(parse_payloads(header.next_payload, out.data[HEADER_LENGTH:]))


# --- algorithms ---------------------------------------------------------------------------------------------------

CIPHERS = [
    ("AES_CBC", 128),
    ("AES_CBC", 192),
    ("AES_CBC", 256),
    ("3DES_CBC", None),
    ("BLOWFISH_CBC", None),
    ("BLOWFISH_CBC", 96),
    ("CAST_CBC", None),
    ("CAST_CBC", 40),
]
HASHES = ["MD5", "SHA", "SHA2_256", "SHA2_384", "SHA2_512"]


def with_transforms(east: tuple[IkeTransform, ...], west: tuple[IkeTransform, ...]) -> Pair:
    return connected(
        configuration(EAST, WEST, initiates=True, transforms=east), configuration(WEST, EAST, transforms=west)
    )


@pytest.mark.parametrize("digest", HASHES)
@pytest.mark.parametrize(("cipher", "bits"), CIPHERS)
def test_every_cipher_works_with_every_hash(cipher: str, bits: int | None, digest: str) -> None:
    transforms = (ike_transform(encryption=cipher, bits=bits, digest=digest),)
    pair = with_transforms(transforms, transforms)
    assert pair.established


@pytest.mark.parametrize("group", sorted(GROUPS), ids=str)
def test_every_group_works(group: Group) -> None:
    transforms = (ike_transform(group=str(group)),)
    pair = with_transforms(transforms, transforms)
    assert pair.established
    assert {each.group.name for node in pair.nodes for each in node.engine._core.sas.isakmp} == {str(group)}


def test_the_first_of_the_initiators_transforms_that_the_responder_has_is_taken() -> None:
    offered = tuple(ike_transform(bits=bits) for bits in (256, 192, 128))
    accepted = tuple(ike_transform(bits=bits) for bits in (128, 192))
    pair = with_transforms(offered, accepted)
    (isakmp,) = pair.west.engine._core.sas.isakmp
    assert len(isakmp.keys.cipher_key) == 24


# --- identities ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        (None, EAST),
        (host("203.0.113.9"), "203.0.113.9"),
        (Identity("IPV6_ADDR", address=IPv6Address("2001:db8::9")), "2001:db8::9"),
        (Identity("FQDN", name="east.example.net"), "east.example.net"),
        (Identity("USER_FQDN", name="admin@east.example.net"), "admin@east.example.net"),
        (Identity("IPV6_ADDR_SUBNET", network=IPv6Network("2001:db8:1::/48")), "2001:db8:1::/48"),
    ],
    ids=str,
)
def test_the_identity_sent_is_the_one_configured(identity: Identity | None, shown: str) -> None:
    pair = connected(
        configuration(EAST, WEST, initiates=True, peer={"identity": identity}),
        configuration(WEST, EAST, peer={"remote_identity": identity or host(EAST)}),
    )
    assert pair.established
    assert pair.west.records[0].remote_id == shown
    assert pair.east.records[0].local_id == shown


@pytest.mark.parametrize(
    "expected", [host("192.0.2.77"), Identity("FQDN", name=EAST), Identity("FQDN", name="192.0.2")]
)
def test_another_identity_than_remote_id_says_is_refused(expected: Identity) -> None:
    """isakmpd compared a prefix of the value and no type; here both must be equal."""
    pair = connected(west=configuration(WEST, EAST, peer={"remote_identity": expected}))
    record = pair.west.records[-1]
    assert (record.outcome, record.reason) == (Outcome.REFUSED, Reason.IDENTITY_MISMATCH)
    assert record.detail == f"received remote ID {EAST} other than expected {expected}"
    assert record.remote_id == EAST
    assert pair.west.phase(1) == []
    assert pair.west.census()["exchanges"] == 0


def test_the_initiator_checks_remote_id_as_well() -> None:
    pair = connected(configuration(EAST, WEST, initiates=True, peer={"remote_identity": host("192.0.2.77")}))
    assert pair.east.records[-1].reason is Reason.IDENTITY_MISMATCH
    assert pair.east.phase(1) == []


# --- who may be there ---------------------------------------------------------------------------------------------


def test_an_address_that_nobody_configured_gets_no_answer() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), replace(configuration(WEST, EAST), peers_by_address={}))
    pair.start().run(5.0)
    assert not pair.west.sent
    (record,) = pair.west.records
    assert (record.reason, record.peer_address) == (Reason.NO_PEER_CONFIGURED, f"{EAST}:500")
    assert pair.west.census()["exchanges"] == 0


def test_the_default_peer_answers_addresses_without_an_entry() -> None:
    west = replace(configuration(WEST, EAST), peers_by_address={}, default_peer="gateway")
    assert connected(west=west).established


def test_a_peer_of_another_exchange_type_gets_no_answer() -> None:
    pair = connected(west=configuration(WEST, EAST, peer={"exchange": "AGGRESSIVE"}))
    assert not pair.west.sent
    assert pair.west.records[0].detail == "exchange_setup_p1: expected exchange type AGGRESSIVE got ID_PROT"


@pytest.mark.parametrize("reference", [None, "elsewhere"])
def test_a_missing_secret_is_named_on_either_side(reference: str | None) -> None:
    for side in (0, 1):
        options = ({"secret": reference}, None) if side == 0 else (None, {"secret": reference})
        pair = connected(
            configuration(EAST, WEST, initiates=True, peer=options[0]), configuration(WEST, EAST, peer=options[1])
        )
        record = pair.nodes[side].records[0]
        assert record.reason is Reason.NO_SECRET
        assert record.detail.startswith('no key found for peer "gateway"')
        assert not pair.nodes[side].sent


# --- vendor IDs and INITIAL-CONTACT -------------------------------------------------------------------------------


def test_message_2_announces_only_what_message_1_did() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True), settings=(Settings(nat_traversal=False), None))
    pair.start().run(1.0)
    vendors = [each.data for each in clear_payloads(pair.west.sent[0][1]) if isinstance(each, VendorId)]
    assert vendors == [Vendor.DPD.value, Vendor.FRAGMENTATION.value]
    for node in pair.nodes:
        assert not any(isinstance(each, NatDiscovery) for each in clear_payloads(node.sent[1][1]))


def test_an_initiator_without_vendor_ids_gets_none() -> None:
    held = held_at(1)
    bare = tuple(each for each in held.message.payloads if not isinstance(each, VendorId))
    held.inject(held.forged(bare))
    assert not any(isinstance(each, VendorId) for each in clear_payloads(held.pair.west.sent[0][1]))


def test_initial_contact_is_said_once_and_clears_what_a_dead_peer_left() -> None:
    pair = connected()
    old = set(pair.west.kernel)
    reborn = Pair(configuration(EAST, WEST, initiates=True), seed=5)
    reborn.west = pair.west  # east loses its memory, west keeps its own
    reborn.now = pair.now
    reborn.west._clock = reborn.east._clock
    reborn.start().run(pair.now + 2.0)
    assert len(pair.west.phase(1)) == 1
    assert len(pair.west.kernel) == 2
    assert not old & set(pair.west.kernel)


# --- NAT traversal ------------------------------------------------------------------------------------------------


def behind(east: bool, west: bool) -> Pair:
    nats = {}
    if east:
        nats[EAST] = Nat(PUBLIC)
    if west:
        nats[WEST] = Nat(WEST, base=40000)  # a NAT that forwards both ports from outside
        for port in (500, 4500):
            nats[WEST].mapped[Endpoint(WEST, port)] = Endpoint("198.51.100.2", port)
        nats[WEST].public = "198.51.100.2"
    return Pair(
        configuration(EAST, "198.51.100.2" if west else WEST, initiates=True),
        configuration(WEST, PUBLIC if east else EAST),
        nats=nats,
    )


@pytest.mark.parametrize(("east", "west"), [(True, False), (False, True), (True, True)])
def test_behind_a_nat_everything_moves_to_the_other_port_from_message_5(east: bool, west: bool) -> None:
    pair = behind(east, west).start().run(1.0)
    assert pair.east.phase(2) == pair.west.phase(2) == ["net"]
    ports = [(out.path.local.port, out.path.encapsulated) for _, out in pair.east.sent if isinstance(out, Send)]
    assert ports == [(500, False)] * 2 + [(4500, True)] * 3
    ports = [(out.path.local.port, out.path.encapsulated) for _, out in pair.west.sent if isinstance(out, Send)]
    assert ports == [(500, False)] * 2 + [(4500, True)] * 2
    for node in pair.nodes:
        assert all(sa.udp_ports is not None and sa.encapsulation == "TUNNEL" for sa in node.kernel.values())
        asked = node.oracle.asked[-1].attributes
        assert asked["esp_encapsulation"] == "udp-encap-tunnel"


def test_only_the_end_behind_the_nat_keeps_the_mapping_alive() -> None:
    pair = behind(east=True, west=False).start().run(100.5)
    assert [round(at) for at, out in pair.east.sent if isinstance(out, SendKeepalive)] == [20, 40, 60, 80, 100]
    assert not any(isinstance(out, SendKeepalive) for _, out in pair.west.sent)
    (isakmp,) = pair.east.engine._core.sas.isakmp
    assert isakmp.flags & SaFlag.NAT_T_KEEPALIVE
    assert isakmp.flags & SaFlag.NAT_T_ENABLE


def test_a_nats_new_port_is_followed_after_an_authenticated_message_only() -> None:
    pair = behind(east=True, west=False).start().run(1.0)
    (isakmp,) = pair.west.engine._core.sas.isakmp
    before = isakmp.path
    stranger = replace(before, remote=Endpoint("203.0.113.66", 4500))
    for _, out in pair.east.sent:
        if isinstance(out, Send):
            pair.inject(pair.west, out.data, stranger)
    pair.inject(
        pair.west, isakmp.cookies + bytes([8, 0x10, 32, 1]) + b"mid!" + (60).to_bytes(4, "big") + bytes(32), stranger
    )
    assert isakmp.path == before
    pair.nats[EAST].forget()
    (sa,) = pair.east.engine._core.sas.ipsec
    pair.run(sa.soft_at + 1.0 if sa.soft_at else 0.0)  # east renews through the new mapping
    assert isakmp.path.remote.port >= 41000
    assert len(pair.west.phase(2)) == 2


def test_an_unauthenticated_message_from_elsewhere_is_not_followed() -> None:
    held = held_at(3)
    elsewhere = replace(held.path, remote=Endpoint("203.0.113.66", 500))
    held.pair.inject(held.receiver, held.data, elsewhere)
    (exchange,) = held.receiver.engine._core.exchanges
    assert exchange.step == 4
    assert exchange.path == held.path
    assert held.receiver.sent[-1][1].path.remote == held.path.remote


def test_after_the_move_the_old_port_is_over() -> None:
    """RFC 3947 section 4; even for a message that the keys protect."""
    pair = behind(east=True, west=False).start().run(1.0)
    (theirs,), (ours,) = (node.engine._core.sas.isakmp for node in pair.nodes)
    tell(pair.east.engine._core, theirs, Delete(Protocol.ISAKMP, (theirs.cookies,)))
    (out,) = (each for each in pair.east.engine._core.take_outputs() if isinstance(each, Send))
    path = replace(ours.path, local=Endpoint(WEST, 500), encapsulated=False)
    pair.inject(pair.west, out.data, path)
    assert pair.west.phase(1) == ["gateway"]
    pair.inject(pair.west, out.data, ours.path)
    assert pair.west.phase(1) == []


def test_no_nat_no_move() -> None:
    pair = connected()
    assert all(not out.path.encapsulated for node in pair.nodes for _, out in node.sent)
    assert all(sa.udp_ports is None for sa in pair.east.kernel.values())


def test_nat_traversal_survives_a_bad_network() -> None:
    for seed in range(10):
        pair = behind(east=True, west=False)
        pair.weather = Weather(loss=0.25, duplication=0.1, lateness=0.05)
        pair._dice.seed(seed)
        pair.start().run(600.0)
        assert "net" in pair.east.phase(2)


# --- what is remembered -------------------------------------------------------------------------------------------


def test_a_failed_step_leaves_the_value_it_was_given() -> None:
    held = held_at(1)
    core = held.receiver.engine._core
    datagram = Datagram(held.header, held.data, held.path)
    exchange = answer_phase1(core, datagram)
    following, _ = accept(exchange, datagram, core.tools)
    assert exchange.step == 0
    assert exchange.state == Phase1(first_contact=True)
    assert following.step == 1
    assert following.script is MAIN_MODE


def test_lifetimes_are_those_negotiated() -> None:
    pair = connected(configuration(EAST, WEST, initiates=True, transforms=(ike_transform(seconds=1000),)))
    for node in pair.nodes:
        (isakmp,) = node.engine._core.sas.isakmp
        assert isakmp.lifetime_seconds == 1000
        assert isakmp.hard_at is not None
        assert isakmp.soft_at is not None
        begun = isakmp.hard_at - 1000
        assert 850 <= isakmp.soft_at - begun < 950


def test_a_phase_1_in_use_is_renewed_by_its_initiator_and_then_expires() -> None:
    general = General(check_interval=10_000)
    pair = connected(
        configuration(EAST, WEST, initiates=True, transforms=(ike_transform(seconds=600),), general=general),
        configuration(WEST, EAST, general=general),
    )
    (first,) = pair.east.engine._core.sas.isakmp
    pair.run(599.0)
    assert pair.east.phase(1) == pair.west.phase(1) == ["gateway"] * 2
    pair.run(605.0)
    for node in pair.nodes:
        (left,) = node.engine._core.sas.isakmp
        assert left.cookies != first.cookies
    assert pair.established


@pytest.mark.parametrize("number", [3, 4])
@pytest.mark.parametrize("value", [b"\0" * 256, b"\0" * 255 + b"\1", b"\xff" * 256, b"\1" * 255, b"\1" * 257, b"x"])
def test_a_bad_public_value_changes_nothing(number: int, value: bytes) -> None:
    """Anybody can send it, so the true one must still be heard. 0, 1, more than p, too short, too long (MODP_2048)."""
    transforms = (ike_transform(group="MODP_2048"),)
    held = held_at(
        number,
        Pair(
            configuration(EAST, WEST, initiates=True, transforms=transforms),
            configuration(WEST, EAST, transforms=transforms),
        ),
    )
    before = state_of(held.receiver)
    payloads = tuple(KeyExchange(value) if isinstance(each, KeyExchange) else each for each in held.message.payloads)
    held.inject(held.forged(payloads))
    assert state_of(held.receiver) == before
    held.release()
    assert held.pair.established
