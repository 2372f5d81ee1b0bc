"""Certificates and CRLs octet by octet (X.690, RFC 5280), for what no library makes: each field may be anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests import pki

Extension = tuple[str, bool, bytes]
"""Number, whether critical, and the DER of its value."""


def tlv(tag: int, *contents: bytes) -> bytes:
    """A DER element."""
    content = b"".join(contents)
    if len(content) < 128:
        return bytes((tag, len(content))) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(content).to_bytes(size) + content


def sequence(*contents: bytes) -> bytes:
    return tlv(0x30, *contents)


def integer(value: int) -> bytes:
    """A signed INTEGER in its shortest form."""
    return tlv(
        2, value.to_bytes((value.bit_length() if value >= 0 else (value + 1).bit_length()) // 8 + 1, signed=True)
    )


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    octets = b""
    for number in (40 * first + second, *rest):
        part = bytes((number & 0x7F,))
        while number := number >> 7:
            part = bytes((0x80 | number & 0x7F,)) + part
        octets += part
    return tlv(6, octets)


def bit_string(octets: bytes, unused: int = 0) -> bytes:
    return tlv(3, bytes((unused,)), octets)


NULL = tlv(5)
RSA = "1.2.840.113549.1.1.1"
MD5_RSA, SHA1_RSA, SHA256_RSA, SHA512_RSA = (
    sequence(oid(f"1.2.840.113549.1.1.{each}"), NULL) for each in (4, 5, 11, 13)
)
SHA256_ECDSA = sequence(oid("1.2.840.10045.4.3.2"))
ED25519 = sequence(oid("1.3.101.112"))
NO_ALGORITHM = sequence(oid("1.3.6.1.4.1.99999.1"))

ATTRIBUTES = {"CN": "2.5.4.3", "C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11", "E": "1.2.840.113549.1.9.1"}


def name(*attributes: tuple[str, bytes] | tuple[str, bytes, int]) -> bytes:
    """A Name with one attribute in each RDN: type, octets, and the tag of the string (12: UTF8String)."""
    return sequence(*(tlv(0x31, attribute(*each)) for each in attributes))


def attribute(kind: str, value: bytes, tag: int = 12) -> bytes:
    return sequence(oid(ATTRIBUTES.get(kind, kind)), tlv(tag, value))


def alternatives(*names: bytes) -> Extension:
    """subjectAltName of GeneralNames that are DER already."""
    return "2.5.29.17", False, sequence(*names)


def dns(octets: bytes) -> bytes:
    return tlv(0x82, octets)


def email(octets: bytes) -> bytes:
    return tlv(0x81, octets)


def ip(octets: bytes) -> bytes:
    return tlv(0x87, octets)


TRUE = tlv(1, b"\xff")


def basic_constraints(ca: bool | None, path_length: int | None = None, *, critical: bool = True) -> Extension:
    flag = () if ca is None else (TRUE if ca else tlv(1, b"\0"),)
    length = () if path_length is None else (integer(path_length),)
    return "2.5.29.19", critical, sequence(*flag, *length)


def key_usage(bits: int, *, critical: bool = True) -> Extension:
    """The first octet of the flags: 0x80 digitalSignature, 0x40 contentCommitment, 0x04 keyCertSign, 0x02 cRLSign."""
    unused = (bits & -bits).bit_length() - 1 if bits else 0
    return "2.5.29.15", critical, bit_string(bytes((bits,)) if bits else b"", unused)


def purposes(*numbers: str, critical: bool = False) -> Extension:
    return "2.5.29.37", critical, sequence(*map(oid, numbers))


def rsa_spki(modulus: int, exponent: int) -> bytes:
    """SubjectPublicKeyInfo of any two numbers."""
    return sequence(sequence(oid(RSA), NULL), bit_string(sequence(integer(modulus), integer(exponent))))


def spki(key: pki.PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def utc(moment: datetime) -> bytes:
    return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def generalized(text: str) -> bytes:
    return tlv(0x18, text.encode())


def sign(key: pki.PrivateKey, octets: bytes, algorithm: bytes) -> bytes:
    """The signature that the algorithm names; SHA-256 where it names none."""
    known = {MD5_RSA: hashes.MD5(), SHA1_RSA: hashes.SHA1(), SHA512_RSA: hashes.SHA512()}  # noqa: S303 - their point
    digest = known.get(algorithm, hashes.SHA256())
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(octets, padding.PKCS1v15(), digest)
        case ec.EllipticCurvePrivateKey():
            return key.sign(octets, ec.ECDSA(digest))
        case ed25519.Ed25519PrivateKey():
            return key.sign(octets)


def _extension(each: Extension) -> bytes:
    number, critical, value = each
    flag = TRUE if critical else b""
    return sequence(oid(number), flag, tlv(4, value))


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A certificate's fields. `outer` None: as `inner`. `version` None: left out, which is version 1."""

    issuer: bytes
    subject: bytes
    key: bytes
    signer: pki.PrivateKey
    serial: bytes = integer(77)
    version: int | None = 2
    inner: bytes = SHA256_RSA
    outer: bytes | None = None
    begins: bytes = utc(pki.NOW - pki.YEAR)
    ends: bytes = utc(pki.NOW + pki.YEAR)
    extensions: Sequence[Extension] | None = ()
    tail: bytes = b""
    signature: bytes | None = None

    @property
    def der(self) -> bytes:
        outer = self.inner if self.outer is None else self.outer
        version = b"" if self.version is None else tlv(0xA0, integer(self.version))
        listed = b"" if self.extensions is None else tlv(0xA3, sequence(*map(_extension, self.extensions)))
        tbs = sequence(
            version,
            self.serial,
            self.inner,
            self.issuer,
            sequence(self.begins, self.ends),
            self.subject,
            self.key,
            listed if self.extensions else b"",
        )
        made = sign(self.signer, tbs, outer) if self.signature is None else self.signature
        return sequence(tbs, outer, bit_string(made)) + self.tail


def crl(
    ca: pki.Ca,
    *revoked: tuple[int, Sequence[Extension]],
    inner: bytes = SHA256_RSA,
    outer: bytes | None = None,
    begins: bytes = utc(pki.NOW - pki.YEAR),
    ends: bytes = utc(pki.NOW + pki.YEAR),
    extensions: Sequence[Extension] = (),
    version: bytes = integer(1),
    signer: pki.PrivateKey | None = None,
    issuer: bytes | None = None,
) -> bytes:
    """A CRL of a CA: serial numbers with the extensions of their entries."""
    outer = inner if outer is None else outer
    entries = [
        sequence(integer(serial), utc(pki.NOW - pki.YEAR), sequence(*map(_extension, more)) if more else b"")
        for serial, more in revoked
    ]
    tbs = sequence(
        version,
        inner,
        issuer or subject_of(ca),
        begins,
        ends,
        sequence(*entries) if entries else b"",
        tlv(0xA0, sequence(*map(_extension, extensions))) if extensions else b"",
    )
    return sequence(tbs, outer, bit_string(sign(signer or ca.issued.key, tbs, outer)))


def subject_of(ca: pki.Ca) -> bytes:
    return ca.issued.certificate.subject.public_bytes()


def der_of(value: x509.ExtensionType) -> bytes:
    """An extension's value as the library writes it."""
    return value.public_bytes()
