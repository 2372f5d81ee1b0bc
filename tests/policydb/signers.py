"""Credentials signed by the specification alone: RFC 2704 section 4.6.7, RFC 2792, docs/keys-and-signatures.md.

Nothing of policydb's own signing is used, so that the two can be held against each other.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from grammar.principal import DsaKey, RsaKey, format_key

PrivateKey: TypeAlias = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what historic credentials have
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what historic credentials have
DSA = dsa.generate_private_key(key_size=1024)  # noqa: S505 - what historic credentials have
P256 = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()

KEYS: dict[str, PrivateKey] = {
    "sig-rsa-sha1": RSA,
    "sig-rsa-md5": RSA,
    "sig-x509-sha1": RSA,
    "sig-dsa-sha1": DSA,
    "sig-rsa-sha256": RSA,
    "sig-ecdsa-p256-sha256": P256,
    "sig-ed25519": ED25519,
}
"""Every algorithm and a key for it."""

WEAK = ("sig-rsa-sha1", "sig-rsa-md5", "sig-x509-sha1", "sig-dsa-sha1")
MODERN = ("sig-rsa-sha256", "sig-ecdsa-p256-sha256", "sig-ed25519")


def name_of(key: PrivateKey) -> str:
    """The principal of a key, in hexadecimal."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return format_key(RsaKey(numbers.n, numbers.e))
    if isinstance(key, dsa.DSAPrivateKey):
        dsa_numbers = key.public_key().public_numbers()
        parameters = dsa_numbers.parameter_numbers
        return format_key(DsaKey(dsa_numbers.y, parameters.p, parameters.q, parameters.g))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        return f"ecdsa-p256-hex:{2 + point.y % 2:02x}{point.x:064x}"
    return f"ed25519-hex:{key.public_key().public_bytes_raw().hex()}"


def body(authorizer: str, licensee: str = "bob") -> str:
    """An unsigned credential."""
    return f'KeyNote-Version: 2\nAuthorizer: "{authorizer}"\nLicensees: "{licensee}"\nConditions: a == "x";\n'


def sign(algorithm: str, key: PrivateKey, covered: bytes) -> bytes:
    """The signature of an algorithm, without its encoding, over these octets."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(covered)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(covered, ec.ECDSA(SHA256()))
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(covered, SHA1())  # noqa: S303
    if algorithm.startswith("sig-rsa-sha256"):
        return key.sign(covered, padding.PKCS1v15(), SHA256())
    if algorithm.startswith("sig-x509-sha1"):
        return key.sign(covered, padding.PKCS1v15(), SHA1())  # noqa: S303
    digest = hashlib.new("md5" if "-md5" in algorithm else "sha1", covered).digest()
    return key.sign(bytes((4, len(digest))) + digest, padding.PKCS1v15(), utils.NoDigestInfo())


def sealed_text(text: str, label: str, key: PrivateKey) -> str:
    """`text` and its Signature field; `label` as it is to be written, without its colon."""
    octets = sign(label.lower(), key, f"{text}{label}:".encode("latin-1"))
    return with_octets(text, label, octets)


def with_octets(text: str, label: str, octets: bytes) -> str:
    """`text` and a Signature field of these octets."""
    value = octets.hex() if label.lower().endswith("hex") else base64.b64encode(octets).decode()
    return f'{text}Signature: "{label}:{value}"\n'


def credential(algorithm: str = "sig-ed25519", encoding: str = "hex", licensee: str = "bob") -> str:
    """A good credential of an algorithm's key."""
    key = KEYS[algorithm]
    return sealed_text(body(name_of(key), licensee), f"{algorithm}-{encoding}", key)
