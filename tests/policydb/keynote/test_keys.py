"""Private keys: made, written, read back, and refused with words that do not tell them."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from grammar.der import sequence
from grammar.principal import DsaKey, EcdsaKey, Ed25519Key, RsaKey, canonical, parse_key
from policydb.keynote.keys import KINDS, KeyTextError, generate, parse_private, private_text, public_key, public_text
from tests.policydb.signers import DSA, ED25519, KEYS, P256, RSA, PrivateKey, name_of

SIZES = {"rsa": 1024, "dsa": 1024, "ecdsa-p256": 256, "ed25519": 256}
PAIRS: dict[str, PrivateKey] = {"rsa": RSA, "dsa": DSA, "ecdsa-p256": P256, "ed25519": ED25519}


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_survives_its_text(kind: str, encoding: str) -> None:
    key = generate(KINDS[kind], SIZES[kind])
    text = private_text(key, encoding)
    assert text.startswith(f"private-{kind}-{encoding}:")
    assert public_key(parse_private(text)) == public_key(key)
    assert public_key(parse_private(text.replace("private", "PRIVATE"))) == public_key(key)


@pytest.mark.parametrize("kind", KINDS)
def test_the_public_key_is_the_principal_that_others_make_of_it(kind: str) -> None:
    assert public_text(PAIRS[kind], "hex") == name_of(PAIRS[kind])
    base64_text = public_text(PAIRS[kind], "base64")
    assert base64_text.startswith(f"{kind}-base64:")
    assert canonical(base64_text) == name_of(PAIRS[kind])


def test_each_kind_has_its_own_public_key() -> None:
    kinds = [type(parse_key(public_text(each, "hex"))) for each in PAIRS.values()]
    assert kinds == [RsaKey, DsaKey, EcdsaKey, Ed25519Key]


def test_the_form_is_that_of_the_keynote_library() -> None:
    """RFC 2792 and the KeyNote library: RSA as PKCS #1, DSA as 0, p, q, g, y, x."""
    encoding, form = serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL
    pkcs1 = RSA.private_bytes(encoding, form, serialization.NoEncryption())
    assert private_text(RSA, "base64") == "private-rsa-base64:" + base64.b64encode(pkcs1).decode()
    numbers = DSA.private_numbers()
    p, q, g = (getattr(numbers.public_numbers.parameter_numbers, each) for each in "pqg")
    octets = sequence(0, p, q, g, numbers.public_numbers.y, numbers.x)
    assert private_text(DSA, "hex") == "private-dsa-hex:" + octets.hex()


@pytest.mark.parametrize(
    ("kind", "bits"), [("rsa", 512), ("rsa", 100_000), ("dsa", 512), ("dsa", 1025), ("ecdsa-p256", 384), ("ed25519", 1)]
)
def test_a_size_that_the_kind_does_not_have_is_refused(kind: str, bits: int) -> None:
    with pytest.raises(KeyTextError, match=f"not {bits}"):
        generate(KINDS[kind], bits)


BAD = [
    "",
    "rsa-hex:00",
    "private-rsa:00",
    "private-rsa-hex",
    "private-elgamal-hex:00",
    "private-rsa-hex:zz",
    "private-rsa-hex:3000",
    "private-rsa-hex:" + sequence(0, 15, 3, 3, 3, 5, 1, 1, 1).hex(),
    "private-rsa-hex:" + sequence(1, 15, 3, 3, 3, 5, 1, 1, 1).hex(),
    "private-rsa-hex:" + sequence(0, *[-5] * 8).hex(),
    "private-dsa-hex:" + sequence(0, 1, 2, 3, 4, 5).hex(),
    "private-ecdsa-p256-hex:" + "00" * 32,
    "private-ecdsa-p256-hex:" + "ff" * 32,
    "private-ecdsa-p256-hex:00",
    "private-ed25519-base64:AAAA",
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_private_key_is_refused(text: str) -> None:
    with pytest.raises(KeyTextError):
        parse_private(text)


@given(st.sampled_from(list(KINDS)), st.binary(max_size=80))
def test_no_octets_raise_anything_else_nor_are_told(kind: str, octets: bytes) -> None:
    try:
        parse_private(f"private-{kind}-hex:{octets.hex()}")
    except KeyTextError as error:
        assert len(octets) < 8 or octets.hex() not in str(error)  # noqa: PT017 - there may be no error at all


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_the_public_text_tells_nothing_of_the_private_one(key: PrivateKey) -> None:
    assert private_text(key, "hex").partition(":")[2] not in public_text(key, "hex")
