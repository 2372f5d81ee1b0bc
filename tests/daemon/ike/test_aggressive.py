"""Aggressive mode (RFC 2409 section 5): three messages, both roles, and what makes it dangerous kept within bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike import limits
from daemon.ike.events import Connect, Endpoint, Path, Send, SendKeepalive, TearDown
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import (
    HEADER_LENGTH,
    Hash,
    Identification,
    KeyExchange,
    Message,
    NatDiscovery,
    Notify,
    Payload,
    SaPayload,
    VendorId,
)
from daemon.ike.messages.vendor import NAT_T
from daemon.ike.policy import psk_authorizers
from daemon.ike.registries import ExchangeType, Flag, Group, IdType, Notification, Protocol
from daemon.ike.surroundings import Settings
from policydb.connections import Configuration, General, Identity, IkeTransform
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import Held, held_at, negotiating, state_of
from tests.daemon.ike.network import (
    EAST,
    SECRET,
    WEST,
    FakeSecrets,
    Nat,
    Node,
    Pair,
    Weather,
    configuration,
    host,
    ike_transform,
)

AGGRESSIVE = {"exchange": "AGGRESSIVE"}
ALLOWED = General(accept_aggressive_psk=True)
CLIENT = Identity("USER_FQDN", name="client@example.org")
PUBLIC = "198.51.100.1"


def side(local: str, remote: str, *, general: General = ALLOWED, **options: object) -> Configuration:
    """A configuration whose peer is in aggressive mode; `options` are fields of the peer."""
    return configuration(local, remote, initiates=local == EAST, peer={**AGGRESSIVE, **options}, general=general)


def joined(east: Configuration | None = None, west: Configuration | None = None) -> Pair:
    return Pair(east or side(EAST, WEST), west or side(WEST, EAST)).start().run(1.0)


def held(number: int, *, seed: int = 1) -> Held:
    return held_at(number, negotiating(seed, "AGGRESSIVE"))


def messages(node: Node, kind: ExchangeType = ExchangeType.AGGRESSIVE) -> list[Send]:
    sent = [out for _, out in node.sent if isinstance(out, Send)]
    return [each for each in sent if read_header(each.data).exchange_type == kind]


def clear_payloads(out: Send) -> tuple[Payload, ...]:
    return parse_payloads(read_header(out.data).next_payload, out.data[HEADER_LENGTH:])


# --- the three messages -------------------------------------------------------------------------------------------


def test_three_messages_make_an_isakmp_sa() -> None:
    pair = joined()
    assert pair.established
    assert [len(messages(node)) for node in pair.nodes] == [2, 1]
    assert [bool(read_header(each.data).flags & Flag.ENC) for each in messages(pair.east)] == [False, True]
    for node in pair.nodes:
        (isakmp,) = node.engine._core.sas.isakmp
        assert isakmp.authorizers == psk_authorizers(SECRET)
        record = node.records[0]
        assert (record.outcome, record.exchange) == (Outcome.ACCEPTED, "aggressive mode")


def test_policy_is_told_that_it_was_aggressive_mode() -> None:
    for node in joined().nodes:
        assert node.oracle.asked[-1].attributes["phase_1"] == "aggressive"


@pytest.mark.parametrize("group", ["MODP_1024", "MODP_2048", "ECP_256", "ECP_384"])
@pytest.mark.parametrize("digest", ["MD5", "SHA", "SHA2_256", "SHA2_512"])
def test_groups_and_hashes(group: str, digest: str) -> None:
    transforms = (ike_transform(group=group, digest=digest),)
    pair = joined(side(EAST, WEST, transforms=transforms), side(WEST, EAST, transforms=transforms))
    assert pair.established


def test_message_3_in_the_clear_is_taken_too() -> None:
    stopped = held(3)
    stopped.inject(Message(replace(stopped.header, flags=Flag.NONE), stopped.message.payloads).encode())
    stopped.pair.run(stopped.pair.now + 8.0)
    assert stopped.pair.west.phase(1) == ["gateway"]


def test_message_3_is_sent_again_when_message_2_is() -> None:
    stopped = held(3)
    west, east = stopped.pair.west, stopped.pair.east
    again = messages(west)[0]
    count = len(messages(east))
    stopped.pair.inject(east, again.data, Path(again.path.remote, again.path.local))
    assert [each.data for each in messages(east)[count:]] == [stopped.data] * 2


def test_message_2_is_repeated_when_message_1_is_and_by_no_timer() -> None:
    stopped = held(3)
    west = stopped.pair.west
    stopped.pair.filter = lambda _source, _path, _data: []
    stopped.pair.run(stopped.pair.now + 100.0)
    assert len(messages(west)) == 1
    first = held(1)
    stopped.pair.inject(west, first.data, first.path)
    assert len(messages(west)) == 2


def test_quick_mode_gives_message_3_a_head_start() -> None:
    """Asked for twice meanwhile, it is negotiated once."""
    pair = Pair(side(EAST, WEST), side(WEST, EAST)).start().run(0.03)
    assert pair.east.phase(1) == ["gateway"]
    pair.do(pair.east, pair.east.engine.command(Connect("net"), pair.now))
    pair.run(0.06)
    assert not messages(pair.east, ExchangeType.QUICK_MODE)
    pair.run(0.5)
    assert len(messages(pair.east, ExchangeType.QUICK_MODE)) == 2
    assert pair.established


def test_an_sa_that_is_gone_by_then_has_no_quick_mode() -> None:
    pair = Pair(side(EAST, WEST), side(WEST, EAST)).start().run(0.03)
    pair.do(pair.east, pair.east.engine.command(TearDown("gateway", 1), pair.now))
    pair.run(0.5)
    assert not messages(pair.east, ExchangeType.QUICK_MODE)


# --- the group ----------------------------------------------------------------------------------------------------


def test_all_that_is_offered_is_in_the_group_of_the_first_transform() -> None:
    transforms = (ike_transform(bits=256), ike_transform(group="MODP_2048"), ike_transform(bits=128))
    pair = joined(side(EAST, WEST, transforms=transforms), side(WEST, EAST))
    assert pair.established
    (sa,) = (each for each in clear_payloads(messages(pair.east)[0]) if isinstance(each, SaPayload))
    assert len(sa.proposals[0].transforms) == 2
    (isakmp,) = pair.west.engine._core.sas.isakmp
    assert isakmp.group is Group.ECP_256


@pytest.mark.parametrize("value", [b"\0" * 64, b"\1" * 64, b"\1" * 63, b"\1" * 65, b"x"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_bad_public_value_changes_nothing(number: int, value: bytes) -> None:
    stopped = held(number)
    before, counted = state_of(stopped.receiver), stopped.receiver.census()
    payloads = tuple(KeyExchange(value) if isinstance(each, KeyExchange) else each for each in stopped.message.payloads)
    stopped.inject(stopped.forged(payloads))
    assert state_of(stopped.receiver) == before
    assert stopped.receiver.census() == counted
    stopped.release()
    assert stopped.pair.established


def test_our_own_public_value_is_refused() -> None:
    stopped = held(2)
    ours = next(each for each in clear_payloads(messages(stopped.pair.east)[0]) if isinstance(each, KeyExchange))
    before = state_of(stopped.receiver)
    payloads = tuple(ours if isinstance(each, KeyExchange) else each for each in stopped.message.payloads)
    stopped.inject(stopped.forged(payloads))
    assert state_of(stopped.receiver) == before
    assert "our own public value came back" in stopped.receiver.log[-1]


# --- who may be there, and with which key -------------------------------------------------------------------------


def keyed(node: Node, keys: dict[str, bytes]) -> None:
    node.secrets = FakeSecrets(keys)


def with_keys(west: Configuration, keys: dict[str, bytes], *, identity: Identity | None = CLIENT) -> Pair:
    """East calls itself `identity` and has the ordinary key; west's keys are these."""
    pair = Pair(side(EAST, WEST, identity=identity), west)
    keyed(pair.west, keys)
    return pair.start().run(1.0)


