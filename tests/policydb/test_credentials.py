"""Signatures: RFC 2792 and the library's practice."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256

from grammar.keynote import parse_assertion
from grammar.principal import BinaryKey, DsaKey, RsaKey, format_key
from policydb.credentials import CredentialError, verify

RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what historic credentials have
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what historic credentials have
DSA = dsa.generate_private_key(key_size=1024)  # noqa: S505 - what historic credentials have


def rsa_name(key: rsa.RSAPrivateKey) -> str:
    numbers = key.public_key().public_numbers()
    return format_key(RsaKey(numbers.n, numbers.e))


def dsa_name(key: dsa.DSAPrivateKey) -> str:
    numbers = key.public_key().public_numbers()
    parameters = numbers.parameter_numbers
    return format_key(DsaKey(numbers.y, parameters.p, parameters.q, parameters.g))


def body(authorizer: str) -> str:
    return f'KeyNote-Version: 2\nAuthorizer: "{authorizer}"\nLicensees: "bob"\nConditions: a == "x";\n'


def signed(
    algorithm: str,
    key: rsa.RSAPrivateKey | dsa.DSAPrivateKey = RSA,
    *,
    authorizer: str | None = None,
    octets: bytes | None = None,
    name: str | None = None,
) -> str:
    """A credential; `name` as the algorithm is written, `octets` in the place of the signature."""
    if authorizer is None:
        authorizer = rsa_name(key) if isinstance(key, rsa.RSAPrivateKey) else dsa_name(key)
    text = body(authorizer)
    written = (name or algorithm) + ":"
    hash_name: Literal["md5", "sha1"] = "md5" if "-md5-" in algorithm else "sha1"
    digest = hashlib.new(hash_name, (text + written).encode("latin-1")).digest()
    signature = octets if octets is not None else sign(algorithm, key, digest)
    value = signature.hex() if algorithm.endswith("hex") else base64.b64encode(signature).decode()
    return f'{text}Signature: "{written}{value}"\n'


def sign(algorithm: str, key: rsa.RSAPrivateKey | dsa.DSAPrivateKey, digest: bytes) -> bytes:
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(digest, utils.Prehashed(SHA1()))  # noqa: S303
    if algorithm.startswith("sig-x509"):
        return key.sign(digest, padding.PKCS1v15(), utils.Prehashed(SHA1()))  # noqa: S303
    message = bytes((4, len(digest))) + digest
    return key.sign(message, padding.PKCS1v15(), utils.NoDigestInfo())


def reason(text: str) -> str:
    with pytest.raises(CredentialError) as refusal:
        verify(parse_assertion(text, "t"))
    return str(refusal.value)


@pytest.mark.parametrize(
    "algorithm",
    ["sig-rsa-sha1-hex", "sig-rsa-sha1-base64", "sig-rsa-md5-hex", "sig-rsa-md5-base64", "sig-x509-sha1-hex",
     "sig-x509-sha1-base64"],
)  # fmt: skip
def test_rsa_signatures_verify(algorithm: str) -> None:
    verify(parse_assertion(signed(algorithm), "t"))
    verify(parse_assertion(signed(algorithm, name=algorithm.upper()), "t"))


@pytest.mark.parametrize("algorithm", ["sig-dsa-sha1-hex", "sig-dsa-sha1-base64"])
def test_dsa_signatures_verify(algorithm: str) -> None:
    verify(parse_assertion(signed(algorithm, DSA), "t"))


@pytest.mark.parametrize("algorithm", ["sig-rsa-sha1-hex", "sig-rsa-md5-base64", "sig-x509-sha1-hex"])
@pytest.mark.parametrize(
    ("old", "new"), [('"bob"', '"eve"'), ("a ==", "a  =="), ("KeyNote-Version: 2\n", ""), ('"x";', '"x"; # ')]
)
def test_a_changed_text_does_not_verify(algorithm: str, old: str, new: str) -> None:
    text = signed(algorithm)
    assert old in text
    assert "does not verify" in reason(text.replace(old, new))


def test_a_comment_before_the_first_field_is_not_signed() -> None:
    """D13."""
    verify(parse_assertion("# added later\n" + signed("sig-rsa-sha1-hex"), "t"))


@pytest.mark.parametrize("algorithm", ["sig-rsa-sha1-hex", "sig-dsa-sha1-hex"])
def test_somebody_elses_signature_does_not_verify(algorithm: str) -> None:
    assert reason(signed(algorithm, OTHER, authorizer=rsa_name(RSA)))


def test_a_signature_with_digest_info_is_not_one_without() -> None:
    digest = hashlib.sha1((body(rsa_name(RSA)) + "sig-rsa-sha1-hex:").encode()).digest()
    octets = RSA.sign(digest, padding.PKCS1v15(), utils.Prehashed(SHA1()))  # noqa: S303
    assert "does not verify" in reason(signed("sig-rsa-sha1-hex", octets=octets))
    assert "does not verify" in reason(signed("sig-x509-sha1-hex", octets=sign("sig-rsa-sha1-hex", RSA, digest)))


def test_padding_that_a_lenient_reader_would_take_does_not_verify() -> None:
    """Bleichenbacher's forgery: rubbish behind the digest, where only a parser would overlook it."""
    size = 128
    digest = hashlib.sha1((body(rsa_name(RSA)) + "sig-rsa-sha1-hex:").encode()).digest()
    block = b"\x00\x01" + b"\xff" * 8 + b"\x00\x04\x14" + digest
    block += b"\x00" * (size - len(block))
    private = RSA.private_numbers()
    octets = pow(int.from_bytes(block, "big"), private.d, private.public_numbers.n).to_bytes(size, "big")
    assert "does not verify" in reason(signed("sig-rsa-sha1-hex", octets=octets))


