"""Transform, lifetime, protocol and suite sections of isakmpd.conf(5) to records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from policydb.configuration.primitives import lacking
from policydb.configuration.sections import Section, Value, sound
from policydb.configuration.vocabulary import (
    AH_AUTHENTICATION,
    ENCAPSULATIONS,
    GROUPS,
    IKE_AUTHENTICATION,
    IKE_ENCRYPTION,
    IKE_HASH,
    IPSEC_AUTHENTICATION,
    KEY_LENGTHS,
    LIFE_TYPES,
    OWN_GROUP_TAGS,
    PROTOCOL_IDS,
    TRANSFORM_IDS,
    WITHOUT_HASH,
    Kind,
    Words,
)
from policydb.connections import (
    ANY,
    IkeTransform,
    Interval,
    IpsecProtocol,
    IpsecTransform,
    Lifetime,
    Suite,
)

DEFAULT_REPLAY_WINDOW = 16


def ike_transform(section: Section) -> IkeTransform | None:
    """An ISAKMP-transform section; None, and errors, where it cannot be used."""
    encryption = _computed(section, "ENCRYPTION_ALGORITHM", IKE_ENCRYPTION)
    hashed = _computed(section, "HASH_ALGORITHM", IKE_HASH)
    authentication = section.word_or_any("AUTHENTICATION_METHOD", IKE_AUTHENTICATION)
    group = _computed(section, "GROUP_DESCRIPTION", GROUPS)
    if section.text("PRF", ANY) != ANY:
        section.error("CF203", "PRF can only be ANY: no other pseudo-random function is defined", section.get("PRF"))
    for tag in OWN_GROUP_TAGS:
        if value := section.get(tag):
            section.warn("CF102", f"{tag} is not negotiated: GROUP_DESCRIPTION names the group", value)
    key_length = _key_length(section, encryption)
    lifetimes = _lifetimes(section)
    if encryption is None or hashed is None or authentication is None or group is None:
        return None
    return IkeTransform(section.name, encryption, hashed, authentication, group, key_length, lifetimes)


def _computed(section: Section, tag: str, words: Words, *, wildcard: bool = True) -> str | None:
    """The word of an algorithm that the daemon computes itself; None, and errors, where it cannot on this machine.

    What nobody wrote and nothing refers to is not tried: most configurations need no more than what every machine has.
    """
    text = section.word_or_any(tag, words) if wildcard else section.word(tag, words)
    reason = lacking(text) if section.header is not None and text is not None and text != ANY else ""
    if reason:
        section.error("CF214", f"{tag}={text} cannot be negotiated: {reason}", section.get(tag), sound(tag))
    return None if reason else text


def suite(section: Section) -> Suite | None:
    """An IPsec-suite section with its protocols; None, and errors, where it cannot be used."""
    if section.required("Protocols") is None:
        return None
    protocols = []
    for member in section.members("Protocols"):
        inner = section.follow("Protocols", member, Kind.PROTOCOL)
        found = _protocol(inner) if inner else None
        if found:
            protocols.append(found)
    if not section.members("Protocols"):
        section.error("CF207", "Protocols is empty", section.get("Protocols"))
    groups = {transform.group for protocol in protocols for transform in protocol.transforms}
    if len(groups) > 1:
        # RFC 2409 section 5.5: one key exchange serves the whole quick mode.
        named = ", ".join(sorted(each or "none" for each in groups))
        message = f"the transforms of a suite must agree on GROUP_DESCRIPTION, and have {named}"
        section.error("CF210", message, section.get("Protocols"), "let all of them ask for the same group")
    return Suite(section.name, tuple(protocols)) if protocols else None


def _protocol(section: Section) -> IpsecProtocol | None:
    protocol_id = section.word("PROTOCOL_ID", PROTOCOL_IDS)
    members = section.members("Transforms") if section.required("Transforms") else []
    if section.get("Transforms") and not members:
        section.error("CF207", "Transforms is empty", section.get("Transforms"))
    window = section.number("ReplayWindow", DEFAULT_REPLAY_WINDOW, least=-1)
    if window <= 0:
        # An SA without replay protection is what CVE-2006-4436 was about.
        message = f"ReplayWindow={window} would switch replay protection off; it stays at {DEFAULT_REPLAY_WINDOW}"
        section.warn("CF107", message, section.get("ReplayWindow"))
        window = DEFAULT_REPLAY_WINDOW
    transforms = []
    for member in members:
        inner = section.follow("Transforms", member, Kind.IPSEC_TRANSFORM)
        found = section.book.alike(inner, _READERS[protocol_id]) if inner and protocol_id else None
        if found:
            transforms.append(found)
    return IpsecProtocol(section.name, protocol_id, tuple(transforms), window) if protocol_id and transforms else None


def _ipsec_transform(section: Section, protocol_id: str) -> IpsecTransform | None:
    transform_id = section.word("TRANSFORM_ID", TRANSFORM_IDS[protocol_id])
    encapsulation = section.word("ENCAPSULATION_MODE", ENCAPSULATIONS, default="TUNNEL")
    hashed = section.get("AUTHENTICATION_ALGORITHM")
    known = hashed is None or section.accepts("AUTHENTICATION_ALGORITHM", hashed, IPSEC_AUTHENTICATION)
    has_group = section.get("GROUP_DESCRIPTION") is not None
    group = _computed(section, "GROUP_DESCRIPTION", GROUPS, wildcard=False) if has_group else None
    key_length = _key_length(section, transform_id)
    lifetimes = _lifetimes(section)
    if transform_id is None or encapsulation is None or not known or (has_group and group is None):
        return None
    if not _protects_integrity(section, protocol_id, transform_id, hashed):
        return None
    return IpsecTransform(
        section.name, transform_id, encapsulation, hashed.text if hashed else None, group, key_length, lifetimes
    )


_READERS: Mapping[str, Callable[[Section], IpsecTransform | None]] = {
    protocol: partial(_ipsec_transform, protocol_id=protocol) for protocol in TRANSFORM_IDS
}
"""By the protocol that a transform is for."""


def _protects_integrity(section: Section, protocol_id: str, transform_id: str, hashed: Value | None) -> bool:
    """Whether AUTHENTICATION_ALGORITHM fits the transform; says what is wrong or unwise."""
    if protocol_id == "IPSEC_AH":
        needed = AH_AUTHENTICATION[transform_id]
        if hashed is None or hashed.text != needed:
            message = f"TRANSFORM_ID={transform_id} of AH needs AUTHENTICATION_ALGORITHM={needed}"
            section.error("CF208", message, hashed, f"add AUTHENTICATION_ALGORITHM={needed} to [{section.name}]")
            return False
    elif protocol_id == "IPSEC_ESP" and hashed is not None and transform_id in WITHOUT_HASH:
        section.error("CF208", f"TRANSFORM_ID={transform_id} allows no AUTHENTICATION_ALGORITHM", hashed)
        return False
    elif protocol_id == "IPSEC_ESP" and hashed is None and transform_id not in WITHOUT_HASH:
        message = f"TRANSFORM_ID={transform_id} without AUTHENTICATION_ALGORITHM lets anybody change packets"
        section.warn("CF101", message, section.get("TRANSFORM_ID"), "take one with -SHA2-256 in its name")
    return True


def _key_length(section: Section, cipher: str | None) -> Interval | None:
    """KEY_LENGTH in bits, checked against what the cipher can do."""
    interval = section.interval("KEY_LENGTH")
    if interval is None or cipher is None or cipher == ANY:
        return interval
    value = section.get("KEY_LENGTH")
    if cipher not in KEY_LENGTHS:
        section.error("CF203", f"{cipher} has one key length only; KEY_LENGTH is not for it", value)
        return None
    least, most, step = KEY_LENGTHS[cipher]
    if not least <= interval.offer <= most or interval.offer % step:
        hint = f"{cipher} takes {least} to {most} bits in steps of {step}"
        section.error("CF203", f"KEY_LENGTH cannot be {interval.offer} with {cipher}", value, hint)
        return None
    return interval


def _lifetimes(section: Section) -> tuple[Lifetime, ...]:
    """Life: Lifetime sections, or ANY, which is any duration of either type."""
    members = section.members("Life")
    if [each.text for each in members] == [ANY]:
        return (Lifetime("SECONDS", None), Lifetime("KILOBYTES", None))
    found = []
    for member in members:
        inner = section.follow("Life", member, Kind.LIFETIME)
        lifetime = _lifetime(inner) if inner else None
        if lifetime:
            found.append(lifetime)
    return tuple(found)


def _lifetime(section: Section) -> Lifetime | None:
    kind = section.word("LIFE_TYPE", LIFE_TYPES)
    value = section.required("LIFE_DURATION")
    if kind is None or value is None:
        return None
    if value.text == ANY:
        return Lifetime(kind, None)
    duration = section.interval("LIFE_DURATION")
    return Lifetime(kind, duration) if duration else None
