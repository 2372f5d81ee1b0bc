"""Octets of a peer to header and payloads, with every check of RFC 2408 section 5 that needs no state.

Only the canonical form is accepted (reserved octets zero, counts and lengths exact), so that what was parsed always
encodes to the octets it came from. The checks are numbered as in isakmpd's processing order: 1 message length, 5 first
payload, 6 version, 7 exchange type, 8 flags, 9 message ID, 12 the walk over the payloads, 13 each payload's own form.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

from daemon.ike import limits
from daemon.ike.errors import (
    BadProposalSyntax,
    DoiNotSupported,
    InvalidCertEncoding,
    InvalidExchangeType,
    InvalidFlags,
    InvalidIdInformation,
    InvalidMajorVersion,
    InvalidMessageId,
    InvalidMinorVersion,
    InvalidPayloadType,
    InvalidProtocolId,
    InvalidSpi,
    NoProposalChosen,
    PayloadMalformed,
    ProtocolError,
    Silent,
    SituationNotSupported,
    UnequalPayloadLengths,
)
from daemon.ike.messages.payloads import (
    COOKIE_LENGTH,
    HEADER_LENGTH,
    ZERO_COOKIE,
    Attributes,
    Certificate,
    CertificateRequest,
    DataAttribute,
    Delete,
    Hash,
    Header,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Notify,
    Payload,
    Proposal,
    SaPayload,
    Signature,
    Transform,
    UnknownPayload,
    VendorId,
)
from daemon.ike.messages.wire import Reader
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

MAX_PAYLOADS = 64
MAX_PROPOSALS = 64
MAX_TRANSFORMS = 512
MAX_ATTRIBUTES = 32
MAX_CONFIGURATION_ATTRIBUTES = 128
"""Limits on what one message, SA payload, SA payload, transform and attribute payload may hold.

Real peers stay far below. Who has proved nothing may send less: daemon.ike.limits.
"""

_GENERIC_HEADER = 4
_ALIGNMENT = 4
_NONCE_LENGTHS = range(8, 257)
_SPI_LENGTHS: dict[Protocol, Container[int]] = {
    Protocol.ISAKMP: range(17),  # RFC 2409: the cookies are the SPI, a field may be present and is ignored
    Protocol.IPSEC_AH: (4,),
    Protocol.IPSEC_ESP: (4,),
    Protocol.IPCOMP: (2, 4),
}
_COOKIE_PAIR = 2 * COOKIE_LENGTH
_DELETE_SPI_LENGTHS: dict[Protocol, Container[int]] = {**_SPI_LENGTHS, Protocol.ISAKMP: (_COOKIE_PAIR,)}

_BASIC = 0x8000
"""The AF bit: the attribute's value stands in place of its length."""

_FIRST_RESERVED = 22
_FIRST_PRIVATE = 128
_LAST_ISAKMP_EXCHANGE = 31
_RESERVED_EXCHANGES = range(7, 32)
_FLAGS = int(Flag.ENC | Flag.COMMIT | Flag.AUTH_ONLY)


def read_header(data: bytes) -> Header:
    """The header of a datagram, its fields as they are: check 1 only, so that cookies can be looked up first."""
    if len(data) < HEADER_LENGTH:
        raise Silent(f"message_recv: bad message length {len(data)}")
    reader = Reader(data[:HEADER_LENGTH])
    initiator, responder = reader.octets(COOKIE_LENGTH), reader.octets(COOKIE_LENGTH)
    first, version = PayloadType(reader.uint8()), reader.uint8()
    exchange_type, flags = ExchangeType(reader.uint8()), Flag(reader.uint8())
    header = Header(initiator, responder, exchange_type, reader.uint32(), flags, first, version, reader.uint32())
    if header.length != len(data):
        raise Silent(f"message_recv: bad message length {len(data)}, header says {header.length}")
    return header


