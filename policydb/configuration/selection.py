"""Which peer section and which connection an incoming negotiation gets, and why not the others (isakmpd.conf(5)).

The daemon asks the same functions (Configuration.peer_at and connection_for, policydb.configuration.comparison); this
module says in which order candidates come and in which field each differs first. Pure: a configuration and a question
in, records out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from policydb.configuration.comparison import (
    Offer,
    ike_differences,
    ike_key_lengths,
    ipsec_differences,
    ipsec_key_lengths,
)
from policydb.connections import (
    Address,
    Configuration,
    Connection,
    Identity,
    IkeTransform,
    Interval,
    IpsecTransform,
    Lifetime,
    Peer,
    Schedule,
    Suite,
)
from policydb.negotiation import Comparison, Difference


@dataclass(frozen=True, slots=True)
class Incoming:
    """What is known of a negotiation, seen from here; all but `address` may be missing.

    `local_id` and `remote_id` are identities of phase 1, `traffic` the local and the remote one of phase 2. Of offered
    transforms what they offer counts, not what they would accept.
    """

    address: Address
    local_id: Identity | None = None
    remote_id: Identity | None = None
    traffic: tuple[Identity, Identity] | None = None
    transforms: tuple[IkeTransform, ...] = ()
    suites: tuple[Suite, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A peer section or a connection: `where` it is looked up or named, and its first difference.

    `chosen`: this one is taken. Neither chosen nor different: it would do, and another one comes first, or too little
    was asked to tell.
    """

    where: str
    name: str
    chosen: bool
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The answer. `transforms` and `suites`: each offer against each configured one, up to the first that fits.

    `schedule` is when messages to the peer chosen are sent again.
    """

    peers: tuple[Candidate, ...]
    connections: tuple[Candidate, ...]
    transforms: tuple[Comparison, ...] = ()
    suites: tuple[Comparison, ...] = ()
    found: bool = False
    schedule: Schedule | None = None


def select(configuration: Configuration, incoming: Incoming) -> Selection:
    """Every candidate in the order in which it is looked at.

    `found`: whatever was asked fits. Without traffic no connection is chosen, and suites are held against all of the
    peer's that answer.
    """
    peer = configuration.peer_at(incoming.address)
    peers = tuple(_peers(configuration, incoming, peer))
    if peer is None or not any(each.chosen for each in peers):
        return Selection(peers, ())
    transforms = _transforms(incoming.transforms, peer.transforms)
    taken = _taken(configuration, incoming, peer)
    connections = tuple(_connections(configuration, incoming, peer, taken))
    may_answer = [configuration.connections[each.name] for each in connections if each.difference is None]
    reached = [taken] if taken else may_answer if incoming.traffic is None else []
    suites = _suites(incoming.suites, [suite for each in reached for suite in each.suites])
    found = (
        (incoming.traffic is None or taken is not None)
        and (not incoming.transforms or _fits(transforms))
        and (not incoming.suites or _fits(suites))
    )
    return Selection(peers, connections, transforms, suites, found, peer.schedule)


def _fits(held: Sequence[Comparison]) -> bool:
    return bool(held) and not held[-1].differences


# --- peers --------------------------------------------------------------------------------------------------------


def _peers(configuration: Configuration, incoming: Incoming, peer: Peer | None) -> Iterator[Candidate]:
    """[Phase 1]:ADDRESS, then Default, then peers of that address which [Phase 1] does not name."""
    address = incoming.address
    listed = configuration.peers_by_address.get(address)
    where = f"[Phase 1]:{address}"
    if listed is None:
        yield Candidate(where, "", chosen=False, difference=Difference("tag", str(address), None))
    else:
        yield _peer(where, listed, peer, incoming)
    if configuration.default_peer is not None:
        default = configuration.default_peer
        taken = peer if listed is None else None
        yield _peer("[Phase 1]:Default", default, taken, incoming)
    elif listed is None:
        yield Candidate("[Phase 1]:Default", "", chosen=False, difference=Difference("tag", "Default", None))
    for each in configuration.peers.values():
        if each.address == address and each.name not in (listed, configuration.default_peer):
            difference = Difference("section", listed or configuration.default_peer, each.name)
            yield Candidate(f"[{each.name}]:Address", each.name, chosen=False, difference=difference)


def _peer(where: str, name: str, peer: Peer | None, incoming: Incoming) -> Candidate:
    if peer is None:
        return Candidate(where, name, chosen=False)
    pairs = (
        ("Remote-ID", incoming.remote_id, peer.remote_identity),
        ("ID", incoming.local_id, peer.identity),
    )
    for tag, given, configured in pairs:
        if given is not None and configured is not None and (difference := _value(tag, given, configured)):
            return Candidate(where, name, chosen=False, difference=difference)
    return Candidate(where, name, chosen=True)


# --- connections --------------------------------------------------------------------------------------------------


def _are_hosts(peer: Peer, incoming: Incoming, local: Identity, remote: Identity) -> bool:
    """Whether the traffic is that of the two negotiating hosts; our address is known only where it is configured."""
    ours = local.address is not None and local.upper is None and peer.local_address in (None, local.address)
    ports = local.protocol or local.port or remote.protocol or remote.port
    return ours and not ports and remote.upper is None and remote.address == incoming.address


def _taken(configuration: Configuration, incoming: Incoming, peer: Peer) -> Connection | None:
    if incoming.traffic is None:
        return None
    local, remote = incoming.traffic
    return configuration.connection_for(peer.name, local, remote, hosts=_are_hosts(peer, incoming, local, remote))


def _connections(
    configuration: Configuration, incoming: Incoming, peer: Peer, taken: Connection | None
) -> Iterator[Candidate]:
    """The connections of the peer in the order of the configuration, then those of other peers that would fit."""
    others = []
    for each in configuration.connections.values():
        difference = None if each is taken else _traffic(each, incoming, peer)
        if each.peer == peer.name:
            if difference is None and not each.answers:
                difference = Difference("direction", "incoming", "none: it only initiates, or is not listed")
            yield Candidate(f"[{each.name}]", each.name, each is taken, difference)
        elif incoming.traffic is not None and difference is None and each.answers:
            others.append(
                Candidate(f"[{each.name}]", each.name, False, Difference("ISAKMP-peer", peer.name, each.peer))
            )
    yield from others


def _traffic(connection: Connection, incoming: Incoming, peer: Peer) -> Difference | None:
    if incoming.traffic is None:
        return None
    local, remote = incoming.traffic
    return _selectors(connection, local, remote, hosts=_are_hosts(peer, incoming, local, remote))


def _selectors(connection: Connection, local: Identity, remote: Identity, *, hosts: bool) -> Difference | None:
    """The first field in which the connection differs from the traffic; None: it matches."""
    if connection.local_identity is None and connection.remote_identity is None:
        return None if hosts else Difference("traffic", f"{local} - {remote}", "the two hosts themselves")
    if connection.local_identity is None:
        return Difference("local", str(local), "none: Remote-ID stands without Local-ID")
    sides = (("local", local, connection.local_identity), ("remote", remote, connection.remote_identity))
    for side, given, configured in sides:
        if configured is None:
            continue
        if difference := _value(side, given, configured):
            return difference
        for field in ("protocol", "port"):
            wanted, got = getattr(configured, field), getattr(given, field)
            if wanted and wanted != got:
                return Difference(f"{side} {field}", str(got), str(wanted))
    return None


_FIELDS = {
    "IPV4_ADDR": "address",
    "IPV6_ADDR": "address",
    "IPV4_ADDR_SUBNET": "network",
    "IPV6_ADDR_SUBNET": "network",
}


def _value(side: str, given: Identity, configured: Identity) -> Difference | None:
    """Type and value; where only the value differs, it is called by what it is."""
    if given.meaning() == configured.meaning():
        return None
    if given.type != configured.type:
        return Difference(f"{side} type", f"{given.type} {given}", f"{configured.type} {configured}")
    return Difference(f"{side} {_FIELDS.get(given.type, 'name')}", str(given), str(configured))


# --- offers -------------------------------------------------------------------------------------------------------


def _transforms(offered: Iterable[IkeTransform], configured: Sequence[IkeTransform]) -> tuple[Comparison, ...]:
    """Each offer against each configured transform, in order, up to the first that is accepted."""
    held: list[Comparison] = []
    for each in offered:
        offer = Offer(
            encryption=each.encryption,
            hash=each.hash,
            authentication=each.authentication,
            group=each.group,
            key_length=_offered(ike_key_lengths(each)),
            seconds=_life(each.lifetimes, "SECONDS"),
            kilobytes=_life(each.lifetimes, "KILOBYTES"),
        )
        for other in configured:
            held.append(Comparison(each.name, other.name, ike_differences(offer, other)))
            if not held[-1].differences:
                return tuple(held)
    return tuple(held)


def _suites(offered: Iterable[Suite], configured: Sequence[Suite]) -> tuple[Comparison, ...]:
    """Likewise; of protocols the first transform is what is offered."""
    held: list[Comparison] = []
    for each in offered:
        for other in configured:
            held.append(Comparison(each.name, other.name, _suite(each, other)))
            if not held[-1].differences:
                return tuple(held)
    return tuple(held)


def _suite(offered: Suite, configured: Suite) -> tuple[Difference, ...]:
    """What keeps the suite from being accepted: for each protocol the transform that comes nearest."""
    given = {each.protocol_id: each.transforms[0] for each in offered.protocols}
    wanted = {each.protocol_id: each.transforms for each in configured.protocols}
    if given.keys() != wanted.keys():
        return (Difference("protocols", " + ".join(given), " + ".join(wanted)),)
    nearest = (
        min((ipsec_differences(name, _ipsec_offer(given[name]), each) for each in transforms), key=len)
        for name, transforms in wanted.items()
    )
    return tuple(each for differences in nearest for each in differences)


def _ipsec_offer(transform: IpsecTransform) -> Offer:
    return Offer(
        encryption=transform.transform_id,
        hash=None,
        authentication=transform.authentication,
        group=transform.group,
        key_length=_offered(ipsec_key_lengths(transform)),
        seconds=_life(transform.lifetimes, "SECONDS"),
        kilobytes=_life(transform.lifetimes, "KILOBYTES"),
        encapsulation=transform.encapsulation,
    )


def _offered(interval: Interval | None) -> int | None:
    return interval.offer if interval else None


def _life(lifetimes: Iterable[Lifetime], kind: str) -> int | None:
    """The duration that a transform offers, None where it names none: 0 kilobytes are no limit."""
    return next((each.duration.offer for each in lifetimes if each.type == kind and each.duration), None) or None
