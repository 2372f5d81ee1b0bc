"""The words of isakmpd.conf(5): which tags a section may hold, which values a tag may have, what we say about each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a section is, by who refers to it; the values are how messages call it."""

    GENERAL = "the [General] section"
    PHASE_1 = "the [Phase 1] section"
    PHASE_2 = "the [Phase 2] section"
    KEYNOTE = "the [KeyNote] section"
    X509 = "the [X509-certificates] section"
    PEER = "an ISAKMP-peer section"
    PHASE_1_ID = "a Phase1-ID section"
    IKE_CONFIGURATION = "an ISAKMP-configuration section"
    IKE_TRANSFORM = "an ISAKMP-transform section"
    LIFETIME = "a Lifetime section"
    CONNECTION = "an IPsec-connection section"
    IPSEC_ID = "an IPsec-ID section"
    IPSEC_CONFIGURATION = "an IPsec-configuration section"
    SUITE = "an IPsec-suite section"
    PROTOCOL = "an IPsec-protocol section"
    IPSEC_TRANSFORM = "an IPsec-transform section"
    MODE_CONFIG = "an IKECFG-ID section"
    XAUTH_USERS = "the [XAUTH-users] section"
    INITIATOR_ID = "an initiator's ID section"


FIXED = {
    "general": Kind.GENERAL,
    "phase 1": Kind.PHASE_1,
    "phase 2": Kind.PHASE_2,
    "keynote": Kind.KEYNOTE,
    "x509-certificates": Kind.X509,
    "xauth-users": Kind.XAUTH_USERS,
}
"""Sections that are there by their own name, in lower case."""

MODE_CONFIG_NAME = re.compile(r"(?:ipv4|ipv6|fqdn|ufqdn|asn1_dn|key_id|xauth)/", re.IGNORECASE)
"""How the names of IKECFG-ID sections begin; the last two are ours."""

RETRANSMIT_TAGS = ("Retransmit-tries", "Retransmit-timeout", "Retransmit-base", "Retransmit-limit", "Retransmit-jitter")
"""Ours: how messages are repeated. Retransmits asks for isakmpd's own rule."""

_SCHEDULE_TAGS = " ".join(("Retransmits", *RETRANSMIT_TAGS))
_IDENTITY_TAGS = "ID-type Address Network Netmask Name Protocol Port"

_TAGS = {
    Kind.GENERAL: (
        "Accept-aggressive-psk Acquire-Only Check-interval Default-phase-1-ID Default-phase-1-lifetime "
        "Default-phase-2-lifetime Default-phase-2-suites Delete-SAs DPD-check-interval Exchange-max-time "
        "Fragment-size Listen-on Loglevel Logverbose NAT-T-Keepalive Policy-file Pubkey-directory Renegotiate-on-HUP "
        f"Shared-SADB Use-Keynote {_SCHEDULE_TAGS}"
    ),
    Kind.PHASE_1: "Default",
    Kind.PHASE_2: "Connections Passive-connections",
    Kind.KEYNOTE: "Accept-weak-signatures Credential-directory",
    Kind.X509: ("Accept-self-signed CA-directory Cert-directory CRL-directory Private-key Private-key-directory"),
    Kind.PEER: (
        "Phase Transport Address Local-address Port Configuration Authentication ID Remote-ID Flags "
        f"XAUTH-User XAUTH-Password {_SCHEDULE_TAGS}"
    ),
    Kind.PHASE_1_ID: _IDENTITY_TAGS,
    Kind.IKE_CONFIGURATION: "DOI EXCHANGE_TYPE Transforms",
    Kind.IKE_TRANSFORM: (
        "ENCRYPTION_ALGORITHM KEY_LENGTH HASH_ALGORITHM AUTHENTICATION_METHOD GROUP_DESCRIPTION PRF Life "
        "GROUP_TYPE GROUP_PRIME GROUP_GENERATOR_ONE GROUP_GENERATOR_TWO GROUP_CURVE_A GROUP_CURVE_B GROUP_ORDER "
        "FIELD_SIZE"
    ),
    Kind.LIFETIME: "LIFE_TYPE LIFE_DURATION",
    Kind.CONNECTION: "Phase ISAKMP-peer Configuration Local-ID Remote-ID NAT-ID Flags PF-Tag Interface",
    Kind.IPSEC_ID: _IDENTITY_TAGS,
    Kind.IPSEC_CONFIGURATION: "DOI EXCHANGE_TYPE Suites",
    Kind.SUITE: "Protocols",
    Kind.PROTOCOL: "PROTOCOL_ID ReplayWindow Transforms",
    Kind.IPSEC_TRANSFORM: (
        "TRANSFORM_ID KEY_LENGTH ENCAPSULATION_MODE AUTHENTICATION_ALGORITHM GROUP_DESCRIPTION Life"
    ),
    Kind.MODE_CONFIG: ("Mode Attributes Address Netmask Nameserver WINS-server DHCP-server Network Prefix Lifetime"),
    Kind.INITIATOR_ID: "Authentication",
    Kind.XAUTH_USERS: "",
}