def test_a_responder_finds_the_key_by_the_initiators_identity() -> None:
    pair = with_keys(side(WEST, EAST, secret=None), {"secret:client@example.org": SECRET})
    assert pair.established
    assert pair.west.records[0].remote_id == "client@example.org"


def test_the_name_of_that_section_has_no_protocol_and_port() -> None:
    """Other daemons send 17 and 500 with their identity (RFC 2407 section 4.6.2)."""
    pair = with_keys(
        side(WEST, EAST, secret=None),
        {"secret:client@example.org": SECRET},
        identity=replace(CLIENT, protocol=17, port=500),
    )
    assert pair.established


def test_the_key_of_the_peer_section_comes_first() -> None:
    pair = with_keys(side(WEST, EAST), {"gateway": SECRET, "secret:client@example.org": b"another key"})
    assert pair.established


def test_an_identity_without_a_key_is_refused_and_named() -> None:
    pair = with_keys(side(WEST, EAST, secret=None), {"secret:somebody@example.org": SECRET})
    assert not pair.west.sent
    (record,) = pair.west.records
    assert (record.reason, record.remote_id) == (Reason.NO_SECRET, "client@example.org")
    assert record.detail == f'no key found for peer "gateway" or local ID "{WEST}"'


def test_the_initiator_looks_in_its_peer_section_only() -> None:
    pair = Pair(side(EAST, WEST, secret=None), side(WEST, EAST))
    keyed(pair.east, {f"secret:{WEST}": SECRET, "gateway": SECRET})
    pair.start().run(1.0)
    assert pair.east.records[0].reason is Reason.NO_SECRET
    assert not pair.east.sent


