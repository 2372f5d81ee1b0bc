"""The IANA numbers of ISAKMP, IKE and the IPsec DOI, under the names that isakmpd.conf(5) gives them.

Every registry keeps a number that it does not know: `Notification(12345)` is a Notification that prints as
NOTIFICATION12345, so that whatever a peer sends can be logged. Numbers of our own never share these types.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Self

_WORDS = {"DES3_CBC": "3DES_CBC", "DES3": "3DES", "IDEA3": "3IDEA"}
"""Names that begin with a digit, which no Python name can: member to word."""

_MEMBERS = {word: member for member, word in _WORDS.items()}


class Registry(IntEnum):
    """A number space: known numbers are members, any other non-negative number becomes a pseudo-member."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or value < 0:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"{cls.__name__.upper()}{int(value)}"
        member._value_ = int(value)
        return member

    @classmethod
    def from_text(cls, word: str) -> Self:
        """The member that isakmpd.conf(5) calls `word`. Raises KeyError where there is none."""
        return cls[_MEMBERS.get(word, word)]

    @property
    def known(self) -> bool:
        """Whether this number is one of the registry's members."""
        return self._name_ in type(self).__members__

    def __str__(self) -> str:
        return _WORDS.get(self._name_, self._name_)


class PayloadType(Registry):
    """Next Payload (RFC 2408 section 3.1; RFC 3947 section 4; the drafts' private numbers; Cisco's)."""

    NONE = 0
    SA = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KEY_EXCH = 4
    ID = 5
    CERT = 6
    CERT_REQ = 7
    HASH = 8
    SIG = 9
    NONCE = 10
    NOTIFY = 11
    DELETE = 12
    VENDOR = 13
    ATTRIBUTE = 14
    SAK = 15
    SAT = 16
    KD = 17
    SEQ = 18
    POP = 19
    NAT_D = 20
    NAT_OA = 21
    NAT_D_DRAFT = 130
    NAT_OA_DRAFT = 131
    FRAGMENT = 132


class ExchangeType(Registry):
    """Exchange Type (RFC 2408 section 3.1, RFC 2409 appendix A)."""

    NONE = 0
    BASE = 1
    ID_PROT = 2
    AUTH_ONLY = 3
    AGGRESSIVE = 4
    INFO = 5
    TRANSACTION = 6
    QUICK_MODE = 32
    NEW_GROUP_MODE = 33


class Flag(IntFlag):
    """Header flags (RFC 2408 section 3.1)."""

    NONE = 0
    ENC = 1
    COMMIT = 2
    AUTH_ONLY = 4


class Notification(Registry):
    """Notify Message Type (RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706)."""

    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30
    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578
    R_U_THERE = 36136
    R_U_THERE_ACK = 36137


class Doi(Registry):
    """Domain of Interpretation (RFC 2408 section 3.4)."""

    ISAKMP = 0
    IPSEC = 1


class Situation(IntFlag):
    """The IPsec DOI's situation bits (RFC 2407 section 4.2); we negotiate IDENTITY_ONLY."""

    IDENTITY_ONLY = 1
    SECRECY = 2
    INTEGRITY = 4


class Protocol(Registry):
    """Security protocol identifier (RFC 2407 section 4.4.1). 0 appears in notifications that concern none."""

    NONE = 0
    ISAKMP = 1
    IPSEC_AH = 2
    IPSEC_ESP = 3
    IPCOMP = 4


class CertificateEncoding(Registry):
    """Certificate Encoding (RFC 2408 section 3.9; KEYNOTE is isakmpd's)."""

    NONE = 0
    PKCS = 1
    PGP = 2
    DNS = 3
    X509_SIG = 4
    X509_KE = 5
    KERBEROS = 6
    CRL = 7
    ARL = 8
    SPKI = 9
    X509_ATTR = 10
    KEYNOTE = 11


