"""Transforms, decoded: data attributes to parameters, and configuration records to data attributes.

What can be negotiated is data here: the algorithms of each phase with their key lengths (RFC 2407, RFC 2409, RFC 2451,
RFC 3602, RFC 3686, RFC 4106, RFC 4543, RFC 4868), and the attributes understood. Whatever else an offer holds makes
that transform, and only it, unsupported.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from daemon.ike.algorithms.ciphers import CIPHERS, HASHES
from daemon.ike.algorithms.dh import GROUPS
from daemon.ike.messages.attributes import Unsupported, collect
from daemon.ike.messages.payloads import DataAttribute, Transform
from daemon.ike.registries import (
    AhTransform,
    Authentication,
    AuthenticationMethod,
    Encapsulation,
    Encryption,
    EspTransform,
    Group,
    HashAlgorithm,
    IkeAttribute,
    IpsecAttribute,
    IsakmpTransform,
    LifeType,
    Protocol,
    Registry,
)
from policydb.configuration.comparison import DEFAULT_LIFE_SECONDS, ike_key_lengths, ipsec_key_lengths
from policydb.connections import IkeTransform, IpsecTransform, Lifetime

__all__ = [
    "AH",
    "AUTHENTICATIONS",
    "AUTHENTICATION_METHODS",
    "ESP",
    "IkeParameters",
    "IpsecParameters",
    "Unsupported",
    "decode_ike",
    "decode_ipsec",
    "encode_ike",
    "encode_ipsec",
]

AUTHENTICATION_METHODS = frozenset(
    {
        AuthenticationMethod.PRE_SHARED,
        AuthenticationMethod.RSA_SIG,
        AuthenticationMethod.ECDSA_256,
        AuthenticationMethod.ECDSA_384,
        AuthenticationMethod.ECDSA_521,
        AuthenticationMethod.XAUTH_INIT_PRE_SHARED,
        AuthenticationMethod.XAUTH_RESP_PRE_SHARED,
        AuthenticationMethod.XAUTH_INIT_RSA,
        AuthenticationMethod.XAUTH_RESP_RSA,
        AuthenticationMethod.HYBRID_INIT_RSA,
        AuthenticationMethod.HYBRID_RESP_RSA,
    }
)
"""The ways of authentication that phase 1 can do."""

_AES_BITS = (128, 192, 256)


# --- what there is ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EspRow:
    """An ESP cipher: lengths accepted in KEY_LENGTH, the length without it (None: it must be there), salt octets.

    `combined`: it authenticates by itself and takes no authentication algorithm.
    """

    key_bits: Sequence[int]
    default_bits: int | None
    salt: int = 0
    combined: bool = False


ESP: dict[EspTransform, EspRow] = {
    EspTransform.DES3: EspRow((), 192),
    EspTransform.CAST: EspRow(range(40, 129, 8), 128),
    EspTransform.BLOWFISH: EspRow(range(40, 449, 8), 128),
    EspTransform.NULL: EspRow((), 0),
    EspTransform.AES: EspRow(_AES_BITS, None),
    EspTransform.AES_CTR: EspRow(_AES_BITS, None, salt=4),
    EspTransform.AES_GCM_16: EspRow(_AES_BITS, None, salt=4, combined=True),
    EspTransform.AES_GMAC: EspRow(_AES_BITS, None, salt=4, combined=True),
}

AUTHENTICATIONS = {
    Authentication.HMAC_MD5: 16,
    Authentication.HMAC_SHA: 20,
    Authentication.HMAC_SHA2_256: 32,
    Authentication.HMAC_SHA2_384: 48,
    Authentication.HMAC_SHA2_512: 64,
    Authentication.HMAC_RIPEMD: 20,
}
"""The authentication algorithms of AH and ESP and the octets of their keys."""

AH = {
    AhTransform.MD5: Authentication.HMAC_MD5,
    AhTransform.SHA: Authentication.HMAC_SHA,
    AhTransform.SHA2_256: Authentication.HMAC_SHA2_256,
    AhTransform.SHA2_384: Authentication.HMAC_SHA2_384,
    AhTransform.SHA2_512: Authentication.HMAC_SHA2_512,
    AhTransform.RIPEMD: Authentication.HMAC_RIPEMD,
}
"""AH transforms and the authentication algorithm that each must come with (RFC 2407 section 4.4.3)."""

_MODES = {
    Encapsulation.TUNNEL: Encapsulation.TUNNEL,
    Encapsulation.UDP_ENCAP_TUNNEL: Encapsulation.TUNNEL,
    Encapsulation.UDP_ENCAP_TUNNEL_DRAFT: Encapsulation.TUNNEL,
    Encapsulation.TRANSPORT: Encapsulation.TRANSPORT,
    Encapsulation.UDP_ENCAP_TRANSPORT: Encapsulation.TRANSPORT,
    Encapsulation.UDP_ENCAP_TRANSPORT_DRAFT: Encapsulation.TRANSPORT,
}


# --- parameters ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IkeParameters:
    """A phase 1 transform, decoded. `key_length` in bits, None where the cipher's is fixed; lifetimes as collect()."""

    encryption: Encryption
    key_length: int | None
    hash: HashAlgorithm
    authentication: AuthenticationMethod
    group: Group
    life_seconds: int | None = None
    life_kilobytes: int | None = None

    @property
    def seconds(self) -> int:
        """How long the SA lives: the DOI's default where nothing was negotiated (RFC 2407 section 4.5)."""
        return self.life_seconds or DEFAULT_LIFE_SECONDS

    def __str__(self) -> str:
        names = (_sized(self.encryption, self.key_length), self.hash, self.authentication, self.group)
        return _sentence(names, self.life_seconds, self.life_kilobytes)


