"""daemon/ike/limits.py: what strangers may cost us, held to from outside. docs/daemon.md tells users the same."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from daemon.ike import limits
from daemon.ike.events import Endpoint, Path, Send
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import (
    HEADER_LENGTH,
    Certificate,
    CertificateRequest,
    DataAttribute,
    Header,
    Identification,
    KeyExchange,
    Message,
    Notify,
    Payload,
    Proposal,
    SaPayload,
    Signature,
    Transform,
    VendorId,
)
from daemon.ike.messages.transforms import encode_ike
from daemon.ike.registries import (
    AuthenticationMethod,
    CertificateEncoding,
    ExchangeType,
    Notification,
    PayloadType,
    Protocol,
)
from daemon.ike.trust.credentials import PeerKeys
from policydb.negotiation import Reason
from tests.daemon.ike.forgery import held_at
from tests.daemon.ike.network import EAST, WEST, Pair, configuration, ike_transform
from tests.daemon.ike.test_own_name import certified_pair, first_message, pair_of

GOOD = encode_ike(1, ike_transform())


def started(mode: str = "ID_PROT", *, section: bool = False) -> Pair:
    return pair_of(mode, section=section).start()


def message_1(offer: SaPayload, *more: Payload, cookie: int = 1) -> bytes:
    header = Header(cookie.to_bytes(8), bytes(8), ExchangeType.ID_PROT)
    return Message(header, (offer, *more)).encode()


def offer(*transforms: Transform) -> SaPayload:
    return SaPayload((Proposal(1, Protocol.ISAKMP, b"", transforms),))


def junk(count: int, octets: int = 4) -> tuple[Transform, ...]:
    """Transforms that nobody takes, each with so many octets of attributes."""
    return (Transform(1, 1, (DataAttribute(16000, bytes(octets - 4)),)),) * count


def from_address(number: int) -> Path:
    return Path(Endpoint(WEST, 500), Endpoint(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 500))


def notifications(pair: Pair) -> list[Notification]:
    sent = [out.data for _, out in pair.west.sent if isinstance(out, Send)]
    payloads = [each for data in sent for each in parse_payloads(read_header(data).next_payload, data[HEADER_LENGTH:])]
    return [each.type for each in payloads if isinstance(each, Notify)]


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (offer(GOOD, *junk(63)), True),
        (offer(GOOD, *junk(64)), False),
        (offer(GOOD, *junk(1, 1900)), True),
        (offer(GOOD, *junk(1, 2048)), False),
        (offer(GOOD, *junk(63, 900)), False),
    ],
    ids=["64 transforms", "65 transforms", "1,992 octets", "2,140 octets", "57 kB"],
)
def test_too_large_an_offer_is_refused_whole_with_a_reason(sent: SaPayload, answered: bool) -> None:
    pair = started()
    pair.inject(pair.west, message_1(sent), from_address(1))
    assert pair.west.census()["half-open"] == answered
    if answered:
        assert notifications(pair) == []
    else:
        assert notifications(pair) == [Notification.NO_PROPOSAL_CHOSEN]
        (record,) = pair.west.records
        assert record.reason is Reason.NO_TRANSFORM_MATCHED
        answer = pair.west.sent[0][1]
        assert isinstance(answer, Send)
        assert len(answer.data) <= len(message_1(sent))


def test_the_hashes_cover_the_whole_offer_though_only_its_octets_are_kept() -> None:
    """RFC 2409 section 5: SAi_b is the entire body of the initiator's SA payload, also what was not chosen."""
    many = tuple(ike_transform(bits=bits, digest=digest) for bits in (256, 192, 128) for digest in ("SHA", "SHA2_256"))
    east = configuration(EAST, WEST, transforms=many, initiates=True)
    pair = Pair(east, configuration(WEST, EAST)).start().run(1.0)
    assert pair.established


@pytest.mark.parametrize("section", [True, False])
def test_exchanges_with_strangers_live_thirty_seconds(section: bool) -> None:
    pair = started(section=section)
    path = from_address(1)
    if section:
        path = replace(path, remote=Endpoint(EAST, 500))
    pair.inject(pair.west, message_1(offer(GOOD)), path)
    pair.run(29.9)
    assert pair.west.census()["half-open"] == 1
    pair.run(30.1)
    assert pair.west.census()["half-open"] == section
    pair.run(120.1)
    assert pair.west.census()["half-open"] == 0


KEPT: dict[str, tuple[SaPayload, *tuple[VendorId, ...]]] = {
    "a usual offer": (offer(GOOD),),
    "the longest offer": (offer(GOOD, *junk(60, 24)),),
    "vendor IDs": (offer(GOOD), *(VendorId(bytes([number]) * 900) for number in range(30))),
}


@pytest.mark.parametrize("shape", KEPT)
def test_what_is_counted_is_what_it_takes(shape: str) -> None:
    """The memory that so many half-open exchanges take is within what the room counts, and that within the bound."""
    pair = started()
    body = message_1(*KEPT[shape])[8:]
    table = pair.west.engine._core.exchanges

    def begin(count: int) -> None:
        for number in range(count):
            pair.west.engine.receive_datagram(
                pair.now.hex().encode()[-4:] + number.to_bytes(4) + body, from_address(number), pair.now
            )

    pair.now = 1.0
    begin(10)
    gc.collect()
    tracemalloc.start()
    counted, (before, _) = table.octets, tracemalloc.get_traced_memory()
    pair.now = 2.0
    begin(300)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert pair.west.census()["half-open"] == 310
    assert taken <= table.octets - counted
    assert len(table) * limits.EXCHANGE_OCTETS < table.octets


