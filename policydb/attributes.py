"""The closed vocabulary of action attributes that an IPsec negotiation gives to policy (isakmpd.policy(5)), one table.

The daemon fills these and no others, lint and `explain` suggest from them. Values are always strings in KeyNote;
`kind` says how a policy should compare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

APP_DOMAIN = "IPsec policy"
"""The value of app_domain that says: these attributes are meant."""

RESERVED = frozenset({"_MIN_TRUST", "_MAX_TRUST", "_VALUES", "_ACTION_AUTHORIZERS"})
"""KeyNote's own attributes (RFC 2704 section 4.2); _0, _1, ... belong to ~= and are reserved too."""

PROTECTED = frozenset({"app_domain", "doi"})
"""Attributes that name the application: nobody can change them, so no advice may ask for it."""


NO_LIMIT = "99999999999999999999"
"""The lifetime in kilobytes of an SA that has no such limit: a value that no upper bound allows.

As text it is greater than every number of fewer digits, as a float greater than all of those. `@` cannot read it, and
what cannot be read makes a clause false. "0", as of a protocol that is not negotiated, would be below every bound.
"""


class Kind(StrEnum):
    """How a value is to be read: WORD from a closed list, decimal NUMBER, zero-padded ADDRESS, 14-digit TIME, TEXT."""

    WORD = "word"
    NUMBER = "number"
    ADDRESS = "address"
    TIME = "time"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ActionAttribute:
    """One row. `values`: all there are for a WORD, else the usual ones; `source`: what the daemon takes it from."""

    name: str
    kind: Kind
    values: tuple[str, ...]
    source: str


_YES_NO = ("yes", "no")
_AUTHENTICATION = (
    *("hmac-md5", "hmac-sha", "des-mac", "kpdk"),
    *("hmac-sha2-256", "hmac-sha2-384", "hmac-sha2-512", "hmac-ripemd"),
)

ESP_CIPHERS: Mapping[str, str] = {
    "DES": "des",
    "DES_IV64": "des-iv64",
    "3DES": "3des",
    "RC4": "rc4",
    "RC5": "rc5",
    "IDEA": "idea",
    "CAST": "cast",
    "BLOWFISH": "blowfish",
    "3IDEA": "3idea",
    "DES_IV32": "des-iv32",
    "NULL": "null",
    "AES": "aes",
    "AES_CTR": "aes",
    "AES_GCM_16": "aes",
    "AES_GMAC": "null",
}
"""TRANSFORM_ID of isakmpd.conf(5) -> esp_enc_alg. GMAC authenticates and encrypts nothing (RFC 4543): it is no aes."""

_ENCRYPTION = tuple(dict.fromkeys(ESP_CIPHERS.values()))
_HASHES = ("md5", "sha", "des", "ripemd", "sha2-256", "sha2-384", "sha2-512")
_COMPRESSION = ("oui", "deflate", "lzs", "v42bis")
_ENCAPSULATION = ("tunnel", "transport", "udp-encap-tunnel")
_GROUPS = tuple(str(each) for each in (1, 2, 3, 4, 5, *range(14, 22), *range(25, 31)))
_ADDRESS_TYPES = ("IPv4 address", "IPv4 range", "IPv4 subnet", "IPv6 address", "IPv6 range", "IPv6 subnet")
_ID_TYPES = (*_ADDRESS_TYPES, "FQDN", "User FQDN", "ASN1 DN", "ASN1 GN", "Key ID")
_PROTOCOLS = ("tcp", "udp", "etherip", "0")

_AH, _ESP, _COMP = "AH transform", "ESP transform", "IPCOMP transform"
_PHASE1, _PHASE2 = "phase 1 SA", "quick mode"
_REMOTE_ID = "peer's phase 1 identity"
_REMOTE, _LOCAL = "peer's quick mode identity", "our quick mode identity"
_ENDPOINT, _CLOCK = "IKE end point", "clock"
_WORD, _NUMBER, _ADDRESS, _TIME, _TEXT = Kind.WORD, Kind.NUMBER, Kind.ADDRESS, Kind.TIME, Kind.TEXT

