"""Signatures: RFC 2792, the library's practice, and our own algorithms."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.errors import GrammarError
from grammar.keynote import parse_assertion
from grammar.principal import BinaryKey, DsaKey, Key, RsaKey, format_key
from policydb.keynote.credentials import CredentialError, verify
from tests.policydb.signers import (
    DSA,
    ED25519,
    KEYS,
    MODERN,
    OTHER,
    P256,
    RSA,
    WEAK,
    body,
    credential,
    name_of,
    sealed_text,
    sign,
    with_octets,
)
from tests.sizes import examples

LABELS = [f"{algorithm}-{encoding}" for algorithm in KEYS for encoding in ("hex", "base64")]


def check(text: str) -> None:
    verify(parse_assertion(text, "t", signed=True), accept_weak=True)


def reason(text: str, *, accept_weak: bool = True) -> str:
    with pytest.raises(CredentialError) as refusal:
        verify(parse_assertion(text, "t", signed=True), accept_weak=accept_weak)
    return str(refusal.value)


def algorithm_of(label: str) -> str:
    return label.rpartition("-")[0]


# --- what verifies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LABELS)
def test_signatures_verify_however_the_algorithm_is_written(label: str) -> None:
    key = KEYS[algorithm_of(label)]
    text = body(name_of(key))
    check(sealed_text(text, label, key))
    check(sealed_text(text, label.upper(), key))


def test_the_name_is_signed_as_it_is_written() -> None:
    text = credential("sig-ed25519")
    assert "does not verify" in reason(text.replace("sig-ed25519-hex", "SIG-ed25519-hex"))


def test_an_authorizer_out_of_local_constants_signs_too() -> None:
    """RFC 2704 section 4.6.2: constants count in every field."""
    text = f'Local-Constants: K = "{name_of(ED25519)}"\nAuthorizer: K\nLicensees: "bob"\n'
    check(sealed_text(text, "sig-ed25519-hex", ED25519))


@pytest.mark.parametrize("label", ["sig-rsa-sha1-hex", "sig-ed25519-base64"])
def test_a_signature_may_be_broken_over_lines(label: str) -> None:
    text = sealed_text(body(name_of(KEYS[algorithm_of(label)])), label, KEYS[algorithm_of(label)])
    cut = len(text) - 30
    check(text[:cut] + "\\\n\t  " + text[cut:])


def test_a_comment_before_the_first_field_is_not_signed() -> None:
    """D13."""
    check("# added later\n" + credential("sig-rsa-sha1"))


def test_what_follows_the_signature_is_not_signed() -> None:
    """D14; RFC 2704 section 4.6.7: it is no part of the assertion."""
    check(credential() + "foo: x\n")


# --- what does not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"bob"', '"eve"'),
        ("a ==", "a  =="),
        ("KeyNote-Version: 2\n", ""),
        ("KeyNote-Version: 2\n", "keynote-version: 2\n"),
        ('"x";', '"x"; # '),
        ('"x";\n', '"x"; \n'),
        ("Conditions:", "# comment\nConditions:"),
    ],
)
def test_a_changed_text_does_not_verify(algorithm: str, old: str, new: str) -> None:
    text = credential(algorithm)
    assert old in text
    assert "does not verify" in reason(text.replace(old, new))


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signature_over_another_text_does_not_verify(algorithm: str) -> None:
    mine, other = credential(algorithm, licensee="bob"), credential(algorithm, licensee="mallory")
    signature = mine[mine.index("Signature:") :]
    assert "does not verify" in reason(other[: other.index("Signature:")] + signature)


@pytest.mark.parametrize("label", LABELS)
def test_octets_that_are_no_signature_do_not_verify(label: str) -> None:
    text = body(name_of(KEYS[algorithm_of(label)]))
    for octets in (b"", b"\x00" * 64, b"\x00" * 128, b"\xff" * 128, b"\x01" * 127, b"\x01" * 129, b"\x30\x00"):
        assert "does not verify" in reason(with_octets(text, label, octets))


@pytest.mark.parametrize("algorithm", KEYS)
@settings(max_examples=examples(60))
@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_signature_fails(algorithm: str, position: int, bit: int) -> None:
    label, key = f"{algorithm}-hex", KEYS[algorithm]
    text = body(name_of(key))
    octets = bytearray(sign(algorithm, key, f"{text}{label}:".encode()))
    octets[position % len(octets)] ^= 1 << bit
    assert reason(with_octets(text, label, bytes(octets)))


@pytest.mark.parametrize("algorithm", KEYS)
@settings(max_examples=examples(60))
@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_text_fails(algorithm: str, position: int, bit: int) -> None:
    text = credential(algorithm)
    covered = text.index("Signature:")
    at = position % covered
    changed = text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :]
    with pytest.raises((CredentialError, GrammarError)):
        verify(parse_assertion(changed, "t"), accept_weak=True)


@pytest.mark.parametrize("algorithm", ["sig-rsa-sha1", "sig-rsa-sha256"])
def test_somebody_elses_signature_does_not_verify(algorithm: str) -> None:
    assert "does not verify" in reason(sealed_text(body(name_of(RSA)), f"{algorithm}-hex", OTHER))


@pytest.mark.parametrize("empty", [encode_dss_signature(0, 0), encode_dss_signature(1, 0), encode_dss_signature(0, 1)])
@pytest.mark.parametrize("algorithm", ["sig-dsa-sha1", "sig-ecdsa-p256-sha256"])
def test_signatures_of_zeros_do_not_verify(algorithm: str, empty: bytes) -> None:
    """CVE-2022-21449."""
    assert reason(with_octets(body(name_of(KEYS[algorithm])), f"{algorithm}-hex", empty))


# --- padding ------------------------------------------------------------------------------------------------------


def covered_digest(key: rsa.RSAPrivateKey, label: str, digest: str = "sha1") -> bytes:
    return hashlib.new(digest, f"{body(name_of(key))}{label}:".encode()).digest()


def test_a_signature_with_digest_info_is_not_one_without() -> None:
    """RFC 2792's sig-rsa is no PKCS #1 signature, sig-x509 and sig-rsa-sha256 are."""
    text, label = body(name_of(RSA)), "sig-rsa-sha1-hex"
    with_info = RSA.sign(covered_digest(RSA, label), padding.PKCS1v15(), utils.Prehashed(SHA1()))  # noqa: S303
    assert "does not verify" in reason(with_octets(text, label, with_info))
    for label, digest in (("sig-x509-sha1-hex", "sha1"), ("sig-rsa-sha256-hex", "sha256")):
        message = covered_digest(RSA, label, digest)
        bare = RSA.sign(bytes((4, len(message))) + message, padding.PKCS1v15(), utils.NoDigestInfo())
        assert "does not verify" in reason(with_octets(text, label, bare))


