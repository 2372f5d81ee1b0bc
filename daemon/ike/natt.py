"""NAT traversal (RFC 3947, and drafts 02 and 03 of it): which version, is there a NAT, and on which ports then."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from daemon.ike.events import Endpoint, Path
from daemon.ike.messages.payloads import NatOriginalAddress
from daemon.ike.messages.vendor import NAT_T, Vendor
from daemon.ike.registries import IdType, PayloadType


@dataclass(frozen=True, slots=True)
class NatVersion:
    """Numbers of one version: NAT-D payload type and the two UDP encapsulation modes (RFC 3947 section 5.1)."""

    vendor: Vendor
    nat_d: int
    encapsulated_tunnel: int
    encapsulated_transport: int


VERSIONS = (
    NatVersion(Vendor.NAT_T_RFC3947, 20, 3, 4),
    NatVersion(Vendor.NAT_T_DRAFT_03, 130, 61443, 61444),
    NatVersion(Vendor.NAT_T_DRAFT_02, 130, 61443, 61444),
)
NAT_D_PAYLOADS = frozenset(each.nat_d for each in VERSIONS)


@dataclass(frozen=True, slots=True)
class NatFound:
    """What the NAT-D payloads told: a NAT before us, before the peer, or both."""

    local: bool
    remote: bool

    @property
    def any(self) -> bool:
        """Whether ESP has to travel in UDP."""
        return self.local or self.remote


def agreed(nat_traversal: bool, theirs: frozenset[Vendor]) -> NatVersion | None:
    """The best version that both sides announced; None: no NAT traversal."""
    if not nat_traversal:
        return None
    best = next((each for each in NAT_T if each in theirs), None)
    return next((each for each in VERSIONS if each.vendor is best), None)


def digest(hash_function: Callable[[bytes], bytes], cookies: bytes, endpoint: Endpoint) -> bytes:
    """HASH(CKY-I | CKY-R | IP | Port) of one end, by the negotiated hash (RFC 3947 section 3.2)."""
    packed = ip_address(endpoint.address).packed
    return hash_function(cookies + packed + endpoint.port.to_bytes(2, "big"))


def digests(hash_function: Callable[[bytes], bytes], cookies: bytes, path: Path) -> tuple[bytes, bytes]:
    """The two NAT-D bodies that we send: the peer's end first, then ours (RFC 3947 section 3.2)."""
    return digest(hash_function, cookies, path.remote), digest(hash_function, cookies, path.local)


def detect(
    hash_function: Callable[[bytes], bytes], cookies: bytes, path: Path, bodies: Sequence[bytes]
) -> NatFound | None:
    """Compare the peer's NAT-D payloads with what we see; None: it sent fewer than two, so there is no NAT-T."""
    if len(bodies) < 2:
        return None
    ours = digest(hash_function, cookies, path.local)
    theirs = digest(hash_function, cookies, path.remote)
    matches = [hmac.compare_digest(theirs, each) for each in bodies[1:]]
    return NatFound(local=not hmac.compare_digest(ours, bodies[0]), remote=not any(matches))


def floated(path: Path, nat_port: int) -> Path:
    """The path from main mode message 5 on (RFC 3947 section 4): both ends on the NAT-T port."""
    if path.encapsulated:
        return path
    return replace(
        path,
        local=replace(path.local, port=nat_port),
        remote=replace(path.remote, port=nat_port),
        encapsulated=True,
    )


def original_addresses(path: Path, *, initiator: bool, version: NatVersion) -> tuple[NatOriginalAddress, ...]:
    """NAT-OAi and NAT-OAr of transport mode: both ends as we know them (RFC 3947 section 5.2)."""
    ends = (path.local, path.remote) if initiator else (path.remote, path.local)
    draft = version.nat_d == PayloadType.NAT_D_DRAFT
    return tuple(_original(ip_address(each.address), draft) for each in ends)


def _original(address: IPv4Address | IPv6Address, draft: bool) -> NatOriginalAddress:
    return NatOriginalAddress(IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR, address.packed, draft)


def original_of_peer(sent: Sequence[NatOriginalAddress], *, initiator: bool) -> str:
    """The peer's own address as it knows it, "" where it did not say; `initiator`: we are.

    RFC 3947 sends the addresses of the initiator and the responder; draft 02 the sender's own alone.
    """
    mine = sent[-1:] if initiator else sent[:1]
    return next((str(ip_address(each.address)) for each in mine), "")
