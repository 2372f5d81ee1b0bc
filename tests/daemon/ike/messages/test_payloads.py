"""Messages as values: their encoding, against octets laid out by hand from RFC 2408."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.messages.payloads import (
    DataAttribute,
    Hash,
    Header,
    KeyExchange,
    Message,
    Nonce,
    Payload,
    Proposal,
    SaPayload,
    Transform,
    VendorId,
    encode_payloads,
)
from daemon.ike.registries import ExchangeType, Flag, PayloadType, Protocol
from tests.daemon.ike.generators import payload_lists, payloads


def test_a_first_main_mode_message_is_laid_out_as_in_rfc_2408() -> None:
    transform = Transform(1, 1, (DataAttribute(1, 5), DataAttribute(12, bytes.fromhex("00007080"))))
    sa = SaPayload((Proposal(1, Protocol.ISAKMP, b"", (transform,)),))
    message = Message(Header(bytes(range(8)), bytes(8), ExchangeType.ID_PROT), (sa, VendorId(b"vend")))
    assert message.encode().hex(" ", 4) == (
        "00010203 04050607 00000000 00000000"  # cookies
        " 01100200 00000000 0000004c"  # SA first, version 1.0, main mode, no flags; message ID; length 76
        " 0d000028 00000001 00000001"  # SA of 40 octets, a vendor ID follows; DOI; situation
        " 0000001c 01010001"  # the last proposal, 28 octets: number 1, ISAKMP, no SPI, one transform
        " 00000014 01010000"  # the last transform, 20 octets: number 1, KEY_IKE
        " 80010005 000c0004 00007080"  # 3DES (TV); duration 28800 (TLV)
        " 00000008 76656e64"
    )


def test_the_header_names_the_first_payload_and_the_length() -> None:
    header = Header(b"i" * 8, b"r" * 8, ExchangeType.QUICK_MODE, 7, Flag.ENC | Flag.COMMIT)
    encoded = Message(header, (Hash(b"h" * 20), Nonce(b"n" * 16))).encode()
    assert encoded[16] == PayloadType.HASH
    assert encoded[19] == 3
    assert encoded[20:28] == (7).to_bytes(4) + (28 + 24 + 20).to_bytes(4)
    assert len(encoded) == 72


def test_no_payloads_encode_to_nothing() -> None:
    assert encode_payloads(()) == (PayloadType.NONE, b"")


@given(payload_lists)
def test_each_payload_announces_the_one_after_it(each: tuple[object, ...]) -> None:
    several = [payload for payload in each if isinstance(payload, (Hash, KeyExchange, Nonce, VendorId))]
    first, data = encode_payloads(several)
    kinds = [int(first)]
    while data:
        kinds.append(data[0])
        data = data[int.from_bytes(data[2:4]) :]
    assert kinds[: len(several)] == [payload.payload_type for payload in several]
    assert kinds[-1] == PayloadType.NONE


@given(payloads)
def test_the_body_is_what_follows_the_generic_header(payload: Payload) -> None:
    assert encode_payloads([payload])[1][4:] == payload.body


def test_messages_give_their_payloads_by_class() -> None:
    message = Message(Header(b"i" * 8, b"r" * 8, ExchangeType.INFO), (Hash(b"a"), Nonce(b"n" * 8), Hash(b"b")))
    assert message.all(Hash) == (Hash(b"a"), Hash(b"b"))
    assert message.all(KeyExchange) == ()


@given(st.integers(0, (1 << 64) - 1))
def test_a_number_survives_an_attribute_in_the_shortest_form(number: int) -> None:
    attribute = DataAttribute.of(12, number)
    assert attribute.number == number
    assert isinstance(attribute.value, int) is (number <= 0xFFFF)


def test_numbers_compare_whatever_form_they_came_in() -> None:
    assert DataAttribute(12, 3600).number == DataAttribute(12, bytes.fromhex("00000e10")).number == 3600
    assert DataAttribute(12, bytes(8)).number == 0
    assert DataAttribute(12, bytes(9)).number is None
    assert DataAttribute(12, b"").number is None
