"""The parser: the canonical form and nothing else, every malformed form with its own error, and never another one."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike import errors
from daemon.ike.errors import ProtocolError
from daemon.ike.messages.parser import (
    MAX_ATTRIBUTES,
    MAX_PAYLOADS,
    MAX_PROPOSALS,
    MAX_TRANSFORMS,
    parse_header,
    parse_payloads,
    read_header,
)
from daemon.ike.messages.payloads import (
    HEADER_LENGTH,
    DataAttribute,
    Delete,
    Hash,
    Identification,
    Message,
    Notify,
    Payload,
    Proposal,
    SaPayload,
    Transform,
    UnknownPayload,
    VendorId,
    encode_payloads,
)
from daemon.ike.registries import Doi, Flag, IdType, Notification, PayloadType, Protocol
from tests.daemon.ike.generators import MESSAGES, payload_lists
from tests.sizes import examples

messages = pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())


def parse(data: bytes) -> Message:
    header = parse_header(data)
    return Message(header, parse_payloads(header.next_payload, data[HEADER_LENGTH:]))


def attempt(read: Callable[[], object]) -> object:
    """What was read, or the text of the ProtocolError that refused it; anything else is raised."""
    try:
        return read()
    except ProtocolError as error:
        return str(error)


# --- both directions ----------------------------------------------------------------------------------------------


@given(payload_lists)
def test_what_was_encoded_is_parsed_back(sent: tuple[Payload, ...]) -> None:
    assert parse_payloads(*encode_payloads(sent)) == sent


@given(payload_lists, st.binary(max_size=32))
def test_padding_after_decryption_is_left_out(sent: tuple[Payload, ...], padding: bytes) -> None:
    first, data = encode_payloads(sent)
    assert parse_payloads(first, data + padding, padded=True) == sent


@messages
def test_a_message_comes_back_octet_by_octet(message: Message) -> None:
    assert parse(message.encode()).encode() == message.encode()
    assert parse(message.encode()).payloads == message.payloads


@given(st.sampled_from(list(PayloadType)), st.binary(max_size=60))
def test_whatever_is_accepted_encodes_to_the_octets_it_came_from(kind: PayloadType, body: bytes) -> None:
    data = bytes([0, 0]) + (4 + len(body)).to_bytes(2) + body
    try:
        accepted = parse_payloads(kind, data)
    except ProtocolError:
        return
    assert encode_payloads(accepted) == ((kind, data) if kind else (PayloadType.NONE, b""))


@given(st.integers(0, 255), st.binary(max_size=600), st.booleans())
def test_random_octets_raise_protocol_errors_only(kind: int, data: bytes, padded: bool) -> None:
    for read in (lambda: parse_payloads(PayloadType(kind), data, padded), lambda: parse(data)):
        outcome = attempt(read)
        assert not isinstance(outcome, str) or outcome.isprintable()


@messages
@settings(max_examples=examples(300))
@given(data=st.data())
def test_damaged_messages_raise_protocol_errors_only(message: Message, data: st.DataObject) -> None:
    octets = bytearray(message.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    outcome = attempt(lambda: parse(bytes(octets)))
    if isinstance(outcome, Message):
        first, payloads = encode_payloads(outcome.payloads)
        filling = bytes(len(octets) - HEADER_LENGTH - len(payloads))
        assert octets[HEADER_LENGTH:] == payloads + filling
        assert (octets[16], len(filling) < 4) == (first, True)
    else:
        assert str(outcome).isprintable()


@messages
def test_no_prefix_of_a_message_is_a_message(message: Message) -> None:
    whole = message.encode()
    for end in range(len(whole)):
        with pytest.raises(ProtocolError):
            parse(whole[:end])


@messages
def test_no_prefix_of_the_payloads_is_accepted(message: Message) -> None:
    first, whole = encode_payloads(message.payloads)
    for end in range(len(whole)):
        with pytest.raises(ProtocolError):
            parse_payloads(first, whole[:end])
        with pytest.raises(ProtocolError):
            parse_payloads(first, whole[:end], padded=True)


# --- the header (isakmpd's checks 1 and 5 to 9) -------------------------------------------------------------------

QUICK = MESSAGES["quick mode 1"].encode()
FIRST = MESSAGES["main mode 1"].encode()


def patched(data: bytes, at: int, octets: bytes) -> bytes:
    return data[:at] + octets + data[at + len(octets) :]


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (b"", errors.Silent, "bad message length 0"),
        (QUICK[:27], errors.Silent, "bad message length 27"),
        (QUICK + b"\0", errors.Silent, "bad message length"),
        (patched(QUICK, 24, bytes(4)), errors.Silent, "bad message length"),
        (patched(QUICK, 24, b"\xff\xff\xff\xff"), errors.Silent, "bad message length"),
        (patched(QUICK, 16, b"\x16"), errors.InvalidPayloadType, "invalid payload type 22 in ISAKMP header"),
        (patched(QUICK, 16, b"\xff"), errors.InvalidPayloadType, "check passphrases"),
        (patched(QUICK, 17, b"\x20"), errors.InvalidMajorVersion, "invalid version major 2"),
        (patched(QUICK, 17, b"\x00"), errors.InvalidMajorVersion, "invalid version major 0"),
        (patched(QUICK, 17, b"\x11"), errors.InvalidMinorVersion, "invalid version minor 1"),
        (patched(QUICK, 18, b"\x00"), errors.InvalidExchangeType, "invalid exchange type NONE"),
        (patched(QUICK, 18, b"\x07"), errors.InvalidExchangeType, "invalid exchange type EXCHANGETYPE7"),
        (patched(QUICK, 18, b"\x1f"), errors.InvalidExchangeType, "invalid exchange type EXCHANGETYPE31"),
        (patched(FIRST, 18, b"\x20"), errors.InvalidExchangeType, "invalid exchange type QUICK_MODE"),
        (patched(QUICK, 19, b"\x08"), errors.InvalidFlags, "invalid flags 0x8"),
        (patched(QUICK, 19, b"\x81"), errors.InvalidFlags, "invalid flags 0x81"),
        (patched(FIRST, 20, b"\0\0\0\1"), errors.InvalidMessageId, "invalid message id"),
    ],
)
def test_a_bad_header_is_refused_with_its_own_notification(data: bytes, error: type[ProtocolError], text: str) -> None:
    with pytest.raises(error, match=text):
        parse_header(data)


@pytest.mark.parametrize("flags", range(8))
def test_all_three_flags_are_known(flags: int) -> None:
    assert parse_header(patched(QUICK, 19, bytes([flags]))).flags == Flag(flags)


def test_exchange_types_of_a_doi_are_left_to_the_engine() -> None:
    assert str(parse_header(patched(QUICK, 18, b"\xf0")).exchange_type) == "EXCHANGETYPE240"


def test_a_header_can_be_read_before_it_is_judged() -> None:
    header = read_header(patched(QUICK, 17, b"\x25"))
    assert (header.initiator_cookie, header.responder_cookie) == (b"\x11" * 8, b"\x22" * 8)


# --- the walk over the payloads (check 12) ------------------------------------------------------------------------


@pytest.mark.parametrize("octets", range(1, 9))
def test_a_message_in_the_clear_may_be_filled_up_to_a_multiple_of_four_octets(octets: int) -> None:
    """libreswan does so, and the original does not look behind the last payload."""
    body = bytes(range(1, octets + 1))
    payload = bytes(2) + (4 + octets).to_bytes(2) + body
    filled = payload + bytes(-len(payload) % 4)
    assert parse_payloads(PayloadType.HASH, filled) == (Hash(body),)


@pytest.mark.parametrize(
    ("first", "data", "error", "text"),
    [
        (8, "", errors.UnequalPayloadLengths, "short message"),
        (8, "000000", errors.UnequalPayloadLengths, "short message"),
        (8, "0a000006aaaa", errors.UnequalPayloadLengths, "short message"),
        (8, "00000006aaaabb", errors.UnequalPayloadLengths, "1 octets after the last payload"),
        (0, "00", errors.UnequalPayloadLengths, "1 octets after the last payload"),
        (8, "00000006aaaa00", errors.UnequalPayloadLengths, "1 octets after the last payload"),
        (8, "00000006aaaa0001", errors.UnequalPayloadLengths, "2 octets after the last payload"),
        (8, "00000006aaaa000000000000", errors.UnequalPayloadLengths, "6 octets after the last payload"),
        (8, "16000006aaaa", errors.InvalidPayloadType, "invalid next payload type PAYLOADTYPE22 in payload of type 8"),
        (8, "7f000006aaaa", errors.InvalidPayloadType, "PAYLOADTYPE127"),
        (22, "00000006aaaa", errors.InvalidPayloadType, "PAYLOADTYPE22 unexpected"),
        (15, "00000006aaaa", errors.InvalidPayloadType, "SAK unexpected"),
        (2, "00000006aaaa", errors.InvalidPayloadType, "PROPOSAL unexpected"),
        (33, "00000006aaaa", errors.InvalidPayloadType, "PAYLOADTYPE33 unexpected"),
        (8, "00010006aaaa", errors.PayloadMalformed, "reserved field non-zero: 1"),
        (8, "00000000aaaa", errors.PayloadMalformed, "payload too short: 0"),
        (8, "00000003aaaa", errors.PayloadMalformed, "payload too short: 3"),
        (8, "00000007aaaa", errors.PayloadMalformed, "payload too long: 7"),
        (8, "0000ffffaaaa", errors.PayloadMalformed, "payload too long: 65535"),
    ],
)
def test_a_bad_chain_is_refused(first: int, data: str, error: type[ProtocolError], text: str) -> None:
    with pytest.raises(error, match=text):
        parse_payloads(PayloadType(first), bytes.fromhex(data))


def test_private_payloads_are_kept_to_be_skipped() -> None:
    sent = (UnknownPayload(b"", PayloadType(128)), Hash(b"h"), UnknownPayload(b"x", PayloadType(255)))
    assert parse_payloads(*encode_payloads(sent)) == sent


@pytest.mark.parametrize(
    ("count", "accepted"), [(MAX_PAYLOADS - 1, True), (MAX_PAYLOADS, True), (MAX_PAYLOADS + 1, False)]
)
def test_a_message_has_only_so_many_payloads(count: int, accepted: bool) -> None:
    sent = (VendorId(b"v"),) * count
    if accepted:
        assert parse_payloads(*encode_payloads(sent)) == sent
    else:
        with pytest.raises(errors.PayloadMalformed, match=f"more than {MAX_PAYLOADS} payloads"):
            parse_payloads(*encode_payloads(sent))


# --- the SA payload -----------------------------------------------------------------------------------------------


def sa(proposals: int = 1, transforms: int = 1, attributes: int = 0) -> SaPayload:
    transform = Transform(1, 12, (DataAttribute(1, 1),) * attributes)
    return SaPayload((Proposal(1, Protocol.IPSEC_ESP, b"spi!", (transform,) * transforms),) * proposals)


@pytest.mark.parametrize(
    ("payload", "accepted"),
    [
        (sa(proposals=MAX_PROPOSALS), True),
        (sa(proposals=MAX_PROPOSALS + 1), False),
        (sa(proposals=2, transforms=MAX_TRANSFORMS // 4), True),
        (sa(attributes=MAX_ATTRIBUTES), True),
        (sa(attributes=MAX_ATTRIBUTES + 1), False),
    ],
)
def test_an_sa_payload_holds_only_so_much(payload: SaPayload, accepted: bool) -> None:
    if accepted:
        assert parse_payloads(*encode_payloads([payload]), proved=True) == (payload,)
    else:
        with pytest.raises(errors.PayloadMalformed):
            parse_payloads(*encode_payloads([payload]), proved=True)


@pytest.mark.parametrize("excess", [0, 1])
def test_transforms_are_counted_over_all_proposals(excess: int) -> None:
    each = MAX_TRANSFORMS // 4
    counts = [each, each, each, each + excess]
    transform = Transform(1, 12)
    payload = SaPayload(tuple(Proposal(1, Protocol.IPSEC_ESP, b"spi!", (transform,) * count) for count in counts))
    if excess:
        with pytest.raises(errors.PayloadMalformed, match="too many"):
            parse_payloads(*encode_payloads([payload]), proved=True)
    else:
        assert parse_payloads(*encode_payloads([payload]), proved=True) == (payload,)


def test_who_has_proved_nothing_offers_64_transforms_and_2048_octets_at_most() -> None:
    """A larger offer is refused whole: the hashes cover all of it, so nothing can be cut off. RFC 2409 section 5."""
    offers = {64: sa(transforms=64), 65: sa(transforms=65), 66: sa(proposals=2, transforms=33)}
    assert parse_payloads(*encode_payloads([offers[64]])) == (offers[64],)
    for count in (65, 66):
        with pytest.raises(errors.NoProposalChosen):
            parse_payloads(*encode_payloads([offers[count]]))
    for length, accepted in ((1000, True), (2048, True), (2049, False), (60_000, False)):
        filler = DataAttribute(16000, bytes(length - 28))
        offer = SaPayload((Proposal(1, Protocol.ISAKMP, b"", (Transform(1, 1, (filler,)),)),))
        assert len(offer.body) == length
        if accepted:
            assert parse_payloads(*encode_payloads([offer])) == (offer,)
        else:
            with pytest.raises(errors.NoProposalChosen, match=f"{length} octets"):
                parse_payloads(*encode_payloads([offer]))
        assert parse_payloads(*encode_payloads([offer]), proved=True) == (offer,)


def test_who_has_proved_nothing_has_an_identity_of_2048_octets_at_most() -> None:
    for length, accepted in ((2044, True), (2045, False)):
        identity = Identification(IdType.KEY_ID, 0, 0, bytes(length))
        if accepted:
            assert parse_payloads(*encode_payloads([identity])) == (identity,)
        else:
            with pytest.raises(errors.InvalidIdInformation):
                parse_payloads(*encode_payloads([identity]))


# DOI and situation, then one ESP proposal (20 octets) with one transform (8 octets).
SA = "00000001 00000001  00000014 01030401 c0ffee01  00000008 010c0000"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (SA.replace("00000001 00000001", "00000000 00000001", 1), errors.DoiNotSupported),
        (SA.replace("00000001 00000001", "00000002 00000001", 1), errors.DoiNotSupported),
        (SA.replace("00000001 00000001", "ffffffff 00000001", 1), errors.DoiNotSupported),
        (SA.replace("00000001 00000001", "00000001 00000003", 1), errors.SituationNotSupported),
        (SA.replace("00000001 00000001", "00000001 00000000", 1), errors.SituationNotSupported),
        ("00000001 00000001", errors.PayloadMalformed),  # no proposal
        (SA.replace("00000014", "02000014"), errors.PayloadMalformed),  # a second proposal is announced
        (SA.replace("00000014", "03000014"), errors.BadProposalSyntax),  # a transform among proposals
        (SA.replace("00000014", "00010014"), errors.PayloadMalformed),  # reserved
        (SA.replace("00000014", "00000013"), errors.PayloadMalformed),  # a transform longer than its proposal
        (SA.replace("00000014", "0000000c"), errors.PayloadMalformed),  # a proposal without transforms
        (SA.replace("00000014", "00000003"), errors.PayloadMalformed),
        (SA.replace("00000014", "00000015"), errors.PayloadMalformed),
        (SA.replace("01030401", "01000401"), errors.InvalidProtocolId),
        (SA.replace("01030401", "01050401"), errors.InvalidProtocolId),
        (SA.replace("01030401", "0103ff01"), errors.InvalidSpi),
        (SA.replace("01030401", "01030001"), errors.InvalidSpi),
        (SA.replace("01030401", "01030400"), errors.BadProposalSyntax),  # the count of transforms
        (SA.replace("01030401", "01030402"), errors.BadProposalSyntax),
        (SA.replace("00000008", "03000008"), errors.PayloadMalformed),
        (SA.replace("00000008", "02000008"), errors.BadProposalSyntax),
        (SA.replace("00000008", "00000007"), errors.PayloadMalformed),
        (SA.replace("00000008", "00000000"), errors.PayloadMalformed),
        (SA.replace("010c0000", "010c0001"), errors.PayloadMalformed),  # reserved
    ],
)
def test_a_bad_sa_payload_is_refused(body: str, error: type[ProtocolError]) -> None:
    data = bytes.fromhex(body)
    assert parse_payloads(PayloadType.SA, b"\0\0\0\x20" + bytes.fromhex(SA))
    with pytest.raises(error):
        parse_payloads(PayloadType.SA, b"\0\0" + (4 + len(data)).to_bytes(2) + data)


@pytest.mark.parametrize(
    "attribute", ["80", "8001", "800100", "0001", "000100", "00010001", "0001000300ff", "0001ffff00"]
)
def test_an_attribute_that_ends_early_is_refused(attribute: str) -> None:
    body = bytes.fromhex("00000001 00000001") + _wrap(
        bytes.fromhex("01030401c0ffee01") + _wrap(bytes.fromhex("010c0000") + bytes.fromhex(attribute))
    )
    with pytest.raises(errors.PayloadMalformed):
        parse_payloads(PayloadType.SA, _wrap(body))


def _wrap(body: bytes) -> bytes:
    return b"\0\0" + (4 + len(body)).to_bytes(2) + body


# --- the other payloads (check 13) --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("KEY_EXCH", "", errors.PayloadMalformed),
        ("ID", "01000000"[:6], errors.PayloadMalformed),
        ("CERT", "", errors.PayloadMalformed),
        ("CERT", "04", errors.PayloadMalformed),
        ("CERT", "0caa", errors.InvalidCertEncoding),
        ("CERT_REQ", "", errors.PayloadMalformed),
        ("HASH", "", errors.PayloadMalformed),
        ("SIG", "", errors.PayloadMalformed),
        ("NONCE", "00" * 7, errors.PayloadMalformed),
        ("NONCE", "00" * 257, errors.PayloadMalformed),
        ("NOTIFY", "00000001 01 00 00", errors.PayloadMalformed),
        ("NOTIFY", "00000001 01 10 0018 0011", errors.PayloadMalformed),
        ("NOTIFY", "00000001 01 11 0018" + "00" * 17, errors.InvalidSpi),
        ("NOTIFY", "00000002 01 00 0018", errors.DoiNotSupported),
        ("DELETE", "00000001 03 04", errors.PayloadMalformed),
        ("DELETE", "00000001 03 04 0000", errors.PayloadMalformed),
        ("DELETE", "00000001 03 04 ffff c0ffee01", errors.PayloadMalformed),
        ("DELETE", "00000001 03 04 0001 c0ffee01 c0ffee02", errors.PayloadMalformed),
        ("DELETE", "00000001 03 00 ffff", errors.InvalidSpi),
        ("DELETE", "00000001 01 08 0001 0011223344556677", errors.InvalidSpi),
        ("DELETE", "00000001 03 10 0001" + "00" * 16, errors.InvalidSpi),
        ("DELETE", "00000001 09 04 0001 c0ffee01", errors.InvalidProtocolId),
        ("DELETE", "00000007 03 04 0001 c0ffee01", errors.DoiNotSupported),
        ("NAT_D", "", errors.PayloadMalformed),
        ("NAT_OA", "01 000000 0a0000", errors.PayloadMalformed),
        ("NAT_OA", "01 000001 0a000001", errors.PayloadMalformed),
        ("NAT_OA", "02 000000 0a000001", errors.PayloadMalformed),
        ("NAT_OA_DRAFT", "05 000000 0a000001", errors.PayloadMalformed),
        ("VENDOR", "", errors.PayloadMalformed),
        ("ATTRIBUTE", "", errors.PayloadMalformed),
    ],
)
def test_a_bad_payload_is_refused(kind: str, body: str, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        parse_payloads(PayloadType[kind], _wrap(bytes.fromhex(body)))


@pytest.mark.parametrize("kind", [each for each in PayloadType if each], ids=str)
def test_every_payload_type_at_every_length_ends_in_a_payload_or_a_protocol_error(kind: PayloadType) -> None:
    for fill in (b"\0", b"\1", b"\xff"):
        for length in range(41):
            data = _wrap(fill * length)
            outcome = attempt(lambda data=data: parse_payloads(kind, data))  # type: ignore[misc]
            assert outcome.isprintable() if isinstance(outcome, str) else isinstance(outcome, tuple)


def test_notifications_and_deletes_may_be_of_the_generic_doi() -> None:
    sent = (
        Delete(Protocol.IPSEC_ESP, (b"spi!",), Doi.ISAKMP),
        Notify(Notification.PAYLOAD_MALFORMED, doi=Doi.ISAKMP),
    )
    assert parse_payloads(*encode_payloads(sent)) == sent


def test_a_large_message_costs_memory_in_proportion() -> None:
    data = _wrap(b"\0" * 65000)
    tracemalloc.start()
    parse_payloads(PayloadType.KEY_EXCH, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(data)
