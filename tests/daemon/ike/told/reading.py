"""A slow reading of what an IPsec SA is: from what the kernel was given and from the octets on the wire.

Written to be read beside isakmpd.policy(5) and RFC 2407, and shares no line with what tells policy. Policy must have
been told just this, or said no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

from daemon.ike.events import SecurityAssociation
from policydb.connections import ANY, Connection, Identity, IpsecTransform, Suite
from tests.daemon.ike.told.conditions import NO_LIMIT, NoLimit, Reading
from tests.daemon.ike.told.octets import Proposal, read_attributes

_ENCRYPTS = {
    "AES": "aes",
    "AES_CTR": "aes",
    "AES_GCM_16": "aes",
    "3DES": "3des",
    "CAST": "cast",
    "BLOWFISH": "blowfish",
}
"""What encrypts, and with what. All else leaves the packets as they are: null."""

_OF_SEVERAL_LENGTHS = {"AES": 0, "AES_CTR": 4, "AES_GCM_16": 4, "AES_GMAC": 4, "CAST": 0, "BLOWFISH": 0}
"""Ciphers with keys of several lengths: the octets of salt behind the key (RFC 3686, RFC 4106, RFC 4543)."""

_HASHES = {
    "HMAC_MD5": "md5",
    "HMAC_SHA": "sha",
    "HMAC_RIPEMD": "ripemd",
    "HMAC_SHA2_256": "sha2-256",
    "HMAC_SHA2_384": "sha2-384",
    "HMAC_SHA2_512": "sha2-512",
}
_TYPES = {
    1: "IPv4 address",
    4: "IPv4 subnet",
    7: "IPv4 range",
    5: "IPv6 address",
    6: "IPv6 subnet",
    8: "IPv6 range",
}
_PROTOCOLS = {0: "0", 6: "tcp", 17: "udp", 97: "etherip"}
_NUMBERS = {"AH": 2, "ESP": 3}
_DOI_SECONDS = 28800

Address = IPv4Address | IPv6Address


def reading(
    sas: Sequence[SecurityAssociation],
    chosen: Sequence[Proposal],
    ids: Sequence[bytes],
    *,
    initiator: bool,
    phase_1: Mapping[str, str],
    now: datetime,
) -> Reading:
    """What was installed, in the words of isakmpd.policy(5).

    `chosen` is message 2's proposal, `ids` the bodies of IDci and IDcr; `phase_1` is what phase 1 settled.
    """
    found: dict[str, str | NoLimit] = {"app_domain": "IPsec policy", "doi": "ipsec", **phase_1}
    found["initiator"] = "yes" if initiator else "no"
    found["GMTTimeOfDay"] = now.strftime("%Y%m%d%H%M%S")
    found["LocalTimeOfDay"] = now.astimezone().strftime("%Y%m%d%H%M%S")
    for prefix in ("ah", "esp", "comp"):
        found |= {f"{prefix}_present": "no", f"{prefix}_ecn": "no"}
        found |= {f"{prefix}_life_seconds": "0", f"{prefix}_life_kbytes": "0"}
    groups = {_group(proposal) for proposal in chosen}
    assert len(groups) == 1, f"protocols wanted together have groups {groups}"
    (group,) = groups
    found["pfs"] = "yes" if group else "no"
    for sa in _outbound(sas):
        prefix = sa.protocol.lower()
        found |= {f"{prefix}_{name}": value for name, value in _protocol(sa).items()}
        if group:
            found[f"{prefix}_group_desc"] = str(group)
    first = _outbound(sas)[0]
    ours, theirs = ids[::-1] if ids and not initiator else ids or (b"\1\0\0\0", b"\1\0\0\0")
    found |= _side("local_filter", first.source_selector, ours)
    found |= _side("remote_filter", first.destination_selector, theirs)
    return found


def _outbound(sas: Iterable[SecurityAssociation]) -> list[SecurityAssociation]:
    return [sa for sa in sas if not sa.inbound]


def _group(proposal: Proposal) -> int:
    ((_, _, attributes),) = proposal.transforms
    return dict(read_attributes(attributes)).get(3, 0)


def _protocol(sa: SecurityAssociation) -> dict[str, str | NoLimit]:
    found: dict[str, str | NoLimit] = {"present": "yes"}
    found["life_seconds"] = str(sa.hard_seconds)
    found["life_kbytes"] = NO_LIMIT if sa.hard_kilobytes is None else str(sa.hard_kilobytes)
    found["encapsulation"] = {"TUNNEL": "tunnel", "TRANSPORT": "transport"}[sa.encapsulation]
    if sa.udp_ports and sa.encapsulation == "TUNNEL":
        found["encapsulation"] = "udp-encap-tunnel"
    if sa.protocol == "ESP":
        found["enc_alg"] = _ENCRYPTS.get(sa.encryption, "null")
        if sa.encryption in _OF_SEVERAL_LENGTHS:
            found["key_length"] = str(8 * (len(sa.encryption_key) - _OF_SEVERAL_LENGTHS[sa.encryption]))
    else:
        found["hash_alg"] = _HASHES[sa.authentication]
    if sa.authentication:
        found["auth_alg"] = f"hmac-{_HASHES[sa.authentication]}"
    return found


def ends(identity: Identity) -> tuple[Address, Address]:
    """The first and the last address of a selector."""
    if identity.network is not None:
        return identity.network.network_address, identity.network.broadcast_address
    assert identity.address is not None, "a selector without addresses selects nothing"
    return identity.address, identity.upper or identity.address


def _padded(address: Address) -> str:
    if address.version == 4:
        return ".".join(f"{octet:03}" for octet in address.packed)
    return address.exploded


def _side(name: str, selector: Identity, said: bytes) -> dict[str, str]:
    """One side of the traffic: the addresses, protocol and port of the selector, the type as it was written."""
    lower, upper = ends(selector)
    kind = _TYPES[said[0]]
    whole = _padded(lower) if kind.endswith("address") else f"{_padded(lower)}-{_padded(upper)}"
    return {
        f"{name}_type": kind,
        name: whole,
        f"{name}_addr_lower": _padded(lower),
        f"{name}_addr_upper": _padded(upper),
        f"{name}_proto": _PROTOCOLS.get(selector.protocol, str(selector.protocol)),
        f"{name}_port": str(selector.port),
    }


# --- the wire -----------------------------------------------------------------------------------------------------


def check_wire(
    sas: Sequence[SecurityAssociation], chosen: Sequence[Proposal], suites: Sequence[Suite], *, initiator: bool
) -> None:
    """The kernel has what was agreed on: each protocol's transform and its lifetimes as the octets have them.

    `suites` are those of the connection that matched; where the octets name no seconds, they may. An `initiator` is
    told by the responder, beside the proposal, of lifetimes that are shorter.
    """
    assert sorted(_NUMBERS[sa.protocol] for sa in _outbound(sas)) == sorted(each.protocol for each in chosen)
    for sa in sas:
        (proposal,) = (each for each in chosen if each.protocol == _NUMBERS[sa.protocol])
        ((_, _, octets),) = proposal.transforms
        attributes = read_attributes(octets)
        seconds, kilobytes = _lives(attributes)
        possible = {seconds} if seconds else _unsaid_seconds(suites, sa.protocol)
        if initiator:
            assert sa.hard_seconds is not None
            assert sa.hard_seconds <= (seconds or _DOI_SECONDS), (sa, attributes)
            assert kilobytes is None or (sa.hard_kilobytes is not None and sa.hard_kilobytes <= kilobytes)
        else:
            assert (sa.hard_seconds in possible, sa.hard_kilobytes) == (True, kilobytes), (sa, attributes)
        mode = dict(attributes)[4]
        assert (sa.encapsulation, sa.udp_ports is not None) == (
            "TRANSPORT" if mode in (2, 4, 61444) else "TUNNEL",
            mode not in (1, 2),
        )
        bits = dict(attributes).get(6)
        assert bits is None or bits == 8 * (len(sa.encryption_key) - _OF_SEVERAL_LENGTHS[sa.encryption])


def _lives(attributes: Sequence[tuple[int, int]]) -> tuple[int | None, int | None]:
    """Seconds and kilobytes: a duration (2) belongs to the type (1) before it; none, or 0 kilobytes, is None."""
    durations: dict[int, int] = {}
    kind = 0
    for name, number in attributes:
        if name == 1:
            kind = number
        elif name == 2:
            assert kind not in durations, "a duration was given twice"
            durations[kind] = number
    return durations.get(1), durations.get(2) or None


def _unsaid_seconds(suites: Iterable[Suite], protocol: str) -> set[int]:
    """What may hold where an offer names no seconds: the DOI's, or what we have configured where that is less."""
    lives = [
        life.duration.offer
        for suite in suites
        for each in suite.protocols
        if each.protocol_id == f"IPSEC_{protocol}"
        for transform in each.transforms
        for life in transform.lifetimes
        if life.type == "SECONDS" and life.duration is not None
    ]
    return {_DOI_SECONDS, *(seconds for seconds in lives if seconds < _DOI_SECONDS)}


