"""Signatures of phase 1: RFC 2409's padding without DigestInfo, RFC 4754's vectors, and what must not verify."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike.algorithms import signatures
from daemon.ike.errors import InvalidSignature, LocalError
from daemon.ike.registries import AuthenticationMethod, HashAlgorithm
from tests import pki
from tests.sizes import examples

RSA = AuthenticationMethod.RSA_SIG
ECDSA = list(signatures.ECDSA)
METHODS = [RSA, *ECDSA]

# RFC 4754 section 8: the private key and (r, s) over the hash of "abc".
VECTORS = {
    AuthenticationMethod.ECDSA_256: """
        dc51d3866a15bacde33d96f992fca99da7e6ef0934e7097559c27f1614c88a7f
        cb28e0999b9c7715fd0a80d8e47a77079716cbbf917dd72e97566ea1c066957c
        86fa3bb4e26cad5bf90b7f81899256ce7594bb1ea0c89212748bff3b3d5b0315
        """,
    AuthenticationMethod.ECDSA_384: """
        0beb646634ba87735d77ae4809a0ebea865535de4c1e1dcb692e84708e81a5af62e528c38b2a81b35309668d73524d9f
        fb017b914e29149432d8bac29a514640b46f53ddab2c69948084e2930f1c8f7e08e07c9c63f2d21a07dcb56a6af56eb3
        b263a1305e057f984d38726a1b46874109f417bca112674c528262a40a629af1cbb9f516ce0fa7d2ff630863a00e8b9f
        """,
    AuthenticationMethod.ECDSA_521: """
        0065fda3409451dcab0a0ead45495112a3d813c17bfd34bdf8c1209d7df5849120597779060a7ff9d704adf78b570ffad6f0\
62e95c7e0c5d5481c5b153b48b375fa1
        0154fd3836af92d0dca57dd5341d3053988534fde8318fc6aaaab68e2e6f4339b19f2f281a7e0b22c269d93cf8794a927888\
0ed7dbb8d9362caeacee544320552251
        017705a7030290d1ceb605a9a1bb03ff9cdd521e87a696ec926c8c10c8362df4975367101f67d1cf9bccbf2f3d239534fa50\
9e70aac851ae01aac68d62f866472660
        """,
}
DIGESTS = {HashAlgorithm.SHA2_256: "sha256", HashAlgorithm.SHA2_384: "sha384", HashAlgorithm.SHA2_512: "sha512"}


def private_key(method: AuthenticationMethod) -> signatures.PrivateKey:
    return pki.rsa_key("signer") if method is RSA else pki.ec_key("signer", int(str(method).rpartition("_")[2]))


def hash_of(method: AuthenticationMethod, text: bytes = b"abc") -> bytes:
    bound = signatures.bound_hash(method)
    return hashlib.new(DIGESTS[bound] if bound else "sha1", text).digest()


def verified(method: AuthenticationMethod, key: signatures.PublicKey, value: bytes, signature: bytes) -> bool:
    try:
        signatures.verify(method, key, value, signature)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_one_side_signs_the_other_verifies(method: AuthenticationMethod) -> None:
    key = private_key(method)
    value = hash_of(method)
    signature = signatures.sign(method, key, value)
    assert verified(method, key.public_key(), value, signature)
    assert not verified(method, key.public_key(), hash_of(method, b"abd"), signature)


@pytest.mark.parametrize("method", ECDSA, ids=str)
def test_the_vectors_of_rfc_4754_verify(method: AuthenticationMethod) -> None:
    scalar, r, s = (bytes.fromhex(each) for each in VECTORS[method].split())
    key = ec.derive_private_key(int.from_bytes(scalar), signatures.ECDSA[method].curve())
    assert verified(method, key.public_key(), hash_of(method), r + s)
    assert not verified(method, key.public_key(), hash_of(method), s + r)


@pytest.mark.parametrize("octets", [16, 20, 32, 48, 64])
def test_an_rsa_signature_pads_the_bare_hash(octets: int) -> None:
    """RFC 2409 section 5.1: PKCS #1 v1.5, block type 1, and the HASH itself in it."""
    key = pki.rsa_key("signer")
    numbers = key.public_key().public_numbers()
    value = bytes(range(octets))
    opened = pow(int.from_bytes(signatures.sign(RSA, key, value)), numbers.e, numbers.n).to_bytes(256)
    assert opened == b"\0\1" + b"\xff" * (256 - 3 - octets) + b"\0" + value


