"""The signature algorithms: one row each, shared by who verifies, who signs and who warns.

A name is `sig-KEY[-DIGEST]-ENCODING:`, as RFC 2792 builds it. The first four rows are those of RFC 2792 and of the
KeyNote library, the others are ours (docs/keys-and-signatures.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grammar.encodings import ENCODINGS, encode
from grammar.principal import DsaKey, EcdsaKey, Ed25519Key, Key, RsaKey

_SHA1 = "collisions of SHA-1 can be made"
_MD5 = "MD5 is broken"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One signature algorithm, whatever the encoding.

    `digest` is hashlib's name; "" where the algorithm hashes for itself. `digest_info`: an RSA signature pads what
    PKCS #1 (RFC 8017 section 9.2) says; else a bare DER OCTET STRING, as the KeyNote library has it. `weakness` says
    why it must be asked for.
    """

    name: str
    key: type[Key]
    digest: str
    digest_info: bool = False
    weakness: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """What stands before the colon of a signature: `text` as written, its algorithm and its encoding."""

    text: str
    algorithm: Algorithm
    encoding: str

    def signature(self, octets: bytes) -> str:
        """The value of the Signature field."""
        return f"{self.text}:{encode(self.encoding, octets)}"

    def covered(self, signed_text: str) -> bytes:
        """What is signed: the assertion's text, then the algorithm's name with its colon (RFC 2704, 4.6.7)."""
        return f"{signed_text}{self.text}:".encode("latin-1", "backslashreplace")


ALGORITHMS = (
    Algorithm("sig-rsa-sha1", RsaKey, "sha1", weakness=_SHA1),
    Algorithm("sig-rsa-md5", RsaKey, "md5", weakness=_MD5),
    Algorithm("sig-x509-sha1", RsaKey, "sha1", digest_info=True, weakness=_SHA1),
    Algorithm("sig-dsa-sha1", DsaKey, "sha1", weakness=_SHA1),
    Algorithm("sig-rsa-sha256", RsaKey, "sha256", digest_info=True),
    Algorithm("sig-ecdsa-p256-sha256", EcdsaKey, "sha256"),
    Algorithm("sig-ed25519", Ed25519Key, ""),
)

_LABELS: Mapping[str, tuple[Algorithm, str]] = {
    f"{algorithm.name}-{encoding}": (algorithm, encoding) for algorithm in ALGORITHMS for encoding in ENCODINGS
}

LABELS = tuple(_LABELS)
"""Every label, in lower case and without its colon."""


def find(text: str) -> Label | None:
    """The label that `text` (without the colon) is, in whatever case; None where no algorithm has that name."""
    found = _LABELS.get(text.lower())
    return None if found is None else Label(text, *found)
