"""IKECFG-ID sections of isakmpd.conf(5): what a peer is given by mode-config; checked, and not used by this version."""

from __future__ import annotations

from policydb.sections import Section, instead
from policydb.vocabulary import MODE_CONFIG_ATTRIBUTES

_ADDRESSES = ("Address", "Netmask", "Nameserver", "WINS-server", "DHCP-server", "Network")
_LONGEST_PREFIX = 128


def check_mode_config(section: Section) -> None:
    """Say what is wrong with a section such as [ufqdn/user@example.org]."""
    known = {each.lower(): each for each in MODE_CONFIG_ATTRIBUTES}
    for member in section.members("Attributes"):
        if member.text.lower() not in known:
            message = f"Attributes knows no {member.text!r}"
            section.error("CF203", message, member, instead(member.text, known.values()))
    for tag in _ADDRESSES:
        section.address(tag)
    section.number("Prefix", 0, most=_LONGEST_PREFIX)
    section.number("Lifetime", 1200)
