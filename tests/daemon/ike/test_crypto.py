"""Ciphers, hashes and the prf against the vectors of RFC 3602, RFC 2202, RFC 4231 and NIST SP 800-67."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.crypto import CIPHERS, HASHES, Cbc, digest, digest_length, key_octets, prf
from daemon.ike.errors import LocalError, PayloadMalformed
from daemon.ike.registries import Encryption, HashAlgorithm

AES, DES3 = Encryption.AES_CBC, Encryption.DES3_CBC


@pytest.mark.parametrize(
    ("encryption", "key", "iv", "plain", "cipher"),
    [
        (  # RFC 3602 section 4, case 1
            AES,
            "06a9214036b8a15b512e03d534120006",
            "3dafba429d9eb430b422da802c9fac41",
            b"Single block msg".hex(),
            "e353779c1079aeb82708942dbe77181a",
        ),
        (  # RFC 3602 section 4, case 2
            AES,
            "c286696d887c9aa0611bbb3e2025a45a",
            "562e17996d093d28ddb3ba695a2e6f58",
            bytes(range(32)).hex(),
            "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
        ),
        (  # NIST SP 800-67, appendix B: the first block, which a zero IV leaves as it is
            DES3,
            "0123456789abcdef23456789abcdef01456789abcdef0123",
            "0000000000000000",
            b"The qufc".hex(),
            "a826fd8ce53b855f",
        ),
    ],
)
def test_cbc_agrees_with_published_vectors(encryption: Encryption, key: str, iv: str, plain: str, cipher: str) -> None:
    cbc = Cbc(encryption, bytes.fromhex(key), bytes.fromhex(iv))
    assert cbc.encrypt(bytes.fromhex(plain))[0].hex() == cipher
    assert cbc.decrypt(bytes.fromhex(cipher))[0].hex() == plain


KEYS = {(each, bits): bytes(range(bits // 8)) for each, row in CIPHERS.items() for bits in row.key_bits}


@pytest.mark.parametrize(("encryption", "bits"), KEYS)
@given(first=st.binary(min_size=1, max_size=70), second=st.binary(min_size=1, max_size=70))
def test_both_sides_stay_in_step_from_message_to_message(
    encryption: Encryption, bits: int, first: bytes, second: bytes
) -> None:
    sender = receiver = Cbc(encryption, KEYS[encryption, bits], bytes(CIPHERS[encryption].block_size))
    for plain in (first, second):
        data, sender = sender.encrypt(plain)
        assert sender.iv == data[-sender.block_size :]  # RFC 2409 appendix B: the last block is the next IV
        received, receiver = receiver.decrypt(data)
        assert received == plain + bytes(-len(plain) % receiver.block_size)
        assert receiver == sender


@pytest.mark.parametrize("length", [0, 1, 8, 15, 17, 31])
def test_what_is_no_whole_number_of_blocks_is_refused(length: int) -> None:
    with pytest.raises(PayloadMalformed):
        Cbc(AES, bytes(16), bytes(16)).decrypt(bytes(length))


def test_a_cipher_does_not_show_its_key() -> None:
    assert "key" not in repr(Cbc(AES, b"\x5a" * 16, bytes(16)))


@pytest.mark.parametrize(
    ("encryption", "bits", "octets"),
    [(AES, 128, 16), (AES, 192, 24), (AES, 256, 32), (DES3, None, 24), (DES3, 192, 24)],
)
def test_keys_have_the_octets_of_their_bits(encryption: Encryption, bits: int | None, octets: int) -> None:
    assert key_octets(encryption, bits) == octets


@pytest.mark.parametrize(
    ("encryption", "bits"), [(AES, None), (AES, 0), (AES, 64), (AES, 129), (DES3, 128), (Encryption.IDEA_CBC, 128)]
)
def test_keys_that_a_cipher_does_not_take_are_refused(encryption: Encryption, bits: int | None) -> None:
    with pytest.raises(LocalError):
        key_octets(encryption, bits)


@pytest.mark.parametrize(
    ("algorithm", "key", "data", "expected"),
    [
        (HashAlgorithm.MD5, "0b" * 16, b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
        (HashAlgorithm.SHA, "0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
        (
            HashAlgorithm.SHA2_256,
            "0b" * 20,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            HashAlgorithm.SHA2_384,
            "0b" * 20,
            b"Hi There",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
        ),
        (
            HashAlgorithm.SHA2_512,
            "0b" * 20,
            b"Hi There",
            (
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
            ),
        ),
        (HashAlgorithm.MD5, b"Jefe".hex(), b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
        (HashAlgorithm.SHA, b"Jefe".hex(), b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    ],
)
def test_the_prf_is_hmac_of_the_hash(algorithm: HashAlgorithm, key: str, data: bytes, expected: str) -> None:
    assert prf(algorithm, bytes.fromhex(key), data).hex() == expected


@pytest.mark.parametrize("algorithm", sorted(HASHES), ids=str)
def test_a_hash_has_its_length(algorithm: HashAlgorithm) -> None:
    lengths = {"MD5": 16, "SHA": 20, "SHA2_256": 32, "SHA2_384": 48, "SHA2_512": 64}
    assert digest_length(algorithm) == len(digest(algorithm, b"")) == lengths[str(algorithm)]


def test_a_hash_that_we_lack_is_our_own_error() -> None:
    with pytest.raises(LocalError):
        digest(HashAlgorithm.TIGER, b"")
    with pytest.raises(LocalError):
        prf(HashAlgorithm(99), b"", b"")