_ROWS: tuple[tuple[str, Kind, tuple[str, ...], str], ...] = (
    ("app_domain", _WORD, (APP_DOMAIN,), "always"),
    ("doi", _WORD, ("ipsec",), "always"),
    ("initiator", _WORD, _YES_NO, _PHASE2),
    ("phase_1", _WORD, ("main", "aggressive"), _PHASE1),
    ("phase1_group_desc", _NUMBER, _GROUPS, _PHASE1),
    ("pfs", _WORD, _YES_NO, _PHASE2),
    ("ah_present", _WORD, _YES_NO, _AH),
    ("esp_present", _WORD, _YES_NO, _ESP),
    ("comp_present", _WORD, _YES_NO, _COMP),
    ("ah_hash_alg", _WORD, _HASHES, _AH),
    ("ah_auth_alg", _WORD, _AUTHENTICATION, _AH),
    ("esp_auth_alg", _WORD, _AUTHENTICATION, _ESP),
    ("esp_enc_alg", _WORD, _ENCRYPTION, _ESP),
    ("comp_alg", _WORD, _COMPRESSION, _COMP),
    ("ah_encapsulation", _WORD, _ENCAPSULATION, _AH),
    ("esp_encapsulation", _WORD, _ENCAPSULATION, _ESP),
    ("comp_encapsulation", _WORD, _ENCAPSULATION, _COMP),
    ("ah_ecn", _WORD, _YES_NO, _AH),
    ("esp_ecn", _WORD, _YES_NO, _ESP),
    ("comp_ecn", _WORD, _YES_NO, _COMP),
    ("ah_group_desc", _NUMBER, _GROUPS, _AH),
    ("esp_group_desc", _NUMBER, _GROUPS, _ESP),
    ("comp_group_desc", _NUMBER, _GROUPS, _COMP),
    ("ah_life_seconds", _NUMBER, (), _AH),
    ("esp_life_seconds", _NUMBER, (), _ESP),
    ("comp_life_seconds", _NUMBER, (), _COMP),
    ("ah_life_kbytes", _NUMBER, (), _AH),
    ("esp_life_kbytes", _NUMBER, (), _ESP),
    ("comp_life_kbytes", _NUMBER, (), _COMP),
    ("ah_key_length", _NUMBER, (), _AH),
    ("esp_key_length", _NUMBER, ("128", "192", "256"), _ESP),
    ("ah_key_rounds", _NUMBER, (), _AH),
    ("esp_key_rounds", _NUMBER, (), _ESP),
    ("comp_dict_size", _NUMBER, (), _COMP),
    ("comp_private_alg", _NUMBER, (), _COMP),
    ("remote_id_type", _WORD, _ID_TYPES, _REMOTE_ID),
    ("remote_id", _TEXT, (), _REMOTE_ID),
    ("remote_id_addr_lower", _ADDRESS, (), _REMOTE_ID),
    ("remote_id_addr_upper", _ADDRESS, (), _REMOTE_ID),
    ("remote_id_port", _NUMBER, (), _REMOTE_ID),
    ("remote_id_proto", _TEXT, _PROTOCOLS, _REMOTE_ID),
    ("remote_filter_type", _WORD, _ID_TYPES, _REMOTE),
    ("remote_filter", _TEXT, (), _REMOTE),
    ("remote_filter_addr_lower", _ADDRESS, (), _REMOTE),
    ("remote_filter_addr_upper", _ADDRESS, (), _REMOTE),
    ("remote_filter_port", _NUMBER, (), _REMOTE),
    ("remote_filter_proto", _TEXT, _PROTOCOLS, _REMOTE),
    ("local_filter_type", _WORD, _ID_TYPES, _LOCAL),
    ("local_filter", _TEXT, (), _LOCAL),
    ("local_filter_addr_lower", _ADDRESS, (), _LOCAL),
    ("local_filter_addr_upper", _ADDRESS, (), _LOCAL),
    ("local_filter_port", _NUMBER, (), _LOCAL),
    ("local_filter_proto", _TEXT, _PROTOCOLS, _LOCAL),
    ("remote_negotiation_address", _ADDRESS, (), _ENDPOINT),
    ("local_negotiation_address", _ADDRESS, (), _ENDPOINT),
    ("remote_ike_address", _ADDRESS, (), _ENDPOINT),
    ("local_ike_address", _ADDRESS, (), _ENDPOINT),
    ("GMTTimeOfDay", _TIME, (), _CLOCK),
    ("LocalTimeOfDay", _TIME, (), _CLOCK),
)

VOCABULARY: dict[str, ActionAttribute] = {row[0]: ActionAttribute(*row) for row in _ROWS}
"""Every attribute by its name, in the order of the manual."""


def is_reserved(name: str) -> bool:
    """Whether KeyNote keeps the name for itself: it starts with `_` (RFC 2704 section 4.2)."""
    return name.startswith("_")


_LONGEST_WORD = 64
"""Longer words are near to nothing: comparing them costs the square of their length."""


def suggest(word: str, among: tuple[str, ...] = ()) -> str | None:
    """The nearest word of the vocabulary (or of `among`), None where nothing is near."""
    from difflib import get_close_matches  # only where something is wrong already

    if len(word) > _LONGEST_WORD:
        return None
    candidates = among or tuple(VOCABULARY)
    by_folded = {each.lower(): each for each in candidates}
    close = get_close_matches(word.lower(), by_folded, n=1, cutoff=0.75)
    return by_folded[close[0]] if close else None


def zero_padded(address: str | IPv4Address | IPv6Address) -> str:
    """An address in the form in which string order is address order.

    IPv4: every octet with three digits (`010.128.001.012`); IPv6: eight groups of four lower-case digits, a zone is
    left out. Raises ValueError for a text that is no address.
    """
    parsed = ip_address(address) if isinstance(address, str) else address
    if isinstance(parsed, IPv4Address):
        return "{:03d}.{:03d}.{:03d}.{:03d}".format(*parsed.packed)
    digits = f"{int(parsed):032x}"
    return ":".join(digits[start : start + 4] for start in range(0, 32, 4))
