"""What a converter found out, before it is written: peers and tunnels in words of isakmpd.conf(5)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from policydb.configuration.predefined import predefined_section
from policydb.connections import Address

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
class Login:
    """The initiator proves a user by XAUTH, besides its key or, in hybrid mode, instead of it.

    `user` and `password` are ours, "" where we are the gateway.
    """

    user: str = ""
    password: str = ""
    hybrid: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """An address by mode-config: `address` is what we give the peer, None where we are given one.

    `section` is the IKECFG-ID section of whom it is for. `begins`: we begin it, and do not wait until the peer does.
    """

    section: str
    address: Address | None = None
    nameserver: Address | None = None
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """An ISAKMP peer. `secret` the pre-shared key's octets, `subject` the certificate's one-line DN: one of both.

    Neither where its user alone proves it. `lifetime` in seconds, None for the default.
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
    login: Login | None = None
    lease: Lease | None = None

    @property
    def authentication(self) -> str:
        """What the transforms are looked up by: how the keys are proved."""
        return "RSA_SIG" if self.secret is None else "PRE_SHARED"

    @property
    def method(self) -> str:
        """The AUTHENTICATION_METHOD."""
        if self.login is None:
            return self.authentication
        keys = "RSA" if self.secret is None else "PRE_SHARED"
        return f"{'HYBRID' if self.login.hybrid else 'XAUTH'}_INIT_{keys}"

    @property
    def admits_users(self) -> bool:
        """Whether we are the gateway that asks for a user."""
        return self.login is not None and not self.login.user


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
    """All that is to be written; `general` are tags of [General], `users` names and passwords of ours as gateway."""

    tunnels: tuple[Tunnel, ...] = ()
    general: tuple[tuple[str, str], ...] = ()
    users: tuple[tuple[str, str], ...] = ()
