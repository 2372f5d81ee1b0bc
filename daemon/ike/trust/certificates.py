"""X.509 certificates and CRLs as values: read whole and at once, or refused (RFC 5280, and RFC 4945 for IKE).

`cryptography` reads lazily and raises where a field is first looked at, so everything that is ever asked is asked here.
What comes out is safe to search. A critical extension that is not understood refuses its certificate or its CRL.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.x509.oid import CRLEntryExtensionOID, ExtendedKeyUsageOID, ObjectIdentifier

from daemon.ike import limits
from daemon.ike.algorithms.signatures import rsa_fault
from daemon.ike.registries import IdType
from daemon.ike.trust.names import Element, MalformedNameError, elements, one_line

FEWEST_RSA_BITS, LEAST_EXPONENT = 1024, 65537
"""An RSA key below these is weak (docs/decisions/0006-weak-signatures.md)."""

_WEAK_HASHES = (hashes.MD5, hashes.SHA1)

_FAULTS = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    InternalError,
    InvalidSignature,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)

_SEQUENCE = 0x30

_NEVER_PASSED_OVER = (x509.NameConstraints, x509.DeltaCRLIndicator, x509.IssuingDistributionPoint)
"""What says that a CA may certify a part only, or that a CRL tells a part only; followed by nobody here.

They have to be critical. Where they are not, they are meant all the same.
"""

_ENTRY_EXTENSIONS = frozenset({CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE})
"""What may be passed over in an entry of a CRL: it changes nothing about whom the entry revokes."""

_IKE_USAGES = frozenset(
    {
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.IPSEC_IKE,
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        *(ObjectIdentifier(f"1.3.6.1.5.5.7.3.{number}") for number in (5, 6, 7)),  # ipsecEndSystem, Tunnel, User
        ObjectIdentifier("1.3.6.1.5.5.8.2.2"),  # iKEIntermediate
    }
)

CertifiedKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | dsa.DSAPublicKey
Name: TypeAlias = tuple[IdType, bytes]
"""An identity as an ID payload has it: its type and its data."""

T = TypeVar("T")


class CertificateError(Exception):
    """A certificate or CRL that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class X509Certificate:
    """A certificate. `subject` and `issuer` are DER, `holder` the subject in one line, "" where it is empty.

    `is_ca`: what basicConstraints say, None where there are none; `path_length`: how many CAs may stand below it.
    `weakness`: why its own signature or key is weak. `names`: what it may call itself, subject and subjectAltNames.
    """

    der: bytes = field(repr=False)
    subject: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    holder: str
    key: CertifiedKey = field(repr=False, compare=False)
    begins: datetime
    ends: datetime
    serial: int
    version_1: bool
    is_ca: bool | None
    path_length: int | None
    may_authenticate: bool
    may_sign_certificates: bool
    may_sign_crls: bool
    names: tuple[Name, ...]
    weak_signature: str
    weak_key: str
    parsed: x509.Certificate = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.holder or f"serial number {self.serial:x}"

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer have one name (RFC 5280 section 6.1)."""
        return self.subject == self.issuer

    def signed_by(self, issuer: X509Certificate) -> bool:
        """Whether the issuer's key made this certificate's signature, and bears the issuer's name."""
        if self.issuer != issuer.subject:
            return False
        try:
            if self.weak_signature:
                _verify_weak(self.parsed, self.parsed.tbs_certificate_bytes, issuer.key)
            else:
                self.parsed.verify_directly_issued_by(issuer.parsed)
        except _FAULTS:
            return False
        return True


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL. `ends` None: it names no time at which the next one comes."""

    issuer: bytes = field(repr=False)
    begins: datetime
    ends: datetime | None
    serials: frozenset[int] = field(repr=False)
    weak_signature: str
    parsed: x509.CertificateRevocationList = field(repr=False, compare=False)

    def signed_by(self, issuer: X509Certificate) -> bool:
        """Whether this CRL is the issuer's, who may sign such."""
        if self.issuer != issuer.subject or not issuer.may_sign_crls:
            return False
        try:
            if self.weak_signature:
                _verify_weak(self.parsed, self.parsed.tbs_certlist_bytes, issuer.key)
                return True
            return self.parsed.is_signature_valid(issuer.key)
        except _FAULTS:
            return False


