"""Key text to key and back: what a principal identifier stands for, and its one canonical spelling.

RFC 2792 defines rsa-*, dsa-* and binary-*; x509-* comes from the KeyNote library. Two encodings of one key are one
principal. What has no known algorithm is opaque: compared octet by octet (RFC 2704, 4.4).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

_SEQUENCE = 0x30
_INTEGER = 0x02
_ALGORITHMS = ("rsa", "dsa", "x509", "binary")
_ENCODINGS = ("hex", "base64")


class PrincipalError(ValueError):
    """A key of a known algorithm that cannot be decoded."""


@dataclass(frozen=True, slots=True)
class RsaKey:
    """An RSA public key: modulus and public exponent (PKCS#1 RSAPublicKey)."""

    n: int
    e: int


@dataclass(frozen=True, slots=True)
class DsaKey:
    """A DSA public key: public value, prime, subprime, generator, in the order of RFC 2792."""

    y: int
    p: int
    q: int
    g: int


@dataclass(frozen=True, slots=True)
class BinaryKey:
    """Octets that name somebody and never sign (RFC 2792)."""

    data: bytes


Key: TypeAlias = RsaKey | DsaKey | BinaryKey


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The one spelling of a principal: `rsa-hex:`, `dsa-hex:` or `binary-hex:` in lower case, or `text` if opaque.

    Raises PrincipalError for a key of a known algorithm that cannot be decoded.
    """
    key = parse_key(text)
    return text if key is None else format_key(key)


def parse_key(text: str) -> Key | None:
    """The key that a principal identifier holds; None for an opaque identifier.

    Raises PrincipalError for a key of a known algorithm that cannot be decoded.
    """
    prefix, colon, body = text.partition(":")
    algorithm, dash, encoding = prefix.lower().partition("-")
    if not (colon and dash and algorithm in _ALGORITHMS and encoding in _ENCODINGS):
        return None
    data = _decode_hex(body) if encoding == "hex" else _decode_base64(body)
    if algorithm == "rsa":
        n, e = _integers(data, 2, "RSA key")
        return _checked_rsa(n, e)
    if algorithm == "dsa":
        return DsaKey(*_integers(data, 4, "DSA key"))
    return _certified_rsa_key(data) if algorithm == "x509" else BinaryKey(data)


def format_key(key: Key) -> str:
    """A key in its canonical spelling, hexadecimal in lower case."""
    match key:
        case RsaKey(n, e):
            return "rsa-hex:" + _sequence(n, e).hex()
        case DsaKey(y, p, q, g):
            return "dsa-hex:" + _sequence(y, p, q, g).hex()
        case BinaryKey(data):
            return "binary-hex:" + data.hex()


def _checked_rsa(n: int, e: int) -> RsaKey:
    if n <= 0 or e <= 0:
        raise PrincipalError("an RSA key has a positive modulus and exponent")
    return RsaKey(n, e)


def _decode_hex(body: str) -> bytes:
    try:
        return binascii.unhexlify(body.encode("latin-1"))
    except (binascii.Error, UnicodeEncodeError) as cause:
        raise PrincipalError(f"the key is not hexadecimal: {cause}") from cause


def _decode_base64(body: str) -> bytes:
    try:
        return base64.b64decode(body.encode("latin-1"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as cause:
        raise PrincipalError(f"the key is not base64: {cause}") from cause


def _certified_rsa_key(data: bytes) -> RsaKey:
    """The RSA key of a DER certificate; only keys count here, validity and signature do not."""
    # Imported here: certificates are rare, and the library costs more than the rest of a query.
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = x509.load_der_x509_certificate(data).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as cause:
        raise PrincipalError(f"the certificate cannot be read: {cause}") from cause
    if not isinstance(key, RSAPublicKey):
        raise PrincipalError("only the RSA key of a certificate can be a principal")
    numbers = key.public_numbers()
    return RsaKey(numbers.n, numbers.e)


# --- DER, as little as keys need (X.690: definite lengths, SEQUENCE of INTEGER) -----------------------------------


def _integers(data: bytes, count: int, what: str) -> tuple[int, ...]:
    """The `count` INTEGERs of the SEQUENCE that `data` holds. Octets behind the SEQUENCE do not belong to the key."""
    body, _ = _element(data, 0, _SEQUENCE, what)
    numbers: list[int] = []
    position = 0
    while position < len(body):
        octets, position = _element(body, position, _INTEGER, what)
        if not octets:
            raise PrincipalError(f"the {what} holds an empty INTEGER")
        numbers.append(int.from_bytes(octets, "big", signed=True))
    if len(numbers) != count:
        raise PrincipalError(f"the {what} holds {len(numbers)} numbers, {count} are needed")
    return tuple(numbers)


def _element(data: bytes, position: int, tag: int, what: str) -> tuple[bytes, int]:
    """The content of the element at `position`, and where the next one starts."""
    if data[position : position + 1] != bytes((tag,)):
        raise PrincipalError(f"the {what} is not a DER sequence of integers")
    length, start = _length(data, position + 1, what)
    if start + length > len(data):
        raise PrincipalError(f"the {what} is cut short")
    return data[start : start + length], start + length


def _length(data: bytes, position: int, what: str) -> tuple[int, int]:
    if position >= len(data):
        raise PrincipalError(f"the {what} is cut short")
    first = data[position]
    if first < 0x80:
        return first, position + 1
    size = first & 0x7F
    octets = data[position + 1 : position + 1 + size]
    if not 1 <= size <= 4 or len(octets) < size:
        raise PrincipalError(f"the {what} has an impossible length")
    return int.from_bytes(octets, "big"), position + 1 + size


def _sequence(*numbers: int) -> bytes:
    body = b"".join(
        _tagged(_INTEGER, each.to_bytes(each.bit_length() // 8 + 1, "big", signed=True)) for each in numbers
    )
    return _tagged(_SEQUENCE, body)


def _tagged(tag: int, body: bytes) -> bytes:
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body
