"""Phase1-ID and IPsec-ID sections of isakmpd.conf(5) to identities."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

from policydb.configuration.sections import Section, Value
from policydb.configuration.vocabulary import ADDRESS_IDS, IP_PROTOCOLS, PHASE_1_IDS, SERVICES, Words
from policydb.connections import Identity
from policydb.traffic import in_four_parts

_VERSIONS = {"IPV4_ADDR": 4, "IPV4_ADDR_SUBNET": 4, "IPV6_ADDR": 6, "IPV6_ADDR_SUBNET": 6}


def phase_1_identity(section: Section) -> Identity | None:
    """The identity of a Phase1-ID section; None, and errors, where it is none."""
    return _identity(section, PHASE_1_IDS)


def ipsec_identity(section: Section) -> Identity | None:
    """The identity of an IPsec-ID section, which selects traffic; None, and errors, where it is none."""
    found = _identity(section, ADDRESS_IDS)
    protocol = _numbered(section, "Protocol", IP_PROTOCOLS, 255)
    port = _numbered(section, "Port", SERVICES, 65535)
    if port and not protocol:
        section.error("CF209", "Port needs a Protocol", section.get("Port"), "add Protocol=tcp or udp")
    if found is None:
        return None
    return Identity(found.type, found.address, found.network, found.name, protocol, port)


def _identity(section: Section, types: Words) -> Identity | None:
    kind = section.word("ID-type", types)
    if kind is None:
        return None
    if kind not in _VERSIONS:
        name = section.required("Name")
        if name and kind == "DER_ASN1_DN" and not name.text.startswith("/"):
            section.error(
                "CF203", f"Name={name.text} is no distinguished name in one line", name, "write /C=SE/CN=host"
            )
        return Identity(kind, name=name.text) if name and _is_filled(section, "Name", name) else None
    if kind.endswith("_SUBNET"):
        network = _network(section, _VERSIONS[kind])
        return Identity(kind, network=network) if network else None
    value = section.required("Address")
    address = section.parsed_address("Address", value) if value else None
    if value is None or address is None:
        return None
    if address.version != _VERSIONS[kind]:
        section.error("CF204", f"Address={value.text} does not fit ID-type={kind}", value)
        return None
    return Identity(kind, address=address)


def _is_filled(section: Section, tag: str, value: Value) -> bool:
    if not value.text:
        section.error("CF203", f"{tag} is empty", value)
    return bool(value.text)


def _network(section: Section, version: int) -> IPv4Network | IPv6Network | None:
    values = (section.required("Network"), section.required("Netmask"))
    network, netmask = values
    if network is None or netmask is None:
        return None
    # ipsecctl(8) hands a network on as it is typed.
    address = section.parsed_address("Network", network._replace(text=in_four_parts(network.text)))
    mask = section.parsed_address("Netmask", netmask)
    if address is None or mask is None:
        return None
    for tag, value, parsed in (("Network", network, address), ("Netmask", netmask, mask)):
        if parsed.version != version:
            section.error("CF204", f"{tag}={value.text} does not fit ID-type=IPV{version}_ADDR_SUBNET", value)
            return None
    bits = mask.max_prefixlen
    length = int(mask).bit_count()
    if int(mask) != ((1 << length) - 1) << (bits - length):
        section.error("CF204", f"Netmask={netmask.text} is no mask: its ones must stand in front", netmask)
        return None
    found = ip_network((int(address), length)) if not int(address) & ~int(mask) else None
    if found is None:
        inside = ip_network((int(address), length), strict=False)
        hint = f"the network is {inside.network_address}"
        section.error("CF204", f"Network={network.text} has bits outside Netmask={netmask.text}", network, hint)
    return found


def _numbered(section: Section, tag: str, names: Mapping[str, int], most: int) -> int:
    """A number or one of the names; 0, which means any, where the tag is missing."""
    value = section.get(tag)
    if value is not None and value.text.lower() in names:
        return names[value.text.lower()]
    if value is not None and value.text[:1].isalpha():
        section.error("CF205", f"{tag} knows no name {value.text!r}", value, "give the number")
        return 0
    return section.number(tag, 0, most=most)


def port_number(section: Section, default: int) -> int:
    """Port of an ISAKMP-peer section."""
    return _numbered(section, "Port", SERVICES, 65535) or default