def _verify_weak(parsed: x509.Certificate | x509.CertificateRevocationList, signed: bytes, key: CertifiedKey) -> None:
    """Verifies a signature with MD5 or SHA-1, which the library's own way refuses. Raises one of _FAULTS."""
    used = parsed.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and used is not None:
        key.verify(parsed.signature, signed, padding.PKCS1v15(), used)
    elif isinstance(key, ec.EllipticCurvePublicKey) and used is not None:
        key.verify(parsed.signature, signed, ec.ECDSA(used))
    else:
        raise TypeError("neither an RSA nor an EC key")


def read_certificate(der: bytes) -> X509Certificate:
    """A DER certificate. Raises CertificateError."""
    if len(der) > limits.CERTIFICATE_OCTETS:
        raise CertificateError(f"a certificate of {len(der)} octets")
    return _guarded("the certificate", lambda: _certificate(der))


def read_crl(der: bytes) -> RevocationList:
    """A DER CRL. Raises CertificateError."""
    return _guarded("the CRL", lambda: _crl(der))


def _guarded(what: str, read: Callable[[], T]) -> T:
    """What `read` makes, or CertificateError for all that a library says about octets it cannot read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what old CAs did is no news to whoever runs a daemon
            return read()
    except MalformedNameError as cause:
        raise CertificateError(f"{what} cannot be read: {cause}") from cause
    except _FAULTS as cause:
        raise CertificateError(
            f"{what} cannot be read: {str(cause).splitlines()[0][:120] if str(cause) else cause!r}"
        ) from cause


# --- certificates -------------------------------------------------------------------------------------------------


def _certificate(der: bytes) -> X509Certificate:
    parsed = x509.load_der_x509_certificate(der)
    extensions = _Extensions(parsed.extensions)
    issuer, subject = _names(_signed_fields(der, fewest=5))
    version_1 = parsed.version is x509.Version.v1
    if version_1 and len(parsed.extensions):
        raise CertificateError("it has extensions, which version 1 has not")  # RFC 5280 section 4.1.2.9
    constraints = extensions.get(x509.BasicConstraints)
    usage = extensions.get(x509.KeyUsage)
    purposes = extensions.get(x509.ExtendedKeyUsage)
    alternatives = extensions.get(x509.SubjectAlternativeName)
    if (unknown := extensions.unknown) is not None:
        raise CertificateError(f"its critical extension {unknown} is not understood")
    signs = usage is None or usage.digital_signature or usage.content_commitment
    key = _key(parsed.public_key())
    return X509Certificate(
        der=der,
        subject=subject,
        issuer=issuer,
        holder=one_line(subject),
        key=key,
        begins=parsed.not_valid_before_utc,
        ends=parsed.not_valid_after_utc,
        serial=parsed.serial_number,
        version_1=version_1,
        is_ca=None if constraints is None else constraints.ca,
        path_length=None if constraints is None else constraints.path_length,
        may_authenticate=signs and (purposes is None or not _IKE_USAGES.isdisjoint(purposes)),
        may_sign_certificates=usage is None or usage.key_cert_sign,
        may_sign_crls=usage is None or usage.crl_sign,
        names=_alternatives(alternatives) + (((IdType.DER_ASN1_DN, subject),) if one_line(subject) else ()),
        weak_signature=_weak_signature(parsed.signature_hash_algorithm),
        weak_key=weak_key(key),
        parsed=parsed,
    )


class _Extensions:
    """The extensions of a certificate or CRL; `unknown` is a critical one that nobody has asked for."""

    def __init__(self, extensions: x509.Extensions) -> None:
        self._left = {each.oid: each for each in extensions}

    def get(self, kind: type[T]) -> T | None:
        """The extension's value, None where there is no such extension."""
        found = self._left.pop(kind.oid, None)  # type: ignore[attr-defined]
        value = None if found is None else found.value
        return value if isinstance(value, kind) else None

    @property
    def unknown(self) -> str | None:
        bad = [oid for oid, each in self._left.items() if each.critical or isinstance(each.value, _NEVER_PASSED_OVER)]
        return bad[0].dotted_string if bad else None


