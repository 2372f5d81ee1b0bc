"""Words of other IKE daemons to those of isakmpd.conf(5): algorithms, durations, addresses, identities, keys."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_interface

from policydb.configuration.vocabulary import IP_PROTOCOLS, SERVICES
from policydb.connections import Address
from policydb.importers.plan import Identity, NotCarriedError, Selector, Suite

_SIZES = ("128", "192", "256")
_CIPHERS = {
    "3des": "3DES",
    "aes": "AES",
    "rijndael": "AES",
    "null": "NULL",
    "nullenc": "NULL",
    "aesctr": "AESCTR",
    "cast": "CAST",
    "cast128": "CAST",
    "blowfish": "BLF",
    "blowfish128": "BLF",
    "3descbc": "3DES",
    **{f"{name}{bits}": f"AES-{bits}" for bits in _SIZES for name in ("aes", "aescbc", "rijndael")},
    **{f"aes{bits}ctr": f"AESCTR-{bits}" for bits in _SIZES} | {f"aesctr{bits}": f"AESCTR-{bits}" for bits in _SIZES},
    **{f"aes{bits}gcm{icv}": f"AESGCM-{bits}" for bits in _SIZES for icv in ("16", "128")},
    **{f"aesgcm{icv}{bits}": f"AESGCM-{bits}" for bits in _SIZES for icv in ("", "16", "c")},
    **{f"aes{bits}gmac": f"AESGMAC-{bits}" for bits in _SIZES},
}
_HASHES = {
    "md5": "MD5",
    "hmacmd5": "MD5",
    "sha": "SHA",
    "sha1": "SHA",
    "hmacsha1": "SHA",
    **dict.fromkeys(("sha2", "sha256", "sha2256", "hmacsha256", "hmacsha2256"), "SHA2-256"),
    **dict.fromkeys(("sha384", "sha2384", "hmacsha384"), "SHA2-384"),
    **dict.fromkeys(("sha512", "sha2512", "hmacsha512"), "SHA2-512"),
}
_MODP = {"768": 1, "1024": 2, "1536": 5, "2048": 14, "3072": 15, "4096": 16, "6144": 17, "8192": 18}
_GROUPS = {
    **{f"modp{bits}": number for bits, number in _MODP.items()},
    **{f"dh{number}": number for number in (*_MODP.values(), 19, 20, 21, 25, 26, 27, 28, 29, 30)},
    "ecp256": 19,
    "ecp384": 20,
    "ecp521": 21,
    "ecp192": 25,
    "ecp224": 26,
    "ecp224bp": 27,
    "ecp256bp": 28,
    "ecp384bp": 29,
    "ecp512bp": 30,
}
_WORDS: Mapping[str, tuple[str, str | int]] = {
    **{word: ("cipher", name) for word, name in _CIPHERS.items()},
    **{word: ("hash", name) for word, name in _HASHES.items()},
    **{word: ("group", number) for word, number in _GROUPS.items()},
    **{f"prf{word}": ("prf", name) for word, name in _HASHES.items()},
}
_NAMELESS = frozenset({"noesn"})

DEFAULT_MAIN = (Suite("AES-256", "SHA2-256", 14), Suite("AES-128", "SHA2-256", 14))
"""Phase 1 where the input leaves it to its daemon."""

DEFAULT_QUICK = (Suite("AES-256", "SHA2-256", None), Suite("AES-128", "SHA2-256", None))
"""Phase 2 where the input leaves it to its daemon."""

_DURATION = re.compile(r"([0-9]{1,9})\s*([a-z]*)", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
}


def suite(text: str) -> Suite:
    """One proposal such as `aes128-sha256-modp2048` or `aes_gcm256;dh19`. Raises NotCarriedError."""
    parts: dict[str, str | int] = {}
    for word in re.split(r"[-;]", text.strip().lower()):
        plain = word.strip().replace("_", "")
        if plain in _NAMELESS:
            continue
        if plain not in _WORDS:
            raise NotCarriedError(f"isakmpd knows no algorithm {printable(word)}")
        kind, value = _WORDS[plain]
        if parts.setdefault(kind, value) != value:
            raise NotCarriedError(f"a proposal of IKEv1 has one {kind}, and this one has several")
    if "cipher" not in parts:
        raise NotCarriedError("there is no cipher")
    hashed = str(parts.get("hash", ""))
    if parts.get("prf", hashed) != hashed:
        raise NotCarriedError("the pseudo-random function of IKEv1 is that of the hash")
    group = parts.get("group")
    return Suite(str(parts["cipher"]), hashed, group if isinstance(group, int) else None)


def group_number(text: str) -> int:
    """A Diffie-Hellman group by name or number. Raises NotCarriedError."""
    word = text.strip().lower().replace("_", "")
    found = _GROUPS.get(word, _GROUPS.get(f"dh{word}"))
    if found is None:
        raise NotCarriedError(f"isakmpd knows no group {printable(text)}")
    return found


def seconds(text: str) -> int:
    """A duration such as `3600`, `8h`, `24 hour`, from 60 seconds on. Raises NotCarriedError."""
    found = _DURATION.fullmatch(text.strip())
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise NotCarriedError("this is no duration")
    number = int(found[1]) * unit
    if number >= 2**32:
        raise NotCarriedError("this is longer than IKEv1 can say")
    return number


def lifetime(text: str) -> int:
    """A lifetime in seconds, at least a minute. Raises NotCarriedError."""
    number = seconds(text)
    if number < _SHORTEST:
        raise NotCarriedError("isakmpd's lifetimes begin at 60 seconds")
    return number


_SHORTEST = 60


def address(text: str) -> Address:
    """A numeric IP address. Raises NotCarriedError."""
    try:
        found = ip_address(text.strip())
    except ValueError:
        raise NotCarriedError("isakmpd takes numeric addresses only, one for each peer") from None
    if "%" in str(found):
        raise NotCarriedError("isakmpd takes no address with a zone")
    return found


def port(text: str) -> int:
    """A port by number or name; `any` and %any are 0. Raises NotCarriedError."""
    word = text.strip().lower()
    if word in {"any", "%any", ""}:
        return 0
    number = int(word[:6]) if word.isascii() and word.isdecimal() else SERVICES.get(word, -1)
    if not 0 <= number <= _LARGEST_PORT:
        raise NotCarriedError(f"there is no one port {printable(text)}")
    return number


_LARGEST_PORT = 65535


def protocol(text: str) -> int:
    """An IP protocol by number or name; `any` is 0. Raises NotCarriedError."""
    word = text.strip().lower()
    if word in {"any", "%any", ""}:
        return 0
    number = IP_PROTOCOLS.get({"icmp6": "ipv6-icmp", "icmpv6": "ipv6-icmp"}.get(word, word), -1)
    number = int(word[:4]) if word.isascii() and word.isdecimal() else number
    if not 0 <= number <= _LARGEST_PROTOCOL:
        raise NotCarriedError(f"there is no protocol {printable(text)}")
    return number


_LARGEST_PROTOCOL = 255


def selector(network: str, protocol_name: str = "", port_name: str = "") -> Selector:
    """Traffic at one end. A network with bits behind its mask stands for the network. Raises NotCarriedError."""
    try:
        found = ip_interface(network.strip()).network
    except ValueError:
        raise NotCarriedError("isakmpd takes an address or a network in each selector") from None
    if "%" in str(found):
        raise NotCarriedError("isakmpd takes no address with a zone")
    number, service = protocol(protocol_name), port(port_name)
    if service and not number:
        raise NotCarriedError("a port needs a protocol")
    return Selector(found, number, service)


def identity(text: str) -> Identity:
    """An identity as strongSwan and libreswan write it; what it is shows in how it looks. Raises NotCarriedError."""
    value = checked(text)
    lower = value.lower()
    for prefix, kind in _PREFIXES.items():
        if lower.startswith(prefix):
            return _named(kind, value[len(prefix) :])
    if "=" in value:
        return Identity("ASN1_DN", distinguished_name(value))
    if value.startswith("@") and "@" not in value[1:]:
        return _named("FQDN", value[1:])
    try:
        parsed = ip_address(value)
    except ValueError:
        return _named("USER_FQDN" if "@" in value else "FQDN", value.removeprefix("@"))
    return Identity(f"IPV{parsed.version}_ADDR", str(parsed))


_PREFIXES = {"fqdn:": "FQDN", "dns:": "FQDN", "userfqdn:": "USER_FQDN", "rfc822:": "USER_FQDN", "email:": "USER_FQDN"}


def named_identity(kind: str, value: str) -> Identity:
    """An identity of a given ID-type. Raises NotCarriedError."""
    if kind == "ASN1_DN":
        return Identity(kind, distinguished_name(value))
    if kind == "ADDRESS":
        parsed = address(value)
        return Identity(f"IPV{parsed.version}_ADDR", str(parsed))
    return _named(kind, value)


def _named(kind: str, value: str) -> Identity:
    checked(value)
    if value.startswith("#") or "%" in value or "*" in value:
        raise NotCarriedError("isakmpd knows neither key identities nor wildcards in identities")
    return Identity(kind, value)


def distinguished_name(text: str) -> str:
    """A DN in the one-line form of policies, `/C=SE/O=Org/CN=host`. Raises NotCarriedError."""
    separator = "/" if checked(text).startswith("/") else ","
    parts = [each.strip() for each in text.strip(separator).split(separator)]
    found = []
    for part in parts:
        name, equals, value = (each.strip() for each in part.partition("="))
        if not (equals and value and re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*", name)) or set(value) & set('/"*\\+='):
            raise NotCarriedError("this distinguished name has no unmistakable one-line form")
        found.append(f"/{_DN_NAMES.get(name.lower(), name)}={checked(value)}")
    return "".join(found)


_DN_NAMES = {"e": "emailAddress", "email": "emailAddress", "emailaddress": "emailAddress"} | {
    each.lower(): each for each in ("C", "ST", "L", "O", "OU", "CN", "DC", "SN", "GN", "UID")
}


def checked(value: str) -> str:
    """A value as it may be written into a line. Raises NotCarriedError where it would become another line.

    A newline in a value is how options were smuggled into another program (CVE-2018-10900); a backslash at the end
    of a line of isakmpd.conf(5) would take the next line along.
    """
    if any(ord(each) < 32 or 127 <= ord(each) < 160 for each in value):
        raise NotCarriedError("it holds control characters")
    if not value or value != value.strip() or value.endswith("\\"):
        raise NotCarriedError("it is empty, or begins or ends with what isakmpd.conf(5) would take away")
    if any(ord(each) > 255 for each in value):
        raise NotCarriedError("it holds characters that are no octets")
    return value


def replay_window(text: str) -> int:
    """A replay window in packets. Raises NotCarriedError."""
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:10]) <= _WIDEST:
        raise NotCarriedError("isakmpd keeps replay protection on")
    return int(text[:10])


_WIDEST = 65536


def section_name(text: str) -> str:
    """A connection's name as a part of section names, which stand in lists too. Raises NotCarriedError."""
    if not re.fullmatch(r"[A-Za-z0-9_.@%+/-]{1,100}", text):
        raise NotCarriedError("its name has characters that isakmpd.conf(5) cannot have in a list of sections")
    return text


def printable(text: str) -> str:
    """A word of the input as it may stand in a message."""
    return "".join(each if each.isprintable() else "?" for each in text.strip())[:40]


def key_octets(text: str, *, literal: bool = False) -> bytes:
    """A pre-shared key: text, or hexadecimal behind 0x, or base64 behind 0s; `literal`: text between quotation marks.

    Raises NotCarriedError.
    """
    try:
        if literal:
            found = text[1:-1].encode("latin-1", "backslashreplace")
        elif text[:2].lower() == "0x":
            found = bytes.fromhex(text[2:].replace("_", ""))
        elif text[:2].lower() == "0s":
            found = base64.b64decode(text[2:], validate=True)
        else:
            found = text.encode("latin-1", "backslashreplace")
    except (ValueError, binascii.Error):
        raise NotCarriedError("the secret is neither text nor well-formed hexadecimal or base64") from None
    if not found:
        raise NotCarriedError("the secret is empty")
    return found


def knows(word: str) -> bool:
    """Whether a word is the name of an algorithm."""
    return word.strip().lower().replace("_", "") in _WORDS