def check_header(header: Header) -> None:
    """Checks 5 to 9: first payload, version, exchange type, flags, message ID; one error class each."""
    if header.next_payload >= _FIRST_RESERVED:
        raise InvalidPayloadType(
            f"message_recv: invalid payload type {int(header.next_payload)} in ISAKMP header "
            "(check passphrases, if applicable and in Phase 1)"
        )
    major, minor = divmod(header.version, 16)
    if major != 1:
        raise InvalidMajorVersion(f"message_recv: invalid version major {major}")
    if minor != 0:
        raise InvalidMinorVersion(f"message_recv: invalid version minor {minor}")
    first_message = header.responder_cookie == ZERO_COOKIE
    kind = header.exchange_type
    if kind == ExchangeType.NONE or kind in _RESERVED_EXCHANGES or (kind > _LAST_ISAKMP_EXCHANGE and first_message):
        raise InvalidExchangeType(f"message_recv: invalid exchange type {kind}")
    if int(header.flags) & ~_FLAGS:  # in ints: the complement of a Flag leaves out unknown bits
        raise InvalidFlags(f"message_recv: invalid flags 0x{int(header.flags):x}")
    if first_message and header.message_id:
        raise InvalidMessageId("message_recv: invalid message id")


def parse_header(data: bytes) -> Header:
    """The header of a datagram, checked for itself (checks 1 and 5 to 9)."""
    header = read_header(data)
    check_header(header)
    return header


# --- the payloads -------------------------------------------------------------------------------------------------


def _aligns(data: bytes, remaining: int) -> bool:
    """Whether what remains fills the message up to a multiple of four octets, as libreswan does in the clear, too."""
    return not remaining or (remaining < _ALIGNMENT and len(data) % _ALIGNMENT == 0 and not any(data[-remaining:]))


def parse_payloads(
    first: PayloadType, data: bytes, padded: bool = False, *, proved: bool = False
) -> tuple[Payload, ...]:
    """All payloads in `data`, which follows the header (checks 12 and 13).

    `padded`: the data was decrypted, octets after the last payload are padding (RFC 2409 appendix B). `proved`: the
    sender has proved who it is before, so that it may offer more. Every step consumes at least four octets. Raises
    ProtocolError subclasses only.
    """
    reader = Reader(data)
    payloads: list[Payload] = []
    kind = first
    while kind != PayloadType.NONE:
        if len(payloads) == MAX_PAYLOADS:
            raise PayloadMalformed(f"message_parse_payloads: more than {MAX_PAYLOADS} payloads")
        if reader.remaining < _GENERIC_HEADER:
            raise UnequalPayloadLengths("message_parse_payloads: short message")
        following = PayloadType(reader.uint8())
        if _FIRST_RESERVED <= following < _FIRST_PRIVATE:
            raise InvalidPayloadType(
                f"message_parse_payloads: invalid next payload type {following} in payload of type {int(kind)}"
            )
        with reader.restrict(_body_length(reader), f"message_validate_{str(kind).lower()}"):
            payloads.append(_parse_body(kind, reader) if proved else _parse_bounded(kind, reader))
        kind = following
    if not padded and not _aligns(data, reader.remaining):
        raise UnequalPayloadLengths(f"message_parse_payloads: {reader.remaining} octets after the last payload")
    return tuple(payloads)


def parse_attributes(reader: Reader, limit: int = MAX_ATTRIBUTES) -> tuple[DataAttribute, ...]:
    """Data attributes up to the reader's end (RFC 2408 section 3.3), `limit` of them at most."""
    attributes: list[DataAttribute] = []
    while reader.remaining:
        if len(attributes) == limit:
            raise PayloadMalformed(f"{reader.what}: more than {limit} attributes")
        kind, value = reader.uint16(), reader.uint16()
        if kind & _BASIC:
            attributes.append(DataAttribute(kind & ~_BASIC, value))
        else:
            attributes.append(DataAttribute(kind, reader.octets(value)))
    return tuple(attributes)


def _body_length(reader: Reader) -> int:
    """What is left of a generic header: the reserved octet and the length, turned into the body's length."""
    reserved, length = reader.uint8(), reader.uint16()
    if reserved:
        raise PayloadMalformed(f"message_parse_payloads: reserved field non-zero: {reserved:x}")
    if length < _GENERIC_HEADER:
        raise PayloadMalformed(f"message_parse_payloads: payload too short: {length}")
    if length - _GENERIC_HEADER > reader.remaining:
        raise PayloadMalformed(f"message_parse_payloads: payload too long: {length}")
    return length - _GENERIC_HEADER