TAGS: Mapping[Kind, Mapping[str, str]] = {
    kind: {tag.lower(): tag for tag in tags.split()} for kind, tags in _TAGS.items()
}
"""The tags of each kind of section: lower case -> as isakmpd.conf(5) spells it.

[Phase 1] also has addresses, and those of [XAUTH-users] are names of users.
"""

EVERY_TAG: Mapping[str, str] = {lower: tag for tags in TAGS.values() for lower, tag in tags.items()}


@dataclass(frozen=True, slots=True)
class Word:
    """A legal value: whether this version negotiates it, and why it should not be used (RFC 8221, RFC 8247)."""

    negotiated: bool = True
    weakness: str = ""


Words = Mapping[str, Word]

_FINE = Word()
_SMALL_BLOCKS = "its blocks of 64 bits give plain text away after much traffic"
_BROKEN_CIPHER = "it can be broken by trying"
_SMALL_GROUP = "its discrete logarithms are within reach"
_TINY_GROUP = "its discrete logarithms are taken while one waits"
_MD5 = "MD5 is broken"


def _weak(weakness: str, *names: str) -> dict[str, Word]:
    return dict.fromkeys(names, Word(weakness=weakness))


def _not_yet(*names: str, weakness: str = "") -> dict[str, Word]:
    return {name: Word(negotiated=False, weakness=weakness) for name in names}


IKE_ENCRYPTION: Words = {
    "AES_CBC": _FINE,
    **_weak(_SMALL_BLOCKS, "3DES_CBC", "BLOWFISH_CBC", "CAST_CBC", "IDEA_CBC", "RC5_R16_B64_CBC"),
    "DES_CBC": Word(weakness=_BROKEN_CIPHER),
}
"""policydb.configuration.primitives says which of these, of IKE_HASH and of GROUPS can be computed here."""

IKE_HASH: Words = {
    "MD5": Word(weakness=_MD5),
    "SHA": _FINE,
    "SHA2_256": _FINE,
    "SHA2_384": _FINE,
    "SHA2_512": _FINE,
}
YES_OR_NO: Words = {"no": _FINE, "yes": _FINE}
WEAK_SIGNATURES: Words = {
    "no": _FINE,
    "yes": Word(
        weakness="credentials signed with MD5 or SHA-1 count, and either can be forged by whoever is ready to pay"
    ),
}
IKE_AUTHENTICATION: Words = {
    "PRE_SHARED": _FINE,
    "RSA_SIG": _FINE,
    "ECDSA_256": _FINE,
    "ECDSA_384": _FINE,
    "ECDSA_521": _FINE,
    "XAUTH_INIT_PRE_SHARED": _FINE,
    "XAUTH_RESP_PRE_SHARED": _FINE,
    "XAUTH_INIT_RSA": _FINE,
    "XAUTH_RESP_RSA": _FINE,
    "HYBRID_INIT_RSA": _FINE,
    "HYBRID_RESP_RSA": _FINE,
    **_not_yet("DSS", "RSA_ENC", "RSA_ENC_REV", "EL_GAMAL_ENC", "EL_GAMAL_ENC_REV", "ECDSA_SIG"),
}
GROUPS: Words = {
    **_weak(_TINY_GROUP, "MODP_768"),
    **_weak(_SMALL_GROUP, "MODP_1024", "MODP_1536", "EC2N_155", "EC2N_185", "ECP_192"),
    **dict.fromkeys(("MODP_2048", "MODP_3072", "MODP_4096", "MODP_6144", "MODP_8192"), _FINE),
    **dict.fromkeys(("ECP_224", "ECP_256", "ECP_384", "ECP_521"), _FINE),
    **dict.fromkeys(("BP_224", "BP_256", "BP_384", "BP_512"), _FINE),
}
EXCHANGES: Words = {
    "ID_PROT": _FINE,
    "AGGRESSIVE": _FINE,
}
QUICK_MODES: Words = {"QUICK_MODE": _FINE}
DOIS: Words = {"IPSEC": _FINE}
TRANSPORTS: Words = {"udp": _FINE, "udp_encap": _FINE}
LIFE_TYPES: Words = {"SECONDS": _FINE, "KILOBYTES": _FINE}
PROTOCOL_IDS: Words = {"IPSEC_ESP": _FINE, "IPSEC_AH": _FINE, **_not_yet("IPCOMP")}
ENCAPSULATIONS: Words = {"TUNNEL": _FINE, "TRANSPORT": _FINE}
ESP_TRANSFORMS: Words = {
    "AES": _FINE,
    **dict.fromkeys(("AES_CTR", "AES_GCM_16", "AES_GMAC", "NULL"), _FINE),
    **_weak(_SMALL_BLOCKS, "3DES", "CAST", "BLOWFISH"),
    **_not_yet("AES_MARS", "AES_RC6", "AES_RIJNDAEL", "AES_SERPENT", "AES_TWOFISH"),
    **_not_yet("RC5", "IDEA", "3IDEA", weakness=_SMALL_BLOCKS),
    **_not_yet("DES", "DES_IV64", "DES_IV32", "RC4", weakness=_BROKEN_CIPHER),
}
AH_TRANSFORMS: Words = {
    **dict.fromkeys(("SHA", "RIPEMD", "SHA2_256", "SHA2_384", "SHA2_512"), _FINE),
    "MD5": Word(weakness=_MD5),
    **_not_yet("DES", weakness=_BROKEN_CIPHER),
}
IPCOMP_TRANSFORMS: Words = _not_yet("OUI", "DEFLATE", "LZS", "V42BIS")
TRANSFORM_IDS: Mapping[str, Words] = {
    "IPSEC_ESP": ESP_TRANSFORMS,
    "IPSEC_AH": AH_TRANSFORMS,
    "IPCOMP": IPCOMP_TRANSFORMS,
}
IPSEC_AUTHENTICATION: Words = {
    "HMAC_MD5": Word(weakness=_MD5),
    "HMAC_SHA": _FINE,
    "HMAC_SHA2_256": _FINE,
    "HMAC_SHA2_384": _FINE,
    "HMAC_SHA2_512": _FINE,
    "HMAC_RIPEMD": _FINE,
    **_not_yet("DES_MAC", "KPDK"),
}
WITHOUT_HASH = frozenset({"AES_GCM_16", "AES_GMAC"})
"""ESP transforms that protect integrity themselves."""