def blocks(message: bytes, size: int) -> dict[str, bytes]:
    """Paddings that a lenient reader would take (NDSS 2019, "Analyzing Semantic Correctness ...")."""
    head = b"\x00\x01" + b"\xff" * 8 + b"\x00" + message
    full = b"\x00\x01" + b"\xff" * (size - 3 - len(message)) + b"\x00" + message
    return {
        "rubbish behind": head + b"\x5a" * (size - len(head)),
        "zeros behind": head + b"\x00" * (size - len(head)),
        "type 2": b"\x00\x02" + full[2:],
        "type 0": b"\x00\x00" + b"\x00" * (size - 2 - len(message)) + message,
        "no zero in front": b"\x01" + full[1:],
        "padding is not ff": full.replace(b"\xff\xff", b"\xff\xfe", 1),
        "long length": b"\x00\x01"
        + b"\xff" * (size - 4 - len(message))
        + b"\x00"
        + message[:1]
        + b"\x81"
        + message[1:],
        "a digest too short": b"\x00\x01" + b"\xff" * (size - 2 - len(message)) + b"\x00" + message[:-1],
    }


@pytest.mark.parametrize("form", blocks(b"\x04\x14" + b"\x00" * 20, 128))
@pytest.mark.parametrize(("label", "prefix"), [("sig-rsa-sha1-hex", "0414"), ("sig-rsa-md5-hex", "0410")])
def test_padding_that_a_lenient_reader_would_take_does_not_verify(form: str, label: str, prefix: str) -> None:
    message = bytes.fromhex(prefix) + covered_digest(RSA, label, label.split("-")[2])
    block = int.from_bytes(blocks(message, 128)[form], "big")
    private = RSA.private_numbers()
    octets = pow(block % private.public_numbers.n, private.d, private.public_numbers.n).to_bytes(128, "big")
    assert "does not verify" in reason(with_octets(body(name_of(RSA)), label, octets))