@dataclass(frozen=True, slots=True)
class IpsecParameters:
    """One protocol of a proposal, decoded. `spi` is the sender's inbound SPI; lengths in bits as negotiated.

    What is left open is None. What the SA has is told by the properties, to the kernel and to policy alike.
    """

    protocol: Protocol
    spi: bytes
    transform: EspTransform | AhTransform
    encapsulation: Encapsulation
    authentication: Authentication | None = None
    group: Group | None = None
    key_length: int | None = None
    life_seconds: int | None = None
    life_kilobytes: int | None = None

    @property
    def seconds(self) -> int:
        """How long the SA lives: the DOI's default where nothing was negotiated (RFC 2407 section 4.5)."""
        return self.life_seconds or DEFAULT_LIFE_SECONDS

    @property
    def key_bits(self) -> int | None:
        """The bits of a key that can have several lengths, negotiated or left open; None where it has one length."""
        row = ESP.get(self.transform) if isinstance(self.transform, EspTransform) else None
        return self.key_length or (row.default_bits if row is not None and row.key_bits else None)

    @property
    def mode(self) -> Encapsulation:
        """TUNNEL or TRANSPORT, whether or not in UDP."""
        return _MODES[self.encapsulation]

    @property
    def udp_encapsulated(self) -> bool:
        """Whether the packets travel in UDP (RFC 3948)."""
        return self.mode is not self.encapsulation

    @property
    def encryption_key_octets(self) -> int:
        """KEYMAT for the cipher with its salt: 0 for AH and NULL."""
        if not isinstance(self.transform, EspTransform):
            return 0
        row = ESP[self.transform]
        return (self.key_length or row.default_bits or 0) // 8 + row.salt

    @property
    def authentication_key_octets(self) -> int:
        """KEYMAT for the authenticator: 0 for none."""
        return AUTHENTICATIONS[self.authentication] if self.authentication is not None else 0

    def __str__(self) -> str:
        names = (_sized(self.transform, self.key_length), self.authentication, self.encapsulation, self.group)
        return f"{self.protocol} {_sentence(names, self.life_seconds, self.life_kilobytes)}"


def _sized(algorithm: Registry, key_length: int | None) -> str:
    return f"{algorithm}-{key_length}" if key_length is not None else str(algorithm)


def _sentence(names: Iterable[object], seconds: int | None, kilobytes: int | None) -> str:
    lives = (f"{seconds}s" if seconds is not None else None, f"{kilobytes}kB" if kilobytes is not None else None)
    return " ".join(str(each) for each in (*names, *lives) if each is not None)


# --- decoding -----------------------------------------------------------------------------------------------------