def test_requests_for_certificates_are_kept_within_bounds() -> None:
    held = held_at(3)
    asked = [CertificateRequest(CertificateEncoding.X509_SIG, bytes(200)) for _ in range(32)]
    held.inject(held.plain((*held.message.payloads, *asked[:32]), held.header))
    (exchange,) = held.receiver.engine._core.exchanges
    assert len(exchange.state.requests) == 32
    held = held_at(3)
    long = [CertificateRequest(CertificateEncoding.X509_SIG, bytes(3000)) for _ in range(32)]
    held.inject(held.plain((*held.message.payloads, *long), held.header))
    (exchange,) = held.receiver.engine._core.exchanges
    assert sum(len(each.authority) for each in exchange.state.requests) <= limits.REQUEST_OCTETS
    assert len(exchange.state.requests) == 2


def test_what_strangers_leave_behind_is_told_for_the_first_and_counted_for_the_rest() -> None:
    pair = started()
    for number in range(500):
        pair.inject(pair.west, message_1(offer(GOOD), cookie=number + 1), from_address(number))
    pair.run(31.0)
    assert pair.west.census()["exchanges"] == 0
    told = [each for each in pair.west.records if each.reason is Reason.TIMEOUT]
    assert len(told) == limits.LAPSES_AT_ONCE
    pair.inject(pair.west, message_1(offer(GOOD), cookie=9999), from_address(9999))
    pair.run(70.0)
    assert f"{500 - limits.LAPSES_AT_ONCE} more exchanges that others began timed out" in "\n".join(pair.west.log)


def test_a_peer_that_proves_nothing_has_so_many_proofs_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """He can decrypt and encrypt, for the keys are his; every proof would be read, certificates and all."""
    looked: list[object] = []
    pair = certified_main()
    held = held_at(5, pair)
    credentials = held.receiver.engine._core.tools.credentials
    judge = credentials.judge

    def counted(
        _: object,
        identity: Identification,
        certificates: Sequence[Certificate],
        method: AuthenticationMethod,
        now: datetime,
    ) -> PeerKeys:
        looked.append(identity)
        return judge(identity, certificates, method, now)

    monkeypatch.setattr(type(credentials), "judge", counted)
    for number in range(20):
        payloads = tuple(
            Signature(bytes([number]) * 256) if isinstance(each, Signature) else each for each in held.message.payloads
        )
        held.inject(held.sealed(payloads))
    assert len(looked) == limits.PROOFS_PER_EXCHANGE


def test_forged_proofs_use_up_nothing() -> None:
    """What cannot be decrypted is not the peer's: his own proof still counts."""
    held = held_at(5, certified_main())
    for number in range(50):
        held.inject(held.data[:40] + bytes([number]) * (len(held.data) - 40))
    held.release()
    assert held.pair.established


def test_all_proofs_together_are_bounded_by_their_octets() -> None:
    """What is left of them is not enough for a long message; a second later it is."""
    held = held_at(5, certified_main())
    core = held.receiver.engine._core
    many = tuple(Certificate(CertificateEncoding.X509_SIG, bytes(1000)) for _ in range(6))
    left = limits.PROOFS_AT_ONCE
    assert core.proofs[True].take(held.pair.now, left - 5)
    held.inject(held.sealed((*held.message.payloads[:-1], *many, held.message.payloads[-1])))
    assert "too many proofs by signature at once" in held.receiver.log[-1]
    held.pair.now += 1.0
    held.release()
    assert held.pair.established


def certified_main() -> Pair:
    """Certificates, in main mode; east begins."""
    made = certified_pair()
    for node in (made.east, made.west):
        before = node.oracle.configuration
        peers = {name: replace(each, exchange="ID_PROT") for name, each in before.peers.items()}
        nets = {name: replace(each, initiates=node is made.east) for name, each in before.connections.items()}
        node.oracle.configuration = replace(before, peers=peers, connections=nets)
    return made


def test_main_mode_answers_in_fewer_octets_than_it_was_asked() -> None:
    for make in (started, certified_main):
        question = first_message(make())
        pair = make().start()
        pair.inject(pair.west, question.data, Path(question.path.remote, question.path.local))
        answer = pair.west.sent[-1][1]
        assert isinstance(answer, Send)
        assert len(answer.data) <= len(question.data)


def test_in_aggressive_mode_all_answers_together_are_little_longer_than_their_questions() -> None:
    pair = certified_pair().start()
    question = first_message(certified_pair())
    came = went = 0
    for number in range(600):
        pair.now = number / 200
        pair.inject(pair.west, number.to_bytes(8) + question.data[8:], Path(question.path.remote, question.path.local))
        came += limits.HEADERS + len(question.data)
    went = sum(limits.HEADERS + len(out.data) for _, out in pair.west.sent if isinstance(out, Send))
    assert went <= came + limits.EXCESS_OCTETS * (1 + pair.now) + 2000


@pytest.mark.parametrize("length", [1, 63, 65, 60_000])
def test_a_public_value_that_is_none_is_not_kept(length: int) -> None:
    """In aggressive mode nothing is computed with it before message 3, but it is held against its group at once."""
    held = held_at(1, pair_aggressive())
    bad = tuple(
        KeyExchange(bytes(length)) if each.payload_type == PayloadType.KEY_EXCH else each
        for each in held.message.payloads
    )
    held.inject(held.plain(bad, held.header))
    assert held.receiver.census()["exchanges"] == 0


def pair_aggressive() -> Pair:
    made = pair_of("AGGRESSIVE", section=True)
    before = made.east.oracle.configuration
    nets = {name: replace(each, initiates=True) for name, each in before.connections.items()}
    made.east.oracle.configuration = replace(before, connections=nets)
    return made
