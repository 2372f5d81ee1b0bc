"""Mode-config (draft-dukes-ike-mode-cfg-02): an IKECFG-ID section as attributes, and attributes as they are printed.

One table says which attribute each word of isakmpd.conf(5) is in either family of addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

from daemon.ike.messages.payloads import DataAttribute, Identification
from daemon.ike.registries import ConfigurationAttribute as Kind
from daemon.ike.registries import IdType
from daemon.ike.trust.identities import from_payload
from policydb.connections import Address, Configuration, ModeConfig

_WORDS: Mapping[str, tuple[Kind, Kind]] = {
    "Address": (Kind.INTERNAL_IP4_ADDRESS, Kind.INTERNAL_IP6_ADDRESS),
    "Netmask": (Kind.INTERNAL_IP4_NETMASK, Kind.INTERNAL_IP6_NETMASK),
    "Nameserver": (Kind.INTERNAL_IP4_DNS, Kind.INTERNAL_IP6_DNS),
    "WINS-server": (Kind.INTERNAL_IP4_NBNS, Kind.INTERNAL_IP6_NBNS),
    "DHCP-server": (Kind.INTERNAL_IP4_DHCP, Kind.INTERNAL_IP6_DHCP),
    "Network": (Kind.INTERNAL_IP4_SUBNET, Kind.INTERNAL_IP6_SUBNET),
    "Lifetime": (Kind.INTERNAL_ADDRESS_EXPIRY, Kind.INTERNAL_ADDRESS_EXPIRY),
}
"""What each word of Attributes asks for, with IPv4 and with IPv6. Prefix belongs to Network and is none of its own."""

IPV4, IPV6 = 4, 6
_FAMILIES = {
    kind: family
    for word, row in _WORDS.items()
    if word != "Lifetime"
    for kind, family in zip(row, (IPV4, IPV6), strict=True)
}
_WIDTHS = {IPV4: (4, 8), IPV6: (16, 17)}
"""Octets of an address, and of a subnet: IPv4 with its mask, IPv6 with its prefix length (section 3.4)."""

_PREFIXES = {
    IdType.IPV4_ADDR: "ipv4",
    IdType.IPV6_ADDR: "ipv6",
    IdType.FQDN: "fqdn",
    IdType.USER_FQDN: "ufqdn",
    IdType.DER_ASN1_DN: "asn1_dn",
    IdType.KEY_ID: "key_id",
}
"""How the name of an IKECFG-ID section says the type; key_id/ and xauth/ are ours."""

_EXPIRY_WIDTH = 4
_SHOWN = 64


def section_for(configuration: Configuration, peer: Identification, user: str) -> ModeConfig | None:
    """The IKECFG-ID section of a peer: that of the user whom XAUTH has proved, else that of the phase 1 identity."""
    names = [f"xauth/{user}"] if user else []
    if peer.type in _PREFIXES:
        named = replace(from_payload(peer), protocol=0, port=0)  # phase 1 identities may say 17 and 500
        names.append(f"{_PREFIXES[peer.type]}/{named}")
    found = (configuration.mode_config.get(name.lower()) for name in names)
    return next((each for each in found if each is not None), None)


def values(section: ModeConfig) -> dict[Kind, bytes]:
    """Everything that a section has a value for."""
    found = {}
    for word, address in section.values.items():
        kind = _WORDS[word][address.version == IPV6]
        if word != "Network":
            found[kind] = address.packed
        elif (size := _size(section, address)) is not None:
            found[kind] = address.packed + size
    found[Kind.INTERNAL_ADDRESS_EXPIRY] = section.lifetime.to_bytes(_EXPIRY_WIDTH)
    return found


def _size(section: ModeConfig, network: Address) -> bytes | None:
    """The part of a subnet attribute behind the address, from Netmask or Prefix; None where neither is set."""
    if isinstance(network, IPv6Address):
        return bytes([section.prefix]) if section.prefix is not None else None
    if section.prefix is not None and section.prefix <= network.max_prefixlen:
        return IPv4Network((0, section.prefix)).netmask.packed
    mask = section.values.get("Netmask")
    return mask.packed if isinstance(mask, IPv4Address) else None


def to_set(section: ModeConfig) -> tuple[DataAttribute, ...]:
    """What a SET carries: the Attributes of the section that it has values for."""
    given = values(section)
    return tuple(DataAttribute(each, given[each]) for each in _wanted(section) if each in given)


def to_request(section: ModeConfig) -> tuple[DataAttribute, ...]:
    """What a REQUEST carries: the Attributes of the section, empty, or with its value as a wish."""
    given = values(section) if section.values else {}
    given.pop(Kind.INTERNAL_ADDRESS_EXPIRY, None)
    return tuple(DataAttribute(each, given.get(each, b"")) for each in _wanted(section))


def _wanted(section: ModeConfig) -> Iterable[Kind]:
    rows = (_WORDS[each][_version(section, each) == IPV6] for each in section.attributes if each in _WORDS)
    return dict.fromkeys(rows)


def _version(section: ModeConfig, word: str) -> int:
    address = section.values.get(word)
    return address.version if address is not None else IPV4


def to_reply(section: ModeConfig, asked: Iterable[DataAttribute]) -> tuple[DataAttribute, ...]:
    """What a REPLY carries: of what was asked, whatever the section has a value for; the rest is passed over."""
    given = values(section)
    kinds = dict.fromkeys(Kind(each.type) for each in asked)
    return tuple(DataAttribute(each, given[each]) for each in kinds if each in given)


def to_ack(told: Iterable[DataAttribute]) -> tuple[DataAttribute, ...]:
    """What an ACK carries: each attribute that we understand, without its value (section 3.3)."""
    return tuple(DataAttribute(each.type, b"") for each in told if Kind(each.type).known)


# --- what we are given --------------------------------------------------------------------------------------------


def printed(attributes: Iterable[DataAttribute]) -> tuple[tuple[str, str], ...]:
    """Attributes as names and values for logs and reports; the empty ones, which tell nothing, are left out."""
    return tuple((str(Kind(each.type)), _value(each)) for each in attributes if each.value != b"")


def _value(attribute: DataAttribute) -> str:
    value, family = attribute.value, _FAMILIES.get(Kind(attribute.type))
    if isinstance(value, int) or (attribute.type == Kind.INTERNAL_ADDRESS_EXPIRY and len(value) == _EXPIRY_WIDTH):
        return str(attribute.number)
    if family is not None:
        width, subnet = _WIDTHS[family]
        if len(value) == width:
            return str(ip_address(value))
        if len(value) == subnet:
            rest = value[width:]
            return f"{ip_address(value[:width])}/{ip_address(rest) if family == IPV4 else rest[0]}"
    return shown(value)


def shown(octets: bytes) -> str:
    """Octets of a peer fit for a log: printable ASCII as it is, anything else, or longer than a name, as hex."""
    text = octets.decode("latin-1")
    if len(text) <= _SHOWN and text.isascii() and text.isprintable():
        return text
    return octets[:_SHOWN].hex()


def assigned(attributes: Iterable[DataAttribute]) -> Address | None:
    """The first address among what we were given that a host can have; an IPv6 one may have its prefix behind it."""
    for each in attributes:
        if each.type not in _WORDS["Address"] or isinstance(each.value, int):
            continue
        width, with_prefix = _WIDTHS[_FAMILIES[Kind(each.type)]]
        if len(each.value) not in {width, with_prefix if width > _WIDTHS[IPV4][0] else width}:
            continue
        address = ip_address(each.value[:width])
        if not (address.is_unspecified or address.is_multicast or address.is_loopback):
            return address
    return None