_IKE_KNOWN = frozenset(
    {
        IkeAttribute.ENCRYPTION_ALGORITHM,
        IkeAttribute.HASH_ALGORITHM,
        IkeAttribute.AUTHENTICATION_METHOD,
        IkeAttribute.GROUP_DESCRIPTION,
        IkeAttribute.KEY_LENGTH,
    }
)
_IPSEC_KNOWN = frozenset(
    {
        IpsecAttribute.GROUP_DESCRIPTION,
        IpsecAttribute.ENCAPSULATION_MODE,
        IpsecAttribute.AUTHENTICATION_ALGORITHM,
        IpsecAttribute.KEY_LENGTH,
    }
)

_R = TypeVar("_R", bound=Registry)


def _pick(values: dict[int, int], attribute: Registry, registry: type[_R], supported: Container[_R], word: str) -> _R:
    """A mandatory attribute as a member of its registry that we support."""
    number = values.get(attribute)
    member = registry(number) if number is not None else None
    if member is None or member not in supported:
        raise Unsupported(word, None if member is None else str(member))
    return member


def decode_ike(transform: Transform) -> IkeParameters:
    """A phase 1 transform. Raises Unsupported."""
    if transform.id != IsakmpTransform.KEY_IKE:
        raise Unsupported("transform", str(IsakmpTransform(transform.id)))
    values, lives = collect(transform.attributes, IkeAttribute, _IKE_KNOWN)
    encryption = _pick(values, IkeAttribute.ENCRYPTION_ALGORITHM, Encryption, CIPHERS, "encryption")
    key_length = values.get(IkeAttribute.KEY_LENGTH)
    row = CIPHERS[encryption]
    if not row.takes(key_length):
        raise Unsupported("key length", None if key_length is None else str(key_length))
    return IkeParameters(
        encryption,
        key_length,
        _pick(values, IkeAttribute.HASH_ALGORITHM, HashAlgorithm, HASHES, "hash"),
        _pick(
            values,
            IkeAttribute.AUTHENTICATION_METHOD,
            AuthenticationMethod,
            AUTHENTICATION_METHODS,
            "authentication",
        ),
        _pick(values, IkeAttribute.GROUP_DESCRIPTION, Group, GROUPS, "group"),
        lives.get(LifeType.SECONDS),
        lives.get(LifeType.KILOBYTES),
    )


def decode_ipsec(protocol: Protocol, spi: bytes, transform: Transform, *, natt: bool) -> IpsecParameters:
    """A phase 2 transform; UDP encapsulation is supported with `natt`, and for ESP only. Raises Unsupported."""
    values, lives = collect(transform.attributes, IpsecAttribute, _IPSEC_KNOWN)
    in_udp = natt and protocol == Protocol.IPSEC_ESP  # RFC 3948: AH covers the addresses, which no NAT leaves alone
    modes = _MODES if in_udp else (Encapsulation.TUNNEL, Encapsulation.TRANSPORT)
    encapsulation = _pick(values, IpsecAttribute.ENCAPSULATION_MODE, Encapsulation, modes, "encapsulation")
    authentication = group = None
    if IpsecAttribute.AUTHENTICATION_ALGORITHM in values:
        authentication = _pick(
            values, IpsecAttribute.AUTHENTICATION_ALGORITHM, Authentication, AUTHENTICATIONS, "authentication"
        )
    if IpsecAttribute.GROUP_DESCRIPTION in values:
        group = _pick(values, IpsecAttribute.GROUP_DESCRIPTION, Group, GROUPS, "group")
    key_length = values.get(IpsecAttribute.KEY_LENGTH)
    known: EspTransform | AhTransform
    if protocol == Protocol.IPSEC_ESP:
        known = EspTransform(transform.id)
        _check_esp(known, key_length, authentication)
    elif protocol == Protocol.IPSEC_AH:
        known = AhTransform(transform.id)
        _check_ah(known, key_length, authentication)
    else:
        raise Unsupported("protocol", str(protocol))
    seconds, kilobytes = lives.get(LifeType.SECONDS), lives.get(LifeType.KILOBYTES)
    return IpsecParameters(protocol, spi, known, encapsulation, authentication, group, key_length, seconds, kilobytes)