def _parse_body(kind: PayloadType, reader: Reader) -> Payload:
    parser = _PARSERS.get(kind)
    if parser is not None:
        return parser(reader)
    if kind >= _FIRST_PRIVATE:
        return UnknownPayload(reader.rest(), kind)
    raise InvalidPayloadType(f"message_parse_payloads: payload type {kind} unexpected")


def _parse_bounded(kind: PayloadType, reader: Reader) -> Payload:
    """A payload of somebody who has proved nothing yet. SAi_b is hashed whole: too long an offer cannot be cut."""
    if kind == PayloadType.SA:
        if reader.remaining > limits.OFFER_OCTETS:
            raise NoProposalChosen(f"{reader.what}: offer of {reader.remaining} octets, at most {limits.OFFER_OCTETS}")
        return _parse_sa(reader, limits.OFFER_TRANSFORMS, NoProposalChosen)
    if kind == PayloadType.ID and reader.remaining > limits.IDENTITY_OCTETS:
        raise InvalidIdInformation(f"{reader.what}: identity of {reader.remaining} octets")
    return _parse_body(kind, reader)


def _some(reader: Reader) -> bytes:
    """The rest, which must be something."""
    if not reader.remaining:
        raise PayloadMalformed(f"{reader.what}: payload is empty")
    return reader.rest()


def _doi(reader: Reader, *accepted: Doi) -> Doi:
    doi = Doi(reader.uint32())
    if doi not in accepted:
        raise DoiNotSupported(f"{reader.what}: DOI {doi} is not supported")
    return doi


def parse_sa(body: bytes) -> SaPayload:
    """An SA payload without its generic header, of whatever length."""
    return _parse_sa(Reader(body, "SA payload"))


def _parse_sa(
    reader: Reader, most: int = MAX_TRANSFORMS, too_many: type[ProtocolError] = PayloadMalformed
) -> SaPayload:
    doi = _doi(reader, Doi.IPSEC)
    situation = reader.uint32()
    if situation != Situation.IDENTITY_ONLY:
        raise SituationNotSupported(f"{reader.what}: situation 0x{situation:x} is not supported")
    proposals: list[Proposal] = []
    budget = most
    for _ in _chain(reader, PayloadType.PROPOSAL, MAX_PROPOSALS):
        proposals.append(_parse_proposal(reader, budget, too_many))
        budget -= len(proposals[-1].transforms)
    return SaPayload(tuple(proposals), doi, Situation(situation))


def _parse_proposal(reader: Reader, budget: int, too_many: type[ProtocolError]) -> Proposal:
    number, protocol = reader.uint8(), Protocol(reader.uint8())
    spi_size, count = reader.uint8(), reader.uint8()
    spi = _spi(reader, protocol, spi_size)
    transforms = []
    for _ in _chain(reader, PayloadType.TRANSFORM, budget, too_many):
        transform_number, transform_id = reader.uint8(), reader.uint8()
        reader.zero(2)
        transforms.append(Transform(transform_number, transform_id, parse_attributes(reader)))
    if len(transforms) != count:
        raise BadProposalSyntax(f"{reader.what}: {count} transforms announced, {len(transforms)} found")
    return Proposal(number, protocol, spi, tuple(transforms))


def _chain(
    reader: Reader, kind: PayloadType, limit: int, too_many: type[ProtocolError] = PayloadMalformed
) -> Iterator[None]:
    """Walk a chain of proposals or transforms to the reader's end: bounded to each one's body while it is handled."""
    for _ in range(limit):
        following = reader.uint8()
        if following not in (kind, PayloadType.NONE):
            raise BadProposalSyntax(f"{reader.what}: payload type {following} in a chain of {kind}")
        with reader.restrict(_body_length(reader), f"message_validate_{str(kind).lower()}"):
            yield
        if following == PayloadType.NONE:
            return
    raise too_many(f"{reader.what}: too many payloads of type {kind}")


