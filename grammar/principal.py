"""Key text to key and back: what a principal identifier stands for, and its one canonical spelling.

RFC 2792 defines rsa-*, dsa-* and binary-*; x509-* comes from the KeyNote library; ecdsa-* and ed25519-* are ours
(docs/keys-and-signatures.md). Two encodings of one key are one principal. What has no known algorithm is opaque:
compared octet by octet (RFC 2704, 4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from grammar.curves import P256, P384, P521, CurveError, ed25519_octets, octets, point
from grammar.der import DerError, integers, sequence
from grammar.encodings import ENCODINGS, EncodingError, decode

_LONGEST_REMEMBERED = 4096  # characters: what strangers send must not fill the memory


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
class EcdsaKey:
    """A point of P-256."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class EcdsaP384Key:
    """A point of P-384: it proves who a peer is, and signs no assertions."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class EcdsaP521Key:
    """A point of P-521: as EcdsaP384Key."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """The 32 octets of RFC 8032."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BinaryKey:
    """Octets that name somebody and never sign (RFC 2792)."""

    data: bytes


Key: TypeAlias = RsaKey | DsaKey | EcdsaKey | EcdsaP384Key | EcdsaP521Key | Ed25519Key | BinaryKey


def canonical(text: str) -> str:
    """The one spelling of a principal: a key in lower-case hexadecimal (`rsa-hex:` and its like), or `text` if opaque.

    Raises PrincipalError for a key of a known algorithm that cannot be decoded.
    """
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _canonical(text)


def _canonical(text: str) -> str:
    key = parse_key(text)
    return text if key is None else format_key(key)


_remembered = lru_cache(maxsize=4096)(_canonical)


def parse_key(text: str) -> Key | None:
    """The key that a principal identifier holds; None for an opaque identifier.

    Raises PrincipalError for a key of a known algorithm that cannot be decoded.
    """
    prefix, colon, body = text.partition(":")
    algorithm, dash, encoding = prefix.lower().rpartition("-")
    read = _READERS.get(algorithm)
    if not (colon and dash) or read is None or encoding not in ENCODINGS:
        return None
    try:
        return read(decode(encoding, body))
    except EncodingError as cause:
        raise PrincipalError(f"the key is {cause}") from cause
    except (DerError, CurveError) as cause:
        raise PrincipalError(str(cause)) from cause


def format_key(key: Key) -> str:
    """A key in its canonical spelling, hexadecimal in lower case."""
    return f"{key_algorithm(key)}-hex:{key_octets(key).hex()}"


def key_algorithm(key: Key) -> str:
    """The algorithm as it stands before the encoding in a principal identifier."""
    return _NAMES[type(key)]


def key_octets(key: Key) -> bytes:
    """What a principal identifier encodes."""
    match key:
        case RsaKey(n, e):
            return sequence(n, e)
        case DsaKey(y, p, q, g):
            return sequence(y, p, q, g)
        case EcdsaKey(x, y):
            return octets(P256, x, y)
        case EcdsaP384Key(x, y):
            return octets(P384, x, y)
        case EcdsaP521Key(x, y):
            return octets(P521, x, y)
        case Ed25519Key(data) | BinaryKey(data):
            return data


# --- one reader for each algorithm --------------------------------------------------------------------------------


def _rsa(data: bytes) -> RsaKey:
    # RFC 2792 writes exponent first; the KeyNote library and all real keys have the modulus first, as PKCS#1 (D29).
    n, e = integers(data, 2, "RSA key")
    if n <= 0 or e <= 0:
        raise PrincipalError("an RSA key has a positive modulus and exponent")
    return RsaKey(n, e)


def _dsa(data: bytes) -> DsaKey:
    return DsaKey(*integers(data, 4, "DSA key"))


def _ecdsa(data: bytes) -> EcdsaKey:
    return EcdsaKey(*point(P256, data))


def _ecdsa_p384(data: bytes) -> EcdsaP384Key:
    return EcdsaP384Key(*point(P384, data))


def _ecdsa_p521(data: bytes) -> EcdsaP521Key:
    return EcdsaP521Key(*point(P521, data))


def _ed25519(data: bytes) -> Ed25519Key:
    return Ed25519Key(ed25519_octets(data))


def _x509(data: bytes) -> RsaKey:
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


_READERS: Mapping[str, Callable[[bytes], Key]] = {
    "rsa": _rsa,
    "dsa": _dsa,
    "ecdsa-p256": _ecdsa,
    "ecdsa-p384": _ecdsa_p384,
    "ecdsa-p521": _ecdsa_p521,
    "ed25519": _ed25519,
    "x509": _x509,
    "binary": BinaryKey,
}

_NAMES: Mapping[type[Key], str] = {
    RsaKey: "rsa",
    DsaKey: "dsa",
    EcdsaKey: "ecdsa-p256",
    EcdsaP384Key: "ecdsa-p384",
    EcdsaP521Key: "ecdsa-p521",
    Ed25519Key: "ed25519",
    BinaryKey: "binary",
}

KEY_PREFIXES = tuple(f"{algorithm}-{encoding}" for algorithm in _READERS for encoding in ENCODINGS)
"""What may stand before the colon of a key."""
