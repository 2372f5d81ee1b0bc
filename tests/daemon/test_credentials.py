"""Reading the directories of keys and certificates: what is found, what is left out, and what the log says about it."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509 import load_der_x509_crl

from daemon.credentials import MOST_CRL_OCTETS, Places, places, read_credentials
from daemon.ike.messages.payloads import Certificate, Identification
from daemon.ike.registries import AuthenticationMethod, CertificateEncoding, IdType
from daemon.ike.trust.keyring import Keyring
from grammar.conf import parse_conf
from policydb.keynote.keys import private_text
from tests import pki
from tests.docs.console import blocks_of, outputs
from tests.pki import NOW

ROOT = Path(__file__).resolve().parents[2]
RSA = AuthenticationMethod.RSA_SIG
CA = pki.root("/CN=My CA")
HOST = CA.issue("/CN=host", pki.names("DNS:host.example.org", "IP:192.0.2.1"))
KEY = pki.rsa_key("/CN=host")
ME = Identification(IdType.FQDN, 0, 0, b"host.example.org")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a daemon has that is host.example.org."""
    put(tmp_path / "ca" / "my-ca.crt", CA.issued.pem)
    put(tmp_path / "certs" / "whatever", HOST.pem)
    put(tmp_path / "private" / "local.key", pki.pem_of(KEY), 0o600)
    return tmp_path


def put(path: Path, data: bytes, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    return path


def load(folder: Path, conf: str = "") -> tuple[Keyring, tuple[str, ...]]:
    return read_credentials(places(parse_conf(conf, "isakmpd.conf").bindings, folder), os.geteuid())


def signs(keyring: Keyring, identity: Identification = ME, method: AuthenticationMethod = RSA) -> bool:
    return keyring.own(identity, method, (), NOW) is not None


def knows(keyring: Keyring, identity: Identification, *sent: bytes) -> bool:
    certificates = [Certificate(CertificateEncoding.X509_SIG, each) for each in sent]
    return bool(keyring.judge(identity, certificates, RSA, NOW).keys)


def test_everything_is_found_by_what_is_in_it(folder: Path) -> None:
    keyring, lines = load(folder)
    assert lines == ()
    signer = keyring.own(ME, RSA, (), NOW)
    assert signer is not None
    assert [each.data for each in signer.certificates] == [HOST.der]
    assert knows(keyring, ME, HOST.der)
    assert len(keyring.requests()) == 1


def test_der_and_bundles_are_read_too(folder: Path) -> None:
    other = pki.root("/CN=Other CA")
    put(folder / "ca" / "bundle.pem", CA.issued.pem + other.issued.pem)
    put(folder / "ca" / "der", pki.root("/CN=Third CA").issued.der)
    keyring, lines = load(folder)
    assert lines == ()
    assert len(keyring.requests()) == 3  # My CA lies there twice


def test_nothing_there_is_no_fault(tmp_path: Path) -> None:
    keyring, lines = load(tmp_path)
    assert lines == ()
    assert not signs(keyring)
    assert keyring.requests() == ()


def test_a_crl_is_read(folder: Path) -> None:
    put(folder / "crls" / "der", CA.crl(HOST))
    keyring, lines = load(folder)
    assert lines == ()
    assert not knows(keyring, ME, HOST.der)


def test_all_crls_of_a_pem_file_are_read(folder: Path) -> None:
    pem = [load_der_x509_crl(each).public_bytes(serialization.Encoding.PEM) for each in (CA.crl(), CA.crl(HOST))]
    put(folder / "crls" / "both", b"the first\n" + pem[0] + b"and the second\n" + pem[1])
    keyring, lines = load(folder)
    assert lines == ()
    assert not knows(keyring, ME, HOST.der)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (CA.crl(HOST)[:-5], "cannot be read"),
        (CA.crl(HOST, extensions=[(x509.DeltaCRLIndicator(1), True)]), "2.5.29.27 is not understood"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "error parsing"),
        (b"0" * (MOST_CRL_OCTETS + 1), "it has more than"),
    ],
    ids=["damaged", "delta", "damaged PEM", "huge"],
)
def test_a_crl_that_cannot_be_used_does_not_switch_revocation_off(folder: Path, data: bytes, reason: str) -> None:
    """Nobody knows any more whom it revokes: whoever is not pinned needs another CRL."""
    (folder / "certs" / "whatever").unlink()
    path = put(folder / "crls" / "a", data)
    keyring, lines = load(folder)
    assert reason in lines[0]
    assert lines[1] == f"without {path} certificates of peers need another CRL of their issuers"
    assert not knows(keyring, ME, HOST.der)
    put(folder / "crls" / "another", CA.crl())
    assert knows(load(folder)[0], ME, HOST.der)


