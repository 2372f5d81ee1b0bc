"""ISAKMP messages as values, and their encoding: the header and every payload of RFC 2408 section 3.

daemon.ike.messages.parser is the other direction. It accepts the canonical form only, so a payload needs no copy of the
octets it came from: `payload.body` is what the HASH computations of RFC 2409 call SAi_b or IDii_b, own or received.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

from daemon.ike.messages.wire import Writer
from daemon.ike.registries import (
    CertificateEncoding,
    ConfigurationType,
    Doi,
    ExchangeType,
    Flag,
    IdType,
    Notification,
    PayloadType,
    Protocol,
    Situation,
)

HEADER_LENGTH = 28
COOKIE_LENGTH = 8
ZERO_COOKIE = bytes(COOKIE_LENGTH)
VERSION = 0x10

_GENERIC_HEADER = 4
_BASIC = 0x8000
"""The AF bit: the attribute's value stands in place of its length (RFC 2408 section 3.3)."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fixed header (RFC 2408 section 3.1). Cookies are 8 octets; `length` counts the whole message in octets."""

    initiator_cookie: bytes
    responder_cookie: bytes
    exchange_type: ExchangeType
    message_id: int = 0
    flags: Flag = Flag.NONE
    next_payload: PayloadType = PayloadType.NONE
    version: int = VERSION
    length: int = HEADER_LENGTH

    def encode(self) -> bytes:
        """The 28 octets."""
        writer = Writer().octets(self.initiator_cookie).octets(self.responder_cookie)
        writer.uint8(self.next_payload).uint8(self.version).uint8(self.exchange_type).uint8(self.flags)
        return writer.uint32(self.message_id).uint32(self.length).getvalue()


@dataclass(frozen=True, slots=True)
class Payload:
    """What all payloads share: their number and the octets after the generic payload header."""

    TYPE: ClassVar[PayloadType]

    @property
    def payload_type(self) -> PayloadType:
        """The number that the preceding payload announces."""
        return self.TYPE

    @property
    def body(self) -> bytes:
        """The payload without its generic header: for a received one, exactly the octets received."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class DataAttribute:
    """A data attribute (RFC 2408 section 3.3): an int in the basic form (TV), bytes in the variable form (TLV)."""

    type: int
    value: int | bytes

    @classmethod
    def of(cls, kind: int, number: int) -> DataAttribute:
        """The shortest form of a number: basic up to 65535, else variable with four or eight octets."""
        if number < 1 << 16:
            return cls(kind, number)
        return cls(kind, number.to_bytes(4 if number < 1 << 32 else 8))

    @property
    def number(self) -> int | None:
        """The value as a number, whichever form it came in; None where it is longer than 8 octets or empty."""
        if isinstance(self.value, int):
            return self.value
        return int.from_bytes(self.value) if 1 <= len(self.value) <= 8 else None


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform payload (RFC 2408 section 3.6). `id` belongs to the registry of its proposal's protocol."""

    number: int
    id: int
    attributes: tuple[DataAttribute, ...] = ()

    @property
    def body(self) -> bytes:
        """The transform without its generic header."""
        fixed = Writer().uint8(self.number).uint8(self.id).uint16(0)
        return fixed.octets(encode_attributes(self.attributes)).getvalue()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal payload (RFC 2408 section 3.5): one protocol and its alternative transforms, in order."""

    number: int
    protocol: Protocol
    spi: bytes
    transforms: tuple[Transform, ...]

    @property
    def body(self) -> bytes:
        """The proposal without its generic header."""
        writer = Writer().uint8(self.number).uint8(self.protocol)
        writer.uint8(len(self.spi)).uint8(len(self.transforms)).octets(self.spi)
        _write_chain(writer, PayloadType.TRANSFORM, [each.body for each in self.transforms])
        return writer.getvalue()


@dataclass(frozen=True, slots=True)
class SaPayload(Payload):
    """A security association payload (RFC 2408 section 3.4, RFC 2407 section 4.6.1)."""

    TYPE = PayloadType.SA
    proposals: tuple[Proposal, ...]
    doi: Doi = Doi.IPSEC
    situation: Situation = Situation.IDENTITY_ONLY

    @property
    def body(self) -> bytes:
        writer = Writer().uint32(self.doi).uint32(self.situation)
        _write_chain(writer, PayloadType.PROPOSAL, [each.body for each in self.proposals])
        return writer.getvalue()


@dataclass(frozen=True, slots=True)
class _Opaque(Payload):
    """A payload that is nothing but its data."""

    data: bytes

    @property
    def body(self) -> bytes:
        return self.data


@dataclass(frozen=True, slots=True)
class EncodedSa(_Opaque):
    """A security association payload of which nothing but the octets is wanted any more."""

    TYPE = PayloadType.SA


@dataclass(frozen=True, slots=True)
class KeyExchange(_Opaque):
    """A Diffie-Hellman public value (RFC 2408 section 3.7)."""

    TYPE = PayloadType.KEY_EXCH


@dataclass(frozen=True, slots=True)
class Hash(_Opaque):
    """A hash (RFC 2408 section 3.11)."""

    TYPE = PayloadType.HASH


@dataclass(frozen=True, slots=True)
class Signature(_Opaque):
    """A signature (RFC 2408 section 3.12)."""

    TYPE = PayloadType.SIG


@dataclass(frozen=True, slots=True)
class Nonce(_Opaque):
    """A nonce (RFC 2408 section 3.13), 8 to 256 octets (RFC 2409 section 5)."""

    TYPE = PayloadType.NONCE


@dataclass(frozen=True, slots=True)
class VendorId(_Opaque):
    """A vendor ID (RFC 2408 section 3.16)."""

    TYPE = PayloadType.VENDOR


@dataclass(frozen=True, slots=True)
class NatDiscovery(_Opaque):
    """The hash of an address and port (RFC 3947 section 3.2); `draft`: under the drafts' private number."""

    draft: bool = False

    @property
    def payload_type(self) -> PayloadType:
        return PayloadType.NAT_D_DRAFT if self.draft else PayloadType.NAT_D


