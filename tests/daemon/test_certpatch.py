"""certpatch: one more subjectAltName, all else as it was, and a signature that openssl verifies."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from daemon.certpatch import NAMES, main, patched
from tests import pki

CA = pki.root("/CN=My CA")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.key").write_bytes(CA.issued.key_pem)
    (tmp_path / "ca.key").chmod(0o600)
    (tmp_path / "ca.crt").write_bytes(CA.issued.pem)
    bare = CA.issue("/CN=host", extensions=[(pki.key_usage("digital_signature"), True)])
    (tmp_path / "host.crt").write_bytes(bare.pem)
    return tmp_path


def run(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    return int(str(ended.value.code)), capsys.readouterr().err


def openssl(*arguments: str | Path) -> str:
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("kind", "identity", "shown"),
    [
        (None, "192.0.2.1", "IP Address:192.0.2.1"),
        ("ip", "2001:db8::1", "IP Address:2001:DB8:0:0:0:0:0:1"),
        ("fqdn", "east.example.org", "DNS:east.example.org"),
        ("ufqdn", "u@example.org", "email:u@example.org"),
    ],
)
def test_openssl_shows_the_name_and_verifies_the_certificate(
    folder: Path, capsys: pytest.CaptureFixture[str], kind: str | None, identity: str, shown: str
) -> None:
    options = ["-t", kind] if kind else []
    output = folder / "out.crt"
    assert run(*options, "-i", identity, "-k", folder / "ca.key", folder / "host.crt", output, capsys=capsys)[0] == 0
    assert shown in openssl("x509", "-in", output, "-noout", "-ext", "subjectAltName")
    at = str(int(pki.NOW.timestamp()))
    assert "OK" in openssl("verify", "-attime", at, "-CAfile", folder / "ca.crt", output)


def test_all_else_stays_and_names_add_up_in_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "host.crt"
    before = x509.load_pem_x509_certificate(path.read_bytes())
    for kind, identity in (("ip", "192.0.2.1"), ("fqdn", "host"), ("fqdn", "host")):
        assert run("-t", kind, "-i", identity, "-k", folder / "ca.key", path, path, capsys=capsys)[0] == 0
    after = x509.load_pem_x509_certificate(path.read_bytes())
    for field in ("subject", "issuer", "serial_number", "not_valid_before_utc", "not_valid_after_utc"):
        assert getattr(after, field) == getattr(before, field)
    assert after.public_key() == before.public_key()
    extensions = {each.oid: each for each in after.extensions}
    names = extensions.pop(x509.SubjectAlternativeName.oid)
    assert list(extensions.values()) == list(before.extensions)
    assert names.value == pki.names("IP:192.0.2.1", "DNS:host")
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["-i", "nonsense"], "does not appear to be an IPv4 or IPv6 address"),
        (["-t", "fqdn", "-i", "ü"], "certpatch: "),
        (["-i", "192.0.2.1", "-k", "missing"], "certpatch: "),
        (["-i", "192.0.2.1", "-k", "host.crt"], "certpatch: "),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], change: list[str], text: str
) -> None:
    options = change if "-k" in change else [*change, "-k", str(folder / "ca.key")]
    code, said = run(*options, folder / "host.crt", folder / "out.crt", capsys=capsys)
    assert (code, text in said) == (1, True)
    assert not (folder / "out.crt").exists()


def test_a_signing_key_that_others_can_read_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ca.key").chmod(0o644)
    code, said = run("-i", "192.0.2.1", "-k", folder / "ca.key", folder / "host.crt", folder / "out", capsys=capsys)
    assert code == 1
    assert "too open permissions" in said


def test_the_key_of_somebody_else_is_refused_where_the_certificate_tells(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(CA.issued.key.public_key())
    named = CA.issue("/CN=named", extensions=[(own, False)])
    (folder / "named.crt").write_bytes(named.pem)
    (folder / "other.key").write_bytes(pki.pem_of(pki.rsa_key("other")))
    (folder / "other.key").chmod(0o600)
    for source, text in (("named.crt", "authorityKeyIdentifier"), ("ca.crt", "self-signed")):
        code, said = run("-i", "192.0.2.1", "-k", folder / "other.key", folder / source, folder / "out", capsys=capsys)
        assert (code, text in said) == (1, True)
        assert run("-i", "192.0.2.1", "-k", folder / "ca.key", folder / source, folder / "out", capsys=capsys)[0] == 0


@pytest.mark.parametrize("key", [pki.ec_key("x", 384), ed25519.Ed25519PrivateKey.generate()], ids=["ec", "ed25519"])
def test_other_kinds_of_signing_keys(key: pki.PrivateKey) -> None:
    authority = pki.root("/CN=Modern", key=key)
    made = patched(authority.issue("/CN=x").certificate, NAMES["fqdn"]("x"), key)
    made.verify_directly_issued_by(authority.issued.certificate)


def test_usage() -> None:
    from daemon.certpatch import command

    done = CliRunner().invoke(command, ["--help"])
    assert done.exit_code == 0
    assert "certpatch -t fqdn -i east.example.org" in done.output


@given(st.sampled_from(sorted(NAMES)), st.text(max_size=30))
def test_an_identity_is_a_name_or_a_value_error(kind: str, text: str) -> None:
    try:
        name = NAMES[kind](text)
    except ValueError:
        return
    assert isinstance(name, x509.GeneralName)


def test_usage_errors_have_their_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-t", "nonsense", capsys=capsys)[0] == 2
