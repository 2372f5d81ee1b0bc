"""What a converter found out, before it is written: peers and tunnels in words of isakmpd.conf(5)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from policydb.connections import Address
from policydb.predefined import predefined_section

Network: TypeAlias = IPv4Network | IPv6Network


class NotCarriedError(ValueError):
    """Something that isakmpd.conf(5) cannot say; the message is the reason and tells no secret."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A phase 1 identity: an ID-type of isakmpd.conf(5) or ASN1_DN, and its text (a DN in one-line form)."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """The traffic at one end of a tunnel; protocol and port 0 are any."""

    network: Network
    protocol: int = 0
    port: int = 0


@dataclass(frozen=True, slots=True)
class Suite:
    """One choice of algorithms, in the parts of predefined names; `group` a number, None for none."""

    cipher: str
    hash: str
    group: int | None

    def main_mode(self, authentication: str) -> str:
        """The predefined transform. Raises NotCarriedError where there is none."""
        suffix = "-RSA_SIG" if authentication == "RSA_SIG" else ""
        name = f"{self.cipher}-{self.hash}-GRP{self.group}{suffix}"
        if not self.hash or self.group is None or not predefined_section(name):
            raise NotCarriedError("phase 1 of isakmpd needs a cipher, a hash and a group that isakmpd.conf(5) names")
        return name

    def quick_mode(self, *, transport: bool) -> str:
        """The predefined protocol's name. Raises NotCarriedError where there is none."""
        hashed = f"-{self.hash}" if self.hash else ""
        pfs = "" if self.group is None else f"-PFS-GRP{self.group}"
        name = f"QM-ESP{'-TRP' if transport else ''}-{self.cipher}{hashed}{pfs}"
        if not predefined_section(f"{name}-SUITE"):
            raise NotCarriedError("isakmpd.conf(5) names no such combination of algorithms")
        if not self.hash and not self.cipher.startswith(("AESGCM", "AESGMAC")):
            raise NotCarriedError("it does not protect integrity")
        return name


@dataclass(frozen=True, slots=True)
class Peer:
    """An ISAKMP peer. `secret` the pre-shared key's octets, `subject` the certificate's one-line DN: one of both.

    `lifetime` in seconds, None for the default.
    """

    name: str
    transforms: tuple[Suite, ...]
    address: Address | None = None
    local_address: Address | None = None
    port: int = 500
    identity: Identity | None = None
    remote_identity: Identity | None = None
    secret: bytes | None = None
    subject: str | None = None
    aggressive: bool = False
    lifetime: int | None = None

    @property
    def authentication(self) -> str:
        """The AUTHENTICATION_METHOD."""
        return "RSA_SIG" if self.secret is None else "PRE_SHARED"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """An IPsec connection. Both selectors or neither, which is host to host. `replay_window` None for the default."""

    name: str
    peer: Peer
    suites: tuple[Suite, ...]
    local: Selector | None = None
    remote: Selector | None = None
    transport: bool = False
    initiates: bool = False
    lifetime: int | None = None
    replay_window: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be written; `general` are tags of [General]."""

    tunnels: tuple[Tunnel, ...] = ()
    general: tuple[tuple[str, str], ...] = ()