@pytest.mark.parametrize("octets", [b"", b"\x00" * 128, b"\xff" * 128, b"\x01" * 127, b"\x01" * 129, b"\x30\x00"])
@pytest.mark.parametrize("key", [RSA, DSA])
def test_octets_that_are_no_signature_do_not_verify(octets: bytes, key: rsa.RSAPrivateKey | dsa.DSAPrivateKey) -> None:
    algorithm = "sig-rsa-sha1-hex" if isinstance(key, rsa.RSAPrivateKey) else "sig-dsa-sha1-hex"
    assert reason(signed(algorithm, key, octets=octets))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (body(rsa_name(RSA)), "not signed"),
        (body(rsa_name(RSA)) + 'Signature: "sig-rsa-sha2-hex:00"\n', "not known"),
        (body(rsa_name(RSA)) + 'Signature: "rubbish"\n', "not known"),
        (body(rsa_name(RSA)) + 'Signature: "sig-rsa-sha1-hex:zz"\n', "not hexadecimal"),
        (body(rsa_name(RSA)) + 'Signature: "sig-rsa-sha1-base64:!!"\n', "not base64"),
        (body(rsa_name(RSA)) + 'Signature: "sig-rsa-sha1-hex:\xe9"\n', "not hexadecimal"),
        (body("alice") + 'Signature: "sig-rsa-sha1-hex:00"\n', "no key"),
        (body(format_key(BinaryKey(b"x"))) + 'Signature: "sig-rsa-sha1-hex:00"\n', "needs an RSA key"),
        (body(dsa_name(DSA)) + 'Signature: "sig-rsa-sha1-hex:00"\n', "needs an RSA key"),
        (body(rsa_name(RSA)) + 'Signature: "sig-dsa-sha1-hex:00"\n', "needs a DSA key"),
        (body(format_key(RsaKey(35, 3))) + 'Signature: "sig-rsa-sha1-hex:00"\n', ""),
        (body(format_key(RsaKey(1 << 20_000, 65537))) + 'Signature: "sig-rsa-sha1-hex:00"\n', "longer than"),
        (body(format_key(DsaKey(1, 23, 11, 4))) + 'Signature: "sig-dsa-sha1-hex:00"\n', "refused"),
    ],
)
def test_the_reason_is_said(text: str, said: str) -> None:
    assert said in reason(text)


def test_the_digests_are_those_named() -> None:
    """A signature by another digest of the same text does not count."""
    text = body(rsa_name(RSA)) + "sig-rsa-sha1-hex:"
    for digest in (hashlib.md5(text.encode()).digest(), hashlib.sha256(text.encode()).digest()):
        assert reason(signed("sig-rsa-sha1-hex", octets=sign("sig-rsa-sha1-hex", RSA, digest)))
    assert {MD5.digest_size, SHA1.digest_size, SHA256.digest_size} == {16, 20, 32}