@dataclass(frozen=True, slots=True)
class UnknownPayload(_Opaque):
    """A payload from the private range (128-255) that means nothing to us; to be skipped."""

    type: PayloadType

    @property
    def payload_type(self) -> PayloadType:
        return self.type


@dataclass(frozen=True, slots=True)
class Identification(Payload):
    """An identity (RFC 2407 section 4.6.2): IP protocol and port, 0 for any, and data as `type` asks."""

    TYPE = PayloadType.ID
    type: IdType
    protocol: int
    port: int
    data: bytes

    @property
    def body(self) -> bytes:
        return Writer().uint8(self.type).uint8(self.protocol).uint16(self.port).octets(self.data).getvalue()


@dataclass(frozen=True, slots=True)
class Certificate(Payload):
    """A certificate (RFC 2408 section 3.9)."""

    TYPE = PayloadType.CERT
    encoding: CertificateEncoding
    data: bytes

    @property
    def body(self) -> bytes:
        return Writer().uint8(self.encoding).octets(self.data).getvalue()


@dataclass(frozen=True, slots=True)
class CertificateRequest(Payload):
    """A request for a certificate; `authority` may be empty (RFC 2408 section 3.10)."""

    TYPE = PayloadType.CERT_REQ
    encoding: CertificateEncoding
    authority: bytes = b""

    @property
    def body(self) -> bytes:
        return Writer().uint8(self.encoding).octets(self.authority).getvalue()


@dataclass(frozen=True, slots=True)
class Notify(Payload):
    """A notification (RFC 2408 section 3.14)."""

    TYPE = PayloadType.NOTIFY
    type: Notification
    protocol: Protocol = Protocol.ISAKMP
    spi: bytes = b""
    data: bytes = b""
    doi: Doi = Doi.IPSEC

    @property
    def body(self) -> bytes:
        writer = Writer().uint32(self.doi).uint8(self.protocol).uint8(len(self.spi)).uint16(self.type)
        return writer.octets(self.spi).octets(self.data).getvalue()