def cube_root_above(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        if middle**3 < number:
            low = middle + 1
        else:
            high = middle
    return low


@pytest.mark.parametrize("label", ["sig-rsa-sha1-hex", "sig-x509-sha1-hex", "sig-rsa-sha256-hex"])
def test_bleichenbachers_forgery_at_exponent_3_does_not_verify(label: str) -> None:
    """A cube whose upper octets are the padded digest, found without the private key (CVE-2006-4339, 2018-16151)."""
    modulus = (1 << 2047) + 973  # whose factors nobody needs
    key = RsaKey(modulus, 3)
    text = body(format_key(key))
    digest_name = "sha256" if "sha256" in label else "sha1"
    digest = hashlib.new(digest_name, f"{text}{label}:".encode()).digest()
    info = {
        "sig-rsa-sha1-hex": "0414",
        "sig-x509-sha1-hex": "3021300906052b0e03021a05000414",
        "sig-rsa-sha256-hex": "3031300d060960864801650304020105000420",
    }[label]
    head = b"\x00\x01" + b"\xff" * 8 + b"\x00" + bytes.fromhex(info) + digest
    root = cube_root_above(int.from_bytes(head + b"\x00" * (256 - len(head)), "big"))
    forged = root.to_bytes(256, "big")
    assert pow(root, 3, modulus).to_bytes(256, "big").startswith(head), "the forgery itself is as it was published"
    assert "does not verify" in reason(with_octets(text, label, forged))
    assert "weak" in reason(with_octets(text, label, forged), accept_weak=False)


# --- what is weak -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", WEAK)
def test_a_weak_algorithm_counts_only_where_it_is_accepted(algorithm: str) -> None:
    said = reason(credential(algorithm), accept_weak=False)
    assert algorithm in said
    assert "weak" in said
    assert ("MD5" if "md5" in algorithm else "SHA-1") in said
    verify(parse_assertion(credential(algorithm), "t"), accept_weak=True)


@pytest.mark.parametrize("algorithm", MODERN)
def test_a_modern_algorithm_needs_no_leave(algorithm: str) -> None:
    verify(parse_assertion(credential(algorithm), "t"))


def test_a_low_exponent_is_weak_and_verifies_where_it_is_accepted() -> None:
    key = rsa.generate_private_key(public_exponent=3, key_size=1024)  # noqa: S505
    text = sealed_text(body(name_of(key)), "sig-rsa-sha256-hex", key)
    check(text)
    assert "exponent below 65537" in reason(text, accept_weak=False)


def test_a_short_modulus_is_weak() -> None:
    text = with_octets(body(format_key(RsaKey((1 << 511) + 111, 65537))), "sig-rsa-sha256-hex", b"\x01" * 64)
    assert "fewer than 1024 bits" in reason(text, accept_weak=False)
    assert "does not verify" in reason(text)


# --- reasons, and keys that nobody should have to work with -------------------------------------------------------


def signed_by(key: Key | str, signature: str) -> str:
    return body(key if isinstance(key, str) else format_key(key)) + f'Signature: "{signature}"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (body(name_of(RSA)), "not signed"),
        (signed_by(name_of(RSA), "sig-rsa-sha2-hex:00"), "not known"),
        (signed_by(name_of(RSA), "rubbish"), "not known"),
        (signed_by(name_of(RSA), "sig-rsa-sha1-hex"), "not known"),
        (signed_by(name_of(RSA), "sig-rsa-sha1-hex:zz"), "not hexadecimal"),
        (signed_by(name_of(RSA), "sig-rsa-sha1-base64:!!"), "not base64"),
        (signed_by(name_of(RSA), "sig-rsa-sha1-hex:\xe9"), "not hexadecimal"),
        (signed_by("alice", "sig-rsa-sha1-hex:00"), "no key"),
        (signed_by(BinaryKey(b"x"), "sig-rsa-sha1-hex:00"), "needs an RSA key"),
        (signed_by(name_of(DSA), "sig-rsa-sha1-hex:00"), "needs an RSA key"),
        (signed_by(name_of(RSA), "sig-dsa-sha1-hex:00"), "needs a DSA key"),
        (signed_by(name_of(ED25519), "sig-ecdsa-p256-sha256-hex:00"), "needs a P-256 key"),
        (signed_by(name_of(P256), "sig-ed25519-hex:00"), "needs an Ed25519 key"),
        (signed_by(RsaKey(35, 3), "sig-rsa-sha1-hex:00"), ""),
        (signed_by(RsaKey((1 << 1024) + 1, 4), "sig-rsa-sha1-hex:00"), "refused"),
        (signed_by(RsaKey(1 << 20_000, 65537), "sig-rsa-sha1-hex:00"), "longer than"),
        (signed_by(RsaKey((1 << 8000) + 1, (1 << 7000) + 1), "sig-rsa-sha256-hex:00"), "exponent is longer"),
        (signed_by(DsaKey(1, 23, 11, 4), "sig-dsa-sha1-hex:00"), "refused"),
        (signed_by(DsaKey(1, 1 << 100_000, 1 << 159, 4), "sig-dsa-sha1-hex:00"), "refused"),
    ],
)
def test_the_reason_is_said(text: str, said: str) -> None:
    assert said in reason(text)


NUMBERS = st.integers(min_value=-3, max_value=2**1030)


@settings(max_examples=examples(150))
@given(
    st.builds(RsaKey, st.integers(1, 2**1030), st.integers(1, 2**70)) | st.builds(DsaKey, *[NUMBERS] * 4),
    st.binary(max_size=140),
)
def test_no_key_of_a_stranger_raises_anything_else(key: Key, octets: bytes) -> None:
    label = "sig-rsa-sha256-hex" if isinstance(key, RsaKey) else "sig-dsa-sha1-hex"
    assert reason(with_octets(body(format_key(key)), label, octets))


def test_the_digests_are_those_named() -> None:
    """A signature by another digest of the same text does not count."""
    text, label = body(name_of(RSA)), "sig-rsa-sha1-hex"
    for other in ("sig-rsa-md5", "sig-rsa-sha256"):
        assert reason(with_octets(text, label, sign(other, RSA, f"{text}{label}:".encode())))