def test_what_is_no_crl_at_all_changes_nothing(folder: Path) -> None:
    put(folder / "crls" / "README", b"CRLs of My CA are put here every night.\n")
    keyring, (line,) = load(folder)
    assert line.startswith(f"not loading {folder / 'crls' / 'README'} - ")
    assert knows(keyring, ME, HOST.der)


# --- private keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o777])
def test_a_private_key_that_others_can_read_is_not_used(folder: Path, mode: int) -> None:
    path = folder / "private" / "local.key"
    path.chmod(mode)
    keyring, (line,) = load(folder)
    assert not signs(keyring)
    assert line == (f"check_file_secrecy_fd: not loading {path} - too open permissions\nmend it with: chmod 600 {path}")


def test_the_file_of_an_identity_comes_first(folder: Path) -> None:
    special = pki.ec_key("special")
    put(folder / "private" / "192.0.2.1", pki.pem_of(special), 0o600)
    keyring, _ = load(folder)
    address = Identification(IdType.IPV4_ADDR, 0, 0, bytes([192, 0, 2, 1]))
    assert signs(keyring, address, AuthenticationMethod.ECDSA_256)
    assert not signs(keyring, address)
    assert signs(keyring)


def test_keys_in_every_form(folder: Path) -> None:
    path = folder / "private" / "local.key"
    traditional = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    for data in (traditional, f'"{private_text(KEY, "base64")}"\n'.encode()):
        put(path, data, 0o600)
        keyring, lines = load(folder)
        assert lines == ()
        assert signs(keyring)


def test_a_key_with_a_passphrase_says_how_to_mend_it(folder: Path) -> None:
    sealed = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    path = put(folder / "private" / "local.key", sealed, 0o600)
    _, (line,) = load(folder)
    assert line.startswith(f"not loading {path} - it is protected by a passphrase\nmend it with: openssl pkey -in")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b'"private-rsa-hex:00"',
        b"\xff" * 99,
    ],
)
def test_what_is_no_key_is_said_without_showing_it(folder: Path, data: bytes) -> None:
    path = put(folder / "private" / "local.key", data, 0o600)
    keyring, (line,) = load(folder)
    assert not signs(keyring)
    assert line.startswith(f"not loading {path} - ")
    assert "private-rsa-hex:00" not in line


def test_a_kind_of_key_that_ike_has_not_is_said(folder: Path) -> None:
    put(folder / "private" / "local.key", pki.pem_of(ed25519.Ed25519PrivateKey.generate()), 0o600)
    assert "it is no RSA or EC key" in load(folder)[1][0]


# --- one bad file -------------------------------------------------------------------------------------------------


def test_one_bad_file_stops_nobody(folder: Path) -> None:
    bad = [
        put(folder / "ca" / "a-bad-one", b"junk"),
        put(folder / "certs" / "a-bad-one", HOST.pem[:200]),
        put(folder / "crls" / "a-bad-one", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"),
        put(folder / "pubkeys" / "fqdn" / "a-bad-one", b"junk"),
    ]
    keyring, lines = load(folder)
    told = [f"not loading {path}" for path in bad]
    told.insert(3, f"without {bad[2]} certificates of peers need another CRL of their issuers")
    assert [re.sub(" - .*", "", each) for each in lines] == told
    assert signs(keyring)
    assert knows(keyring, ME, HOST.der)


def test_enormous_files_and_odd_ones_are_left_out(folder: Path) -> None:
    put(folder / "ca" / "huge", bytes(2**20 + 1))
    os.mkfifo(folder / "ca" / "pipe")
    (folder / "ca" / "folder").mkdir()
    put(folder / "ca" / ".hidden", b"junk")
    keyring, lines = load(folder)
    assert ["more than 1048576 octets" in lines[0], "not a regular file" in lines[1]] == [True, True]
    assert len(lines) == 2
    assert len(keyring.requests()) == 1


def test_what_others_may_write_to_is_said(folder: Path) -> None:
    path = folder / "ca" / "my-ca.crt"
    path.chmod(0o664)
    keyring, (line,) = load(folder)
    assert line == f"{path} can be written to by others\nmend it with: chmod go-w {path}"
    assert len(keyring.requests()) == 1


# --- public keys and KeyNote --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("fqdn/peer.example.org", Identification(IdType.FQDN, 0, 0, b"peer.example.org")),
        ("ufqdn/u@example.org", Identification(IdType.USER_FQDN, 0, 0, b"u@example.org")),
        ("ipv4/192.0.2.7", Identification(IdType.IPV4_ADDR, 0, 0, bytes([192, 0, 2, 7]))),
        ("ipv6/2001:DB8:0::7", Identification(IdType.IPV6_ADDR, 0, 0, bytes.fromhex("20010db8" + "0" * 22 + "07"))),
    ],
)
def test_public_keys_are_found_by_their_names(folder: Path, name: str, identity: Identification) -> None:
    put(folder / "pubkeys" / name, pki.public_pem(KEY))
    keyring, lines = load(folder)
    assert lines == ()
    assert knows(keyring, identity)


