"""What both sides of a scenario are told: our isakmpd.conf and isakmpd.policy, a base and the changes to it.

A change is `{"section:tag": value}`, None takes a tag away. The base is one peer, `peer`, and one connection, `t`, with
a pre-shared key, main mode and ESP between the two networks of the bed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from tests.interop.bed import LEFT, RIGHT

SECRET = "a-secret-of-two-gateways"

Changes = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Settings:
    """Changes to both sides' bases: ours as above, the peer's in its own language. `|` lays one over the other."""

    ours: Changes = field(default_factory=dict)
    theirs: Changes = field(default_factory=dict)

    def __or__(self, other: Settings) -> Settings:
        return Settings({**self.ours, **other.ours}, {**self.theirs, **other.theirs})


def network(name: str, cidr: str) -> dict[str, str]:
    """An IPsec-ID section of a network, or of one address."""
    if "/" not in cidr:
        return {f"{name}:ID-type": "IPV4_ADDR", f"{name}:Address": cidr}
    parsed = IPv4Network(cidr)
    return {
        f"{name}:ID-type": "IPV4_ADDR_SUBNET",
        f"{name}:Network": str(parsed.network_address),
        f"{name}:Netmask": str(parsed.netmask),
    }


def fqdn(name: str, value: str) -> dict[str, str]:
    """A Phase1-ID section of a host name."""
    return {f"{name}:ID-type": "FQDN", f"{name}:Name": value}


def connection(name: str, local: str, remote: str) -> dict[str, str]:
    """An IPsec-connection section of `peer` with the base's suites; identities are sections."""
    return {
        f"{name}:Phase": "2",
        f"{name}:ISAKMP-peer": "peer",
        f"{name}:Configuration": "phase-2",
        f"{name}:Local-ID": local,
        f"{name}:Remote-ID": remote,
    }


BASE: dict[str, str] = {
    f"Phase 1:{RIGHT.address}": "peer",
    "Phase 2:Passive-connections": "t",
    "peer:Phase": "1",
    "peer:Address": RIGHT.address,
    "peer:ID": "left",
    "peer:Remote-ID": "right",
    "peer:Authentication": SECRET,
    "peer:Configuration": "phase-1",
    **fqdn("left", "left.example.org"),
    **fqdn("right", "right.example.org"),
    "phase-1:EXCHANGE_TYPE": "ID_PROT",
    "phase-1:Transforms": "AES-128-SHA2-256-GRP14",
    **connection("t", "left-network", "right-network"),
    "phase-2:EXCHANGE_TYPE": "QUICK_MODE",
    "phase-2:Suites": "QM-ESP-AES-128-SHA2-256-SUITE",
    **network("left-network", LEFT.network),
    **network("right-network", RIGHT.network),
}


def isakmpd_conf(changes: Changes) -> str:
    """The base with its changes, as a file."""
    sections: dict[str, list[str]] = {}
    for key, value in {**BASE, **changes}.items():
        section, _, tag = key.rpartition(":")
        if value is not None:
            sections.setdefault(section, []).append(f"{tag}=\t{value}")
    return "\n".join(f"[{section}]\n" + "".join(f"{line}\n" for line in tags) for section, tags in sections.items())


def psk_licensee(secret: str = SECRET) -> str:
    """The principal of a pre-shared key."""
    return f"passphrase-sha1-hex:{hashlib.sha1(secret.encode()).hexdigest()}"


def policy(licensees: Iterable[str], condition: str) -> str:
    """Who of these may do what."""
    quoted = " || ".join(f'"{each}"' for each in licensees)
    return f'Authorizer: "POLICY"\nLicensees: {quoted}\nConditions: app_domain == "IPsec policy" && {condition};\n'
