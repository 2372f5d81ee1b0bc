"""Hypothesis strategies for every payload, and a message of each exchange, for the tests of the codec."""

from __future__ import annotations

from hypothesis import strategies as st

from daemon.ike.messages.payloads import (
    Attributes,
    Certificate,
    CertificateRequest,
    DataAttribute,
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
    Proposal,
    SaPayload,
    Signature,
    Transform,
    UnknownPayload,
    VendorId,
)
from daemon.ike.registries import (
    CertificateEncoding,
    ConfigurationType,
    Doi,
    ExchangeType,
    IdType,
    Notification,
    PayloadType,
    Protocol,
)

uint8 = st.integers(0, 0xFF)
uint16 = st.integers(0, 0xFFFF)
octets = st.binary(min_size=1, max_size=40)

attributes = st.builds(DataAttribute, st.integers(0, 0x7FFF), st.one_of(uint16, st.binary(max_size=12)))
transforms = st.builds(Transform, uint8, uint8, st.lists(attributes, max_size=5).map(tuple))


def _proposals(protocol: Protocol, spi: st.SearchStrategy[bytes]) -> st.SearchStrategy[Proposal]:
    some = st.lists(transforms, min_size=1, max_size=3).map(tuple)
    return st.builds(Proposal, uint8, st.just(protocol), spi, some)


proposals = st.one_of(
    _proposals(Protocol.ISAKMP, st.binary(max_size=16)),
    _proposals(Protocol.IPSEC_AH, st.binary(min_size=4, max_size=4)),
    _proposals(Protocol.IPSEC_ESP, st.binary(min_size=4, max_size=4)),
    _proposals(Protocol.IPCOMP, st.binary(min_size=2, max_size=2)),
)
dois = st.sampled_from([Doi.ISAKMP, Doi.IPSEC])
spi_lists = st.one_of(
    st.tuples(st.just(Protocol.IPSEC_ESP), st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=4)),
    st.tuples(st.just(Protocol.ISAKMP), st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=2)),
)
payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(SaPayload, st.lists(proposals, min_size=1, max_size=3).map(tuple)),
    st.builds(KeyExchange, octets),
    st.builds(Identification, uint8.map(IdType), uint8, uint16, st.binary(max_size=40)),
    st.builds(Certificate, st.sampled_from(CertificateEncoding), octets),
    st.builds(CertificateRequest, uint8.map(CertificateEncoding), st.binary(max_size=40)),
    st.builds(Hash, octets),
    st.builds(Signature, octets),
    st.builds(Nonce, st.binary(min_size=8, max_size=256)),
    st.builds(
        Notify,
        uint16.map(Notification),
        uint8.map(Protocol),
        st.binary(max_size=16),
        st.binary(max_size=20),
        dois,
    ),
    st.builds(lambda pair, doi: Delete(pair[0], tuple(pair[1]), doi), spi_lists, dois),
    st.builds(VendorId, octets),
    st.builds(Attributes, uint8.map(ConfigurationType), uint16, st.lists(attributes, max_size=5).map(tuple)),
    st.builds(NatDiscovery, octets, st.booleans()),
    st.builds(NatOriginalAddress, st.just(IdType.IPV4_ADDR), st.binary(min_size=4, max_size=4), st.booleans()),
    st.builds(UnknownPayload, st.binary(max_size=20), st.integers(132, 255).map(PayloadType)),
)
payload_lists = st.lists(payloads, max_size=6).map(tuple)

_SA = SaPayload(
    (
        Proposal(
            1,
            Protocol.ISAKMP,
            b"",
            (
                Transform(
                    1,
                    1,
                    (
                        DataAttribute(1, 7),
                        DataAttribute(14, 128),
                        DataAttribute(2, 2),
                        DataAttribute(3, 1),
                        DataAttribute(4, 14),
                        DataAttribute(11, 1),
                        DataAttribute(12, bytes.fromhex("00015180")),
                    ),
                ),
            ),
        ),
    )
)
_IPSEC_SA = SaPayload(
    (
        Proposal(
            1,
            Protocol.IPSEC_ESP,
            bytes.fromhex("c0ffee01"),
            (Transform(1, 12, (DataAttribute(6, 256), DataAttribute(5, 5), DataAttribute(4, 1))),),
        ),
    )
)


def _message(kind: ExchangeType, message_id: int, *each: Payload) -> Message:
    return Message(Header(b"\x11" * 8, b"\x22" * 8, kind, message_id), each)


MESSAGES: dict[str, Message] = {
    "main mode 1": Message(
        Header(b"\x11" * 8, bytes(8), ExchangeType.ID_PROT), (_SA, VendorId(bytes.fromhex("4a131c81070358455c57")))
    ),
    "main mode 3": _message(
        ExchangeType.ID_PROT,
        0,
        KeyExchange(b"\x33" * 128),
        Nonce(b"\x44" * 16),
        NatDiscovery(b"\x55" * 20),
        NatDiscovery(b"\x66" * 20),
    ),
    "main mode 5": _message(
        ExchangeType.ID_PROT, 0, Identification(IdType.FQDN, 0, 0, b"gw.example.org"), Hash(b"\x77" * 20)
    ),
    "quick mode 1": _message(
        ExchangeType.QUICK_MODE,
        0x01020304,
        Hash(b"\x77" * 20),
        _IPSEC_SA,
        Nonce(b"\x44" * 16),
        Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, bytes.fromhex("0a010000ffff0000")),
        Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, bytes.fromhex("0a020000ffff0000")),
    ),
    "informational": _message(
        ExchangeType.INFO,
        0x01020304,
        Hash(b"\x77" * 20),
        Delete(Protocol.IPSEC_ESP, (bytes.fromhex("c0ffee01"),)),
        Notify(Notification.R_U_THERE, Protocol.ISAKMP, b"\x11" * 8 + b"\x22" * 8, b"\0\0\0\x01"),
    ),
}
"""One well-formed message of each exchange, in the clear."""
