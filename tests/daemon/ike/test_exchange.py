"""The tables of payloads, row by row: whatever does not fit leaves exchanges, SAs and kernel as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.ike.errors import InvalidPayloadType, PayloadMalformed
from daemon.ike.exchange import Role, Step, check_payloads
from daemon.ike.informational import HEARSAY
from daemon.ike.messages.payloads import (
    Attributes,
    Certificate,
    CertificateRequest,
    Delete,
    Hash,
    Header,
    Identification,
    KeyExchange,
    Message,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Notify,
    Payload,
    SaPayload,
    Signature,
    UnknownPayload,
    VendorId,
)
from daemon.ike.registries import (
    CertificateEncoding,
    ConfigurationType,
    ExchangeType,
    IdType,
    Notification,
    PayloadType,
    Protocol,
)
from tests.daemon.ike.forgery import COURSES, SCRIPTS, Held, state_of

SPECIMENS: dict[PayloadType, Payload] = {
    each.payload_type: each
    for each in (
        SaPayload(()),
        KeyExchange(b"k" * 64),
        Identification(IdType.FQDN, 0, 0, b"forger.example"),
        Certificate(CertificateEncoding.X509_SIG, b"c"),
        CertificateRequest(CertificateEncoding.X509_SIG, b""),
        Hash(b"h" * 32),
        Signature(b"s" * 32),
        Nonce(b"n" * 16),
        Notify(Notification.INITIAL_CONTACT),
        Delete(Protocol.IPSEC_ESP, (b"spi!",)),
        VendorId(b"somebody"),
        Attributes(ConfigurationType.REQUEST, 1),
        NatDiscovery(b"d" * 32),
        NatDiscovery(b"d" * 32, draft=True),
        NatOriginalAddress(IdType.IPV4_ADDR, b"addr"),
        NatOriginalAddress(IdType.IPV4_ADDR, b"addr", draft=True),
    )
}
STEPS: list[Step[Any]] = [step for script in (*SCRIPTS.values(), HEARSAY) for step in script.steps]
PLACES = [(course, number) for course, each in COURSES.items() for number in range(1, each.messages + 1)]
everywhere = pytest.mark.parametrize(("course", "number"), PLACES, ids=str)


def sample(step: Step[Any]) -> tuple[Payload, ...]:
    """The least that fits a row."""
    others = [kind for kind in step.required if kind not in step.leading]
    others += sorted(step.one_of)[:1]
    return tuple(SPECIMENS[kind] for kind in (*step.leading, *others))


def known_to(step: Step[Any]) -> frozenset[PayloadType]:
    """The payloads that a row has anything to do with."""
    return frozenset((*step.required, *step.optional, *step.one_of))


def message(*payloads: Payload) -> Message:
    return Message(Header(b"i" * 8, b"r" * 8, ExchangeType.ID_PROT), payloads)


@pytest.mark.parametrize("step", STEPS, ids=lambda each: each.reference)
class TestPayloadTable:
    def test_the_least_fits(self, step: Step[Any]) -> None:
        check_payloads(step, message(*sample(step)))

    def test_each_required_payload_is_missed(self, step: Step[Any]) -> None:
        least = sample(step)
        for index in range(len(least)):
            with pytest.raises(PayloadMalformed):
                check_payloads(step, message(*least[:index], *least[index + 1 :]))

    def test_each_required_payload_comes_once_only(self, step: Step[Any]) -> None:
        least = sample(step)
        for each in least:
            with pytest.raises(PayloadMalformed):
                check_payloads(step, message(*least, each))

    def test_of_alternatives_exactly_one_comes(self, step: Step[Any]) -> None:
        others = tuple(each for each in sample(step) if each.payload_type not in step.one_of)
        alternatives = [SPECIMENS[kind] for kind in sorted(step.one_of)]
        for each in alternatives:
            check_payloads(step, message(*others, each))
        if alternatives:
            for wrong in ([], alternatives):
                with pytest.raises(PayloadMalformed, match="not exactly one payload of type HASH or SIG"):
                    check_payloads(step, message(*others, *wrong))

    def test_optional_payloads_are_counted(self, step: Step[Any]) -> None:
        least = sample(step)
        for kind, most in step.optional.items():
            check_payloads(step, message(*least, *[SPECIMENS[kind]] * most))
            with pytest.raises(PayloadMalformed):
                check_payloads(step, message(*least, *[SPECIMENS[kind]] * (most + 1)))

    def test_every_other_payload_is_unexpected(self, step: Step[Any]) -> None:
        for kind, specimen in SPECIMENS.items():
            if kind < 128 and kind not in known_to(step):
                with pytest.raises(InvalidPayloadType):
                    check_payloads(step, message(*sample(step), specimen))

    def test_private_payloads_are_skipped_unless_in_the_way(self, step: Step[Any]) -> None:
        private = UnknownPayload(b"?", PayloadType(200))
        check_payloads(step, message(*sample(step), private))
        if step.leading:
            with pytest.raises(PayloadMalformed):
                check_payloads(step, message(private, *sample(step)))


def test_senders_alternate_and_the_initiator_begins() -> None:
    for script in SCRIPTS.values():
        senders = [step.sender for step in script.steps]
        assert senders == [Role.INITIATOR, Role.RESPONDER] * (len(senders) // 2) + senders[len(senders) // 2 * 2 :]


# --- the same, in every state of a real negotiation ---------------------------------------------------------------


def unfit(held: Held) -> Iterator[tuple[str, tuple[Payload, ...]]]:
    """Every message that a table must refuse, made from the true one: named, and its payloads."""
    step, payloads = held.step, held.message.payloads
    for index, each in enumerate(payloads):
        kind = each.payload_type
        if kind in step.required or kind in step.one_of:
            yield f"without {kind}", payloads[:index] + payloads[index + 1 :]
            yield f"two {kind}", (*payloads, each)
            yield f"two {kind} in a row", (*payloads[:index], each, *payloads[index:])
    for kind, specimen in SPECIMENS.items():
        if kind < 128 and (kind not in known_to(step) or kind in step.one_of):
            yield f"with {kind}", (*payloads, specimen)
        elif kind in step.optional:
            yield f"too many {kind}", (*payloads, *[specimen] * (step.optional[kind] + 1))
    if step.leading and len(payloads) > 1:
        yield "reversed", payloads[::-1]
        yield "turned", payloads[1:] + payloads[:1]
    yield "empty", ()
    for kind in (PayloadType.PROPOSAL, PayloadType.TRANSFORM, PayloadType.SAK, PayloadType(22), PayloadType(127)):
        yield f"with unknown {kind}", (*payloads, UnknownPayload(b"?", kind))


@everywhere
def test_a_message_that_does_not_fit_its_row_changes_nothing(course: str, number: int) -> None:
    held = COURSES[course].hold(number, 1)
    before, counted = state_of(held.receiver), held.receiver.census()
    tried = 0
    for name, payloads in unfit(held):
        held.inject(held.forged(payloads))
        assert state_of(held.receiver) == before, name
        assert held.receiver.census() == counted, name
        tried += 1
    assert tried >= 16
    held.release()
    assert held.pair.established


def _verified_octets(held: Held) -> int:
    """HASH_I and HASH_R cover the identity only: what follows them in the message is not protected."""
    if held.header.message_id:
        return len(held.data)
    kinds = [each.payload_type for each in held.message.payloads]
    verified = next(index for index, kind in enumerate(kinds) if kind in held.step.one_of) + 1
    return 28 + sum(4 + len(each.body) for each in held.message.payloads[:verified])


@everywhere
def test_a_damaged_message_changes_nothing(course: str, number: int) -> None:
    """One bit of an encrypted message, or of a plain one's structure, is enough to be refused."""
    held = COURSES[course].hold(number, 1)
    before = state_of(held.receiver)
    dice = random.Random(number)
    encrypted = bool(held.header.flags)
    positions = range(28, _verified_octets(held)) if encrypted else range(16, 28)
    for _ in range(60):
        damaged = bytearray(held.data)
        damaged[dice.choice(positions)] ^= 1 << dice.randrange(8)
        header_only_commit = not encrypted and bytes(damaged[:19]) == held.data[:19] and damaged[19] in (2, 4, 6)
        if not header_only_commit:
            held.inject(bytes(damaged))
            assert state_of(held.receiver) == before
    held.release()
    assert held.pair.established


