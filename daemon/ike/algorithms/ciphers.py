"""Ciphers, hashes and the prf of IKE, by their IANA numbers.

Ciphers are rows of a table; one row more and the cipher is supported in both roles. What this machine's libraries
cannot do (policydb.configuration.primitives) is in no table here: it is not offered, and not accepted.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC

from daemon.ike.errors import LocalError, PayloadMalformed
from daemon.ike.registries import Encryption, HashAlgorithm
from policydb.configuration import primitives

_HASHES = {
    HashAlgorithm.from_text(word): name for word, name in primitives.HASHES.items() if not primitives.lacking(word)
}

HASHES = frozenset(_HASHES)
"""The hash algorithms that phase 1 can use."""


def digest(algorithm: HashAlgorithm, data: bytes) -> bytes:
    """The hash of `data`. Raises LocalError for an algorithm outside HASHES."""
    return hashlib.new(_name(algorithm), data, usedforsecurity=False).digest()


def digest_length(algorithm: HashAlgorithm) -> int:
    """The length of a hash, and of the prf's output, in octets."""
    return hashlib.new(_name(algorithm), usedforsecurity=False).digest_size


def prf(algorithm: HashAlgorithm, key: bytes, data: bytes) -> bytes:
    """The pseudo-random function: HMAC of the negotiated hash (RFC 2409 section 4)."""
    return hmac.digest(key, data, _name(algorithm))


def _name(algorithm: HashAlgorithm) -> str:
    try:
        return _HASHES[algorithm]
    except KeyError:
        raise LocalError(f"hash algorithm {algorithm} is not supported") from None


@dataclass(frozen=True, slots=True)
class CipherRow:
    """A block cipher in CBC mode, its block in octets, its keys in bits.

    `key_bits` can be negotiated; `default_bits` is the length without KEY_LENGTH, None where that must be there.
    """

    block_size: int
    key_bits: Sequence[int]
    default_bits: int | None

    def takes(self, key_length: int | None) -> bool:
        """Whether an offer with this KEY_LENGTH can be accepted; one length alone is never named (RFC 2409, app. A)."""
        if key_length is None:
            return self.default_bits is not None
        return len(self.key_bits) > 1 and key_length in self.key_bits


_ROWS = {
    Encryption.DES3_CBC: CipherRow(8, (192,), 192),
    Encryption.BLOWFISH_CBC: CipherRow(8, range(40, 449, 8), 448),
    Encryption.CAST_CBC: CipherRow(8, range(40, 129, 8), 128),
    Encryption.AES_CBC: CipherRow(16, (128, 192, 256), None),
}

CIPHERS = {each: row for each, row in _ROWS.items() if not primitives.lacking(str(each))}
"""What phase 1 can encrypt with (RFC 2451, RFC 3602); lengths without KEY_LENGTH are those of RFC 2409 appendix B."""


def cipher_row(encryption: Encryption) -> CipherRow:
    """The row of a cipher. Raises LocalError where we lack it."""
    try:
        return CIPHERS[encryption]
    except KeyError:
        raise LocalError(f"encryption algorithm {encryption} is not supported") from None


def key_octets(encryption: Encryption, key_length: int | None) -> int:
    """The octets of key that a cipher takes; `key_length` in bits, None where it was not negotiated."""
    row = cipher_row(encryption)
    bits = row.default_bits if key_length is None else key_length
    if bits is None or bits not in row.key_bits:
        raise LocalError(f"{encryption} does not take a key of {bits} bits")
    return bits // 8


@dataclass(frozen=True, slots=True)
class Cbc:
    """A cipher with its key and the IV for the next message; each use returns the Cbc for the message after.

    The IV is chained: the last block of ciphertext is the next IV (RFC 2409 appendix B).
    """

    encryption: Encryption
    key: bytes = field(repr=False)
    iv: bytes

    @property
    def block_size(self) -> int:
        """The cipher's block, and so the IV's length, in octets."""
        return cipher_row(self.encryption).block_size

    def encrypt(self, plain: bytes) -> tuple[bytes, Cbc]:
        """The ciphertext of `plain`, padded with zero octets to the next block, and the cipher that follows."""
        encryptor = self._cipher().encryptor()
        padded = plain + bytes(-len(plain) % self.block_size)
        data = encryptor.update(padded) + encryptor.finalize()
        return data, self._after(data)

    def decrypt(self, data: bytes) -> tuple[bytes, Cbc]:
        """The plain octets with whatever padding they have, and the cipher that follows.

        Raises PayloadMalformed where `data` is not a positive number of blocks.
        """
        if not data or len(data) % self.block_size:
            raise PayloadMalformed(f"message_recv: {len(data)} encrypted octets are no whole number of blocks")
        decryptor = self._cipher().decryptor()
        return decryptor.update(data) + decryptor.finalize(), self._after(data)

    def _cipher(self) -> Cipher[CBC]:
        return Cipher(primitives.block_cipher(str(self.encryption))(self.key), CBC(self.iv))

    def _after(self, data: bytes) -> Cbc:
        return Cbc(self.encryption, self.key, data[-self.block_size :] if data else self.iv)
