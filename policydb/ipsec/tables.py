"""The algorithms of ipsec.conf(5): their names in the order in which abbreviations find them, and what each becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Cipher(NamedTuple):
    """An `enc`: its values in isakmpd.conf for either phase, None where it has none there.

    `key_length` is KEY_LENGTH in bits as isakmpd.conf(5) writes it, None for ciphers with one length. `implicit`: it
    protects integrity itself. `key_octets`: the least and the most of a static key, None where none may be used.
    """

    phase_1: str | None = None
    phase_2: str | None = None
    key_length: str | None = None
    implicit: bool = False
    key_octets: tuple[int, int] | None = None


class Hash(NamedTuple):
    """An `auth`: HASH_ALGORITHM, the hash of phase 2 without its HMAC_, and the octets of a static key."""

    phase_1: str | None = None
    phase_2: str | None = None
    key_octets: int = 0


def _fixed(bits: int) -> str:
    return f"{bits},{bits}:{bits}"


_AES_RANGE = "128,128:256"
_NONE: Mapping[str, Cipher] = {"unknown": Cipher(), "none": Cipher(key_octets=(0, 0))}

CIPHERS: Mapping[str, Cipher] = {
    **_NONE,
    "3des-cbc": Cipher("3DES", "3DES", key_octets=(24, 24)),
    "aes": Cipher("AES", "AES", _AES_RANGE, key_octets=(16, 32)),
    **{
        f"aes-{bits}": Cipher("AES", "AES", _fixed(bits), key_octets=(bits // 8, bits // 8)) for bits in (128, 192, 256)
    },
    "aesctr": Cipher(None, "AES_CTR", _fixed(128)),
    **{f"aes-{bits}-ctr": Cipher(None, "AES_CTR", _fixed(bits)) for bits in (128, 192, 256)},
    **{f"aes-{bits}-gcm": Cipher(None, "AES_GCM_16", _fixed(bits), implicit=True) for bits in (128, 192, 256)},
    **{f"aes-{bits}-gmac": Cipher(None, "AES_GMAC", _fixed(bits), implicit=True) for bits in (128, 192, 256)},
    "blowfish": Cipher("BLOWFISH", "BLOWFISH", "128,96:192", key_octets=(5, 56)),
    "cast128": Cipher("CAST", "CAST", key_octets=(5, 16)),
    "chacha20-poly1305": Cipher(implicit=True),
    "null": Cipher(None, "NULL", key_octets=(0, 0)),
}
"""Names of `enc`, those that may be used with static keys having `key_octets`."""

HASHES: Mapping[str, Hash] = {
    "unknown": Hash(),
    "none": Hash(),
    "hmac-md5": Hash("MD5", "MD5", 16),
    "hmac-ripemd160": Hash(None, "RIPEMD", 20),
    "hmac-sha1": Hash("SHA", "SHA", 20),
    "hmac-sha2-256": Hash("SHA2_256", "SHA2_256", 32),
    "hmac-sha2-384": Hash("SHA2_384", "SHA2_384", 48),
    "hmac-sha2-512": Hash("SHA2_512", "SHA2_512", 64),
}
"""Names of `auth`."""

COMPRESSIONS: Sequence[str] = ("unknown", "deflate")

_GROUPS = (
    ("modp768", 1, "MODP_768"),
    ("modp1024", 2, "MODP_1024"),
    ("modp1536", 5, "MODP_1536"),
    ("modp2048", 14, "MODP_2048"),
    ("modp3072", 15, "MODP_3072"),
    ("modp4096", 16, "MODP_4096"),
    ("modp6144", 17, "MODP_6144"),
    ("modp8192", 18, "MODP_8192"),
    ("ecp256", 19, "ECP_256"),
    ("ecp384", 20, "ECP_384"),
    ("ecp521", 21, "ECP_521"),
    ("ecp224", 26, "ECP_224"),
    ("bp224", 27, "BP_224"),
    ("bp256", 28, "BP_256"),
    ("bp384", 29, "BP_384"),
    ("bp512", 30, "BP_512"),
)
GROUPS: Mapping[str, str | None] = {
    "unknown": None,
    "none": None,
    **{name: value for word, number, value in _GROUPS for name in (word, f"grp{number}")},
}
"""Names of `group` and their GROUP_DESCRIPTION."""

GROUP_NUMBERS: Mapping[str, int] = {value: number for _, number, value in _GROUPS}
"""GROUP_DESCRIPTION to the number that a negotiation sends."""

DEFAULT_GROUP = "modp3072"
DEFAULT_CIPHER = "aes"
DEFAULT_MAIN_HASH = "hmac-sha1"
DEFAULT_QUICK_HASH = "hmac-sha2-256"

TRANSFORMS: Mapping[str, Sequence[str]] = {
    "auth": tuple(HASHES),
    "enc": tuple(CIPHERS),
    "comp": COMPRESSIONS,
    "group": tuple(GROUPS),
}
"""The names behind each keyword, in their order."""


def complete(kind: str, text: str) -> str | None:
    """The first name of that kind that begins with the text (ipsec.conf(5) allows abbreviations); None: none does."""
    return next((name for name in TRANSFORMS[kind] if name.startswith(text)), None)
