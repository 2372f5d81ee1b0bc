"""Principal identifiers: RFC 2792 keys in every encoding, and their canonical form."""

import base64
import datetime
import subprocess
import sys
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from grammar.keynote import parse_assertion
from grammar.nodes import Principal
from grammar.principal import (
    BinaryKey,
    DsaKey,
    EcdsaKey,
    EcdsaP384Key,
    EcdsaP521Key,
    Ed25519Key,
    PrincipalError,
    RsaKey,
    canonical,
    format_key,
    parse_key,
)

NUMBERS = st.integers(min_value=1, max_value=2**2100)


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def pkcs1() -> bytes:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.PKCS1
    return private_key().public_key().public_bytes(encoding, form)


def test_an_rsa_key_is_the_pkcs1_sequence_modulus_first() -> None:
    numbers = private_key().public_key().public_numbers()
    assert parse_key("rsa-hex:" + pkcs1().hex()) == RsaKey(numbers.n, numbers.e)


def test_every_encoding_of_one_rsa_key_is_one_principal() -> None:
    der, cert = pkcs1(), certificate(private_key())
    spellings = [
        "rsa-hex:" + der.hex(),
        "RSA-HEX:" + der.hex().upper(),
        "Rsa-Base64:" + base64.b64encode(der).decode(),
        "x509-hex:" + cert.hex(),
        "X509-BASE64:" + base64.b64encode(cert).decode(),
    ]
    assert {canonical(each) for each in spellings} == {spellings[0]}


@given(NUMBERS, NUMBERS)
def test_an_rsa_key_survives_its_text(n: int, e: int) -> None:
    key = RsaKey(n, e)
    assert parse_key(format_key(key)) == key
    assert canonical(format_key(key)) == format_key(key)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_dsa_key_survives_its_text_in_both_encodings(y: int, p: int, q: int, g: int) -> None:
    key = DsaKey(y, p, q, g)
    text = format_key(key)
    data = bytes.fromhex(text.removeprefix("dsa-hex:"))
    assert parse_key(text) == key
    assert canonical("dsa-base64:" + base64.b64encode(data).decode()) == text


@given(st.binary())
def test_d12_binary_identifiers_are_octets(data: bytes) -> None:
    assert parse_key("binary-base64:" + base64.b64encode(data).decode()) == BinaryKey(data)
    assert canonical("BINARY-HEX:" + data.hex().upper()) == "binary-hex:" + data.hex()


def p256_spellings(key: ec.EllipticCurvePrivateKey) -> list[str]:
    """SEC 1 section 2.3.3, by a library that is not ours; the canonical one first."""
    forms = (serialization.PublicFormat.CompressedPoint, serialization.PublicFormat.UncompressedPoint)
    short, long = (key.public_key().public_bytes(serialization.Encoding.X962, each) for each in forms)
    return [
        "ecdsa-p256-hex:" + short.hex(),
        "ECDSA-P256-HEX:" + short.hex().upper(),
        "ecdsa-p256-hex:" + long.hex(),
        "ecdsa-p256-base64:" + base64.b64encode(short).decode(),
        "Ecdsa-P256-Base64:" + base64.b64encode(long).decode(),
    ]


@given(st.integers(min_value=1, max_value=2**255))
def test_every_encoding_of_one_p256_key_is_one_principal(scalar: int) -> None:
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    spellings = p256_spellings(key)
    assert {canonical(each) for each in spellings} == {spellings[0]}
    assert parse_key(spellings[2]) == EcdsaKey(numbers.x, numbers.y)


@pytest.mark.parametrize(
    ("name", "curve", "kind"),
    [("ecdsa-p384", ec.SECP384R1(), EcdsaP384Key), ("ecdsa-p521", ec.SECP521R1(), EcdsaP521Key)],
)
def test_every_encoding_of_one_key_on_a_larger_curve_is_one_principal(
    name: str, curve: ec.EllipticCurve, kind: type[EcdsaP384Key | EcdsaP521Key]
) -> None:
    public = ec.derive_private_key(7, curve).public_key()
    numbers = public.public_numbers()
    short = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    long = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    spellings = [f"{name}-hex:{short.hex()}", f"{name}-hex:{long.hex().upper()}"]
    spellings.append(f"{name}-base64:{base64.b64encode(long).decode()}")
    assert {canonical(each) for each in spellings} == {spellings[0]}
    assert parse_key(spellings[2]) == kind(numbers.x, numbers.y)


@given(st.binary(min_size=32, max_size=32))
def test_every_encoding_of_one_ed25519_key_is_one_principal(seed: bytes) -> None:
    octets = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    spellings = [
        "ed25519-hex:" + octets.hex(),
        "ED25519-HEX:" + octets.hex().upper(),
        "ed25519-base64:" + base64.b64encode(octets).decode(),
    ]
    assert {canonical(each) for each in spellings} == {spellings[0]}
    assert parse_key(spellings[2]) == Ed25519Key(octets)