@pytest.mark.parametrize("name", ["ipv4/2001:db8::1", "ipv4/host", "ipv6/192.0.2.1"])
def test_a_name_that_is_no_address_is_said(folder: Path, name: str) -> None:
    put(folder / "pubkeys" / name, pki.public_pem(KEY))
    assert len(load(folder)[1]) == 1


def test_keynote_identities(folder: Path) -> None:
    inner = folder / "keynote" / "host.example.org"
    put(inner / "credentials", b'Authorizer: "x"\n')
    key = pki.rsa_key("keynote")
    put(inner / "private_key", f'"{private_text(key, "hex")}"'.encode(), 0o600)
    keyring, lines = load(folder)
    assert lines == ()
    signer = keyring.own(ME, RSA, (), NOW)
    assert signer is not None
    assert signer.key.public_key() == key.public_key()
    assert signer.certificates[0].data == b'Authorizer: "x"\n'
    (inner / "private_key").chmod(0o644)
    keyring, (line,) = load(folder)
    assert "too open permissions" in line


# --- where they lie -----------------------------------------------------------------------------------------------


def test_isakmpd_conf_says_where(folder: Path, tmp_path: Path) -> None:
    conf = """
[X509-certificates]
CA-directory=/a/ca
CA-directory=/ignored
cert-directory=/a/certs
CRL-directory=/a/crls
Private-key=/a/key
Private-key-directory=/a/keys
Accept-self-signed=defined

[KeyNote]
Credential-directory=/a/keynote
Accept-weak-signatures=yes

[General]
Pubkey-directory=/a/pubkeys
"""
    a = Path("/a")
    assert places(parse_conf(conf, "isakmpd.conf").bindings, folder) == Places(
        a / "ca", a / "certs", a / "crls", a / "key", a / "keys", a / "pubkeys", a / "keynote", True, True
    )
    found = places((), tmp_path)
    assert found.private_key == tmp_path / "private" / "local.key"
    assert not found.accept_self_signed


def test_accepting_self_signed_certificates_is_warned_of(folder: Path) -> None:
    _, (line,) = load(folder, "[X509-certificates]\nAccept-self-signed=defined\n")
    assert "whoever makes a certificate of his own may call himself anything" in line


@pytest.mark.parametrize("value", ["no", "No", "off", "false", "0", ""])
def test_self_signed_certificates_are_not_accepted_by_a_tag_that_says_no(folder: Path, value: str) -> None:
    conf = f"[X509-certificates]\nAccept-self-signed={value}\n"
    assert not places(parse_conf(conf, "isakmpd.conf").bindings, folder).accept_self_signed


# --- the manual ---------------------------------------------------------------------------------------------------


def test_what_the_manual_makes_is_what_the_daemon_reads(project: Path, tmp_path: Path) -> None:
    ca, crl, raw = blocks_of((project / "docs" / "certificates.md").read_text(), "certificates.md")
    for block in (ca, crl, raw):
        outputs(block, project, tmp_path)
    keyring, lines = load(tmp_path / "etc")
    assert lines == ()
    now = datetime.now(UTC)
    east = Identification(IdType.FQDN, 0, 0, b"east.example.org")
    signer = keyring.own(east, RSA, (), now)
    assert signer is not None
    (certificate,) = signer.certificates
    (found,) = keyring.judge(east, [certificate], RSA, now).keys[:1]
    assert found.proof.authorizers[1] == "DN:/C=SE/CN=east"
    assert found.proof.credentials
    put(tmp_path / "etc" / "crls" / "my-ca.crl", (tmp_path / "my-ca.crl").read_bytes())
    assert load(tmp_path / "etc")[1] == ()
    peer, lines = load(tmp_path / "peer")
    assert lines == ()
    assert peer.judge(east, (), AuthenticationMethod.ECDSA_256, now).keys


def test_openssl_makes_what_is_read(tmp_path: Path) -> None:
    """The flow of isakmpd(8): a key by `openssl genrsa`, its public half by `openssl rsa -pubout`."""
    (tmp_path / "private").mkdir()
    (tmp_path / "pubkeys" / "ipv4").mkdir(parents=True)
    key, public = tmp_path / "private" / "local.key", tmp_path / "pubkeys" / "ipv4" / "192.0.2.1"
    commands: list[list[str | Path]] = [
        ["genrsa", "-out", key, "2048"],
        ["rsa", "-in", key, "-pubout", "-out", public],
    ]
    for argv in commands:
        subprocess.run(["openssl", *argv], check=True, capture_output=True)
    keyring, lines = load(tmp_path)
    assert lines == ()
    address = Identification(IdType.IPV4_ADDR, 0, 0, bytes([192, 0, 2, 1]))
    assert knows(keyring, address)
    assert signs(keyring, address)