@dataclass(frozen=True, slots=True)
class Delete(Payload):
    """SAs that the sender deleted (RFC 2408 section 3.15): its inbound SPIs, or cookie pairs for ISAKMP."""

    TYPE = PayloadType.DELETE
    protocol: Protocol
    spis: tuple[bytes, ...]
    doi: Doi = Doi.IPSEC

    @property
    def body(self) -> bytes:
        writer = Writer().uint32(self.doi).uint8(self.protocol).uint8(len(self.spis[0]))
        return writer.uint16(len(self.spis)).octets(b"".join(self.spis)).getvalue()


@dataclass(frozen=True, slots=True)
class NatOriginalAddress(Payload):
    """An address before translation (RFC 3947 section 5.2)."""

    type: IdType
    address: bytes
    draft: bool = False

    @property
    def payload_type(self) -> PayloadType:
        return PayloadType.NAT_OA_DRAFT if self.draft else PayloadType.NAT_OA

    @property
    def body(self) -> bytes:
        return Writer().uint8(self.type).octets(bytes(3)).octets(self.address).getvalue()


@dataclass(frozen=True, slots=True)
class Attributes(Payload):
    """An attribute payload (draft-dukes-ike-mode-cfg-02 section 3.2): what is asked, answered, set or acknowledged.

    `type` is its registry's number; `identifier` names a question and its answer.
    """

    TYPE = PayloadType.ATTRIBUTE
    type: ConfigurationType
    identifier: int
    attributes: tuple[DataAttribute, ...] = field(default=(), repr=False)

    @property
    def body(self) -> bytes:
        fixed = Writer().uint8(self.type).uint8(0).uint16(self.identifier)
        return fixed.octets(encode_attributes(self.attributes)).getvalue()


_P = TypeVar("_P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Message:
    """A message in the clear: header and payloads."""

    header: Header
    payloads: tuple[Payload, ...]

    def all(self, kind: type[_P]) -> tuple[_P, ...]:
        """The payloads of one class, in order."""
        return tuple(each for each in self.payloads if isinstance(each, kind))

    def encode(self) -> bytes:
        """The octets in the clear; `next_payload` and `length` follow from the payloads."""
        first, data = encode_payloads(self.payloads)
        return replace(self.header, next_payload=first, length=HEADER_LENGTH + len(data)).encode() + data


# --- encoding -----------------------------------------------------------------------------------------------------


def encode_payloads(payloads: Sequence[Payload]) -> tuple[PayloadType, bytes]:
    """The type of the first payload (NONE for none) and all of them with their generic headers."""
    writer = Writer()
    following = [*(each.payload_type for each in payloads[1:]), PayloadType.NONE]
    for payload, after in zip(payloads, following, strict=True) if payloads else ():
        _write_generic(writer, after, payload.body)
    return (payloads[0].payload_type if payloads else PayloadType.NONE), writer.getvalue()


def encode_attributes(attributes: Iterable[DataAttribute]) -> bytes:
    """Data attributes one after the other, each in the form that its value has."""
    writer = Writer()
    for each in attributes:
        if isinstance(each.value, int):
            writer.uint16(_BASIC | each.type).uint16(each.value)
        else:
            writer.uint16(each.type).uint16(len(each.value)).octets(each.value)
    return writer.getvalue()


def _write_generic(writer: Writer, following: PayloadType, body: bytes) -> None:
    writer.uint8(following).uint8(0).uint16(_GENERIC_HEADER + len(body)).octets(body)


def _write_chain(writer: Writer, kind: PayloadType, bodies: Sequence[bytes]) -> None:
    """Proposals or transforms: each says whether another of its kind follows."""
    for index, body in enumerate(bodies, start=1):
        _write_generic(writer, kind if index < len(bodies) else PayloadType.NONE, body)