@everywhere
def test_every_prefix_of_a_message_changes_nothing(course: str, number: int) -> None:
    held = COURSES[course].hold(number, 1)
    before = state_of(held.receiver)
    for length in range(len(held.data)):
        cut = held.data[:length]
        held.inject(cut)
        if length >= 28:
            held.inject(cut[:24] + length.to_bytes(4, "big") + cut[28:])
        assert state_of(held.receiver) == before
    held.release()
    assert held.pair.established


@everywhere
def test_messages_of_every_other_state_change_nothing(course: str, number: int) -> None:
    """Replays and reflections: all earlier messages of this negotiation and all but the first of another one."""
    along = COURSES[course]
    held = along.hold(number, 1)
    earlier = [along.hold(each, 1).data for each in range(1, number)]  # same seed, so the same octets
    foreign = [along.hold(each, 77).data for each in range(2, along.messages + 1)]
    before = state_of(held.receiver)
    for data in earlier + foreign:
        held.inject(data)
        assert state_of(held.receiver) == before
    held.release()
    assert held.pair.established


@everywhere
def test_every_repetition_of_a_message_ends_in_one_set_of_sas(course: str, number: int) -> None:
    held = COURSES[course].hold(number, 1)
    for _ in range(5):
        held.inject(held.data)
    held.pair.run(held.pair.now + 8.0)
    assert held.pair.established
    assert len(held.pair.east.kernel) == 2


@everywhere
def test_a_message_that_never_comes_leaves_nothing_behind(course: str, number: int) -> None:
    """The negotiation is over when Exchange-max-time is, and takes everything with it that it had."""
    held = COURSES[course].hold(number, 1)
    pair = held.pair
    pair.filter = lambda _source, _path, _data: []
    for node in pair.nodes:
        node.engine._core.stopped.add("net")
    pair.run(pair.now + 130.0)
    for node in pair.nodes:
        census = node.census()
        assert census["exchanges"] == census["half-open"] == census["tokens"] == 0
        assert set(node.spis) == set(node.kernel) & set(node.spis)
