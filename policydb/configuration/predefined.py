"""The sections that isakmpd knows without being told: names such as 3DES-SHA-GRP2 resolved on demand, and its defaults.

isakmpd.conf(5) names 1,890 main mode transforms and 3,648 quick mode suites of three sections each. None is stored: a
name is taken apart when somebody refers to it. A section of the same name in a file is merged tag by tag, the file's
tags first.

One departure (isakmpd.conf(5) says so, the original program forgets it): a suite without a hash, such as
QM-ESP-AESGCM-128-PFS-SUITE, keeps the group that its name promises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

_Bindings = tuple[tuple[str, str], ...]

_GROUPS = {
    "GRP1": "MODP_768",
    "GRP2": "MODP_1024",
    "GRP5": "MODP_1536",
    "GRP14": "MODP_2048",
    "GRP15": "MODP_3072",
    "GRP16": "MODP_4096",
    "GRP17": "MODP_6144",
    "GRP18": "MODP_8192",
    "GRP19": "ECP_256",
    "GRP20": "ECP_384",
    "GRP21": "ECP_521",
    "GRP25": "ECP_192",
    "GRP26": "ECP_224",
    "GRP27": "BP_224",
    "GRP28": "BP_256",
    "GRP29": "BP_384",
    "GRP30": "BP_512",
}
_DEFAULT_GROUP = "MODP_1024"

_KEY_LENGTHS = ("128", "192", "256")


def _sized(name: str, value: str) -> dict[str, tuple[str, str]]:
    """The names of a cipher whose key length is part of the name: NAME-128 and so on."""
    return {f"{name}-{bits}": (value, f"{bits},{bits}:{bits}") for bits in _KEY_LENGTHS}


# Name in a section's name -> (value, KEY_LENGTH or "" for none).
_MAIN_CIPHERS = {
    "BLF": ("BLOWFISH_CBC", "128,96:192"),
    "3DES": ("3DES_CBC", ""),
    "CAST": ("CAST_CBC", ""),
    "AES": ("AES_CBC", "128,128:256"),
    **_sized("AES", "AES_CBC"),
}
_MAIN_HASHES = {
    "MD5": "MD5",
    "SHA": "SHA",
    "SHA2-256": "SHA2_256",
    "SHA2-384": "SHA2_384",
    "SHA2-512": "SHA2_512",
}
_AUTHENTICATIONS = ("DSS", "RSA_SIG")

_HASHED_CIPHERS = {
    "3DES": ("3DES", ""),
    "CAST": ("CAST", ""),
    "BLF": ("BLOWFISH", "128,96:192"),
    "AES": ("AES", "128,128:256"),
    **_sized("AES", "AES"),
    "AESCTR": ("AES_CTR", ""),
    **_sized("AESCTR", "AES_CTR"),
    "NULL": ("NULL", ""),
}
_COMBINED_CIPHERS = {**_sized("AESGCM", "AES_GCM_16"), **_sized("AESGMAC", "AES_GMAC")}
_QUICK_CIPHERS = _HASHED_CIPHERS | _COMBINED_CIPHERS
_QUICK_HASHES = _MAIN_HASHES | {"RIPEMD": "RIPEMD"}


def _one_of(words: Iterable[str]) -> str:
    """A regular expression for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_MAIN_NAME = re.compile(
    rf"({_one_of(_MAIN_CIPHERS)})-({_one_of(_MAIN_HASHES)})(?:-({_one_of(_GROUPS)}))?(?:-({_one_of(_AUTHENTICATIONS)}))?"
)
_PFS = rf"(?P<pfs>-PFS(?:-(?P<group>{_one_of(_GROUPS)}))?)?"
_QUICK_NAME = re.compile(
    rf"QM-(?:ESP(?P<esp_transport>-TRP)?-(?:(?P<hashed>{_one_of(_HASHED_CIPHERS)})(?:-(?P<hash>{_one_of(_QUICK_HASHES)}))?"
    rf"|(?P<combined>{_one_of(_COMBINED_CIPHERS)}))"
    rf"|AH(?P<ah_transport>-TRP)?-(?P<ah_hash>{_one_of(_QUICK_HASHES)}))"
    rf"{_PFS}(?P<kind>-SUITE|-XF)?"
)


_BEGINNINGS = ("QM-", *_MAIN_CIPHERS)


