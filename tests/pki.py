"""Certification authorities for tests: CAs, sub-CAs, certificates and CRLs, with whatever is right or wrong about them.

Everything is made in memory with small, quick keys; nothing here is random but the keys themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_ATTRIBUTES = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}

CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}


@functools.cache
def rsa_key(name: str, bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    """An RSA key; the same name is the same key while the tests run."""
    del name
    return rsa.generate_private_key(exponent, bits)


@functools.cache
def ec_key(name: str, bits: int = 256) -> ec.EllipticCurvePrivateKey:
    """An EC key, as rsa_key."""
    del name
    return ec.generate_private_key(CURVES[bits])


def dn(text: str) -> x509.Name:
    """A name of text in one line: /C=SE/CN=host."""
    pairs = [each.split("=", 1) for each in text.split("/")[1:]]
    return x509.Name([x509.NameAttribute(_ATTRIBUTES[kind], value) for kind, value in pairs])


def names(*texts: str) -> x509.SubjectAlternativeName:
    """subjectAltNames as openssl writes them: IP:192.0.2.1, DNS:host, email:user@host, dirName:/CN=x."""
    return x509.SubjectAlternativeName([_name(*each.split(":", 1)) for each in texts])


def _name(kind: str, value: str) -> x509.GeneralName:
    match kind:
        case "IP":
            return x509.IPAddress(ip_address(value))
        case "DNS":
            return x509.DNSName(value)
        case "email":
            return x509.RFC822Name(value)
        case "dirName":
            return x509.DirectoryName(dn(value))
    raise ValueError(kind)


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return pem_of(self.key)


def pem_of(key: PrivateKey) -> bytes:
    """A private key as openssl writes it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: PrivateKey) -> bytes:
    """Its public half, SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_usage(*allowed: str) -> x509.KeyUsage:
    """A keyUsage extension with these bits."""
    bits = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign "
        "crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{each: each in allowed for each in bits.split()})


@dataclass(frozen=True)
class Ca:
    """Whoever issues: `issued` is its own certificate. Extensions are given with whether they are critical."""

    issued: Issued
    _serials: list[int] = field(default_factory=lambda: [1000])

    def issue(
        self,
        subject: str,
        alternatives: x509.SubjectAlternativeName | None = None,
        *,
        key: PrivateKey | None = None,
        ca: bool | None = None,
        path_length: int | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        begins: datetime = NOW - YEAR,
        ends: datetime = NOW + YEAR,
        digest: hashes.SHA256 | hashes.SHA512 | None = None,
        signer: PrivateKey | None = None,
    ) -> Issued:
        """A certificate of this CA; `signer` another key than ours: a forgery."""
        self._serials[0] += 1
        added = list(extensions)
        if alternatives is not None:
            added.append((alternatives, False))
        if ca is not None:
            added.append((x509.BasicConstraints(ca, path_length), True))
        return certify(
            dn(subject),
            self.issued.certificate.subject,
            key or rsa_key(subject),
            signer or self.issued.key,
            added,
            serial=self._serials[0],
            begins=begins,
            ends=ends,
            digest=digest,
        )

    def sub_ca(self, subject: str, **options: object) -> Ca:
        """A CA below this one."""
        return Ca(self.issue(subject, ca=True, **options))  # type: ignore[arg-type]

    def crl(
        self,
        *revoked: Issued,
        begins: datetime = NOW - timedelta(days=1),
        ends: datetime | None = NOW + timedelta(days=30),
        signer: PrivateKey | None = None,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        digest: hashes.SHA256 | hashes.SHA512 | None = None,
    ) -> bytes:
        """A CRL of this CA, DER."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.issued.certificate.subject)
        builder = builder.last_update(begins).next_update(ends or NOW + YEAR)
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(begins).build())
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        key = signer or self.issued.key
        chosen = None if isinstance(key, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
        return builder.sign(key, chosen).public_bytes(serialization.Encoding.DER)


def root(
    subject: str = "/CN=My CA",
    *,
    key: PrivateKey | None = None,
    path_length: int | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ca: bool | None = True,
    **options: object,
) -> Ca:
    """A self-signed CA."""
    own = key or rsa_key(subject)
    added = list(extensions)
    if ca is not None:
        added.append((x509.BasicConstraints(ca, path_length), True))
    certificate = certify(dn(subject), dn(subject), own, own, added, serial=1, **options)  # type: ignore[arg-type]
    return Ca(certificate)


def certify(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    signer: PrivateKey,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    *,
    serial: int = 1,
    begins: datetime = NOW - YEAR,
    ends: datetime = NOW + YEAR,
    digest: hashes.SHA256 | hashes.SHA512 | None = None,
) -> Issued:
    """A certificate of anything by anybody."""
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(begins).not_valid_after(ends)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    chosen = None if isinstance(signer, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    return Issued(builder.sign(signer, chosen), key)
