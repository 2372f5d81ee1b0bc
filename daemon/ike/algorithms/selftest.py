"""Known answers: each algorithm that can be negotiated is computed once before the daemon talks to anybody.

A library that computes something else than the peer does shows here, and not as an authentication failure in the
field. Where a published vector is short it stands here; the rest of them are in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.ike.algorithms.ciphers import CIPHERS, HASHES, Cbc, cipher_row, prf
from daemon.ike.algorithms.dh import GROUPS, generate
from daemon.ike.errors import LocalError
from daemon.ike.registries import Encryption, Group, HashAlgorithm

# Key, one block of plain text, its ciphertext under an IV of zeros.
_CIPHERS = {
    # NIST SP 800-67, appendix B
    Encryption.DES3_CBC: (
        "0123456789abcdef23456789abcdef01456789abcdef0123",
        b"The qufc".hex(),
        "a826fd8ce53b855f",
    ),
    # B. Schneier's test vectors for Blowfish, the first
    Encryption.BLOWFISH_CBC: ("0000000000000000", "0000000000000000", "4ef997456198dd78"),
    # RFC 2144 appendix B.1
    Encryption.CAST_CBC: ("0123456712345678234567893456789a", "0123456789abcdef", "238b4fe5847e44b2"),
    # FIPS 197 appendix C.1
    Encryption.AES_CBC: (
        "000102030405060708090a0b0c0d0e0f",
        "00112233445566778899aabbccddeeff",
        "69c4e0d86a7b0430d8cdb78070b4c55a",
    ),
}

_KEY, _DATA = b"Jefe", b"what do ya want for nothing?"

# HMAC of _DATA under _KEY, the first 16 octets: RFC 2202 and RFC 4231, test case 2.
_HASHES = {
    HashAlgorithm.MD5: "750c783e6ab0b503eaa86e310a5db738",
    HashAlgorithm.SHA: "effcdf6ae5eb2fa2d27416d5f184df9c",
    HashAlgorithm.SHA2_256: "5bdcc146bf60754e6a042426089575c7",
    HashAlgorithm.SHA2_384: "af45d2e376484031617f78d2b58a6b1b",
    HashAlgorithm.SHA2_512: "164b7a7bfcf819e2e395fbe73b56e0a3",
}

# With randomness that is nothing but 0x5a, the first 16 octets of the public value of a MODP group, whose secrets are
# powers as well, and of the secret of an ECP group when our own public value is the peer's.
_GROUPS = {
    Group.MODP_768: "9534b12e205e4238fb1a733b7981306e",
    Group.MODP_1024: "e33e587017c24023bea33913e2fb811e",
    Group.MODP_1536: "2357188c9e7a4c533ab0fa4b35542182",
    Group.MODP_2048: "6841e25d846139afa7112088a6ef3315",
    Group.MODP_3072: "83f9b7879bc202f5a000de60af0752b9",
    Group.MODP_4096: "75ab0db7c6386037b5a0b567440bc40c",
    Group.MODP_6144: "d040be10e50729614bcef53b5a65c283",
    Group.MODP_8192: "d0432b6d65ad4776b9ef5fcb28c592c6",
    Group.ECP_256: "7cbb39426f45f0065f6b986a239e6f5f",
    Group.ECP_384: "97d53c5c14b5a2f9a88bce1f80265135",
    Group.ECP_521: "002dbac7ffdbef2273bebc424bc287c2",
    Group.ECP_192: "0e0618cd5868e1b846b1b77dea56b9f4",
    Group.ECP_224: "29061368243538370353dd7bd8c03e01",
    Group.BP_256: "2b13f7686cb185ed2ea5b8e62731ad1b",
    Group.BP_384: "4ef4a6ddd48ae7b7aef9611697639a8a",
    Group.BP_512: "29cdda7b02fbe02c46ce118223df2c28",
}


class SelfTestError(LocalError):
    """An algorithm gives another answer than the known one; the text names it."""


def run() -> tuple[str, ...]:
    """Compute each algorithm once, some 40 ms in all; their names. Raises SelfTestError."""
    names = []
    for name, expected, computed in _answers():
        if computed.hex()[: len(expected)] != expected:
            raise SelfTestError(f"self-test: {name} does not give the known answer")
        names.append(name)
    return tuple(names)


def _answers() -> Iterator[tuple[str, str, bytes]]:
    """Name, known answer, computed answer."""
    for encryption in CIPHERS:
        key, plain, block = _CIPHERS[encryption]
        cbc = Cbc(encryption, bytes.fromhex(key), bytes(cipher_row(encryption).block_size))
        encrypted, _ = cbc.encrypt(bytes.fromhex(plain))
        yield str(encryption), block + plain, encrypted + cbc.decrypt(encrypted)[0]
    for algorithm in HASHES:
        yield str(algorithm), _HASHES[algorithm], prf(algorithm, _KEY, _DATA)
    for group in GROUPS:
        pair = generate(group, lambda octets: b"\x5a" * octets)
        modp = str(group).startswith("MODP_")
        yield str(group), _GROUPS[group], pair.public if modp else pair.shared(pair.public)
