"""What both sides prove themselves with: one CA and a certificate for each, of RSA or ECDSA keys, valid now."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.interop.bed import LEFT, RIGHT
from tests.pki import Issued, PrivateKey, ec_key, key_usage, names, root, rsa_key

AUTHORITY = "/C=SE/O=Interop/CN=Interop CA"
SUBJECTS = {LEFT: "/C=SE/O=Interop/CN=left.example.org", RIGHT: "/C=SE/O=Interop/CN=right.example.org"}
HOSTS = {LEFT: "left.example.org", RIGHT: "right.example.org"}

KINDS = ("rsa", "rsa-4096", "ecdsa-256", "ecdsa-384", "ecdsa-521")


@dataclass(frozen=True, slots=True)
class Certificates:
    """The CA's certificate, and each side's own with its key."""

    authority: Issued
    left: Issued
    right: Issued

    def ours(self) -> dict[str, bytes]:
        """The files below our configuration directory."""
        return {
            "ca/ca.crt": self.authority.pem,
            "certs/left.crt": self.left.pem,
            "private/local.key": self.left.key_pem,
        }

    def swanctl(self) -> dict[str, bytes]:
        """The files below SWANCTL_DIR."""
        return {
            "x509ca/ca.crt": self.authority.pem,
            "x509/right.crt": self.right.pem,
            "private/right.key": self.right.key_pem,
        }

    def pkcs12(self) -> bytes:
        """The peer's side in one file without a password, named `right`."""
        return pkcs12.serialize_key_and_certificates(
            b"right",
            self.right.key,
            self.right.certificate,
            [self.authority.certificate],
            serialization.NoEncryption(),
        )


@functools.cache
def issue(kind: str) -> Certificates:
    """A CA and what it has certified; the same for as long as the tests run."""
    now = datetime.now(UTC)
    begins, ends = now - timedelta(days=1), now + timedelta(days=30)
    authority = root(AUTHORITY, key=_key(kind, "authority"), begins=begins, ends=ends)
    left, right = (
        authority.issue(
            SUBJECTS[side],
            names(f"DNS:{HOSTS[side]}", f"IP:{side.address}"),
            key=_key(kind, HOSTS[side]),
            extensions=[(key_usage("digital_signature"), True)],
            begins=begins,
            ends=ends,
        )
        for side in (LEFT, RIGHT)
    )
    return Certificates(authority.issued, left, right)


def _key(kind: str, name: str) -> PrivateKey:
    family, _, bits = kind.partition("-")
    if family == "rsa":
        return rsa_key(f"interop {name}", int(bits or 2048))
    return ec_key(f"interop {name}", int(bits))