# --- a connection -------------------------------------------------------------------------------------------------


def binding(connections: Iterable[Connection], sas: Sequence[SecurityAssociation]) -> list[Connection]:
    """The connections whose suites count: the one for exactly this traffic, or else all that have a packet of it."""
    candidates = list(connections)
    exactly = [each for each in candidates if _touches(each, sas, _same)]
    return exactly[:1] or [each for each in candidates if _touches(each, sas, _meet)]


def _touches(
    connection: Connection, sas: Sequence[SecurityAssociation], compare: Callable[[Identity, Identity], bool]
) -> bool:
    first = _outbound(sas)[0]
    sides = (
        (connection.local_identity, first.source_selector),
        (connection.remote_identity, first.destination_selector),
    )
    return all(mine is not None and compare(mine, theirs) for mine, theirs in sides)


def _same(one: Identity, other: Identity) -> bool:
    """The same packets."""
    return (*ends(one), one.protocol, one.port) == (*ends(other), other.protocol, other.port)


def _meet(one: Identity, other: Identity) -> bool:
    (low, high), (lower, upper) = ends(one), ends(other)
    if low.version != lower.version or int(low) > int(upper) or int(lower) > int(high):
        return False
    numbers = ((one.protocol, other.protocol), (one.port, other.port))
    return all(mine == theirs or not (mine and theirs) for mine, theirs in numbers)