def predefined_section(name: str) -> _Bindings:
    """The bindings of a predefined transform, suite or protocol section; () where the name is none. Case is ignored."""
    upper = name.upper()
    if not upper.startswith(_BEGINNINGS):  # as nearly all names that somebody made up
        return ()
    main = _MAIN_NAME.fullmatch(upper)
    if main:
        return _main_mode(main)
    quick = _QUICK_NAME.fullmatch(upper)
    return _quick_mode(quick, upper) if quick else ()


def _main_mode(found: re.Match[str]) -> _Bindings:
    """Tags in the order of isakmpd.conf(5)."""
    encryption, key_length = _MAIN_CIPHERS[found[1]]
    return (
        ("ENCRYPTION_ALGORITHM", encryption),
        *((("KEY_LENGTH", key_length),) if key_length else ()),
        ("HASH_ALGORITHM", _MAIN_HASHES[found[2]]),
        ("AUTHENTICATION_METHOD", found[4] or "PRE_SHARED"),
        ("GROUP_DESCRIPTION", _GROUPS[found[3]] if found[3] else _DEFAULT_GROUP),
        ("Life", "LIFE_MAIN_MODE"),
    )


def _quick_mode(found: re.Match[str], name: str) -> _Bindings:
    """A suite names its protocol section, that one its transform section, which says everything."""
    is_ah = found["ah_hash"] is not None
    if found["kind"] == "-SUITE":
        return (("Protocols", name.removesuffix("-SUITE")),)
    if found["kind"] is None:
        return (("PROTOCOL_ID", "IPSEC_AH" if is_ah else "IPSEC_ESP"), ("Transforms", f"{name}-XF"))
    hashed = found["ah_hash"] or found["hash"]
    transform_id, key_length = (
        (_QUICK_HASHES[hashed], "") if is_ah else _QUICK_CIPHERS[found["hashed"] or found["combined"]]
    )
    transport = found["esp_transport"] or found["ah_transport"]
    bindings = [("TRANSFORM_ID", transform_id)]
    if key_length:
        bindings.append(("KEY_LENGTH", key_length))
    bindings.append(("ENCAPSULATION_MODE", "TRANSPORT" if transport else "TUNNEL"))
    if hashed:
        bindings.append(("AUTHENTICATION_ALGORITHM", f"HMAC_{_QUICK_HASHES[hashed]}"))
    if found["pfs"]:
        bindings.append(("GROUP_DESCRIPTION", _GROUPS[found["group"]] if found["group"] else _DEFAULT_GROUP))
    return (*bindings, ("Life", "LIFE_QUICK_MODE"))


def main_mode_names() -> Iterator[str]:
    """Every predefined ISAKMP-transform, 1,890 of them."""
    groups = ("", *(f"-{group}" for group in _GROUPS))
    authentications = ("", *(f"-{each}" for each in _AUTHENTICATIONS))
    for cipher, hashed, group, authentication in product(_MAIN_CIPHERS, _MAIN_HASHES, groups, authentications):
        yield f"{cipher}-{hashed}{group}{authentication}"


def suite_names() -> Iterator[str]:
    """Every predefined IPsec-suite, 3,648 of them."""
    hashes = tuple(f"-{each}" for each in _QUICK_HASHES)
    esp = (*product(_HASHED_CIPHERS, ("", *hashes)), *product(_COMBINED_CIPHERS, ("",)))
    algorithms = [("ESP", f"-{cipher}{hashed}") for cipher, hashed in esp] + [("AH", hashed) for hashed in hashes]
    pfs = ("", "-PFS", *(f"-PFS-{group}" for group in _GROUPS))
    for (protocol, algorithm), mode, group in product(algorithms, ("", "-TRP"), pfs):
        yield f"QM-{protocol}{mode}{algorithm}{group}-SUITE"


def built_in_sections(general: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The default sections, by lower-case name and tag. `general` is [General] as the files have it, lower-case tags.

    isakmpd.conf(5): the two lifetimes and the phase 1 identity of [General] find their way into these sections.
    """
    default_peer = {"phase": "1", "configuration": "Default-phase-1-configuration"}
    if identity := general.get("default-phase-1-id"):
        default_peer["id"] = identity
    return {
        "phase 1": {"default": "Default-phase-1"},
        "default-phase-1": default_peer,
        "default-phase-1-configuration": {"exchange_type": "ID_PROT", "transforms": "3DES-SHA-RSA_SIG"},
        "life_main_mode": {
            "life_type": "SECONDS",
            "life_duration": general.get("default-phase-1-lifetime", "3600,60:86400"),
        },
        "life_quick_mode": {
            "life_type": "SECONDS",
            "life_duration": general.get("default-phase-2-lifetime", "1200,60:86400"),
        },
    }
