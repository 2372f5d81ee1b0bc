"""Signatures of phase 1: what RFC 2409 section 5.1 asks of RSA keys, and RFC 4754 of ECDSA keys.

What is signed is the bare value of HASH_I or HASH_R. RSA pads it as PKCS #1 v1.5 says, block type 1, without the
DigestInfo that all other uses of RSA put around a hash. An ECDSA method is bound to one curve and one hash, so its
HASH is made with that hash whatever was negotiated (RFC 2409 section 5), and the signature is r and s, each as long as
the curve's order. Private keys are only ever used by `cryptography`, in constant time.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from daemon.ike import errors
from daemon.ike.errors import LocalError
from daemon.ike.registries import AuthenticationMethod, HashAlgorithm

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

FEWEST_RSA_BITS, MOST_RSA_BITS = 512, 8192
LEAST_RSA_EXPONENT = 3
_MOST_EXPONENT_BITS = 64  # larger ones only serve to make us work


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """An ECDSA method: its curve, the hash it is bound to, and the octets of r and of s (RFC 4754 section 7)."""

    curve: type[ec.EllipticCurve]
    hash: HashAlgorithm
    digest: hashes.HashAlgorithm
    octets: int


ECDSA: Mapping[AuthenticationMethod, Ecdsa] = {
    AuthenticationMethod.ECDSA_256: Ecdsa(ec.SECP256R1, HashAlgorithm.SHA2_256, hashes.SHA256(), 32),
    AuthenticationMethod.ECDSA_384: Ecdsa(ec.SECP384R1, HashAlgorithm.SHA2_384, hashes.SHA384(), 48),
    AuthenticationMethod.ECDSA_521: Ecdsa(ec.SECP521R1, HashAlgorithm.SHA2_512, hashes.SHA512(), 66),
}


def bound_hash(method: AuthenticationMethod) -> HashAlgorithm | None:
    """The hash that a method makes its HASH_I and HASH_R with; None: the negotiated one."""
    row = ECDSA.get(method)
    return row.hash if row else None


def fits(method: AuthenticationMethod, key: object) -> bool:
    """Whether a key, public or private, is of the kind that a method of authentication signs with."""
    row = ECDSA.get(method)
    if row is not None:
        return isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) and isinstance(
            key.curve, row.curve
        )
    return isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey)


def sign(method: AuthenticationMethod, key: PrivateKey, value: bytes) -> bytes:
    """The SIG payload's octets over a HASH. Raises LocalError where the key does not fit the method."""
    row = ECDSA.get(method)
    try:
        if row is not None and isinstance(key, ec.EllipticCurvePrivateKey) and fits(method, key):
            r, s = decode_dss_signature(key.sign(value, ec.ECDSA(Prehashed(row.digest))))
            return r.to_bytes(row.octets) + s.to_bytes(row.octets)
        if row is None and isinstance(key, rsa.RSAPrivateKey):
            return key.sign(value, padding.PKCS1v15(), NoDigestInfo())
    except (ValueError, UnsupportedAlgorithm, InternalError) as cause:
        raise LocalError(f"our key cannot sign for {method}: {cause}") from cause
    raise LocalError(f"our key is of another kind than {method} needs")


def verify(method: AuthenticationMethod, key: PublicKey, value: bytes, signature: bytes) -> None:
    """Returns if `signature` is one by `key` over a HASH. Raises InvalidSignature, in isakmpd's words where it has any.

    A key of another kind than the method's never verifies anything.
    """
    row = ECDSA.get(method)
    try:
        if row is None and isinstance(key, rsa.RSAPublicKey):
            _verify_rsa(key, value, signature)
        elif row is not None and isinstance(key, ec.EllipticCurvePublicKey) and fits(method, key):
            _verify_ecdsa(row, key, value, signature)
        else:
            raise errors.InvalidSignature(f"the peer's key is of another kind than {method} needs")
    except InvalidSignature:
        raise errors.InvalidSignature("rsa_sig_decode_hash: the signature does not verify") from None
    except (ValueError, OverflowError, UnsupportedAlgorithm, InternalError) as cause:
        raise errors.InvalidSignature(f"rsa_sig_decode_hash: the key is refused: {cause}") from cause


def rsa_fault(key: rsa.RSAPublicKey) -> str:
    """Why no signature by an RSA key is looked at, however weak keys may be; "" if there is no reason.

    With an exponent of 1 everybody can sign; an even modulus or exponent belongs to no key that anybody made to sign.
    """
    numbers, bits = key.public_numbers(), key.key_size
    if not FEWEST_RSA_BITS <= bits <= MOST_RSA_BITS or numbers.e.bit_length() > _MOST_EXPONENT_BITS:
        return f"an RSA key of {bits} bits, or its exponent, is out of bounds"
    if numbers.e < LEAST_RSA_EXPONENT or not numbers.e & 1 or not numbers.n & 1:
        return f"an RSA key of {bits} bits with the exponent {numbers.e} is no key to sign with"
    return ""


def _verify_rsa(key: rsa.RSAPublicKey, value: bytes, signature: bytes) -> None:
    bits = key.key_size
    if fault := rsa_fault(key):
        raise ValueError(fault)
    if len(signature) != (bits + 7) // 8:
        raise errors.InvalidSignature("rsa_sig_decode_hash: SIG payload length does not match public key")
    found = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
    if len(found) != len(value):
        raise errors.InvalidSignature(f"rsa_sig_decode_hash: len {len(found)} != hashsize {len(value)}")
    if not hmac.compare_digest(found, value):
        raise InvalidSignature


def _verify_ecdsa(row: Ecdsa, key: ec.EllipticCurvePublicKey, value: bytes, signature: bytes) -> None:
    if len(signature) != 2 * row.octets:
        raise errors.InvalidSignature("rsa_sig_decode_hash: SIG payload length does not match public key")
    r, s = int.from_bytes(signature[: row.octets]), int.from_bytes(signature[row.octets :])
    key.verify(encode_dss_signature(r, s), value, ec.ECDSA(Prehashed(row.digest)))
