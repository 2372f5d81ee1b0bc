"""Informational exchanges: protected news is acted on, anything else changes nothing (CVE-2004-0164 and its kin)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.algorithms import keys
from daemon.ike.events import Send, Shutdown, TearDown
from daemon.ike.exchange import Datagram, open_message, seal
from daemon.ike.informational import tell
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import Delete, Hash, Header, Message, Notify, Payload, encode_payloads
from daemon.ike.registries import ExchangeType, Flag, Notification, Protocol
from daemon.ike.sa import IsakmpSa
from policydb.negotiation import Reason
from tests.daemon.ike.forgery import held_at, state_of
from tests.daemon.ike.network import Node, Pair, connected


def isakmp_of(node: Node) -> IsakmpSa:
    return node.engine._core.sas.isakmp[-1]


def told(pair: Pair, sender: Node, *news: Payload) -> None:
    """The sender says this under the protection of its ISAKMP SA."""
    core = sender.engine._core
    core.now = pair.now
    tell(core, isakmp_of(sender), *news)
    pair.do(sender, core.take_outputs())
    pair.run(pair.now + 1.0)


def forged(isakmp: IsakmpSa, *news: Payload, key: bytes | None = None, proof: bytes | None = None) -> bytes:
    """A protected message as somebody would make it who lacks a key."""
    message_id = 0x01020304
    rest = encode_payloads(news)[1]
    hash1 = proof if proof is not None else keys.informational_hash(isakmp.keys, message_id, rest)
    cipher = keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, message_id)
    if key is not None:
        cipher = replace(cipher, key=key)
    header = Header(isakmp.initiator_cookie, isakmp.responder_cookie, ExchangeType.INFO, message_id)
    return seal(cipher, Message(header, (Hash(hash1), *news)))[0]


def everything_bad(pair: Pair) -> tuple[Payload, ...]:
    spis = tuple(sa.spi.to_bytes(4, "big") for sa in pair.east.kernel.values())
    cookies = isakmp_of(pair.east).cookies
    return (
        Delete(Protocol.IPSEC_ESP, spis),
        Delete(Protocol.ISAKMP, (cookies,)),
        Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, cookies),
        Notify(Notification.NO_PROPOSAL_CHOSEN, Protocol.IPSEC_ESP, spis[0]),
        Notify(Notification.INVALID_SPI, Protocol.IPSEC_ESP, spis[0]),
        Notify(Notification.R_U_THERE, Protocol.ISAKMP, cookies, bytes(4)),
        Notify(Notification(9999)),
    )


# --- what is not authenticated ------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", [0, 1])
def test_unauthenticated_news_changes_nothing(node: int) -> None:
    pair = connected()
    victim = pair.nodes[node]
    isakmp = isakmp_of(victim)
    before = state_of(victim)
    sent = len(victim.sent)
    for news in [*((each,) for each in everything_bad(pair)), everything_bad(pair)]:
        header = Header(isakmp.initiator_cookie, isakmp.responder_cookie, ExchangeType.INFO, 7)
        pair.inject(victim, Message(header, news).encode(), isakmp.path)
        pair.inject(victim, Message(replace(header, message_id=0), news).encode(), isakmp.path)
        pair.inject(victim, Message(header, (Hash(b"h" * 32), *news)).encode(), isakmp.path)
        pair.inject(victim, forged(isakmp, *news, proof=b"x" * 32), isakmp.path)
        pair.inject(victim, forged(isakmp, *news, proof=b"x"), isakmp.path)
        pair.inject(victim, forged(isakmp, *news, key=bytes(16)), isakmp.path)
        assert state_of(victim) == before
    assert len(victim.sent) == sent  # and informational messages are never answered with an error


@pytest.mark.parametrize("number", range(1, 10))
def test_unauthenticated_news_changes_nothing_in_any_state(number: int) -> None:
    held = held_at(number)
    before = state_of(held.receiver)
    header = replace(held.header, exchange_type=ExchangeType.INFO, flags=Flag.NONE, message_id=0)
    for kind in (*Notification, Notification(8192), Notification(40000)):
        for message_id in (0, 5):
            named = replace(header, message_id=message_id if held.number > 1 else 0)
            held.inject(Message(named, (Notify(kind), Delete(Protocol.ISAKMP, (b"c" * 16,)))).encode())
            assert state_of(held.receiver) == before, kind
    held.release()
    assert held.pair.established


def test_hearsay_is_logged_and_recorded_once() -> None:
    held = held_at(2)
    header = Header(held.header.initiator_cookie, b"whatever", ExchangeType.INFO, 99)
    for _ in range(3):
        held.inject(Message(header, (Notify(Notification.NO_PROPOSAL_CHOSEN),)).encode())
    (record,) = held.pair.east.records
    assert record.reason is Reason.PEER_REFUSED
    assert "not authenticated" in record.detail
    assert sum("got unauthenticated NOTIFY of type NO_PROPOSAL_CHOSEN" in line for line in held.pair.east.log) == 3
    held.release()
    assert held.pair.established
    assert [each.reason for each in held.pair.east.records] == [Reason.PEER_REFUSED, None, None]


def test_an_unauthenticated_delete_is_said_to_be_one() -> None:
    pair = connected()
    isakmp = isakmp_of(pair.west)
    header = Header(isakmp.initiator_cookie, isakmp.responder_cookie, ExchangeType.INFO, 7)
    pair.inject(pair.west, Message(header, (Delete(Protocol.ISAKMP, (isakmp.cookies,)),)).encode(), isakmp.path)
    assert pair.west.log[-1].startswith("got unauthenticated DELETE")


# --- DELETE -------------------------------------------------------------------------------------------------------


def test_a_protected_delete_takes_the_sas_of_that_spi() -> None:
    pair = connected()
    (sa,) = pair.east.engine._core.sas.ipsec
    told(pair, pair.east, Delete(Protocol.IPSEC_ESP, (sa.inbound[0].spi.to_bytes(4, "big"),)))
    assert pair.west.phase(2) == []
    assert not pair.west.kernel
    assert pair.west.phase(1) == ["gateway"]
    assert any("made us delete live SA net for proto 3" in line for line in pair.west.log)


def test_a_delete_names_the_senders_own_inbound_spi_only() -> None:
    pair = connected()
    (sa,) = pair.west.engine._core.sas.ipsec
    told(pair, pair.east, Delete(Protocol.IPSEC_ESP, (sa.inbound[0].spi.to_bytes(4, "big"), b"none")))
    assert pair.west.phase(2) == ["net"]


def test_a_delete_of_the_phase_1_leaves_the_phase_2() -> None:
    """Dangling SAs: the end of an ISAKMP SA does not end what it negotiated."""
    pair = connected()
    told(pair, pair.east, Delete(Protocol.ISAKMP, (isakmp_of(pair.east).cookies,)))
    assert pair.west.phase(1) == []
    assert pair.west.phase(2) == ["net"]


def test_a_delete_of_a_protocol_that_nobody_negotiates_deletes_nothing() -> None:
    pair = connected()
    told(pair, pair.east, Delete(Protocol.IPCOMP, tuple(sa.spi.to_bytes(4) for sa in pair.east.kernel.values())))
    assert pair.established
    assert pair.west.census()["phase 2"] == 1


def test_nobody_deletes_what_another_peer_owns() -> None:
    pair = connected()
    (sa,) = pair.west.engine._core.sas.ipsec
    sa.owner = ("another peer", b"another identity", "")
    told(pair, pair.east, Delete(Protocol.IPSEC_ESP, (sa.sas[1].spi.to_bytes(4, "big"),)))
    assert pair.west.phase(2) == ["net"]


def test_nobody_deletes_the_phase_1_of_another_peer() -> None:
    pair = connected()
    pair.run(pair.now + 3500.0)  # east has renewed phase 1, so there are two
    old, new = pair.west.engine._core.sas.isakmp
    old.name = "another peer"
    told(pair, pair.east, Delete(Protocol.ISAKMP, (old.cookies,)))
    assert pair.west.engine._core.sas.isakmp == (old, new)


def test_doubled_and_repeated_deletes_are_harmless() -> None:
    """CVE-2023-38712: the second payload of a message finds what the first has taken."""
    pair = connected()
    news = everything_bad(pair)[:2]
    told(pair, pair.east, *news, *news, *news)
    assert pair.west.phase(1) == pair.west.phase(2) == []
    assert pair.west.census()["timers"] == 1


@pytest.mark.parametrize("phase", [1, 2])
def test_tearing_down_tells_the_peer(phase: int) -> None:
    for name in ("net", "gateway", "192.0.2.2"):
        if phase == 1 and name == "net":
            continue
        pair = connected()
        pair.do(pair.east, pair.east.engine.command(TearDown(name, phase), pair.now))
        pair.run(pair.now + 1.0)
        for node in pair.nodes:
            assert node.phase(phase) == []
            assert node.phase(3 - phase) != []


def test_a_connection_torn_down_by_name_stays_down() -> None:
    pair = connected()
    pair.do(pair.east, pair.east.engine.command(TearDown("net"), pair.now))
    pair.run(pair.now + 300.0)
    assert pair.east.phase(2) == []


def test_all_connections_torn_down_come_back_with_the_checker() -> None:
    pair = connected()
    pair.do(pair.east, pair.east.engine.command(TearDown(None), pair.now))
    pair.run(pair.now + 1.0)
    assert pair.east.phase(2) == pair.west.phase(2) == []
    pair.run(pair.now + 60.0)
    assert pair.established


def test_shutdown_deletes_phase_2_then_phase_1_before_anything_queued() -> None:
    pair = connected()
    isakmp = isakmp_of(pair.west)
    count = len(pair.east.sent)
    pair.do(pair.east, pair.east.engine.command(Shutdown(), pair.now))
    protocols = []
    for _, out in pair.east.sent[count:]:
        assert isinstance(out, Send)
        assert out.priority
        datagram = Datagram(read_header(out.data), out.data, isakmp.path)
        cipher = keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, datagram.header.message_id)
        message, _ = open_message(cipher, datagram)
        protocols += [each.protocol for each in message.all(Delete)]
    assert protocols == [Protocol.IPSEC_ESP, Protocol.ISAKMP]
    pair.run(pair.now + 1.0)
    for node in pair.nodes:
        assert not node.kernel
        assert node.phase(1) == node.phase(2) == []


# --- notifications ------------------------------------------------------------------------------------------------


def test_r_u_there_is_acknowledged_with_its_own_number() -> None:
    """RFC 3706 section 5.3; only under protection."""
    pair = connected()
    count = len(pair.west.sent)
    told(
        pair, pair.east, Notify(Notification.R_U_THERE, Protocol.ISAKMP, isakmp_of(pair.east).cookies, b"\0\0\x12\x34")
    )
    (out,) = (out for _, out in pair.west.sent[count:])
    assert isinstance(out, Send)
    isakmp = isakmp_of(pair.east)
    datagram = Datagram(read_header(out.data), out.data, isakmp.path)
    cipher = keys.phase2_cipher(isakmp.keys, isakmp.cipher.iv, datagram.header.message_id)
    (answer,) = open_message(cipher, datagram)[0].all(Notify)
    assert (answer.type, answer.data) == (Notification.R_U_THERE_ACK, b"\0\0\x12\x34")
    assert answer.spi == isakmp.cookies


def test_a_replayed_protected_message_does_nothing() -> None:
    pair = connected()
    count = len(pair.east.sent)
    told(pair, pair.east, Notify(Notification.R_U_THERE, Protocol.ISAKMP, isakmp_of(pair.east).cookies, bytes(4)))
    out = pair.east.sent[count][1]
    assert isinstance(out, Send)
    answers = len(pair.west.sent)
    for _ in range(3):
        pair.inject(pair.west, out.data, isakmp_of(pair.west).path)
    assert len(pair.west.sent) == answers


@pytest.mark.parametrize("kind", [each for each in Notification if each is not Notification.INITIAL_CONTACT])
def test_notifications_without_meaning_here_change_nothing(kind: Notification) -> None:
    pair = connected()
    before = state_of(pair.west)
    told(pair, pair.east, Notify(kind, Protocol.IPSEC_ESP, b"spi!"), Notify(kind))
    assert state_of(pair.west) == before


def test_an_error_without_spi_ends_a_quick_mode_only_if_it_cannot_be_about_a_forgery() -> None:
    for kind, ends in ((Notification.NO_PROPOSAL_CHOSEN, True), (Notification.PAYLOAD_MALFORMED, False)):
        held = held_at(8)
        pair = held.pair
        told(pair, pair.west, Notify(kind))
        assert (pair.east.census()["exchanges"] == 0) is ends


def test_initial_contact_under_protection_clears_what_was_before() -> None:
    pair = connected()
    (old,) = pair.west.engine._core.sas.ipsec
    told(pair, pair.east, Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, isakmp_of(pair.east).cookies))
    assert pair.west.phase(2) == ["net"]  # it was negotiated under this very ISAKMP SA
    old.since = -1.0
    told(pair, pair.east, Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, isakmp_of(pair.east).cookies))
    assert pair.west.phase(1) == ["gateway"]
    assert pair.west.phase(2) == []
