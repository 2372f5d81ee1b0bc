"""Key derivation and the HASH computations of RFC 2409: pure functions over octets.

Public values, nonces and cookies are octets without payload headers; `message_id` is the header's number; `rest` is
what follows the HASH payload in a message, generic headers included, padding not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.ike.algorithms.ciphers import Cbc, cipher_row, digest, key_octets, prf
from daemon.ike.registries import Encryption, HashAlgorithm, Protocol


@dataclass(frozen=True, slots=True)
class Phase1Keys:
    """What phase 1 leaves behind: the keys of RFC 2409 section 5 and the cipher's key (appendix B)."""

    hash: HashAlgorithm
    encryption: Encryption
    skeyid: bytes = field(repr=False)
    skeyid_d: bytes = field(repr=False)
    skeyid_a: bytes = field(repr=False)
    skeyid_e: bytes = field(repr=False)
    cipher_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProofKeys:
    """What HASH_I and HASH_R are made with; a pre-shared key gives it before g^xy is known."""

    hash: HashAlgorithm
    skeyid: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What both sides of phase 1 said, for HASH_I and HASH_R; `sa_i` is the body of the initiator's SA payload."""

    initiator_cookie: bytes
    responder_cookie: bytes
    public_i: bytes
    public_r: bytes
    sa_i: bytes


def skeyid_preshared(algorithm: HashAlgorithm, secret: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes:
    """SKEYID for pre-shared keys: prf(pre-shared-key, Ni_b | Nr_b)."""
    return prf(algorithm, secret, nonce_i + nonce_r)


def skeyid_signature(algorithm: HashAlgorithm, shared: bytes, nonce_i: bytes, nonce_r: bytes) -> bytes:
    """SKEYID for signatures: prf(Ni_b | Nr_b, g^xy)."""
    return prf(algorithm, nonce_i + nonce_r, shared)


def phase1_keys(
    algorithm: HashAlgorithm,
    encryption: Encryption,
    key_length: int | None,
    *,
    skeyid: bytes,
    shared: bytes,
    cookies: bytes,
) -> Phase1Keys:
    """SKEYID_d, _a, _e and the cipher's key from SKEYID, g^xy and CKY-I | CKY-R (RFC 2409 section 5).

    `key_length` in bits, None where the cipher's is fixed. Raises LocalError for an algorithm that we lack.
    """
    tail = shared + cookies
    skeyid_d = prf(algorithm, skeyid, tail + b"\0")
    skeyid_a = prf(algorithm, skeyid, skeyid_d + tail + b"\1")
    skeyid_e = prf(algorithm, skeyid, skeyid_a + tail + b"\2")
    cipher_key = expand_key(algorithm, skeyid_e, key_octets(encryption, key_length))
    return Phase1Keys(algorithm, encryption, skeyid, skeyid_d, skeyid_a, skeyid_e, cipher_key)


def expand_key(algorithm: HashAlgorithm, skeyid_e: bytes, octets: int) -> bytes:
    """The cipher's key: SKEYID_e cut, or Ka where it is too short (RFC 2409 appendix B)."""
    if octets <= len(skeyid_e):
        return skeyid_e[:octets]
    block = prf(algorithm, skeyid_e, b"\0")
    key = block
    while len(key) < octets:
        block = prf(algorithm, skeyid_e, block)
        key += block
    return key[:octets]


def phase1_cipher(keys: Phase1Keys, public_i: bytes, public_r: bytes) -> Cbc:
    """The cipher for main mode's message 5: its IV is the hash of both public values (RFC 2409 appendix B)."""
    return _cipher(keys, public_i + public_r)


def phase2_cipher(keys: Phase1Keys, last_block: bytes, message_id: int) -> Cbc:
    """The cipher for a phase 2 exchange: `last_block` is the last ciphertext block of phase 1 (appendix B)."""
    return _cipher(keys, last_block + message_id.to_bytes(4))


def _cipher(keys: Phase1Keys, seed: bytes) -> Cbc:
    block_size = cipher_row(keys.encryption).block_size
    return Cbc(keys.encryption, keys.cipher_key, digest(keys.hash, seed)[:block_size])


# --- authentication -----------------------------------------------------------------------------------------------


def hash_i(keys: Phase1Keys | ProofKeys, spoken: Transcript, id_i: bytes) -> bytes:
    """HASH_I; `id_i` is the body of the initiator's ID payload (RFC 2409 section 5)."""
    publics = spoken.public_i + spoken.public_r
    cookies = spoken.initiator_cookie + spoken.responder_cookie
    return prf(keys.hash, keys.skeyid, publics + cookies + spoken.sa_i + id_i)


def hash_r(keys: Phase1Keys | ProofKeys, spoken: Transcript, id_r: bytes) -> bytes:
    """HASH_R; `id_r` is the body of the responder's ID payload. The SA is the initiator's here too."""
    publics = spoken.public_r + spoken.public_i
    cookies = spoken.responder_cookie + spoken.initiator_cookie
    return prf(keys.hash, keys.skeyid, publics + cookies + spoken.sa_i + id_r)


def quick_hash1(keys: Phase1Keys, message_id: int, rest: bytes) -> bytes:
    """HASH(1) of quick mode (RFC 2409 section 5.5)."""
    return prf(keys.hash, keys.skeyid_a, message_id.to_bytes(4) + rest)


def quick_hash2(keys: Phase1Keys, message_id: int, nonce_i: bytes, rest: bytes) -> bytes:
    """HASH(2) of quick mode."""
    return prf(keys.hash, keys.skeyid_a, message_id.to_bytes(4) + nonce_i + rest)


def quick_hash3(keys: Phase1Keys, message_id: int, nonce_i: bytes, nonce_r: bytes) -> bytes:
    """HASH(3) of quick mode."""
    return prf(keys.hash, keys.skeyid_a, b"\0" + message_id.to_bytes(4) + nonce_i + nonce_r)


def informational_hash(keys: Phase1Keys, message_id: int, rest: bytes) -> bytes:
    """HASH(1) of an informational exchange (RFC 2409 section 5.7), the same form as quick mode's."""
    return quick_hash1(keys, message_id, rest)


# --- phase 2 ------------------------------------------------------------------------------------------------------


def keymat(
    keys: Phase1Keys, protocol: Protocol, spi: bytes, *, nonces: bytes, octets: int, shared: bytes = b""
) -> bytes:
    """`octets` of KEYMAT for the SA with this SPI (RFC 2409 section 5.5).

    `nonces` is Ni_b | Nr_b of the quick mode, `shared` its g^xy with PFS. The encryption key comes first, then the
    authentication key (RFC 2407 section 4.4).
    """
    seed = shared + bytes([protocol]) + spi + nonces
    material = block = prf(keys.hash, keys.skeyid_d, seed)
    while len(material) < octets:
        block = prf(keys.hash, keys.skeyid_d, block + seed)
        material += block
    return material[:octets]