def _spi(reader: Reader, protocol: Protocol, size: int) -> bytes:
    if protocol not in _SPI_LENGTHS:
        raise InvalidProtocolId(f"{reader.what}: protocol {protocol} is not supported")
    if size not in _SPI_LENGTHS[protocol]:
        raise InvalidSpi(f"{reader.what}: SPI of {size} octets for {protocol}")
    return reader.octets(size)


def _parse_nonce(reader: Reader) -> Nonce:
    if reader.remaining not in _NONCE_LENGTHS:
        raise PayloadMalformed(f"{reader.what}: nonce of {reader.remaining} octets")
    return Nonce(reader.rest())


def _parse_id(reader: Reader) -> Identification:
    return Identification(IdType(reader.uint8()), reader.uint8(), reader.uint16(), reader.rest())


def _parse_cert(reader: Reader) -> Certificate:
    encoding = CertificateEncoding(reader.uint8())
    if not encoding.known:
        raise InvalidCertEncoding(f"{reader.what}: certificate encoding {encoding}")
    return Certificate(encoding, _some(reader))


def _parse_notify(reader: Reader) -> Notify:
    doi = _doi(reader, Doi.IPSEC, Doi.ISAKMP)
    protocol, spi_size, kind = Protocol(reader.uint8()), reader.uint8(), Notification(reader.uint16())
    if spi_size > _COOKIE_PAIR:
        raise InvalidSpi(f"{reader.what}: SPI of {spi_size} octets")
    spi = reader.octets(spi_size)
    return Notify(kind, protocol, spi, reader.rest(), doi)


def _parse_delete(reader: Reader) -> Delete:
    doi = _doi(reader, Doi.IPSEC, Doi.ISAKMP)
    protocol, size, count = Protocol(reader.uint8()), reader.uint8(), reader.uint16()
    if protocol not in _DELETE_SPI_LENGTHS:
        raise InvalidProtocolId(f"{reader.what}: protocol {protocol} is not supported")
    if size not in _DELETE_SPI_LENGTHS[protocol]:
        raise InvalidSpi(f"{reader.what}: SPI of {size} octets for {protocol}")
    if count == 0 or count * size != reader.remaining:
        raise PayloadMalformed(f"{reader.what}: {count} SPIs of {size} octets in {reader.remaining} octets")
    return Delete(protocol, tuple(reader.octets(size) for _ in range(count)), doi)


def _parse_configuration(reader: Reader) -> Attributes:
    kind = ConfigurationType(reader.uint8())
    reader.zero(1)
    identifier = reader.uint16()
    return Attributes(kind, identifier, parse_attributes(reader, MAX_CONFIGURATION_ATTRIBUTES))


def _parse_original_address(reader: Reader, draft: bool) -> NatOriginalAddress:
    kind = IdType(reader.uint8())
    reader.zero(3)
    size = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}.get(kind)
    if reader.remaining != size:
        raise PayloadMalformed(f"{reader.what}: {reader.remaining} octets for {kind}")
    return NatOriginalAddress(kind, reader.rest(), draft)


_PARSERS: dict[PayloadType, Callable[[Reader], Payload]] = {
    PayloadType.SA: _parse_sa,
    PayloadType.KEY_EXCH: lambda reader: KeyExchange(_some(reader)),
    PayloadType.ID: _parse_id,
    PayloadType.CERT: _parse_cert,
    PayloadType.CERT_REQ: lambda reader: CertificateRequest(CertificateEncoding(reader.uint8()), reader.rest()),
    PayloadType.HASH: lambda reader: Hash(_some(reader)),
    PayloadType.SIG: lambda reader: Signature(_some(reader)),
    PayloadType.NONCE: _parse_nonce,
    PayloadType.NOTIFY: _parse_notify,
    PayloadType.DELETE: _parse_delete,
    PayloadType.VENDOR: lambda reader: VendorId(_some(reader)),
    PayloadType.ATTRIBUTE: _parse_configuration,
    PayloadType.NAT_D: lambda reader: NatDiscovery(_some(reader)),
    PayloadType.NAT_OA: lambda reader: _parse_original_address(reader, draft=False),
    PayloadType.NAT_D_DRAFT: lambda reader: NatDiscovery(_some(reader), draft=True),
    PayloadType.NAT_OA_DRAFT: lambda reader: _parse_original_address(reader, draft=True),
}
