"""Signatures of credentials: is an assertion signed by its authorizer (RFC 2704, 4.6.7; RFC 2792)?

The message that a signature must be of is built and compared whole; nothing that the signer wrote is parsed. What is
weak counts only where the caller says so: the algorithms that policydb.keynote.algorithms calls weak, and RSA keys that
are short or have a low exponent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import cast

from grammar.encodings import EncodingError, decode
from grammar.nodes import Assertion
from grammar.principal import DsaKey, EcdsaKey, Ed25519Key, Key, PrincipalError, RsaKey, parse_key
from policydb.keynote.algorithms import Algorithm, Label, find

_OCTET_STRING = 0x04

# Larger numbers only serve to make us work.
MOST_BITS = 8192
_MOST_EXPONENT_BITS = 64

# A shorter modulus is within reach: 512 bits take hours. A lower exponent is how padding was forged where it was parsed
# (CVE-2006-4339); here it is compared whole, so this is the second lock on that door.
_FEWEST_BITS = 1024
_LEAST_EXPONENT = 65537

_KEY_NAMES: Mapping[type[Key], str] = {
    RsaKey: "an RSA",
    DsaKey: "a DSA",
    EcdsaKey: "a P-256",
    Ed25519Key: "an Ed25519",
}


class CredentialError(ValueError):
    """Why an untrusted assertion does not count."""


def verify(assertion: Assertion, *, accept_weak: bool = False) -> None:
    """Returns if `assertion` is signed by its authorizer. Raises CredentialError with the reason where it is not."""
    if assertion.signature is None:
        raise CredentialError("it is not signed")
    name, colon, body = assertion.signature.value.partition(":")
    label = find(name) if colon else None
    if label is None:
        raise CredentialError(f"signature algorithm {_shown(name)} is not known")
    key = _authorizer_key(assertion.authorizer.name)
    if not isinstance(key, label.algorithm.key):
        needed = _KEY_NAMES[label.algorithm.key]
        raise CredentialError(f"a {label.algorithm.name} signature needs {needed} key as authorizer")
    weakness = label.algorithm.weakness or _weakness(key)
    if weakness and not accept_weak:
        raise CredentialError(f"its signature is weak ({name}: {weakness}), and weak ones are not accepted")
    _check(label, key, _octets(label, body), label.covered(assertion.signature.signed_text))


def _authorizer_key(name: str) -> Key:
    try:
        key = parse_key(name)
    except PrincipalError as error:
        raise CredentialError(f"its authorizer's key is unusable: {error}") from error
    if key is None:
        raise CredentialError(f"its authorizer {_shown(name)} is no key, so nothing can prove who signed it")
    return key


def _weakness(key: Key) -> str:
    if isinstance(key, RsaKey):
        if key.n.bit_length() < _FEWEST_BITS:
            return f"its RSA key has fewer than {_FEWEST_BITS} bits"
        if key.e < _LEAST_EXPONENT:
            return f"its RSA key has an exponent below {_LEAST_EXPONENT}"
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _octets(label: Label, body: str) -> bytes:
    try:
        return decode(label.encoding, "".join(body.split()))
    except EncodingError as error:
        raise CredentialError(f"its signature is {error}") from error


# --- one check for each kind of key -------------------------------------------------------------------------------
# cryptography is imported where a signature is looked at: most queries have none, and it costs 50 ms to load.


def _check(label: Label, key: Key, signature: bytes, covered: bytes) -> None:
    from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm

    try:
        _CHECKS[type(key)](label.algorithm, key, signature, covered)
    except InvalidSignature:
        raise CredentialError("its signature does not verify") from None
    except (ValueError, OverflowError, UnsupportedAlgorithm, InternalError) as error:
        # The library's words for a key that it will not use.
        raise CredentialError(f"its key is refused: {error}") from error


def _digest(algorithm: Algorithm, covered: bytes) -> bytes:
    return hashlib.new(algorithm.digest, covered, usedforsecurity=False).digest()


def _check_rsa(algorithm: Algorithm, key: Key, signature: bytes, covered: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = cast("RsaKey", key)
    if key.n.bit_length() > MOST_BITS:
        raise ValueError(f"it is longer than {MOST_BITS} bits")
    if key.e.bit_length() > _MOST_EXPONENT_BITS:
        raise ValueError(f"its exponent is longer than {_MOST_EXPONENT_BITS} bits")
    public = rsa.RSAPublicNumbers(key.e, key.n).public_key()
    message, form = rsa_message(algorithm, covered)
    public.verify(signature, message, padding.PKCS1v15(), form)  # type: ignore[arg-type]


def rsa_message(algorithm: Algorithm, covered: bytes) -> tuple[bytes, object]:
    """What an RSA signature pads, and how `cryptography` is told to take it."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import utils

    digest = _digest(algorithm, covered)
    if not algorithm.digest_info:
        return bytes((_OCTET_STRING, len(digest))) + digest, utils.NoDigestInfo()
    kinds = {"sha1": hashes.SHA1, "sha256": hashes.SHA256}  # RFC 2792 has SHA-1 and MD5 alone
    return digest, utils.Prehashed(kinds[algorithm.digest]())


def _check_dsa(_: Algorithm, key: Key, signature: bytes, covered: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import dsa
    from cryptography.hazmat.primitives.hashes import SHA1

    key = cast("DsaKey", key)
    numbers = dsa.DSAPublicNumbers(key.y, dsa.DSAParameterNumbers(key.p, key.q, key.g))
    numbers.public_key().verify(signature, covered, SHA1())  # noqa: S303 - RFC 2792


def _check_ecdsa(_: Algorithm, key: Key, signature: bytes, covered: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = cast("EcdsaKey", key)
    public = ec.EllipticCurvePublicNumbers(key.x, key.y, ec.SECP256R1()).public_key()
    public.verify(signature, covered, ec.ECDSA(SHA256()))


def _check_ed25519(_: Algorithm, key: Key, signature: bytes, covered: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    Ed25519PublicKey.from_public_bytes(cast("Ed25519Key", key).data).verify(signature, covered)


_CHECKS: Mapping[type[Key], Callable[[Algorithm, Key, bytes, bytes], None]] = {
    RsaKey: _check_rsa,
    DsaKey: _check_dsa,
    EcdsaKey: _check_ecdsa,
    Ed25519Key: _check_ed25519,
}