def allowed_by(suites: Iterable[Suite], sas: Sequence[SecurityAssociation], group: int, *, lives: bool) -> bool:
    """Whether one of the suites is what the SAs are: all protocols, and for each of them one of its transforms.

    `lives`: so are the lifetimes. A responder may keep SAs for a shorter time than we would.
    """
    kernel = {f"IPSEC_{sa.protocol}": sa for sa in _outbound(sas)}
    return any(
        {each.protocol_id for each in suite.protocols} == set(kernel)
        and all(
            any(_is(transform, kernel[each.protocol_id], group, lives) for transform in each.transforms)
            for each in suite.protocols
        )
        for suite in suites
    )


def _is(transform: IpsecTransform, sa: SecurityAssociation, group: int, lives: bool) -> bool:
    cipher = sa.encryption if sa.protocol == "ESP" else sa.authentication.removeprefix("HMAC_")
    bits = 8 * (len(sa.encryption_key) - _OF_SEVERAL_LENGTHS.get(sa.encryption, 0))
    if transform.key_length is not None:
        if not transform.key_length.minimum <= bits <= transform.key_length.maximum:
            return False
    elif transform.transform_id.startswith("AES") and bits != 128:
        return False
    for life in transform.lifetimes if lives else ():
        value = sa.hard_seconds if life.type == "SECONDS" else sa.hard_kilobytes
        if life.duration is not None and (value is None or not life.duration.minimum <= value <= life.duration.maximum):
            return False
    return (
        transform.transform_id == cipher
        and (transform.authentication or "") in (sa.authentication, ANY)
        and transform.encapsulation in (sa.encapsulation, ANY)
        and transform.group == ("ECP_256" if group == 19 else None)
    )
