"""What the daemon computes phase 1 and PFS with, by the words of isakmpd.conf(5), and whether that is there.

The compiler asks here, so that an algorithm that the installed `cryptography` lacks is an error in a file and not in a
negotiation; the protocol core takes its ciphers and curves from here. Classes are found by name: the old ciphers stand
among the library's decrepit ones, and may be gone one day. Imports are late: most configurations need none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurve
    from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm

_CURRENT = "cryptography.hazmat.primitives.ciphers.algorithms"
_EC = "cryptography.hazmat.primitives.asymmetric.ec"
_DECREPIT = "cryptography.hazmat.decrepit.ciphers.algorithms"

# Word -> module, class, a length of key in octets that it takes.
_BLOCK_CIPHERS: Mapping[str, tuple[str, str, int]] = {
    "AES_CBC": (_CURRENT, "AES", 16),
    "3DES_CBC": (_DECREPIT, "TripleDES", 24),
    "BLOWFISH_CBC": (_DECREPIT, "Blowfish", 16),
    "CAST_CBC": (_DECREPIT, "CAST5", 16),
}
_CURVES: Mapping[str, str] = {
    "ECP_192": "SECP192R1",
    "ECP_224": "SECP224R1",
    "ECP_256": "SECP256R1",
    "ECP_384": "SECP384R1",
    "ECP_521": "SECP521R1",
    "BP_256": "BrainpoolP256R1",
    "BP_384": "BrainpoolP384R1",
    "BP_512": "BrainpoolP512R1",
}
HASHES: Mapping[str, str] = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA2_256": "sha256",
    "SHA2_384": "sha384",
    "SHA2_512": "sha512",
}
"""HASH_ALGORITHM -> hashlib's name."""

_CERTAIN = frozenset({"AES_CBC", "ECP_256"})
"""What every version has; not asking saves the imports, 20 ms, for most configurations."""


class LackingError(Exception):
    """An algorithm is not to be had here; the text says why."""


@cache
def block_cipher(word: str) -> Callable[[bytes], BlockCipherAlgorithm]:
    """The class of a cipher: key -> algorithm. Raises LackingError."""
    if word not in _BLOCK_CIPHERS:
        raise LackingError("no such cipher is implemented")
    module, name, _ = _BLOCK_CIPHERS[word]
    found: Callable[[bytes], BlockCipherAlgorithm] = _found(module, name)
    return found


@cache
def curve(word: str) -> EllipticCurve:
    """The curve of an ECP or brainpool group. Raises LackingError."""
    if word not in _CURVES:
        raise LackingError("the cryptography package has no such curve")
    made: EllipticCurve = _found(_EC, _CURVES[word])()
    return made


def _found(module: str, name: str) -> Any:  # noqa: ANN401 - a class, of whatever kind its table says
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        raise LackingError(f"the installed cryptography package has no {name} any more") from None
    return found


@cache
def lacking(word: str) -> str:
    """Why an ENCRYPTION_ALGORITHM, HASH_ALGORITHM or GROUP_DESCRIPTION cannot be used here; "" where it can.

    Each is tried: that a class exists does not say that OpenSSL underneath still does the algorithm.
    """
    if word in _CERTAIN or word.startswith("MODP_"):  # those are arithmetic
        return ""
    try:
        if word in HASHES:
            _try_hash(HASHES[word])
        elif word.startswith(("ECP_", "BP_", "EC2N_")):
            _try_curve(curve(word))
        else:
            _try_cipher(block_cipher(word)(bytes(_BLOCK_CIPHERS[word][2])))
    except LackingError as reason:
        return str(reason)
    return ""


def _try_hash(name: str) -> None:
    try:
        hashlib.new(name, usedforsecurity=False)
    except ValueError as error:
        raise LackingError(f"this Python's hashlib has no {name}") from error


def _try_curve(chosen: EllipticCurve) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import derive_private_key

    try:
        derive_private_key(1, chosen)
    except UnsupportedAlgorithm as error:
        raise LackingError(f"the OpenSSL under the cryptography package has no curve {chosen.name}") from error


def _try_cipher(algorithm: BlockCipherAlgorithm) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    try:
        Cipher(algorithm, CBC(bytes(algorithm.block_size // 8))).encryptor()
    except UnsupportedAlgorithm as error:
        raise LackingError(f"the OpenSSL under the cryptography package has no {algorithm.name} in CBC mode") from error
