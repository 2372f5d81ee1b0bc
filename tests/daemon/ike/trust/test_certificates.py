"""Certificates and CRLs: everything in them is read at once, and whatever cannot be read is refused in one way."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike import limits
from daemon.ike.registries import IdType
from daemon.ike.trust.certificates import CertificateError, read_certificate, read_crl
from tests import pki
from tests.sizes import examples

CA = pki.root("/C=SE/CN=My CA")
ALTERNATIVES = pki.names("DNS:a.example.org", "IP:192.0.2.1", "IP:2001:db8::1", "email:u@example.org", "dirName:/CN=x")
HOST = CA.issue("/C=SE/CN=host", ALTERNATIVES, extensions=[(pki.key_usage("digital_signature"), True)])
DER = HOST.der
CRL = CA.crl(HOST)


def test_every_subject_alternative_name_counts_and_so_does_the_subject() -> None:
    names = read_certificate(DER).names
    assert names == (
        (IdType.FQDN, b"a.example.org"),
        (IdType.IPV4_ADDR, bytes([192, 0, 2, 1])),
        (IdType.IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001")),
        (IdType.USER_FQDN, b"u@example.org"),
        (IdType.DER_ASN1_DN, pki.dn("/CN=x").public_bytes()),
        (IdType.DER_ASN1_DN, pki.dn("/C=SE/CN=host").public_bytes()),
    )


def test_a_certificate_tells_its_holder_times_and_issuer() -> None:
    found = read_certificate(DER)
    assert (found.holder, str(found)) == ("/C=SE/CN=host", "/C=SE/CN=host")
    assert (found.begins, found.ends) == (pki.NOW - pki.YEAR, pki.NOW + pki.YEAR)
    assert found.issuer == pki.dn("/C=SE/CN=My CA").public_bytes()
    assert found.signed_by(read_certificate(CA.issued.der))
    assert not found.signed_by(found)
    assert read_certificate(CA.issued.der).self_issued


def test_a_certificate_without_a_subject_is_called_by_its_number_and_has_no_name_of_it() -> None:
    found = read_certificate(CA.issue("", pki.names("DNS:host")).der)
    assert found.holder == ""
    assert str(found).startswith("serial number")
    assert found.names == ((IdType.FQDN, b"host"),)


@pytest.mark.parametrize(
    ("extension", "critical"),
    [
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True),
        (x509.NameConstraints([x509.DNSName("example.org")], None), True),
        (x509.NameConstraints([x509.DNSName("example.org")], None), False),
        (x509.PolicyConstraints(0, None), True),
    ],
    ids=["unknown", "nameConstraints", "nameConstraints not critical", "policyConstraints"],
)
def test_what_is_not_understood_and_matters_is_refused(extension: x509.ExtensionType, critical: bool) -> None:
    with pytest.raises(CertificateError, match="not understood"):
        read_certificate(CA.issue("/CN=x", extensions=[(extension, critical)]).der)


def test_what_is_not_understood_and_does_not_matter_is_passed_over() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
    assert read_certificate(CA.issue("/CN=x", extensions=[(odd, False)]).der).holder == "/CN=x"


@pytest.mark.parametrize(
    ("usages", "allowed"),
    [
        (["digital_signature"], True),
        (["content_commitment"], True),
        (["key_encipherment"], False),
        (["key_cert_sign"], False),
    ],
)
def test_a_key_usage_must_allow_signatures(usages: list[str], allowed: bool) -> None:
    found = read_certificate(CA.issue("/CN=x", extensions=[(pki.key_usage(*usages), True)]).der)
    assert found.may_authenticate is allowed
    assert found.may_sign_certificates is (usages == ["key_cert_sign"])


@pytest.mark.parametrize(
    ("purpose", "allowed"),
    [
        (ExtendedKeyUsageOID.IPSEC_IKE, True),
        (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, True),
        (ExtendedKeyUsageOID.SERVER_AUTH, True),
        (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.6"), True),
        (ExtendedKeyUsageOID.CODE_SIGNING, False),
        (ExtendedKeyUsageOID.OCSP_SIGNING, False),
    ],
)
def test_an_extended_key_usage_must_be_one_of_hosts(purpose: x509.ObjectIdentifier, allowed: bool) -> None:
    issued = CA.issue("/CN=x", extensions=[(x509.ExtendedKeyUsage([purpose]), False)])
    assert read_certificate(issued.der).may_authenticate is allowed


@pytest.mark.parametrize("digest", ["md5", "sha1", "sha256"])
def test_weak_signatures_are_told(digest: str, tmp_path: Path) -> None:
    """`cryptography` makes no such signatures any more; openssl does."""
    request = f"openssl req -new -x509 -newkey rsa:1024 -nodes -subj /CN=old -{digest} -outform DER"
    subprocess.run(
        [*request.split(), "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, capture_output=True
    )
    found = read_certificate((tmp_path / "cert").read_bytes())
    assert found.weak_signature == ("" if digest == "sha256" else f"it is signed with {digest.upper()}")
    assert found.weak_key == ""


def test_weak_keys_are_told() -> None:
    assert "exponent" in read_certificate(CA.issue("/CN=x", key=pki.rsa_key("three", 2048, 3)).der).weak_key


def test_a_certificate_of_version_1_can_be_read(tmp_path: Path) -> None:
    commands = (
        "openssl req -new -newkey ed25519 -nodes -subj /CN=ancient -keyout key -out request",
        "openssl x509 -req -in request -signkey key -outform DER -out cert",
    )
    for each in commands:
        subprocess.run(each.split(), check=True, capture_output=True, cwd=tmp_path)
    found = read_certificate((tmp_path / "cert").read_bytes())
    assert found.is_ca is None
    assert found.holder == "/CN=ancient"


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), pki.ec_key("x", 521)], ids=["ed25519", "p521"])
def test_other_kinds_of_keys_can_sign_certificates(key: pki.PrivateKey) -> None:
    authority = pki.root("/CN=Modern", key=key)
    assert read_certificate(authority.issue("/CN=x").der).signed_by(read_certificate(authority.issued.der))


def test_a_kind_of_key_that_has_no_principal_is_refused() -> None:
    odd = ed448.Ed448PrivateKey.generate()
    with pytest.raises(CertificateError, match="not supported"):
        read_certificate(CA.issue("/CN=x", key=odd).der)  # type: ignore[arg-type]


def test_a_dsa_key_can_be_read() -> None:
    key = dsa.generate_private_key(2048)
    assert read_certificate(CA.issue("/CN=x", key=key).der).weak_key == ""  # type: ignore[arg-type]


def test_enormous_certificates_and_keys_are_refused() -> None:
    big = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(limits.CERTIFICATE_OCTETS))
    with pytest.raises(CertificateError, match="octets"):
        read_certificate(CA.issue("/CN=x", extensions=[(big, False)]).der)
    names = x509.SubjectAlternativeName([x509.DNSName(f"h{number}") for number in range(300)])
    with pytest.raises(CertificateError, match="300 names"):
        read_certificate(CA.issue("/CN=x", names).der)


def test_a_name_that_is_no_string_is_refused() -> None:
    bits = x509.Name([x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\0x", x509.name._ASN1Type.BitString)])
    issued = pki.certify(bits, pki.dn("/CN=My CA"), pki.rsa_key("/CN=x"), CA.issued.key)
    with pytest.raises(CertificateError, match="no string"):
        read_certificate(issued.der)


# --- CRLs ---------------------------------------------------------------------------------------------------------


def test_a_crl_tells_whom_it_revokes() -> None:
    found = read_crl(CRL)
    assert found.serials == {HOST.certificate.serial_number}
    assert found.signed_by(read_certificate(CA.issued.der))
    assert not found.signed_by(read_certificate(pki.root("/C=SE/CN=My CA", key=pki.rsa_key("other")).issued.der))


def test_a_crl_of_a_ca_that_may_not_sign_any_does_not_count() -> None:
    usage = [(pki.key_usage("key_cert_sign"), True)]
    authority = pki.root("/CN=No CRLs", extensions=usage)
    assert not read_crl(authority.crl()).signed_by(read_certificate(authority.issued.der))


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(None, None, True, False, None, False, False),
    ],
    ids=["delta", "issuingDistributionPoint"],
)
def test_a_crl_that_tells_a_part_only_is_refused(extension: x509.ExtensionType) -> None:
    with pytest.raises(CertificateError, match="not understood"):
        read_crl(CA.crl(extensions=[(extension, True)]))


# --- hostile octets -----------------------------------------------------------------------------------------------

SEEDS = [DER, CA.issued.der, CA.sub_ca("/CN=Sub").issued.der, CA.issue("/CN=ec", key=pki.ec_key("ec")).der]


@pytest.mark.parametrize("seed", SEEDS, ids=["host", "ca", "sub", "ec"])
@settings(max_examples=examples(150))
@given(data=st.data())
def test_a_damaged_certificate_is_read_or_refused(seed: bytes, data: st.DataObject) -> None:
    octets = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(octets) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                octets[place] = data.draw(st.integers(0, 255))
            case "cut":
                del octets[place : place + data.draw(st.integers(1, 8))]
            case _:
                octets[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        if not octets:
            break
    try:
        found = read_certificate(bytes(octets))
    except CertificateError:
        return
    found.signed_by(read_certificate(CA.issued.der))
    assert str(found)


@given(st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    for read in (read_certificate, read_crl):
        with pytest.raises(CertificateError):
            read(data)


@settings(max_examples=examples(150))
@given(st.data())
def test_a_damaged_crl_is_read_or_refused(data: st.DataObject) -> None:
    octets = bytearray(CRL)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_crl(bytes(octets))
    except CertificateError:
        return
    assert isinstance(found.signed_by(read_certificate(CA.issued.der)), bool)


def test_pem_is_not_der() -> None:
    with pytest.raises(CertificateError):
        read_certificate(HOST.certificate.public_bytes(serialization.Encoding.PEM))