AH_AUTHENTICATION = {"DES": "DES_MAC"} | {
    each: f"HMAC_{each}" for each in ("MD5", "SHA", "RIPEMD", "SHA2_256", "SHA2_384", "SHA2_512")
}
"""Which AUTHENTICATION_ALGORITHM an AH transform needs (RFC 2407 section 4.4.3)."""

ADDRESS_IDS: Words = dict.fromkeys(("IPV4_ADDR", "IPV4_ADDR_SUBNET", "IPV6_ADDR", "IPV6_ADDR_SUBNET"), _FINE)
PHASE_1_IDS: Words = {**ADDRESS_IDS, "FQDN": _FINE, "USER_FQDN": _FINE, "DER_ASN1_DN": _FINE, "KEY_ID": _FINE}
OWN_GROUP_TAGS = (
    "GROUP_TYPE",
    "GROUP_PRIME",
    "GROUP_GENERATOR_ONE",
    "GROUP_GENERATOR_TWO",
    "GROUP_CURVE_A",
    "GROUP_CURVE_B",
    "GROUP_ORDER",
    "FIELD_SIZE",
)
"""Attributes of groups that are described instead of named (RFC 2409 appendix A); nobody negotiates those."""

MODE_CONFIG_ATTRIBUTES: Words = dict.fromkeys(
    ("Address", "Netmask", "Nameserver", "WINS-server", "DHCP-server", "Lifetime", "Network", "Prefix"), _FINE
)
PEER_FLAGS: Words = {"ikecfg": _FINE}
CONNECTION_FLAGS: Words = {"Active-only": _FINE}

KEY_LENGTHS: Mapping[str, tuple[int, int, int]] = {
    "AES_CBC": (128, 256, 64),
    "AES": (128, 256, 64),
    "AES_CTR": (128, 256, 64),
    "AES_GCM_16": (128, 256, 64),
    "AES_GMAC": (128, 256, 64),
    "BLOWFISH_CBC": (40, 448, 8),
    "BLOWFISH": (40, 448, 8),
    "CAST_CBC": (40, 128, 8),
    "CAST": (40, 128, 8),
    "RC5_R16_B64_CBC": (40, 2040, 8),
    "RC5": (40, 2040, 8),
}
"""Key lengths in bits, least, greatest and step, of ciphers that have several (RFC 2451, RFC 3602)."""

IP_PROTOCOLS: Mapping[str, int] = {
    "icmp": 1,
    "igmp": 2,
    "ipencap": 4,
    "tcp": 6,
    "egp": 8,
    "igp": 9,
    "udp": 17,
    "ipv6": 41,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": 58,
    "eigrp": 88,
    "ospf": 89,
    "etherip": 97,
    "ipcomp": 108,
    "carp": 112,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
}
"""Names of protocols(5) that stand in rules of tunnels. A table of our own: every reader must read the same number."""

SERVICES: Mapping[str, int] = {
    "ftp-data": 20,
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "domain": 53,
    "bootps": 67,
    "bootpc": 68,
    "tftp": 69,
    "http": 80,
    "kerberos": 88,
    "pop3": 110,
    "sunrpc": 111,
    "ntp": 123,
    "imap": 143,
    "snmp": 161,
    "bgp": 179,
    "ldap": 389,
    "https": 443,
    "isakmp": 500,
    "syslog": 514,
    "ldaps": 636,
    "imaps": 993,
    "pop3s": 995,
    "l2tp": 1701,
    "radius": 1812,
    "nfs": 2049,
    "ipsec-nat-t": 4500,
}
"""Names of services(5), for the same reason."""