@pytest.mark.parametrize(("kind", "data"), [(IdType(99), b"x"), (IdType.IPV4_ADDR, b"12345"), (IdType.FQDN, b"")])
def test_an_identity_that_cannot_be_one_is_refused(kind: IdType, data: bytes) -> None:
    stopped = held(1)
    strange = Identification(kind, 0, 0, data)
    payloads = tuple(strange if isinstance(each, Identification) else each for each in stopped.message.payloads)
    stopped.inject(stopped.forged(payloads))
    assert not messages(stopped.receiver)
    assert stopped.receiver.census()["exchanges"] == 0
    assert stopped.receiver.records[-1].reason is Reason.IDENTITY_MISMATCH


def test_another_identity_than_remote_id_says_is_refused() -> None:
    pair = joined(west=side(WEST, EAST, remote_identity=host("192.0.2.77")))
    record = pair.west.records[-1]
    assert (record.outcome, record.reason) == (Outcome.REFUSED, Reason.IDENTITY_MISMATCH)
    assert record.detail == f"received remote ID {EAST} other than expected 192.0.2.77"
    assert not messages(pair.west)
    assert pair.west.census()["exchanges"] == 0


def test_the_initiator_checks_remote_id_as_well() -> None:
    pair = joined(side(EAST, WEST, remote_identity=Identity("FQDN", name=WEST)))
    assert pair.east.records[-1].reason is Reason.IDENTITY_MISMATCH
    assert pair.east.phase(1) == []


def test_the_default_peer_answers_addresses_without_an_entry() -> None:
    west = replace(side(WEST, EAST), peers_by_address={}, default_peer="gateway")
    assert joined(west=west).established


@pytest.mark.parametrize(("east", "west"), [("AGGRESSIVE", "ID_PROT"), ("ID_PROT", "AGGRESSIVE")])
def test_a_peer_of_the_other_mode_gets_no_answer(east: str, west: str) -> None:
    pair = joined(side(EAST, WEST, exchange=east), side(WEST, EAST, exchange=west))
    assert not pair.west.sent
    (record,) = pair.west.records
    assert (record.reason, record.detail) == (
        Reason.NO_PEER_CONFIGURED,
        f"exchange_setup_p1: expected exchange type {west} got {east}",
    )
    assert pair.west.census()["exchanges"] == 0