class IdType(Registry):
    """Identification Type (RFC 2407 section 4.6.2.1)."""

    IPV4_ADDR = 1
    FQDN = 2
    USER_FQDN = 3
    IPV4_ADDR_SUBNET = 4
    IPV6_ADDR = 5
    IPV6_ADDR_SUBNET = 6
    IPV4_RANGE = 7
    IPV6_RANGE = 8
    DER_ASN1_DN = 9
    DER_ASN1_GN = 10
    KEY_ID = 11


# --- phase 1: RFC 2409 appendix A, RFC 4868, RFC 3526, RFC 5903 ---------------------------------------------------


class IsakmpTransform(Registry):
    """Transform identifier of protocol ISAKMP (RFC 2407 section 4.4.2)."""

    KEY_IKE = 1


class IkeAttribute(Registry):
    """Phase 1 attribute classes."""

    ENCRYPTION_ALGORITHM = 1
    HASH_ALGORITHM = 2
    AUTHENTICATION_METHOD = 3
    GROUP_DESCRIPTION = 4
    GROUP_TYPE = 5
    GROUP_PRIME = 6
    GENERATOR_1 = 7
    GENERATOR_2 = 8
    CURVE_A = 9
    CURVE_B = 10
    LIFE_TYPE = 11
    LIFE_DURATION = 12
    PRF = 13
    KEY_LENGTH = 14
    FIELD_SIZE = 15
    GROUP_ORDER = 16
    BLOCK_SIZE = 17


class Encryption(Registry):
    """Phase 1 encryption algorithms."""

    DES_CBC = 1
    IDEA_CBC = 2
    BLOWFISH_CBC = 3
    RC5_R16_B64_CBC = 4
    DES3_CBC = 5
    CAST_CBC = 6
    AES_CBC = 7


class HashAlgorithm(Registry):
    """Phase 1 hash algorithms."""

    MD5 = 1
    SHA = 2
    TIGER = 3
    SHA2_256 = 4
    SHA2_384 = 5
    SHA2_512 = 6


class AuthenticationMethod(Registry):
    """Phase 1 authentication methods; 9 to 11 are of RFC 4754.

    Those from 65001 on are of draft-beaulieu-ike-xauth-02, 64221 and 64222 of draft-ietf-ipsec-isakmp-hybrid-auth-05:
    after them a user is asked for, at the end that they name.
    """

    PRE_SHARED = 1
    DSS = 2
    RSA_SIG = 3
    RSA_ENC = 4
    RSA_ENC_REV = 5
    EL_GAMAL_ENC = 6
    EL_GAMAL_ENC_REV = 7
    ECDSA_SIG = 8
    ECDSA_256 = 9
    ECDSA_384 = 10
    ECDSA_521 = 11
    HYBRID_INIT_RSA = 64221
    HYBRID_RESP_RSA = 64222
    XAUTH_INIT_PRE_SHARED = 65001
    XAUTH_RESP_PRE_SHARED = 65002
    XAUTH_INIT_RSA = 65005
    XAUTH_RESP_RSA = 65006


class Group(Registry):
    """Diffie-Hellman groups."""

    MODP_768 = 1
    MODP_1024 = 2
    EC2N_155 = 3
    EC2N_185 = 4
    MODP_1536 = 5
    MODP_2048 = 14
    MODP_3072 = 15
    MODP_4096 = 16
    MODP_6144 = 17
    MODP_8192 = 18
    ECP_256 = 19
    ECP_384 = 20
    ECP_521 = 21
    ECP_192 = 25
    ECP_224 = 26
    BP_224 = 27
    BP_256 = 28
    BP_384 = 29
    BP_512 = 30


class LifeType(Registry):
    """Life types, the same numbers in both phases."""

    SECONDS = 1
    KILOBYTES = 2


# --- phase 2: RFC 2407 sections 4.4 and 4.5, RFC 3602, RFC 3947, RFC 4868 -----------------------------------------


class AhTransform(Registry):
    """AH transform identifiers."""

    MD5 = 2
    SHA = 3
    DES = 4
    SHA2_256 = 5
    SHA2_384 = 6
    SHA2_512 = 7
    RIPEMD = 8