def _check_esp(transform: EspTransform, key_length: int | None, authentication: Authentication | None) -> None:
    row = ESP.get(transform)
    if row is None:
        raise Unsupported("encryption", str(transform))
    if (key_length is None and row.default_bits is None) or (key_length is not None and key_length not in row.key_bits):
        raise Unsupported("key length", None if key_length is None else str(key_length))
    # A combined cipher authenticates alone (RFC 4106 section 8.3); NULL twice protects nothing (RFC 2406 section 5).
    if row.combined and authentication is not None:
        raise Unsupported("authentication", str(authentication))
    if transform is EspTransform.NULL and authentication is None:
        raise Unsupported("authentication", None)


def _check_ah(transform: AhTransform, key_length: int | None, authentication: Authentication | None) -> None:
    if transform not in AH:
        raise Unsupported("hash", str(transform))
    if authentication is not AH[transform]:
        raise Unsupported("authentication", None if authentication is None else str(authentication))
    if key_length is not None:
        raise Unsupported("key length", str(key_length))


# --- encoding -----------------------------------------------------------------------------------------------------


def _life_attributes(lifetimes: Iterable[Lifetime], kind: int, duration: int) -> list[DataAttribute]:
    return [
        attribute
        for life in lifetimes
        if life.duration is not None
        for attribute in (
            DataAttribute(kind, LifeType.from_text(life.type)),
            DataAttribute.of(duration, life.duration.offer),
        )
    ]


def encode_ike(number: int, configured: IkeTransform) -> Transform:
    """A configured phase 1 transform as it is offered; attributes in the order of isakmpd.conf(5)'s table.

    Raises Unsupported for ANY, which only a responder can mean, and for words that have no number.
    """
    attributes = [
        DataAttribute(IkeAttribute.ENCRYPTION_ALGORITHM, _number(Encryption, configured.encryption, "encryption"))
    ]
    if interval := ike_key_lengths(configured):
        attributes.append(DataAttribute(IkeAttribute.KEY_LENGTH, interval.offer))
    attributes += [
        DataAttribute(IkeAttribute.HASH_ALGORITHM, _number(HashAlgorithm, configured.hash, "hash")),
        DataAttribute(
            IkeAttribute.AUTHENTICATION_METHOD,
            _number(AuthenticationMethod, configured.authentication, "authentication"),
        ),
        DataAttribute(IkeAttribute.GROUP_DESCRIPTION, _number(Group, configured.group, "group")),
        *_life_attributes(configured.lifetimes, IkeAttribute.LIFE_TYPE, IkeAttribute.LIFE_DURATION),
    ]
    transform = Transform(number, IsakmpTransform.KEY_IKE, tuple(attributes))
    decode_ike(transform)  # what we could not accept we do not offer
    return transform


def encode_ipsec(
    number: int, protocol: Protocol, configured: IpsecTransform, encapsulation: Encapsulation
) -> Transform:
    """A configured phase 2 transform as it is offered. Raises Unsupported as encode_ike does."""
    registry = EspTransform if protocol == Protocol.IPSEC_ESP else AhTransform
    attributes = [
        *_life_attributes(configured.lifetimes, IpsecAttribute.SA_LIFE_TYPE, IpsecAttribute.SA_LIFE_DURATION),
        DataAttribute(IpsecAttribute.ENCAPSULATION_MODE, encapsulation),
    ]
    if configured.authentication is not None:
        number_of = _number(Authentication, configured.authentication, "authentication")
        attributes.append(DataAttribute(IpsecAttribute.AUTHENTICATION_ALGORITHM, number_of))
    if configured.group is not None:
        attributes.append(DataAttribute(IpsecAttribute.GROUP_DESCRIPTION, _number(Group, configured.group, "group")))
    if interval := ipsec_key_lengths(configured):
        attributes.append(DataAttribute(IpsecAttribute.KEY_LENGTH, interval.offer))
    transform = Transform(number, _number(registry, configured.transform_id, "transform"), tuple(attributes))
    decode_ipsec(protocol, b"", transform, natt=True)
    return transform


def _number(registry: type[Registry], word: str, attribute: str) -> int:
    try:
        return int(registry.from_text(word))
    except KeyError:
        raise Unsupported(attribute, word) from None