# --- the switch ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unwilling", [0, 1])
def test_without_the_switch_neither_role_does_it_with_a_pre_shared_key(unwilling: int) -> None:
    general = [ALLOWED, ALLOWED]
    general[unwilling] = General()
    pair = joined(side(EAST, WEST, general=general[0]), side(WEST, EAST, general=general[1]))
    node = pair.nodes[unwilling]
    assert not node.sent
    record = node.records[0]
    assert record.detail == "aggressive mode with PRE_SHARED is not allowed by [General]:Accept-aggressive-psk"
    assert node.census()["exchanges"] == 0


# --- wrong keys ---------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_found_by_the_initiator_and_said_once() -> None:
    pair = Pair(side(EAST, WEST), side(WEST, EAST), secrets=(SECRET, b"another secret")).start().run(200.0)
    assert pair.east.phase(1) == pair.west.phase(1) == []
    mine = [each for each in pair.east.records if each.reason is Reason.AUTHENTICATION_FAILED]
    assert len(mine) >= 1
    assert "probably the pre-shared keys differ" in mine[0].detail
    assert not [each for each in pair.east.records if each.reason is Reason.TIMEOUT]
    assert "probably the pre-shared keys differ" in pair.west.records[0].detail


def test_a_wrong_key_is_found_by_the_responder_too() -> None:
    stopped = held(3)
    before = state_of(stopped.receiver)
    payloads = tuple(Hash(bytes(32)) if isinstance(each, Hash) else each for each in stopped.message.payloads)
    stopped.inject(stopped.forged(payloads))
    assert state_of(stopped.receiver) == before
    (record,) = stopped.receiver.records
    assert record.reason is Reason.AUTHENTICATION_FAILED
    stopped.release()
    assert stopped.pair.established


# --- INITIAL-CONTACT ----------------------------------------------------------------------------------------------


def test_initial_contact_is_not_sent() -> None:
    for number in (1, 2, 3):
        assert not any(isinstance(each, Notify) for each in held(number).message.payloads)


def test_initial_contact_is_not_believed() -> None:
    pair = joined()
    kernel, before = set(pair.west.kernel), pair.west.phase(1)
    reborn = Pair(side(EAST, WEST), seed=5)
    reborn.west, reborn.now = pair.west, pair.now
    reborn.west._clock = reborn.east._clock
    stopped = held_at(3, reborn)
    told = Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, b"c" * 16)
    stopped.inject(stopped.forged((*stopped.message.payloads, told)))
    assert pair.west.phase(1) == [*before, "gateway"]
    assert kernel <= set(pair.west.kernel)


# --- NAT traversal ------------------------------------------------------------------------------------------------


def behind_a_nat() -> Pair:
    return Pair(side(EAST, WEST), side(WEST, PUBLIC), nats={EAST: Nat(PUBLIC)})


def test_behind_a_nat_everything_moves_to_the_other_port_from_message_3() -> None:
    pair = behind_a_nat().start().run(100.5)
    assert pair.east.phase(2) == pair.west.phase(2) == ["net"]
    ports = [(out.path.local.port, out.path.encapsulated) for _, out in pair.east.sent if isinstance(out, Send)]
    assert ports == [(500, False)] + [(4500, True)] * 3
    ports = [(out.path.local.port, out.path.encapsulated) for _, out in pair.west.sent if isinstance(out, Send)]
    assert ports == [(500, False), (4500, True)]
    assert [round(at) for at, out in pair.east.sent if isinstance(out, SendKeepalive)] == [20, 40, 60, 80, 100]
    for node, behind in zip(pair.nodes, ((True, False), (False, True)), strict=True):
        (isakmp,) = node.engine._core.sas.isakmp
        assert isakmp.nat is not None
        assert (isakmp.nat.local, isakmp.nat.remote) == behind
        assert all(sa.udp_ports is not None for sa in node.kernel.values())


