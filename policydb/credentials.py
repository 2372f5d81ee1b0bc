"""Signatures of credentials: is an assertion signed by its authorizer (RFC 2792, and the KeyNote library's practice)?

| algorithm                                | key  | what is signed                                              |
|------------------------------------------|------|-------------------------------------------------------------|
| sig-rsa-sha1-*, sig-rsa-md5-*            | rsa  | PKCS #1 v1.5 padding over a bare DER OCTET STRING, no DigestInfo |
| sig-x509-sha1-*                          | rsa  | PKCS #1 v1.5 as standardised, with DigestInfo               |
| sig-dsa-sha1-*                           | dsa  | plain DSA, DER (r, s)                                       |

The digest covers the assertion from its first field to the Signature label, then the algorithm's name with its colon.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from grammar.nodes import Assertion
from grammar.principal import DsaKey, Key, PrincipalError, RsaKey, parse_key

_OCTET_STRING = 0x04
_MOST_BITS = 8192  # a larger number only serves to make us work


class CredentialError(ValueError):
    """Why an untrusted assertion does not count."""


def verify(assertion: Assertion) -> None:
    """Returns if `assertion` is signed by its authorizer. Raises CredentialError with the reason where it is not."""
    signature = assertion.signature
    if signature is None:
        raise CredentialError("it is not signed")
    name, colon, body = signature.value.partition(":")
    algorithm = _ALGORITHMS.get(name.lower())
    if not colon or algorithm is None:
        raise CredentialError(f"signature algorithm {_shown(name)} is not known")
    key = _authorizer_key(assertion.authorizer.name)
    signed = (signature.signed_text + name + colon).encode("latin-1", "backslashreplace")
    octets = algorithm.decode(body)
    digest = hashlib.new(algorithm.digest, signed, usedforsecurity=False).digest()
    try:
        algorithm.check(key, octets, digest)
    except ValueError as error:  # cryptography's word for a key it will not use
        raise (
            error if isinstance(error, CredentialError) else CredentialError(f"its key is refused: {error}")
        ) from error


def _authorizer_key(name: str) -> Key:
    try:
        key = parse_key(name)
    except PrincipalError as error:
        raise CredentialError(f"its authorizer's key is unusable: {error}") from error
    if key is None:
        raise CredentialError(f"its authorizer {_shown(name)} is no key, so nothing can prove who signed it")
    return key


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _unhex(body: str) -> bytes:
    try:
        return binascii.unhexlify("".join(body.split()))
    except ValueError as error:
        raise CredentialError("its signature is not hexadecimal") from error


def _unbase64(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except ValueError as error:
        raise CredentialError("its signature is not base64") from error


# cryptography is imported where a signature is looked at: most queries have none, and it costs 50 ms to load.


def _check_rsa(key: Key, signature: bytes, digest: bytes, standard: bool) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
    from cryptography.hazmat.primitives.hashes import SHA1

    if not isinstance(key, RsaKey):
        raise CredentialError("an RSA signature needs an RSA key as authorizer")
    if key.n.bit_length() > _MOST_BITS:
        raise CredentialError(f"its key is longer than {_MOST_BITS} bits")
    public = rsa.RSAPublicNumbers(key.e, key.n).public_key()
    try:
        if standard:
            public.verify(signature, digest, padding.PKCS1v15(), utils.Prehashed(SHA1()))  # noqa: S303 - RFC 2792
        else:
            # The padded message is built and compared whole; nothing that the signer wrote is parsed.
            message = bytes((_OCTET_STRING, len(digest))) + digest
            public.verify(signature, message, padding.PKCS1v15(), utils.NoDigestInfo())  # type: ignore[arg-type]
    except InvalidSignature:
        raise CredentialError("its signature does not verify") from None


def _check_rsa_bare(key: Key, signature: bytes, digest: bytes) -> None:
    _check_rsa(key, signature, digest, standard=False)


def _check_rsa_standard(key: Key, signature: bytes, digest: bytes) -> None:
    _check_rsa(key, signature, digest, standard=True)


def _check_dsa(key: Key, signature: bytes, digest: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import dsa, utils
    from cryptography.hazmat.primitives.hashes import SHA1

    if not isinstance(key, DsaKey):
        raise CredentialError("a DSA signature needs a DSA key as authorizer")
    numbers = dsa.DSAPublicNumbers(key.y, dsa.DSAParameterNumbers(key.p, key.q, key.g))
    try:
        numbers.public_key().verify(signature, digest, utils.Prehashed(SHA1()))  # noqa: S303 - RFC 2792
    except InvalidSignature:
        raise CredentialError("its signature does not verify") from None


_Check: TypeAlias = Callable[[Key, bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class _Algorithm:
    """How one signature algorithm hashes, spells and checks."""

    digest: str
    decode: Callable[[str], bytes]
    check: _Check


_ALGORITHMS: Mapping[str, _Algorithm] = {
    "sig-rsa-sha1-hex": _Algorithm("sha1", _unhex, _check_rsa_bare),
    "sig-rsa-sha1-base64": _Algorithm("sha1", _unbase64, _check_rsa_bare),
    "sig-rsa-md5-hex": _Algorithm("md5", _unhex, _check_rsa_bare),
    "sig-rsa-md5-base64": _Algorithm("md5", _unbase64, _check_rsa_bare),
    "sig-x509-sha1-hex": _Algorithm("sha1", _unhex, _check_rsa_standard),
    "sig-x509-sha1-base64": _Algorithm("sha1", _unbase64, _check_rsa_standard),
    "sig-dsa-sha1-hex": _Algorithm("sha1", _unhex, _check_dsa),
    "sig-dsa-sha1-base64": _Algorithm("sha1", _unbase64, _check_dsa),
}
