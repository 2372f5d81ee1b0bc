"""IKECFG-ID sections of isakmpd.conf(5): what a peer is given, or asked for, by mode-config."""

from __future__ import annotations

from policydb.configuration.sections import Section, instead
from policydb.configuration.vocabulary import MODE_CONFIG_ATTRIBUTES
from policydb.connections import ModeConfig

_ADDRESSES = ("Address", "Netmask", "Nameserver", "WINS-server", "DHCP-server", "Network")
_LONGEST_PREFIX = 128


def mode_config(section: Section) -> ModeConfig:
    """The record of a section such as [ufqdn/user@example.org]; what is wrong with it is said, and left out."""
    known = {each.lower(): each for each in MODE_CONFIG_ATTRIBUTES}
    words = []
    for member in section.members("Attributes"):
        word = known.get(member.text.lower())
        if word is None:
            message = f"Attributes knows no {member.text!r}"
            section.error("CF203", message, member, instead(member.text, known.values()))
        else:
            words.append(word)
    addresses = {tag: section.address(tag) for tag in _ADDRESSES}
    prefix = section.number("Prefix", 0, most=_LONGEST_PREFIX)
    return ModeConfig(
        section.name,
        push=section.text("Mode", "SET") == "SET",
        attributes=tuple(words),
        values={tag: address for tag, address in addresses.items() if address is not None},
        prefix=prefix if section.get("Prefix") else None,
        lifetime=section.number("Lifetime", ModeConfig("").lifetime),
    )