def test_no_nat_no_move() -> None:
    pair = joined()
    assert all(not out.path.encapsulated for node in pair.nodes for _, out in node.sent)
    (isakmp,) = pair.west.engine._core.sas.isakmp
    assert isakmp.nat is not None
    assert not isakmp.nat.any


def test_without_nat_traversal_nothing_of_it_is_said() -> None:
    pair = Pair(side(EAST, WEST), side(WEST, EAST), settings=(Settings(nat_traversal=False), None)).start().run(1.0)
    assert pair.established
    answer = clear_payloads(messages(pair.west)[0])
    assert not any(isinstance(each, NatDiscovery) for each in answer)
    assert not {each.data for each in answer if isinstance(each, VendorId)} & {each.value for each in NAT_T}


# --- early quick mode ---------------------------------------------------------------------------------------------


def overtaken() -> tuple[Pair, list[tuple[Path, bytes]]]:
    """East's message 3 and its quick mode message 1 are on the way to west and have not arrived."""
    pair = Pair(side(EAST, WEST), side(WEST, EAST))
    kept: list[tuple[Path, bytes]] = []

    def hold(source: str, path: Path, data: bytes) -> list[bytes]:
        header = read_header(data)
        if source == EAST and (header.flags & Flag.ENC):
            kept.append((Path(path.remote, path.local, path.encapsulated), data))
            return []
        return [data]

    pair.filter = hold
    pair.start().run(1.0)
    pair.filter = lambda _source, _path, data: [data]
    return pair, kept


def test_a_quick_mode_message_before_message_3_is_kept_and_answered_then() -> None:
    pair, ((_, third), (path, quick)) = overtaken()
    sent = len(pair.west.sent)
    pair.inject(pair.west, quick, path)
    assert len(pair.west.sent) == sent
    assert pair.west.phase(1) == []
    assert not any("quick" in line or "dropped" in line for line in pair.west.log)
    pair.inject(pair.west, third, path)
    pair.run(pair.now + 1.0)
    assert pair.established
    assert not any("dropped" in line for line in pair.west.log)


def test_of_many_early_messages_one_is_kept() -> None:
    pair, ((_, third), (path, quick)) = overtaken()
    for number in range(50):
        pair.inject(pair.west, quick[:-1] + bytes([number]), path)
    (exchange,) = pair.west.engine._core.exchanges
    assert exchange.early is not None
    assert exchange.early.data == quick[:-1] + bytes([49])
    pair.inject(pair.west, quick, path)
    pair.inject(pair.west, third, path)
    pair.run(pair.now + 1.0)
    assert pair.established


def test_a_forged_early_message_is_dropped_when_it_can_be_judged() -> None:
    pair, ((_, third), (path, quick)) = overtaken()
    pair.inject(pair.west, quick[:-1] + b"\0", path)
    pair.inject(pair.west, third, path)
    assert pair.west.phase(1) == ["gateway"]
    assert any("dropped message" in line for line in pair.west.log)
    pair.run(pair.now + 8.0)
    assert pair.established


def test_early_messages_from_elsewhere_or_in_the_clear_or_too_long_are_not_kept() -> None:
    pair, (_, (path, quick)) = overtaken()
    before = state_of(pair.west)
    elsewhere = replace(path, remote=Endpoint("203.0.113.66", 500))
    pair.inject(pair.west, quick, elsewhere)
    pair.inject(pair.west, quick[:19] + b"\0" + quick[20:], path)
    long = quick[:24] + (9000).to_bytes(4) + quick[28:]
    pair.inject(pair.west, long + bytes(9000 - len(long)), path)
    assert state_of(pair.west) == before
    assert sum("phase 2 message while phase 1 is incomplete" in line for line in pair.west.log) == 3


