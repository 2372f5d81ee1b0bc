"""What must hold whatever a peer or a stranger does; each is held to along every course of a negotiation.

Nothing changes before a HASH or SIG is verified. Who has not proved his address is answered once, and refused in no
more octets than he sent. Public values are what the group allows. Identities are compared whole. Traffic outside a
connection is refused. Every SA has a replay window.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from daemon.ike.algorithms.dh import modp_prime
from daemon.ike.events import AllocateSpi, DeleteSas, InstallSas, Send
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import Hash, Identification, KeyExchange, Notify, Payload
from daemon.ike.registries import ExchangeType, Flag, Group, Notification, Protocol
from policydb.connections import Configuration, General, Identity
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import COURSES, Held, held_at, state_of
from tests.daemon.ike.network import (
    EAST,
    EAST_NET,
    WEST,
    WEST_NET,
    Node,
    Pair,
    configuration,
    host,
    ike_transform,
    subnet,
    suite,
)

PLACES = [(course, number) for course, each in COURSES.items() for number in range(1, each.messages + 1)]
everywhere = pytest.mark.parametrize(("course", "number"), PLACES, ids=str)
in_both_modes = pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
ALLOWED = General(accept_aggressive_psk=True, check_interval=100_000)


def effects(node: Node) -> int:
    """How often the engine wanted anything of the kernel."""
    return sum(isinstance(each, AllocateSpi | InstallSas | DeleteSas) for each in node.outputs)


# --- nothing changes before the proof is verified -----------------------------------------------------------------


def unproved(held: Held) -> Iterator[tuple[Payload, ...]]:
    """The message with another HASH, or under its HASH another content."""
    payloads = held.message.payloads
    for index, each in enumerate(payloads):
        if isinstance(each, Hash):
            for data in (bytes(len(each.data)), each.data[:-1], each.data + b"\0", each.data[:-1] + b"?"):
                yield (*payloads[:index], Hash(data), *payloads[index + 1 :])
    if held.header.message_id and not isinstance(payloads[-1], Hash):
        yield (*payloads, payloads[-1])
        yield payloads[:-1]


@everywhere
def test_nothing_changes_before_the_hash_is_verified(course: str, number: int) -> None:
    held = COURSES[course].hold(number, 1)
    node = held.receiver
    before, counted = state_of(node), node.census()
    wanted, asked, accepted = effects(node), len(node.oracle.asked), len(node.records)
    tried = 0
    for payloads in unproved(held):
        held.inject(held.sealed(payloads))
        tried += 1
        assert state_of(node) == before
        assert node.census() == counted
        assert effects(node) == wanted
        assert len(node.oracle.asked) == asked
        assert all(each.outcome is not Outcome.ACCEPTED for each in node.records[accepted:])
    assert tried >= 4 or not any(isinstance(each, Hash) for each in held.message.payloads)
    held.release()
    assert held.pair.established


@everywhere
def test_there_is_no_sa_nor_anything_in_the_kernel_before_a_proof(course: str, number: int) -> None:
    held = COURSES[course].hold(number, 1)
    for node in held.pair.nodes:
        if node is held.receiver and not held.header.message_id:
            assert (node.phase(1), node.kernel, node.spis, node.oracle.asked) == ([], {}, set(), [])
        if course != "informational" and node is held.receiver:
            assert node.kernel == {} or number == COURSES[course].messages
    held.release()


@pytest.mark.parametrize("kind", [Notification.INITIAL_CONTACT, Notification.NO_PROPOSAL_CHOSEN])
def test_news_in_the_clear_change_nothing_at_any_time(kind: Notification) -> None:
    for course, number in PLACES:
        held = COURSES[course].hold(number, 1)
        before = state_of(held.receiver)
        news = replace(held.header, exchange_type=ExchangeType.INFO, flags=Flag.NONE, message_id=77)
        if held.header.responder_cookie == bytes(8):
            news = replace(news, message_id=0)
        payload = Notify(kind, Protocol.ISAKMP, held.data[:16])
        held.inject(held.plain((payload,), news))
        assert state_of(held.receiver) == before, (course, number)


# --- who has not proved his address -------------------------------------------------------------------------------


@in_both_modes
def test_an_address_that_has_shown_nothing_is_answered_once(exchange: str) -> None:
    """By no timer, until Exchange-max-time is over: a forged first message makes us send one datagram."""
    peer = {"exchange": exchange}
    west = configuration(WEST, EAST, peer=peer, general=ALLOWED)
    held = held_at(1, Pair(configuration(EAST, WEST, initiates=True, peer=peer, general=ALLOWED), west))
    held.pair.filter = lambda _source, _path, _data: []
    held.inject(held.data)
    held.pair.run(held.pair.now + 300.0)
    assert len(held.pair.west.sent) == 1
    assert held.pair.west.census()["exchanges"] == 0


@everywhere
def test_a_refusal_is_no_longer_than_the_question(course: str, number: int) -> None:
    """Damage of every sort: what comes back is either the next message of the exchange, or no more than was sent."""
    held = COURSES[course].hold(number, 1)
    node, dice = held.receiver, random.Random(number)
    if held.isakmp is not None:
        return  # the keys protect the telling, and who is told has proved himself
    before = state_of(node)
    for _ in range(150):
        damaged = bytearray(held.data)
        for _ in range(dice.choice((1, 1, 2, 5))):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        damaged[24:28] = len(damaged).to_bytes(4)
        sent = len(node.sent)
        held.pair.now += 1.0
        held.inject(bytes(damaged))
        answers = [each.data for _, each in node.sent[sent:] if isinstance(each, Send)]
        told = [each for each in answers if read_header(each).exchange_type == ExchangeType.INFO]
        assert sum(map(len, told)) <= len(damaged)
        if state_of(node) == before:
            assert len(answers) <= 1
        else:  # it was a message after all: of another exchange, or just as good
            held = COURSES[course].hold(number, 1)
            node, before = held.receiver, state_of(held.receiver)


# --- public values ------------------------------------------------------------------------------------------------


def bad_values(group: Group) -> dict[str, bytes]:
    """0, 1, p-1, p, p+1, and octets missing or too many (RFC 2631 section 2.1.5, RFC 2409 section 5)."""
    prime = modp_prime(group)
    octets = (prime.bit_length() + 7) // 8
    numbers = {"0": 0, "1": 1, "p-1": prime - 1, "p": prime, "p+1": prime + 1}
    values = {name: number.to_bytes(octets) for name, number in numbers.items()}
    two = (2).to_bytes(octets)
    return values | {"short": two[1:], "long": b"\0" + two, "one octet": b"\2"}


@pytest.mark.parametrize("what", list(bad_values(Group.MODP_1536)))
@pytest.mark.parametrize("group", ["MODP_1536", "MODP_2048"])
@pytest.mark.parametrize(("exchange", "number"), [("ID_PROT", 3), ("ID_PROT", 4), ("AGGRESSIVE", 1), ("AGGRESSIVE", 2)])
def test_a_public_value_that_the_group_does_not_allow_is_refused(
    exchange: str, number: int, group: str, what: str
) -> None:
    options = {"peer": {"exchange": exchange}, "general": ALLOWED, "transforms": (ike_transform(group=group),)}
    pair = Pair(configuration(EAST, WEST, initiates=True, **options), configuration(WEST, EAST, **options))  # type: ignore[arg-type]
    held = held_at(number, pair)
    before = state_of(held.receiver)
    value = KeyExchange(bad_values(Group[group])[what])
    payloads = tuple(value if isinstance(each, KeyExchange) else each for each in held.message.payloads)
    held.inject(held.forged(payloads))
    assert state_of(held.receiver) == before
    assert held.receiver.census()["half-open"] == (exchange == "ID_PROT" and number == 3)


# --- identities ---------------------------------------------------------------------------------------------------

NEAR = [
    ("another type", Identity("USER_FQDN", name="gw.example.org"), Identity("FQDN", name="gw.example.org")),
    ("a prefix", Identity("FQDN", name="gw.example.org"), Identity("FQDN", name="gw.example")),
    ("more behind", Identity("FQDN", name="gw.example.org"), Identity("FQDN", name="gw.example.org.attacker.net")),
    ("another case", Identity("FQDN", name="gw.example.org"), Identity("FQDN", name="GW.example.org")),
    ("a name that looks like it", host(EAST), Identity("FQDN", name=EAST)),
    (
        "another mask",
        Identity("IPV4_ADDR_SUBNET", network=IPv4Network("192.0.2.0/24")),
        Identity("IPV4_ADDR_SUBNET", network=IPv4Network("192.0.2.0/25")),
    ),
]


def fixed(identity: Identity, expected: Identity, exchange: str) -> tuple[Configuration, Configuration]:
    """East says that it is `identity`, west expects `expected`."""
    options = {"exchange": exchange}
    return (
        configuration(EAST, WEST, initiates=True, peer={**options, "identity": identity}, general=ALLOWED),
        configuration(WEST, EAST, peer={**options, "remote_identity": expected}, general=ALLOWED),
    )


@in_both_modes
@pytest.mark.parametrize(("expected", "claimed"), [each[1:] for each in NEAR], ids=[each[0] for each in NEAR])
def test_identities_are_compared_by_type_and_whole_value(exchange: str, expected: Identity, claimed: Identity) -> None:
    assert Pair(*fixed(expected, expected, exchange)).start().run(1.0).established
    pair = Pair(*fixed(claimed, expected, exchange)).start().run(1.0)
    assert pair.west.records[-1].reason is Reason.IDENTITY_MISMATCH
    assert pair.west.phase(1) == []
    assert pair.west.kernel == {}


# --- the traffic of a connection ----------------------------------------------------------------------------------

OUTSIDE = [
    (EAST_NET, IPv4Network("10.1.0.0/16")),
    (EAST_NET, IPv4Network("0.0.0.0/0")),
    (WEST_NET, IPv4Network("10.2.0.0/16")),
    (WEST_NET, IPv4Network("10.2.0.128/25")),
    (EAST_NET, IPv4Network("172.16.0.0/16")),
    (WEST_NET, IPv4Network("172.16.0.0/16")),
]


def proposing(replaced: IPv4Network, by: IPv4Network, *, policy: bool) -> Pair:
    """East wants other traffic than west's connection has; with a policy that allows that traffic only."""
    mine = {"local_identity": subnet(by)} if replaced == EAST_NET else {"remote_identity": subnet(by)}
    filters = {"remote_filter": "010.001.000.000-010.001.000.255", "local_filter": "010.002.000.000-010.002.000.255"}
    return (
        Pair(
            configuration(EAST, WEST, initiates=True, connection=mine, general=ALLOWED),
            configuration(WEST, EAST, general=replace(ALLOWED, use_keynote=policy)),
            policies=(lambda _: True, lambda ask: all(ask.attributes[name] == each for name, each in filters.items())),
        )
        .start()
        .run(1.0)
    )