class EspTransform(Registry):
    """ESP transform identifiers."""

    DES_IV64 = 1
    DES = 2
    DES3 = 3
    RC5 = 4
    IDEA = 5
    CAST = 6
    BLOWFISH = 7
    IDEA3 = 8
    DES_IV32 = 9
    RC4 = 10
    NULL = 11
    AES = 12
    AES_CTR = 13
    AES_GCM_16 = 20
    AES_GMAC = 23
    AES_MARS = 249
    AES_RC6 = 250
    AES_RIJNDAEL = 251
    AES_SERPENT = 252
    AES_TWOFISH = 253


class IpcompTransform(Registry):
    """IPCOMP transform identifiers."""

    OUI = 1
    DEFLATE = 2
    LZS = 3
    V42BIS = 4


class IpsecAttribute(Registry):
    """Phase 2 attribute classes."""

    SA_LIFE_TYPE = 1
    SA_LIFE_DURATION = 2
    GROUP_DESCRIPTION = 3
    ENCAPSULATION_MODE = 4
    AUTHENTICATION_ALGORITHM = 5
    KEY_LENGTH = 6
    KEY_ROUNDS = 7
    COMPRESS_DICTIONARY_SIZE = 8
    COMPRESS_PRIVATE_ALGORITHM = 9
    ECN_TUNNEL = 10


class Encapsulation(Registry):
    """Encapsulation modes; the last two are those of the NAT traversal drafts."""

    TUNNEL = 1
    TRANSPORT = 2
    UDP_ENCAP_TUNNEL = 3
    UDP_ENCAP_TRANSPORT = 4
    UDP_ENCAP_TUNNEL_DRAFT = 61443
    UDP_ENCAP_TRANSPORT_DRAFT = 61444


class Authentication(Registry):
    """Authentication algorithms of AH and ESP."""

    HMAC_MD5 = 1
    HMAC_SHA = 2
    DES_MAC = 3
    KPDK = 4
    HMAC_SHA2_256 = 5
    HMAC_SHA2_384 = 6
    HMAC_SHA2_512 = 7
    HMAC_RIPEMD = 8


# --- mode-config: draft-dukes-ike-mode-cfg ------------------------------------------------------------------------


class ConfigurationType(Registry):
    """Message types of the attribute payload."""

    REQUEST = 1
    REPLY = 2
    SET = 3
    ACK = 4


class ConfigurationAttribute(Registry):
    """What the attribute payload can carry; the last ten are those of draft-beaulieu-ike-xauth-02."""

    INTERNAL_IP4_ADDRESS = 1
    INTERNAL_IP4_NETMASK = 2
    INTERNAL_IP4_DNS = 3
    INTERNAL_IP4_NBNS = 4
    INTERNAL_ADDRESS_EXPIRY = 5
    INTERNAL_IP4_DHCP = 6
    APPLICATION_VERSION = 7
    INTERNAL_IP6_ADDRESS = 8
    INTERNAL_IP6_NETMASK = 9
    INTERNAL_IP6_DNS = 10
    INTERNAL_IP6_NBNS = 11
    INTERNAL_IP6_DHCP = 12
    INTERNAL_IP4_SUBNET = 13
    SUPPORTED_ATTRIBUTES = 14
    INTERNAL_IP6_SUBNET = 15
    XAUTH_TYPE = 16520
    XAUTH_USER_NAME = 16521
    XAUTH_USER_PASSWORD = 16522
    XAUTH_PASSCODE = 16523
    XAUTH_MESSAGE = 16524
    XAUTH_CHALLENGE = 16525
    XAUTH_DOMAIN = 16526
    XAUTH_STATUS = 16527
    XAUTH_NEXT_PIN = 16528
    XAUTH_ANSWER = 16529


class XauthType(Registry):
    """XAUTH_TYPE: how a user is asked. Only GENERIC, a name and a password, is done here."""

    GENERIC = 0
    RADIUS_CHAP = 1
    OTP = 2
    S_KEY = 3


class XauthStatus(Registry):
    """XAUTH_STATUS: whether the user is let in."""

    FAIL = 0
    OK = 1
