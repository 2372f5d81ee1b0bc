"""Signing: what it signs verifies, by policydb and by openssl, and what openssl signs does too."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.keynote import parse_assertion
from policydb.keynote.algorithms import ALGORITHMS, LABELS, find
from policydb.keynote.credentials import CredentialError, verify
from policydb.keynote.signing import SigningError, sign, signed_text, with_signature
from tests.policydb.signers import DSA, ED25519, KEYS, P256, RSA, body, name_of, sealed_text, with_octets

CONDITION = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters='"\\'), max_size=40)


def signed(text: str, label: str) -> str:
    found = find(label)
    assert found is not None
    return with_signature(text, sign(text, found, KEYS[found.algorithm.name]))


@pytest.mark.parametrize("label", LABELS)
@settings(max_examples=15)
@given(value=CONDITION, blanks=st.sampled_from(["", "\t", "  # a comment"]))
def test_what_is_signed_verifies(label: str, value: str, blanks: str) -> None:
    key = KEYS[label.rpartition("-")[0]]
    text = f'Authorizer: "{name_of(key)}"{blanks}\nLicensees: "bob"\nConditions: a == "{value}";\n'
    verify(parse_assertion(signed(text, label), "t"), accept_weak=True)
    with pytest.raises(CredentialError, match="does not verify"):
        verify(parse_assertion(signed(text, label).replace('"bob"', '"eve"'), "t"), accept_weak=True)


@pytest.mark.parametrize("label", ["sig-rsa-sha1-hex", "sig-rsa-md5-base64", "sig-x509-sha1-hex", "sig-ed25519-base64"])
def test_where_signatures_are_deterministic_they_are_those_of_the_specification(label: str) -> None:
    key = KEYS[label.rpartition("-")[0]]
    assert signed(body(name_of(key)), label) == sealed_text(body(name_of(key)), label, key)


@pytest.mark.parametrize("end", ["", "Signature:", "Signature: \n", 'Signature: "sig-ed25519-hex:00"\n'])
def test_a_signature_field_that_is_there_already_is_not_signed(end: str) -> None:
    """As the tool of the KeyNote library: the field may be there and empty."""
    text = body(name_of(ED25519))
    assert signed_text(text + end) == text
    assert signed(text + end, "sig-ed25519-hex") == signed(text, "sig-ed25519-hex")


def test_what_is_signed_begins_at_the_first_field_and_ends_with_a_newline() -> None:
    """RFC 2704 section 4.6.7."""
    text = body(name_of(ED25519))
    assert signed_text(f"# comment\n\n# comment\n{text}") == text
    assert signed_text(text.removesuffix("\n")) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds 0"),
        ("# nothing\n", "holds 0"),
        ('Authorizer: "a"\n\nAuthorizer: "b"\n', "holds 2"),
        ("rubbish\n", "no field"),
        ('Authorizer: "a"\n\n', "empty line"),
        ('Authorizer: "a"\n\n\n', "empty line"),
    ],
)
def test_what_cannot_be_signed_is_refused(text: str, said: str) -> None:
    with pytest.raises(SigningError, match=said):
        signed(text, "sig-ed25519-hex")


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda each: each.name)
def test_a_key_of_another_kind_is_refused(algorithm: object) -> None:
    label = find(f"{getattr(algorithm, 'name', '')}-hex")
    assert label is not None
    wrong = P256 if label.algorithm.name == "sig-ed25519" else ED25519
    with pytest.raises(SigningError, match="another kind"):
        sign(body("x"), label, wrong)


# --- openssl ------------------------------------------------------------------------------------------------------

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the openssl command is not installed")


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run(
        [OPENSSL or "", *map(str, arguments)], capture_output=True, text=True, timeout=200, check=False
    )
    return done.stdout + done.stderr


def pem(folder: Path, name: str) -> tuple[Path, Path]:
    """The private and the public key of an algorithm as PEM files."""
    key = KEYS[name]
    private, public = folder / "key.pem", folder / "pub.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def options(name: str, covered: bytes, folder: Path) -> tuple[str | Path, ...]:
    """How `openssl pkeyutl` signs and verifies the algorithm; the file with what it is given is written."""
    digest = {"md5": "md5", "sha1": "sha1", "sha256": "sha256"}.get(name.rpartition("-")[2])
    file = folder / "covered"
    if digest is None:
        file.write_bytes(covered)
        return ("-rawin", "-in", file)
    file.write_bytes(hashlib.new(digest, covered).digest())
    if name in ("sig-rsa-sha1", "sig-rsa-md5"):  # a bare OCTET STRING
        octets = file.read_bytes()
        file.write_bytes(bytes((4, len(octets))) + octets)
        return ("-in", file)
    return ("-in", file, "-pkeyopt", f"digest:{digest}")


@needs_openssl
@pytest.mark.parametrize("name", KEYS)
def test_openssl_verifies_what_is_signed(name: str, tmp_path: Path) -> None:
    label = find(f"{name}-hex")
    assert label is not None
    text = body(name_of(KEYS[name]))
    value = sign(text, label, KEYS[name])
    _, public = pem(tmp_path, name)
    signature = tmp_path / "signature"
    signature.write_bytes(bytes.fromhex(value.partition(":")[2]))
    asked = ("pkeyutl", "-verify", "-pubin", "-inkey", public, "-sigfile", signature)
    said = openssl(*asked, *options(name, f"{text}{name}-hex:".encode(), tmp_path))
    assert "Signature Verified Successfully" in said, said
    said = openssl(*asked, *options(name, f"{text} {name}-hex:".encode(), tmp_path))
    assert "Signature Verified Successfully" not in said


@needs_openssl
@pytest.mark.parametrize("name", KEYS)
def test_what_openssl_signs_verifies(name: str, tmp_path: Path) -> None:
    text = body(name_of(KEYS[name]))
    private, _ = pem(tmp_path, name)
    signature = tmp_path / "signature"
    asked = ("pkeyutl", "-sign", "-inkey", private, "-out", signature)
    said = openssl(*asked, *options(name, f"{text}{name}-base64:".encode(), tmp_path))
    assert signature.exists(), said
    verify(parse_assertion(with_octets(text, f"{name}-base64", signature.read_bytes()), "t"), accept_weak=True)


def test_every_algorithm_is_among_those_tested() -> None:
    assert {each.name for each in ALGORITHMS} == set(KEYS)
    assert {type(each) for each in KEYS.values()} == {type(each) for each in (RSA, DSA, P256, ED25519)}