@pytest.mark.parametrize("policy", [False, True])
@pytest.mark.parametrize(("replaced", "by"), OUTSIDE, ids=str)
def test_traffic_outside_the_connection_is_refused(replaced: IPv4Network, by: IPv4Network, policy: bool) -> None:
    """Without policy by the connections alone; with it, policy is told exactly what is wanted, under no name."""
    pair = proposing(replaced, by, policy=policy)
    assert pair.west.phase(1) == ["gateway"]
    record = pair.west.records[-1]
    assert record.reason is (Reason.POLICY if policy else Reason.IDENTITY_MISMATCH)
    assert record.connection == ""
    assert pair.west.kernel == pair.east.kernel == {}
    assert pair.west.spis == pair.east.spis == set()


def test_the_same_policy_allows_the_connections_own_traffic() -> None:
    assert proposing(EAST_NET, EAST_NET, policy=True).established


def test_identities_that_the_responder_changes_end_the_quick_mode() -> None:
    held = held_at(8)
    ids = [each for each in held.message.payloads if isinstance(each, Identification)]
    swapped = {ids[0]: ids[1], ids[1]: ids[0]}
    payloads = tuple(swapped[each] if isinstance(each, Identification) else each for each in held.message.payloads)
    held.inject(held.forged(payloads))
    assert held.receiver.records[-1].reason is Reason.IDENTITY_MISMATCH
    assert held.receiver.kernel == {}
    assert held.receiver.spis == set()


# --- replay protection --------------------------------------------------------------------------------------------


@in_both_modes
@pytest.mark.parametrize("window", [-1, 0, 1, 16, 4096])
def test_every_sa_has_a_replay_window(exchange: str, window: int) -> None:
    options = {"peer": {"exchange": exchange}, "general": ALLOWED, "suites": (suite(replay_window=window),)}
    pair = Pair(configuration(EAST, WEST, initiates=True, **options), configuration(WEST, EAST, **options))  # type: ignore[arg-type]
    pair.start().run(1.0)
    assert pair.established
    for node in pair.nodes:
        assert {sa.replay_window for sa in node.kernel.values()} == {window if window > 0 else 16}
