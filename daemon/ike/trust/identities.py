"""Identities: configuration records, ID payloads, comparison, and the words that policy gets.

Their printed form is `str()` of policydb.connections.Identity. One table says how each type is read (RFC 2407
section 4.6.2) and what isakmpd.policy(5) calls it. A distinguished name is printed, configured and told to policy in
one line; the octets of one of our own come from its certificate. A DER_ASN1_GN only a peer can send.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address, ip_network

from daemon.ike import limits
from daemon.ike.errors import InvalidIdInformation, LocalError
from daemon.ike.messages.payloads import Identification
from daemon.ike.registries import IdType
from daemon.ike.trust.names import general_name, one_line
from policydb.attributes import zero_padded
from policydb.connections import Address, Identity

_IPV4, _IPV6 = 4, 16
_MAX_NAME = 512
_PROTOCOL_WORDS = {6: "tcp", 17: "udp", 97: "etherip"}


def _address(data: bytes, width: int) -> Address:
    if len(data) != width:
        raise ValueError(f"{len(data)} octets for an address of {width}")
    return ip_address(data)


def _read_address(kind: str, data: bytes, width: int) -> Identity:
    return Identity(kind, address=_address(data, width))


def _read_network(kind: str, data: bytes, width: int) -> Identity:
    address, mask = _address(data[:width], width), int(_address(data[width:], width))
    hosts = mask ^ ((1 << 8 * width) - 1)
    if hosts & (hosts + 1):
        raise ValueError("the mask is not contiguous")
    return Identity(kind, network=ip_network((address, 8 * width - hosts.bit_length()), strict=False))


def _read_range(kind: str, data: bytes, width: int) -> Identity:
    lower, upper = _address(data[:width], width), _address(data[width:], width)
    if int(lower) > int(upper):
        raise ValueError("the range is empty")
    return Identity(kind, address=lower, upper=upper)


def _read_octets(kind: str, data: bytes, width: int) -> Identity:
    if not 0 < len(data) <= width:
        raise ValueError(f"a name of {len(data)} octets")
    return Identity(kind, name=data.decode("latin-1"))


def _read_name(kind: str, data: bytes, width: int) -> Identity:
    if not all(0x21 <= octet <= 0x7E for octet in data):
        raise ValueError("a name with octets that no name has")
    return _read_octets(kind, data, width)


def _read_dn(kind: str, data: bytes, width: int) -> Identity:
    name = one_line(data) if len(data) <= width else ""
    if not name:
        raise ValueError(f"an empty name, or one of more than {width} octets")
    return Identity(kind, name=name)


def _read_gn(kind: str, data: bytes, width: int) -> Identity:
    del width  # the reader of names has its own bound
    return Identity(kind, name=general_name(data))


@dataclass(frozen=True, slots=True)
class _Row:
    """How a type's data is read (ValueError where it is wrong), its width in octets, policy's word for the type."""

    read: Callable[[str, bytes, int], Identity]
    width: int
    word: str


_TYPES = {
    IdType.IPV4_ADDR: _Row(_read_address, _IPV4, "IPv4 address"),
    IdType.FQDN: _Row(_read_name, _MAX_NAME, "FQDN"),
    IdType.USER_FQDN: _Row(_read_name, _MAX_NAME, "User FQDN"),
    IdType.IPV4_ADDR_SUBNET: _Row(_read_network, _IPV4, "IPv4 subnet"),
    IdType.IPV6_ADDR: _Row(_read_address, _IPV6, "IPv6 address"),
    IdType.IPV6_ADDR_SUBNET: _Row(_read_network, _IPV6, "IPv6 subnet"),
    IdType.IPV4_RANGE: _Row(_read_range, _IPV4, "IPv4 range"),
    IdType.IPV6_RANGE: _Row(_read_range, _IPV6, "IPv6 range"),
    IdType.DER_ASN1_DN: _Row(_read_dn, limits.NAME_OCTETS, "ASN1 DN"),
    IdType.DER_ASN1_GN: _Row(_read_gn, limits.NAME_OCTETS, "ASN1 GN"),
    IdType.KEY_ID: _Row(_read_octets, _MAX_NAME, "Key ID"),
}


def of_address(address: Address) -> Identity:
    """The identity of a single address, any protocol and port."""
    return Identity("IPV4_ADDR" if isinstance(address, IPv4Address) else "IPV6_ADDR", address=address)


def to_payload(identity: Identity) -> Identification:
    """The ID payload of an identity. Raises LocalError where its value does not fit its type."""
    try:
        kind = IdType.from_text(identity.type)
        payload = Identification(kind, identity.protocol, identity.port, _data(identity))
        fits = from_payload(payload) == identity
    except (KeyError, ValueError, InvalidIdInformation) as error:
        raise LocalError(f"identity {identity} cannot be sent as {identity.type}: {error}") from error
    if not fits:
        raise LocalError(f"identity {identity} cannot be sent as {identity.type}")
    return payload


def _data(identity: Identity) -> bytes:
    if identity.network is not None:
        return identity.network.network_address.packed + identity.network.netmask.packed
    if identity.address is not None:
        return identity.address.packed + (identity.upper.packed if identity.upper is not None else b"")
    return (identity.name or "").encode("latin-1")


def from_payload(payload: Identification) -> Identity:
    """The identity in an ID payload; host bits of a subnet are cleared. Raises InvalidIdInformation."""
    row = _TYPES.get(payload.type)
    if row is None:
        raise InvalidIdInformation(f"message_validate_id: ID type {payload.type} is not supported")
    try:
        identity = row.read(str(payload.type), payload.data, row.width)
    except ValueError as error:
        raise InvalidIdInformation(f"message_validate_id: {payload.type}: {error}") from error
    return replace(identity, protocol=payload.protocol, port=payload.port)


def traffic(ours: Identification, theirs: Identification) -> tuple[Identity, Identity]:
    """The two ends of the traffic that a pair of quick mode's identities means. Raises InvalidIdInformation.

    RFC 2407 section 4.6.2.1 lets a name stand there, but nobody can say which packets that would be; nor are there any
    of two protocols at once, or of the unspecified address.
    """
    ends = from_payload(ours), from_payload(theirs)
    for payload, identity in zip((ours, theirs), ends, strict=True):
        limit = bounds(identity)
        if limit is None:
            raise InvalidIdInformation(
                f"message_validate_id: {payload.type} {identity} names no addresses, so no traffic"
            )
        if int(limit[1]) == 0:
            raise InvalidIdInformation(f"message_validate_id: {identity} is the address of no host, so no traffic")
    if len({identity.protocol for identity in ends} - {0}) > 1:
        raise InvalidIdInformation(f"message_validate_id: {ends[0]} and {ends[1]} name two protocols")
    return ends


def matches(configured: Identity, received: Identity) -> bool:
    """Whether type and value are the same; protocol and port are compared where configured (not 0)."""
    whole = replace(
        received,
        protocol=received.protocol if configured.protocol else 0,
        port=received.port if configured.port else 0,
    )
    return whole == configured


def bounds(identity: Identity) -> tuple[Address, Address] | None:
    """The lowest and the highest address that an identity means; None for names."""
    if identity.network is not None:
        return identity.network[0], identity.network[-1]
    if identity.address is not None:
        return identity.address, identity.upper if identity.upper is not None else identity.address
    return None


def policy_words(prefix: str, identity: Identity) -> dict[str, str]:
    """The attributes `{prefix}_type`, `{prefix}`, `{prefix}_addr_lower`, `_addr_upper`, `_proto`, `_port`.

    Addresses are zero-padded so that string order is address order; the address bounds of a name are "".
    """
    ends = bounds(identity)
    lower, upper = (zero_padded(ends[0]), zero_padded(ends[1])) if ends else ("", "")
    single = identity.network is None and identity.upper is None
    text = str(replace(identity, protocol=0, port=0)) if ends is None else lower if single else f"{lower}-{upper}"
    return {
        f"{prefix}_type": _TYPES[IdType.from_text(identity.type)].word,
        prefix: text,
        f"{prefix}_addr_lower": lower,
        f"{prefix}_addr_upper": upper,
        f"{prefix}_proto": _PROTOCOL_WORDS.get(identity.protocol, str(identity.protocol)),
        f"{prefix}_port": str(identity.port),
    }
