"""Ciphers, hashes and the prf against published vectors, each with its source.

For a bare MD5, SHA-1 or SHA-2 the vectors are those of RFC 1321, RFC 3174 and FIPS 180-4: comparing with hashlib would
prove nothing, for that is what is called.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ike.algorithms.ciphers import CIPHERS, HASHES, Cbc, digest, digest_length, key_octets, prf
from daemon.ike.errors import LocalError, PayloadMalformed
from daemon.ike.registries import Encryption, HashAlgorithm

AES, DES3 = Encryption.AES_CBC, Encryption.DES3_CBC
BLOWFISH, CAST = Encryption.BLOWFISH_CBC, Encryption.CAST_CBC
EXTREMES = {3: (40, 128, 448), 6: (40, 80, 128)}


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
        (  # RFC 3602 section 4, case 3
            AES,
            "6c3ea0477630ce21a2ce334aa746c2cd",
            "c782dc4c098c66cbd9cd27d825682c81",
            b"This is a 48-byte message (exactly 3 AES blocks)".hex(),
            ("d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d83ba2684"),
        ),
        (  # RFC 3602 section 4, case 4
            AES,
            "56e47a38c5598974bc46903dba290349",
            "8ce82eefbea0da3c44699ed7db51b7d9",
            bytes(range(0xA0, 0xE0)).hex(),
            (
                "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e"
                "35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55"
            ),
        ),
        (  # NIST SP 800-38A appendix F.2.3, the first two blocks
            AES,
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            "000102030405060708090a0b0c0d0e0f",
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
        ),
        (  # NIST SP 800-38A appendix F.2.5, the first two blocks
            AES,
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "000102030405060708090a0b0c0d0e0f",
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
        ),
        (  # E. Young's CBC vector, published with B. Schneier's vectors for Blowfish
            BLOWFISH,
            "0123456789abcdeff0e1d2c3b4a59687",
            "fedcba9876543210",
            b"7654321 Now is the time for \0\0\0\0".hex(),
            "6b77b4d63006dee605b156e27403979358deb9e7154616d959f1652bd5ff92cc",
        ),
        *(  # B. Schneier's vectors for Blowfish: one block, which a zero IV leaves as it is; 64-bit keys
            (BLOWFISH, key, "0000000000000000", plain, cipher)
            for key, plain, cipher in (
                ("ffffffffffffffff", "ffffffffffffffff", "51866fd5b85ecb8a"),
                ("3000000000000000", "1000000000000001", "7d856f9a613063f2"),
                ("fedcba9876543210", "0123456789abcdef", "0aceab0fc6a0a28d"),
                ("7ca110454a1a6e57", "01a1d6d039776742", "59c68245eb05282b"),
            )
        ),
        *(  # RFC 2144 appendix B.1: keys of 128, 80 and 40 bits, the shorter ones with 12 rounds
            (CAST, key, "0000000000000000", "0123456789abcdef", cipher)
            for key, cipher in (
                ("0123456712345678234567893456789a", "238b4fe5847e44b2"),
                ("01234567123456782345", "eb6a711a2c02271b"),
                ("0123456712", "7ac816d16e9b302e"),
            )
        ),
    ],
)
def test_cbc_agrees_with_published_vectors(encryption: Encryption, key: str, iv: str, plain: str, cipher: str) -> None:
    cbc = Cbc(encryption, bytes.fromhex(key), bytes.fromhex(iv))
    assert cbc.encrypt(bytes.fromhex(plain))[0].hex() == cipher
    assert cbc.decrypt(bytes.fromhex(cipher))[0].hex() == plain


KEYS = {
    (each, bits): bytes(range(bits // 8))
    for each, row in CIPHERS.items()
    for bits in EXTREMES.get(int(each), row.key_bits)
}


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
    [
        *((AES, 128, 16), (AES, 192, 24), (AES, 256, 32), (DES3, None, 24), (DES3, 192, 24)),
        # RFC 2409 appendix B: Blowfish takes 56 octets and CAST 16 where no length was negotiated
        *((BLOWFISH, None, 56), (BLOWFISH, 128, 16), (BLOWFISH, 448, 56), (CAST, None, 16), (CAST, 40, 5)),
    ],
)
def test_keys_have_the_octets_of_their_bits(encryption: Encryption, bits: int | None, octets: int) -> None:
    assert key_octets(encryption, bits) == octets


@pytest.mark.parametrize(
    ("encryption", "bits"),
    [
        (AES, None),
        (AES, 0),
        (AES, 64),
        (AES, 129),
        (DES3, 128),
        (Encryption.IDEA_CBC, 128),
        (BLOWFISH, 32),
        (CAST, 136),
    ],
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
        *(  # RFC 2202 section 2 and 3, cases 3 and 6
            (HashAlgorithm.MD5, key, data, expected)
            for key, data, expected in (
                ("aa" * 16, b"\xdd" * 50, "56be34521d144c88dbb8c733f0e8b3f6"),
                (
                    "aa" * 80,
                    b"Test Using Larger Than Block-Size Key - Hash Key First",
                    "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
                ),
            )
        ),
        *(
            (HashAlgorithm.SHA, key, data, expected)
            for key, data, expected in (
                ("aa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
                (
                    "aa" * 80,
                    b"Test Using Larger Than Block-Size Key - Hash Key First",
                    "aa4ae5e15272d00e95705637ce8a3b55ed402112",
                ),
            )
        ),
        *(  # RFC 4231 section 4.7, case 6: a key longer than the block
            (algorithm, "aa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First", expected)
            for algorithm, expected in (
                (HashAlgorithm.SHA2_256, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
                (
                    HashAlgorithm.SHA2_384,
                    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
                ),
                (
                    HashAlgorithm.SHA2_512,
                    (
                        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                        "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
                    ),
                ),
            )
        ),
        (HashAlgorithm.MD5, b"Jefe".hex(), b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
        (HashAlgorithm.SHA, b"Jefe".hex(), b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    ],
)
def test_the_prf_is_hmac_of_the_hash(algorithm: HashAlgorithm, key: str, data: bytes, expected: str) -> None:
    assert prf(algorithm, bytes.fromhex(key), data).hex() == expected


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (HashAlgorithm.MD5, "900150983cd24fb0d6963f7d28e17f72"),  # RFC 1321 appendix A.5
        (HashAlgorithm.SHA, "a9993e364706816aba3e25717850c26c9cd0d89d"),  # RFC 3174 section 7.3
        # FIPS 180-4, the examples that NIST publishes with it
        (HashAlgorithm.SHA2_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            HashAlgorithm.SHA2_384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            HashAlgorithm.SHA2_512,
            (
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
        ),
    ],
)
def test_a_hash_of_abc_is_the_published_one(algorithm: HashAlgorithm, expected: str) -> None:
    assert digest(algorithm, b"abc").hex() == expected


@pytest.mark.parametrize("algorithm", sorted(HASHES), ids=str)
def test_a_hash_has_its_length(algorithm: HashAlgorithm) -> None:
    lengths = {"MD5": 16, "SHA": 20, "SHA2_256": 32, "SHA2_384": 48, "SHA2_512": 64}
    assert digest_length(algorithm) == len(digest(algorithm, b"")) == lengths[str(algorithm)]


def test_a_hash_that_we_lack_is_our_own_error() -> None:
    with pytest.raises(LocalError):
        digest(HashAlgorithm.TIGER, b"")
    with pytest.raises(LocalError):
        prf(HashAlgorithm(99), b"", b"")