def test_a_signature_with_digest_info_does_not_verify() -> None:
    key = pki.rsa_key("signer")
    ordinary = key.sign(b"abc", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature, match="len 51 != hashsize 32"):
        signatures.verify(RSA, key.public_key(), hashlib.sha256(b"abc").digest(), ordinary)


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("change", [lambda each: each[:-1], lambda each: each + b"\0", lambda each: b"\0" + each])
def test_a_signature_of_another_length_is_refused(method: AuthenticationMethod, change: object) -> None:
    key = private_key(method)
    signature = signatures.sign(method, key, hash_of(method))
    with pytest.raises(InvalidSignature, match="SIG payload length does not match public key"):
        signatures.verify(method, key.public_key(), hash_of(method), change(signature))  # type: ignore[operator]


@pytest.mark.parametrize("low", [0, 1])
@pytest.mark.parametrize("method", ECDSA, ids=str)
def test_zero_and_the_order_are_no_signature(method: AuthenticationMethod, low: int) -> None:
    """CVE-2022-21449: r = s = 0 must not verify; the order is 0 modulo itself."""
    octets = signatures.ECDSA[method].octets
    key = private_key(method).public_key()
    assert not verified(method, key, hash_of(method), bytes(2 * octets))
    order = {32: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551}.get(octets)
    if order:
        value = order.to_bytes(octets)
        assert not verified(method, key, hash_of(method), (value + low.to_bytes(octets)))


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("other", METHODS, ids=str)
def test_a_key_signs_by_its_own_method_alone(method: AuthenticationMethod, other: AuthenticationMethod) -> None:
    key = private_key(method)
    assert signatures.fits(other, key) is (method is other)
    assert signatures.fits(other, key.public_key()) is (method is other)
    if method is other:
        return
    with pytest.raises(LocalError):
        signatures.sign(other, key, hash_of(other))
    with pytest.raises(InvalidSignature, match="another kind"):
        signatures.verify(other, key.public_key(), hash_of(other), signatures.sign(method, key, hash_of(method)))


def test_a_hash_of_another_length_than_the_methods_cannot_be_signed() -> None:
    with pytest.raises(LocalError):
        signatures.sign(AuthenticationMethod.ECDSA_256, pki.ec_key("signer"), b"x" * 20)


@pytest.mark.parametrize(("bits", "exponent"), [(8256, 65537), (2048, 2**65 + 1)])
def test_keys_that_only_serve_to_make_us_work_are_refused(bits: int, exponent: int) -> None:
    key = rsa.RSAPublicNumbers(exponent, (1 << bits) - 1).public_key()
    with pytest.raises(InvalidSignature, match="out of bounds"):
        signatures.verify(RSA, key, b"x" * 20, bytes((bits + 7) // 8))


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(max_examples=examples(60))
@given(data=st.data())
def test_no_damaged_signature_verifies(method: AuthenticationMethod, data: st.DataObject) -> None:
    key = private_key(method)
    signature = bytearray(signatures.sign(method, key, hash_of(method)))
    place = data.draw(st.integers(0, len(signature) - 1))
    signature[place] ^= data.draw(st.integers(1, 255))
    assert not verified(method, key.public_key(), hash_of(method), bytes(signature))


@pytest.mark.parametrize("method", METHODS, ids=str)
@given(garbage=st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_else_raised(method: AuthenticationMethod, garbage: bytes) -> None:
    assert not verified(method, private_key(method).public_key(), hash_of(method), garbage)
