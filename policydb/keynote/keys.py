"""Private keys: made, written as text and read back, in the form of the KeyNote library.

`private-rsa-hex:` holds PKCS #1's RSAPrivateKey, `private-dsa-hex:` the numbers 0, p, q, g, y, x; ours are
`private-ecdsa-p256-hex:` (the scalar in 32 octets) and `private-ed25519-hex:` (RFC 8032's 32 octets). Each also exists
with base64. They never enter the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from grammar.der import DerError, integers, sequence
from grammar.encodings import ENCODINGS, EncodingError, decode, encode
from grammar.principal import DsaKey, EcdsaKey, Ed25519Key, Key, RsaKey, key_algorithm, key_octets
from policydb.keynote.credentials import MOST_BITS

PrivateKey: TypeAlias = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_MARK = "private-"


class KeyTextError(ValueError):
    """Text that is no key of ours, or a key that cannot be made."""


@dataclass(frozen=True, slots=True)
class KeyKind:
    """One kind of key: its name before the encoding, the sizes it can have in bits, how it is made and read."""

    name: str
    sizes: tuple[int, ...]
    generate: Callable[[int], PrivateKey]
    read: Callable[[bytes], PrivateKey]


def generate(kind: KeyKind, bits: int) -> PrivateKey:
    """A new key. Raises KeyTextError where the kind has no such size."""
    if bits not in kind.sizes:
        some = kind.sizes if len(kind.sizes) < 6 else (kind.sizes[0], "...", kind.sizes[-1])
        raise KeyTextError(f"{kind.name} keys have {', '.join(map(str, some))} bits, not {bits}")
    return kind.generate(bits)


def public_key(private: PrivateKey) -> Key:
    """The public key that belongs to a private one, as principals have it."""
    if isinstance(private, rsa.RSAPrivateKey):
        rsa_numbers = private.public_key().public_numbers()
        return RsaKey(rsa_numbers.n, rsa_numbers.e)
    if isinstance(private, dsa.DSAPrivateKey):
        dsa_numbers = private.public_key().public_numbers()
        parameters = dsa_numbers.parameter_numbers
        return DsaKey(dsa_numbers.y, parameters.p, parameters.q, parameters.g)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        point = private.public_key().public_numbers()
        return EcdsaKey(point.x, point.y)
    return Ed25519Key(private.public_key().public_bytes_raw())


def public_text(private: PrivateKey, encoding: str) -> str:
    """The principal that the private key signs for."""
    key = public_key(private)
    return f"{key_algorithm(key)}-{encoding}:{encode(encoding, key_octets(key))}"


def private_text(private: PrivateKey, encoding: str) -> str:
    """The private key as it is kept in a file."""
    algorithm = key_algorithm(public_key(private))
    return f"{_MARK}{algorithm}-{encoding}:{encode(encoding, _private_octets(private))}"


def parse_private(text: str) -> PrivateKey:
    """The key of a private key's text. Raises KeyTextError; the message never holds the text."""
    prefix, colon, body = text.partition(":")
    name, _, encoding = prefix.lower().rpartition("-")
    kind = KINDS.get(name.removeprefix(_MARK))
    if not colon or not name.startswith(_MARK) or kind is None or encoding not in ENCODINGS:
        known = ", ".join(f"{_MARK}{each}-hex:" for each in KINDS)
        raise KeyTextError(f"a private key begins with one of {known} or the same with base64")
    try:
        return kind.read(decode(encoding, body))
    except EncodingError as cause:
        raise KeyTextError(f"the private key is {cause}") from cause
    except (ValueError, OverflowError, UnsupportedAlgorithm) as cause:
        raise KeyTextError(f"the private key is unusable: {cause}") from cause


def _private_octets(private: PrivateKey) -> bytes:
    if isinstance(private, rsa.RSAPrivateKey):
        encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL
        return private.private_bytes(encoding, form, serialization.NoEncryption())
    if isinstance(private, dsa.DSAPrivateKey):
        numbers = private.private_numbers()
        parameters = numbers.public_numbers.parameter_numbers
        return sequence(0, parameters.p, parameters.q, parameters.g, numbers.public_numbers.y, numbers.x)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.private_numbers().private_value.to_bytes(32, "big")
    return private.private_bytes_raw()


# --- reading, one function for each kind --------------------------------------------------------------------------


def _read_rsa(data: bytes) -> PrivateKey:
    version, n, e, d, p, q, dmp1, dmq1, iqmp = integers(data, 9, "RSA private key")
    if version != 0:
        raise DerError("an RSA private key of two primes has version 0")
    return rsa.RSAPrivateNumbers(p, q, d, dmp1, dmq1, iqmp, rsa.RSAPublicNumbers(e, n)).private_key()


def _read_dsa(data: bytes) -> PrivateKey:
    _, p, q, g, y, x = integers(data, 6, "DSA private key")
    public = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g))
    return dsa.DSAPrivateNumbers(x, public).private_key()


def _read_ecdsa(data: bytes) -> PrivateKey:
    if len(data) != 32:
        raise ValueError("a P-256 private key has 32 octets")
    return ec.derive_private_key(int.from_bytes(data, "big"), ec.SECP256R1())


KINDS: Mapping[str, KeyKind] = {
    each.name: each
    for each in (
        KeyKind(
            "rsa", tuple(range(1024, MOST_BITS + 1)), lambda bits: rsa.generate_private_key(65537, bits), _read_rsa
        ),
        KeyKind("dsa", (1024, 2048, 3072), dsa.generate_private_key, _read_dsa),
        KeyKind("ecdsa-p256", (256,), lambda _: ec.generate_private_key(ec.SECP256R1()), _read_ecdsa),
        KeyKind(
            "ed25519",
            (256,),
            lambda _: ed25519.Ed25519PrivateKey.generate(),
            ed25519.Ed25519PrivateKey.from_private_bytes,
        ),
    )
}
"""The kinds of keys that can be made, by name."""
