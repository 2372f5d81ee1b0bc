"""A finished quick mode as IPsec SAs: keys, SPIs, lifetimes, selectors, both ways (RFC 2409 section 5.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.ike.acceptance import Filters
from daemon.ike.algorithms import keys
from daemon.ike.errors import LocalError
from daemon.ike.events import Path, SecurityAssociation
from daemon.ike.messages.proposals import IpsecParameters
from daemon.ike.registries import AhTransform, Encapsulation, EspTransform, Protocol
from policydb.connections import Suite

DEFAULT_REPLAY_WINDOW = 16

_SOFT_PERMILLE = 850
_SOFT_SPREAD = 100

_TRANSPORT = (
    Encapsulation.TRANSPORT,
    Encapsulation.UDP_ENCAP_TRANSPORT,
    Encapsulation.UDP_ENCAP_TRANSPORT_DRAFT,
)
_PLAIN = (Encapsulation.TUNNEL, Encapsulation.TRANSPORT)
_NAMES = {Protocol.IPSEC_ESP: "ESP", Protocol.IPSEC_AH: "AH"}


@dataclass(frozen=True, slots=True)
class Keying:
    """What both directions of all protocols have in common. `soft_share`: the part of a lifetime that is soft."""

    keys: keys.Phase1Keys
    nonce_i: bytes
    nonce_r: bytes
    shared: bytes
    path: Path
    filters: Filters
    suite: Suite | None
    connection: str
    soft_share: float
    nat_original: str = ""
    acquire: int | None = None


def protocol_name(protocol: Protocol) -> str:
    """The protocol as SecurityAssociation spells it. Raises LocalError for one that no kernel of ours does."""
    if protocol not in _NAMES:
        raise LocalError(f"protocol {protocol} is not supported")
    return _NAMES[protocol]


def soft_share(random: Callable[[int], bytes]) -> float:
    """The part of a lifetime after which an SA is renewed: 85.0 to 94.9 %, drawn for each, so that ends differ."""
    return (_SOFT_PERMILLE + int.from_bytes(random(4)) % _SOFT_SPREAD) / 1000


def make_sas(keying: Keying, parameters: IpsecParameters, our_spi: int) -> tuple[SecurityAssociation, ...]:
    """The inbound SA under our SPI and the outbound one under the peer's (`parameters.spi`)."""
    inbound = _one(keying, parameters, our_spi.to_bytes(4), inbound=True)
    return inbound, _one(keying, parameters, parameters.spi, inbound=False)


def _one(keying: Keying, parameters: IpsecParameters, spi: bytes, inbound: bool) -> SecurityAssociation:
    encryption_octets = parameters.encryption_key_octets
    total = encryption_octets + parameters.authentication_key_octets
    nonces = keying.nonce_i + keying.nonce_r
    material = keys.keymat(keying.keys, parameters.protocol, spi, nonces=nonces, octets=total, shared=keying.shared)
    ends = [
        (keying.path.remote, keying.filters.remote),
        (keying.path.local, keying.filters.local),
    ]
    (source, source_selector), (destination, destination_selector) = ends if inbound else reversed(ends)
    seconds = parameters.seconds
    esp = parameters.protocol is Protocol.IPSEC_ESP
    return SecurityAssociation(
        spi=int.from_bytes(spi),
        protocol=protocol_name(parameters.protocol),
        source=source.address,
        destination=destination.address,
        source_selector=source_selector,
        destination_selector=destination_selector,
        encapsulation="TRANSPORT" if parameters.encapsulation in _TRANSPORT else "TUNNEL",
        encryption=str(EspTransform(parameters.transform)) if esp else "",
        encryption_key=material[:encryption_octets],
        authentication=_authentication(parameters),
        authentication_key=material[encryption_octets:],
        replay_window=_replay_window(keying.suite, parameters.protocol),
        soft_seconds=int(seconds * keying.soft_share),
        hard_seconds=seconds,
        hard_kilobytes=parameters.life_kilobytes,
        soft_kilobytes=int(parameters.life_kilobytes * keying.soft_share) if parameters.life_kilobytes else None,
        udp_ports=None if parameters.encapsulation in _PLAIN else (source.port, destination.port),
        inbound=inbound,
        connection=keying.connection,
        nat_original=keying.nat_original if parameters.encapsulation in _TRANSPORT[1:] and inbound else "",
        acquire=keying.acquire,
    )


def _authentication(parameters: IpsecParameters) -> str:
    if parameters.authentication is not None:
        return str(parameters.authentication)
    return str(AhTransform(parameters.transform)) if parameters.protocol is Protocol.IPSEC_AH else ""


def _replay_window(suite: Suite | None, protocol: Protocol) -> int:
    """The configured window; never 0, with which anybody could replay (CVE-2006-4436)."""
    for each in suite.protocols if suite else ():
        if each.protocol_id == str(protocol) and each.replay_window > 0:
            return each.replay_window
    return DEFAULT_REPLAY_WINDOW
