"""Which peer section and which connection an incoming negotiation gets, and why not the others (isakmpd.conf(5)).

The daemon asks the same functions (Configuration.peer_at and bound, policydb.configuration.comparison); this module
says in which order candidates come and in which field each differs first. Pure: a configuration and a question in,
records out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from policydb.configuration.comparison import (
    Offer,
    ike_differences,
    ike_key_lengths,
    ipsec_differences,
    ipsec_key_lengths,
)
from policydb.connections import (
    Address,
    Bound,
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
from policydb.traffic import Flow, Traffic


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
    was asked to tell. `binds`: not taken, but the traffic lies in or across its own, so its suites must agree as well.
    """

    where: str
    name: str
    chosen: bool
    difference: Difference | None = None
    binds: bool = False


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
    peer's that answer. Otherwise an offer must fit each connection that binds the traffic.
    """
    peer = configuration.peer_at(incoming.address)
    peers = tuple(_peers(configuration, incoming, peer))
    if peer is None or not any(each.chosen for each in peers):
        return Selection(peers, ())
    transforms = _transforms(incoming.transforms, peer.transforms)
    bound = _bound(configuration, incoming, peer)
    connections = tuple(_connections(configuration, incoming, peer, bound))
    if incoming.traffic is None:
        may_answer = [configuration.connections[each.name] for each in connections if each.difference is None]
        wanted = [tuple(suite for each in may_answer for suite in each.suites)]
    else:
        wanted = [each.suites for each in bound.by]
    suites, fits = _suites(incoming.suites, wanted)
    found = (
        (incoming.traffic is None or bound.connection is not None)
        and (not incoming.transforms or _fits(transforms))
        and (not incoming.suites or fits)
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
        if given is not None and configured is not None and not _is_same_name(given, configured):
            return Candidate(where, name, chosen=False, difference=_value(tag, given, configured))
    return Candidate(where, name, chosen=True)


def _is_same_name(given: Identity, configured: Identity) -> bool:
    """Identities of phase 1 are names, addresses too: type and value are compared as they are written."""
    return replace(given, protocol=0, port=0) == replace(configured, protocol=0, port=0)


# --- connections --------------------------------------------------------------------------------------------------


def _hosts(peer: Peer, address: Address, local: Identity) -> Flow:
    """The traffic of the two negotiating hosts; where no address of ours is configured, any may be ours."""
    ours = local.traffic
    if peer.local_address is not None:
        ours = _host(peer.local_address)
    elif ours is not None:
        ours = replace(ours, protocol=0, port=0) if ours.is_one_address else None
    return ours, _host(address)


def _host(address: Address) -> Traffic:
    return Traffic(address.version, int(address), int(address))


def _bound(configuration: Configuration, incoming: Incoming, peer: Peer) -> Bound:
    if incoming.traffic is None:
        return Bound()
    local, remote = incoming.traffic
    return configuration.bound(peer.name, local, remote, hosts=_hosts(peer, incoming.address, local))


def _connections(configuration: Configuration, incoming: Incoming, peer: Peer, bound: Bound) -> Iterator[Candidate]:
    """The connections of the peer in the order of the configuration, then those of other peers that would fit."""
    others = []
    binding = {each.name for each in bound.by}
    traffic = _Traffic.of(peer, incoming.traffic, incoming.address) if incoming.traffic is not None else None
    for each in configuration.connections.values():
        taken = each is bound.connection
        difference = None if taken or traffic is None else traffic.difference(each)
        if each.peer == peer.name:
            if difference is None and not each.answers:
                difference = Difference("direction", "incoming", "none: it only initiates, or is not listed")
            yield Candidate(f"[{each.name}]", each.name, taken, difference, each.name in binding and not taken)
        elif traffic is not None and difference is None and each.answers:
            others.append(
                Candidate(f"[{each.name}]", each.name, False, Difference("ISAKMP-peer", peer.name, each.peer))
            )
    yield from others


@dataclass(frozen=True, slots=True)
class _Traffic:
    """The traffic that is asked about, what each end means, and whether it is that of the two hosts."""

    local: Identity
    remote: Identity
    meanings: tuple[object, object]
    hosts: bool

    @classmethod
    def of(cls, peer: Peer, traffic: tuple[Identity, Identity], address: Address) -> _Traffic:
        local, remote = traffic
        hosts = (local.traffic, remote.traffic) == _hosts(peer, address, local)
        return cls(local, remote, (local.meaning(), remote.meaning()), hosts)

    def difference(self, connection: Connection) -> Difference | None:
        """The first field in which a connection differs; None: it matches."""
        ours, theirs = connection.local_identity, connection.remote_identity
        if ours is None and theirs is None:
            hosts = f"{self.local} - {self.remote}", "the two hosts themselves"
            return None if self.hosts else Difference("traffic", *hosts)
        if ours is None:
            return Difference("local", str(self.local), "none: Remote-ID stands without Local-ID")
        sides = (("local", self.local, self.meanings[0], ours), ("remote", self.remote, self.meanings[1], theirs))
        for side, given, meaning, configured in sides:
            if configured is None:
                continue
            if meaning != configured.meaning():
                return _value(side, given, configured)
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


def _value(side: str, given: Identity, configured: Identity) -> Difference:
    """How two identities differ: in type and value; where only the value differs, it is called by what it is."""
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


def _suites(offered: Iterable[Suite], wanted: Sequence[Sequence[Suite]]) -> tuple[tuple[Comparison, ...], bool]:
    """Likewise, and whether an offer fits one suite of each list; of protocols the first transform is what is offered.

    Where an offer does not fit a list, the rest of the lists is not looked at.
    """
    held: list[Comparison] = []
    for each in offered:
        if wanted and all(_fits_one(each, configured, held) for configured in wanted):
            return tuple(held), True
    return tuple(held), False


def _fits_one(offered: Suite, configured: Iterable[Suite], held: list[Comparison]) -> bool:
    """Whether an offer fits a suite of the list; what was compared comes to `held`."""
    for each in configured:
        held.append(Comparison(offered.name, each.name, _suite(offered, each)))
        if not held[-1].differences:
            return True
    return False


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