def _signed_fields(der: bytes, fewest: int) -> list[Element]:
    """The fields that are signed, from the algorithm of the signature on, of a certificate or of a CRL.

    RFC 5280 sections 4.1.1.2 and 5.1.1.2: the algorithm stands outside too, and has to be the same. Only the inner one
    is signed, and only the outer one is used.
    """
    (outer,) = elements(der)
    signed, algorithm, _ = elements(outer.content)
    fields = list(elements(signed.content))
    start = next((position for position, each in enumerate(fields[:3]) if each.tag == _SEQUENCE), len(fields))
    if len(fields) < start + fewest:
        raise CertificateError("it lacks fields")
    if fields[start].whole != algorithm.whole:
        raise CertificateError("the algorithm of its signature is another one inside than outside")
    return fields[start:]


def _names(fields: Sequence[Element]) -> tuple[bytes, bytes]:
    """Issuer and subject as they stand in the certificate (RFC 5280 section 4.1: TBSCertificate)."""
    return fields[1].whole, fields[3].whole


def _alternatives(found: x509.SubjectAlternativeName | None) -> tuple[Name, ...]:
    """Every subjectAltName that an ID payload can hold (RFC 4945 section 3.1), not the first alone."""
    names: list[Name] = []
    if found is not None and len(found) > limits.CERTIFICATE_NAMES:
        raise CertificateError(f"it has {len(found)} names")
    for each in found or ():
        match each:
            case x509.IPAddress(value=value) if hasattr(value, "packed"):
                names.append((IdType.IPV4_ADDR if value.version == 4 else IdType.IPV6_ADDR, value.packed))
            case x509.DNSName(value=value):
                names.append((IdType.FQDN, value.encode("ascii")))
            case x509.RFC822Name(value=value):
                names.append((IdType.USER_FQDN, value.encode("ascii")))
            case x509.DirectoryName(value=value):
                names.append((IdType.DER_ASN1_DN, value.public_bytes()))
    return tuple(names)


def _key(key: object) -> CertifiedKey:
    if not isinstance(key, CertifiedKey):
        raise CertificateError(f"its key is a {type(key).__name__}, which is not supported")
    if isinstance(key, rsa.RSAPublicKey) and (fault := rsa_fault(key)):
        raise CertificateError(fault)
    return key


def weak_key(key: CertifiedKey) -> str:
    """Why a key is weak; "" if it is not."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < FEWEST_RSA_BITS:
            return f"its RSA key has fewer than {FEWEST_RSA_BITS} bits"
        if key.public_numbers().e < LEAST_EXPONENT:
            return f"its RSA key has an exponent below {LEAST_EXPONENT}"
    return ""


def _weak_signature(used: hashes.HashAlgorithm | None) -> str:
    return f"it is signed with {used.name.upper()}" if isinstance(used, _WEAK_HASHES) else ""


# --- CRLs ---------------------------------------------------------------------------------------------------------


def _crl(der: bytes) -> RevocationList:
    parsed = x509.load_der_x509_crl(der)
    extensions = _Extensions(parsed.extensions)
    if (unknown := extensions.unknown) is not None:
        raise CertificateError(f"the CRL's critical extension {unknown} is not understood")
    _check_entries(parsed)
    return RevocationList(
        issuer=_signed_fields(der, fewest=3)[1].whole,
        begins=parsed.last_update_utc,
        ends=parsed.next_update_utc,
        serials=frozenset(each.serial_number for each in parsed),
        weak_signature=_weak_signature(parsed.signature_hash_algorithm),
        parsed=parsed,
    )


def _check_entries(parsed: x509.CertificateRevocationList) -> None:
    """That each entry is about a certificate of the CRL's own issuer (RFC 5280 section 5.3)."""
    for entry in parsed:
        for each in entry.extensions:
            if each.oid not in _ENTRY_EXTENSIONS and (each.critical or isinstance(each.value, x509.CertificateIssuer)):
                number = each.oid.dotted_string
                raise CertificateError(f"the extension {number} of an entry of the CRL is not understood")