def test_when_message_3_is_lost_the_repeated_quick_mode_message_brings_it_back() -> None:
    """Who sends quick mode believes that phase 1 is done and would never send message 3 again by itself."""
    pair = Pair(side(EAST, WEST), side(WEST, EAST))
    lost: list[bytes] = []

    def lose(source: str, _path: Path, data: bytes) -> list[bytes]:
        header = read_header(data)
        if source == EAST and header.exchange_type == ExchangeType.AGGRESSIVE and header.flags & Flag.ENC and not lost:
            lost.append(data)
            return []
        return [data]

    pair.filter = lose
    pair.start().run(30.0)
    assert lost
    assert pair.established
    assert pair.west.census()["exchanges"] == 0


def test_it_works_in_bad_weather() -> None:
    for seed in range(20):
        pair = Pair(side(EAST, WEST), side(WEST, EAST), seed=seed, weather=Weather(0.2, 0.05, 0.05)).start().run(400.0)
        assert pair.east.phase(2), seed
        assert pair.established, seed


# --- what strangers can cost --------------------------------------------------------------------------------------


def openings(count: int, address: str = EAST) -> list[tuple[Path, bytes]]:
    """First messages under cookies of their own."""
    first = held(1)
    path = replace(first.path, remote=Endpoint(address, 500))
    return [(path, number.to_bytes(8) + first.data[8:]) for number in range(1, count + 1)]


def public_values(pair: Pair) -> list[bytes]:
    """Those that west answered with."""
    sent = [
        parse_payloads(read_header(each.data).next_payload, each.data[HEADER_LENGTH:]) for each in messages(pair.west)
    ]
    return [each.data for payloads in sent for each in payloads if isinstance(each, KeyExchange)]


def test_openings_share_one_public_value_until_somebody_has_proved_himself_with_it() -> None:
    """So the flood costs hashes alone; who comes through has a value that no later opening gets."""
    pair = Pair(side(EAST, WEST), side(WEST, EAST))
    pair.do(pair.west, pair.west.engine.reconfigure(pair.west.oracle, pair.west.secrets, 0.0))
    for path, data in openings(40):
        pair.inject(pair.west, data, path)
    assert len(messages(pair.west)) == 40
    (first,) = set(public_values(pair))
    pair.start().run(1.0)
    assert pair.established
    for path, data in openings(80)[40:]:
        pair.inject(pair.west, data, path)
    assert len(set(public_values(pair))) == 2
    assert public_values(pair)[-1] != first


def test_a_shared_public_value_gets_old() -> None:
    pair = Pair(side(EAST, WEST), side(WEST, EAST))
    pair.do(pair.west, pair.west.engine.reconfigure(pair.west.oracle, pair.west.secrets, 0.0))
    for number, (path, data) in enumerate(openings(6)):
        pair.run(number * limits.PUBLIC_VALUE_SECONDS / 3)
        pair.inject(pair.west, data, path)
    assert len(set(public_values(pair))) == 2


@pytest.mark.parametrize("change", ["transform", "key", "version"])
def test_a_refusal_is_never_longer_than_the_question(change: str) -> None:
    transforms: tuple[IkeTransform, ...] = (ike_transform(bits=256),) if change == "transform" else (ike_transform(),)
    pair = Pair(side(EAST, WEST), side(WEST, EAST, transforms=transforms))
    first = held_at(1, Pair(side(EAST, WEST), side(WEST, EAST, transforms=transforms)))
    data = first.data
    if change == "key":
        short = tuple(KeyExchange(b"x") if isinstance(each, KeyExchange) else each for each in first.message.payloads)
        data = first.forged(short)
    elif change == "version":
        data = data[:17] + b"\x20" + data[18:]
    pair.do(pair.west, pair.west.engine.reconfigure(pair.west.oracle, pair.west.secrets, 0.0))
    pair.inject(pair.west, data, first.path)
    sent = [out for _, out in pair.west.sent if isinstance(out, Send)]
    assert len(sent) == 1
    assert len(sent[0].data) <= len(data)
    assert pair.west.census()["exchanges"] == 0
    pair.run(100.0)
    assert len(pair.west.sent) == 1