def test_one_key_is_one_principal_in_authorizer_and_licensees() -> None:
    first, *others = p256_spellings(ec.derive_private_key(7, ec.SECP256R1()))
    for other in others:
        assertion = parse_assertion(f'Authorizer: "{other}"\nLicensees: "{other}"\n', "t")
        assert assertion.authorizer.name == first
        assert isinstance(assertion.licensees, Principal)
        assert assertion.licensees.name == first


def test_d29_an_rsa_key_has_its_modulus_first() -> None:
    """RFC 2792 says exponent, modulus; the other order is another key."""
    numbers = private_key().public_key().public_numbers()
    assert parse_key(format_key(RsaKey(numbers.e, numbers.n))) == RsaKey(numbers.e, numbers.n)
    assert format_key(RsaKey(numbers.n, numbers.e)) == "rsa-hex:" + pkcs1().hex()


def test_a_long_identifier_is_not_remembered() -> None:
    """What strangers send must not fill the memory."""
    long = "binary-hex:" + "AB" * 100_000
    assert canonical(long) == long.lower().replace("AB", "ab")
    assert canonical(long) is not canonical(long)


def test_octets_behind_the_sequence_do_not_belong_to_the_key() -> None:
    assert canonical("rsa-hex:" + pkcs1().hex() + "00") == canonical("rsa-hex:" + pkcs1().hex())


@pytest.mark.parametrize(
    "text", ["", "POLICY", "alice", "RSA:abc", "elgamal-hex:00", "pgp:00", "rsa-hex", "rsa:00", "DN:/CN=x", "rsa-:00"]
)
def test_without_a_known_algorithm_a_principal_is_opaque(text: str) -> None:
    assert parse_key(text) is None
    assert canonical(text) == text


def test_opaque_principals_keep_their_case() -> None:
    assert canonical("DSA:abc") != canonical("dsa:abc")


BAD = [
    "rsa-hex:",
    "rsa-hex:0",
    "rsa-hex:00",
    "rsa-hex:zz",
    "rsa-hex:30 06",
    "rsa-hex:\u20ac",
    "rsa-base64:!!!!",
    "rsa-base64:MIG",
    "rsa-base64:\u20ac",
    "rsa-hex:3000",
    "rsa-hex:3003020101",
    "rsa-hex:3009020101020101020101",
    "rsa-hex:30020200",
    "rsa-hex:3006020100020103",
    "rsa-hex:30060201ff020103",
    "rsa-hex:30800201010201030000",
    "rsa-hex:308500000000060201010201030",
    "rsa-hex:3084ffffffff0201010201",
    "rsa-hex:3082",
    "rsa-hex:30060201010201",
    "rsa-hex:3006020101040103",
    "dsa-hex:3000",
    "dsa-hex:3006020101020101",
    "x509-base64:AAAA",
    "x509-hex:3000",
    "binary-hex:0",
    "binary-base64:A",
    "ecdsa-p256-hex:",
    "ecdsa-p256-hex:02",
    "ecdsa-p256-hex:" + "00" * 33,
    "ecdsa-p256-hex:02" + "ff" * 32,
    "ecdsa-p256-hex:05" + "00" * 32,
    "ecdsa-p256-hex:04" + "01" * 64,
    "ecdsa-p256-base64:AAAA",
    "ed25519-hex:",
    "ed25519-hex:" + "02" * 31,
    "ed25519-hex:" + "02" * 33,
]


@pytest.mark.parametrize("text", BAD)
def test_d21_an_undecodable_key_of_a_known_algorithm_is_an_error(text: str) -> None:
    with pytest.raises(PrincipalError):
        canonical(text)


def test_only_the_rsa_key_of_a_certificate_counts() -> None:
    with pytest.raises(PrincipalError, match="RSA"):
        canonical("x509-hex:" + certificate(ec.generate_private_key(ec.SECP256R1())).hex())


@given(
    st.sampled_from(["rsa", "dsa", "x509", "binary", "ecdsa-p256", "ed25519"]),
    st.sampled_from(["hex", "base64"]),
    st.binary(max_size=40),
)
def test_no_octets_raise_anything_else(algorithm: str, encoding: str, data: bytes) -> None:
    body = data.hex() if encoding == "hex" else base64.b64encode(data).decode()
    try:
        first = canonical(f"{algorithm}-{encoding}:{body}")
    except PrincipalError:
        return
    assert canonical(first) == first


def test_the_query_path_loads_neither_lark_nor_cryptography() -> None:
    code = "import sys, grammar.principal, grammar.errors; print('lark' in sys.modules, 'cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
