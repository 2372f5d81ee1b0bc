"""The frozen records that a negotiation works with: peers, connections, identities, proposals.

Words and values are those of isakmpd.conf(5) ("3DES_CBC", "MODP_2048", "IPV4_ADDR"); the protocol core turns them into
numbers. policydb.configuration.config makes these records from the store's bindings, once a generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import ClassVar, TypeAlias

from policydb.traffic import Flow, FlowIndex, Traffic, flows_overlap

Address: TypeAlias = IPv4Address | IPv6Address

ANY = "ANY"
"""The responder's wildcard of isakmpd.conf(5): whatever the initiator offers."""


def address_in(text: str) -> Address | None:
    """The numeric IP address that a text is; None if it is something else."""
    try:
        return ip_address(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Interval:
    """An offer/accept value `offer,minimum:maximum`: offered as initiator, accepted inclusively as responder."""

    offer: int
    minimum: int
    maximum: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.minimum <= value <= self.maximum

    def __str__(self) -> str:
        return str(self.offer) if self.minimum == self.maximum else f"{self.offer},{self.minimum}:{self.maximum}"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """LIFE_TYPE ("SECONDS" or "KILOBYTES") and LIFE_DURATION; None is ANY."""

    type: str
    duration: Interval | None


@dataclass(frozen=True, slots=True)
class IkeTransform:
    """An ISAKMP-transform section. Strings are isakmpd.conf values or ANY; `key_length` in bits."""

    name: str
    encryption: str
    hash: str
    authentication: str
    group: str
    key_length: Interval | None = None
    lifetimes: tuple[Lifetime, ...] = ()


@dataclass(frozen=True, slots=True)
class IpsecTransform:
    """An IPsec-transform section. `authentication` and `group` are None where absent; `group` present means PFS."""

    name: str
    transform_id: str
    encapsulation: str
    authentication: str | None = None
    group: str | None = None
    key_length: Interval | None = None
    lifetimes: tuple[Lifetime, ...] = ()


@dataclass(frozen=True, slots=True)
class IpsecProtocol:
    """An IPsec-protocol section: alternatives of one protocol. `replay_window` in packets, never 0 on an SA."""

    name: str
    protocol_id: str
    transforms: tuple[IpsecTransform, ...]
    replay_window: int = 16


@dataclass(frozen=True, slots=True)
class Suite:
    """An IPsec-suite section: all its protocols are wanted together."""

    name: str
    protocols: tuple[IpsecProtocol, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """A Phase1-ID or IPsec-ID section.

    `type` is an ID-type value; exactly one of `address`, `network`, `name` is set, as the type asks; a range, which
    only a peer can send, runs from `address` to `upper`. `name` is latin-1 text of whatever octets a peer sent.
    `protocol` and `port` 0 mean any.
    """

    type: str
    address: Address | None = None
    network: IPv4Network | IPv6Network | None = None
    name: str | None = None
    protocol: int = 0
    port: int = 0
    upper: Address | None = None

    def __str__(self) -> str:
        value = str(self.address or self.network or self.name)
        if self.upper is not None:
            value = f"{value}-{self.upper}"
        elif not (value.isascii() and value.isprintable()):
            value = value.encode("latin-1", "replace").hex()
        suffix = f" proto {self.protocol} port {self.port}" if self.protocol or self.port else ""
        return f"{value}{suffix}"

    @property
    def traffic(self) -> Traffic | None:
        """The packets that this selects as an identity of phase 2; None for a name, which selects nobody knows what."""
        ends = self._ends()
        return None if ends is None else Traffic(*ends, self.protocol, self.port)

    def _ends(self) -> tuple[int, int, int] | None:
        """Family, lowest and highest address; None for a name."""
        network, address = self.network, self.address
        if network is not None:
            lowest = int(network.network_address)
            return network.version, lowest, lowest + (1 << network.max_prefixlen - network.prefixlen) - 1
        if address is None:
            return None
        return address.version, int(address), int(address if self.upper is None else self.upper)

    @property
    def unspecified(self) -> bool:
        """Whether this is 0.0.0.0 or ::, no host's address: as Local-ID, the one that mode-config gives us."""
        ends = self._ends()
        return ends is not None and ends[2] == 0

    def meaning(self) -> tuple[object, ...]:
        """What is selected but for protocol and port, in a form that is quick to compare and to look up."""
        return self._ends() or (self.type, self.name)

    def means(self, other: Identity) -> bool:
        """Whether both select the same, protocol and port included, however it is written (RFC 2407 section 4.6.2)."""
        return self.meaning() == other.meaning() and (self.protocol, self.port) == (other.protocol, other.port)


@dataclass(frozen=True, slots=True)
class Backoff:
    """The Retransmit- tags: `tries` repetitions of a message, the first one `timeout` seconds after it.

    Every further one waits `base` times as long as the one before, `limit` seconds at most; 0: without limit. Each wait
    is shortened at random by `jitter` percent at most, so that messages that began together do not stay together. The
    defaults get through a loss of 30 % each way (docs/decisions/0008-lossy-links.md).
    """

    tries: int = 15
    timeout: float = 0.5
    base: float = 1.5
    limit: float = 4.0
    jitter: int = 10

    def wait(self, sends: int) -> float:
        """Seconds until a message that was sent so often (1, 2, ...) is sent again, or given up, without jitter."""
        wait = self.timeout * self.base ** (sends - 1)
        return min(wait, self.limit) if self.limit else wait


@dataclass(frozen=True, slots=True)
class IsakmpdSteps:
    """The tag Retransmits: isakmpd's own rule, 2n + 5 seconds after the nth sending, for so many repetitions."""

    tries: int = 3
    jitter: ClassVar[int] = 0

    def wait(self, sends: int) -> float:
        """Seconds until a message that was sent so often (1, 2, ...) is sent again, or given up."""
        return 2.0 * sends + 5


Schedule: TypeAlias = Backoff | IsakmpdSteps
"""When a message that gets no answer is sent again."""

DEFAULT_SCHEDULE = Backoff()


def span(schedule: Schedule) -> float:
    """Seconds from the first sending of a message until it is given up."""
    return sum(map(schedule.wait, range(1, schedule.tries + 2)))


@dataclass(frozen=True, slots=True)
class Peer:
    """An ISAKMP-peer section with all it refers to. `address` None: can only answer.

    `secret` names where the pre-shared key is kept (the key never enters the store), None where there is none.
    `user` is who we are to its XAUTH, "" for nobody; `password` names where the password is kept.
    """

    name: str
    transforms: tuple[IkeTransform, ...]
    exchange: str = "ID_PROT"
    address: Address | None = None
    local_address: Address | None = None
    port: int = 500
    identity: Identity | None = None
    remote_identity: Identity | None = None
    secret: str | None = None
    flags: frozenset[str] = frozenset()
    schedule: Schedule = DEFAULT_SCHEDULE
    user: str = ""
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """An IPsec-connection section with all it refers to. Both identities or neither (then host to host).

    `acquire`: the kernel's number for the wish that made it; None: somebody wrote it.
    """

    name: str
    peer: str
    suites: tuple[Suite, ...]
    local_identity: Identity | None = None
    remote_identity: Identity | None = None
    initiates: bool = False
    answers: bool = True
    acquire: int | None = None


@dataclass(frozen=True, slots=True)
class ModeConfig:
    """An IKECFG-ID section: what the peer that its name identifies is given, or asked for, by mode-config.

    `push` is Mode SET; `attributes` the words of Attributes; `values` has Address, Netmask, Nameserver, WINS-server,
    DHCP-server and Network as far as they are set; `prefix` in bits; `lifetime` in seconds.
    """

    name: str
    push: bool = True
    attributes: tuple[str, ...] = ()
    values: Mapping[str, Address] = field(default_factory=dict)
    prefix: int | None = None
    lifetime: int = 1200


@dataclass(frozen=True, slots=True)
class General:
    """[General] as the daemon needs it; times in seconds.

    `schedule` is for peers that no section describes any more. `dpd_check_interval` 0: no probes. `fragment_size`: the
    longest IKE datagram in octets where the peer takes fragments; 0: none are sent or taken.

    `accept_weak_signatures` is of [KeyNote], and ours: credentials signed with MD5 or SHA-1 count. Ours is
    `accept_aggressive_psk` too: without it there is no aggressive mode with a pre-shared key.
    """

    check_interval: int = 60
    exchange_max_time: int = 120
    schedule: Schedule = DEFAULT_SCHEDULE
    dpd_check_interval: int = 0
    fragment_size: int = 1280
    nat_t_keepalive: int = 20
    use_keynote: bool = True
    delete_sas: bool = True
    verbose: bool = False
    log_levels: tuple[str, ...] = ()
    listen_on: tuple[str, ...] = ()
    policy_file: str = ""
    accept_weak_signatures: bool = False
    accept_aggressive_psk: bool = False


@dataclass(frozen=True, slots=True)
class OnDemand:
    """What connections that the kernel asks for are made of.

    Exchange and transforms of [Default-phase-1-configuration], and [General]:Default-phase-2-suites.
    """

    exchange: str = "ID_PROT"
    transforms: tuple[IkeTransform, ...] = ()
    suites: tuple[Suite, ...] = ()


_Key: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """What the configuration says about a flow: the connection it belongs to, and those whose suites all must agree.

    The connection, if any, is the first of those.
    """

    connection: Connection | None = None
    by: tuple[Connection, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that isakmpd.conf says, resolved. `peers_by_address` is [Phase 1]; `default_peer` its Default.

    `mode_config` has the IKECFG-ID sections by name, `users` names where the passwords of [XAUTH-users] are kept; both
    by names in lower case.
    """

    general: General = field(default_factory=General)
    peers: Mapping[str, Peer] = field(default_factory=dict)
    peers_by_address: Mapping[Address, str] = field(default_factory=dict)
    default_peer: str | None = None
    connections: Mapping[str, Connection] = field(default_factory=dict)
    mode_config: Mapping[str, ModeConfig] = field(default_factory=dict)
    on_demand: OnDemand = field(default_factory=OnDemand)
    users: Mapping[str, str] = field(default_factory=dict)
    _answering: Mapping[_Key, tuple[int, Connection]] = field(init=False, repr=False, compare=False)
    _crossing: _Crossing = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the connections: an incoming quick mode is looked up, not searched for."""
        object.__setattr__(self, "_answering", _indexed(self.connections.values()))
        object.__setattr__(self, "_crossing", _Crossing(self.connections.values()))

    def peer_at(self, address: Address) -> Peer | None:
        """The peer section for an incoming phase 1 (isakmpd.conf(5), [Phase 1]); None: nobody is expected there."""
        name = self.peers_by_address.get(address, self.default_peer)
        return self.peers.get(name) if name is not None else None

    def connection_for(self, peer: str, local: Identity, remote: Identity, *, hosts: bool) -> Connection | None:
        """The connection that answers to these identities of a quick mode; None: none does.

        Both must select the same, however it is written; protocol and port count where they are configured, and the
        connection that has the offered ones comes first. Else a connection without Remote-ID matches on the local one
        alone (road warriors), and one without any where the identities are the negotiating `hosts` themselves. Of
        several the first of the configuration is taken.
        """
        mine, other = local.meaning(), remote.meaning()
        exact = peer, mine, local.protocol, local.port, other, remote.protocol, remote.port
        if exact in self._answering:
            return self._answering[exact][1]
        ours, theirs = _variants(mine, local), _variants(other, remote)
        found = self._first((peer, *one, *another) for one in ours for another in theirs)
        if found is None:
            found = self._first([*((peer, *one) for one in ours), *([(peer,)] if hosts else [])])
        return found

    def bound(
        self, peer: str, local: Identity, remote: Identity, *, hosts: Flow, assigned: Address | None = None
    ) -> Bound:
        """What an incoming quick mode for this traffic belongs to, and whose suites bind it.

        A connection for exactly this traffic has the say alone. Otherwise every connection of the peer that has a
        packet in common with it binds, whether that answers or not. `hosts` is the traffic of the two negotiating
        addresses, `assigned` the address that mode-config gave us: it stands for the unspecified Local-ID, which nobody
        can name as it is.
        """
        offered = local.traffic, remote.traffic
        connection = None
        if assigned is not None and local.meaning() == (assigned.version, int(assigned), int(assigned)):
            unspecified = replace(local, address=type(assigned)(0), network=None, upper=None)
            connection = self.connection_for(peer, unspecified, remote, hosts=False)
        if connection is None and not local.unspecified:
            connection = self.connection_for(peer, local, remote, hosts=offered == hosts)
        is_whole = connection is not None and flow_of(connection, hosts, assigned) == offered
        if connection is not None and is_whole and None not in offered:
            return Bound(connection, (connection,))
        found = self._crossing.of(peer, offered, hosts, assigned)
        if connection is not None:
            found = (connection, *(each for each in found if each is not connection))
        return Bound(connection, found)

    def _first(self, keys: Iterable[_Key]) -> Connection | None:
        found = [self._answering[key] for key in keys if key in self._answering]
        return min(found, key=lambda each: each[0])[1] if found else None


def flow_of(connection: Connection, hosts: Flow, assigned: Address | None) -> Flow | None:
    """The traffic of a connection where `hosts` negotiate and we have an address assigned; None: it has none so far."""
    local, remote = connection.local_identity, connection.remote_identity
    if local is None and remote is None:
        return hosts
    ours = local.traffic if local is not None else None
    if local is not None and ours is not None and local.unspecified:
        if assigned is None:
            return None
        ours = replace(ours, family=assigned.version, lowest=int(assigned), highest=int(assigned))
    return ours, remote.traffic if remote is not None else None


class _Crossing:
    """The connections of each peer by their traffic; a peer's index is made when it is asked for."""

    __slots__ = ("_connections", "_indices")

    def __init__(self, connections: Iterable[Connection]) -> None:
        self._connections: dict[str, list[Connection]] = {}
        self._indices: dict[str, tuple[FlowIndex, frozenset[int]]] = {}
        for each in connections:
            self._connections.setdefault(each.peer, []).append(each)

    def of(self, peer: str, offered: Flow, hosts: Flow, assigned: Address | None) -> tuple[Connection, ...]:
        """The connections that have a packet in common with a flow, in the order of the configuration."""
        connections = self._connections.get(peer, [])
        if peer not in self._indices:
            self._indices[peer] = _indexed_flows(connections)
        index, depending = self._indices[peer]
        found = []
        for each in index.overlapping(offered):
            flow = flow_of(connections[each], hosts, assigned) if each in depending else offered
            if flow is not None and flows_overlap(flow, offered):
                found.append(connections[each])
        return tuple(found)


def _indexed_flows(connections: Iterable[Connection]) -> tuple[FlowIndex, frozenset[int]]:
    """The widest flow that each may come to have, and which depend on the hosts or on what we have assigned."""
    flows: list[Flow] = []
    depending = set()
    for number, each in enumerate(connections):
        local, remote = each.local_identity, each.remote_identity
        ours, theirs = local.traffic if local else None, remote.traffic if remote else None
        if local is None or local.unspecified:
            depending.add(number)
            ours = None
        flows.append((ours, theirs))
    return FlowIndex(flows), frozenset(depending)


def _indexed(connections: Iterable[Connection]) -> dict[_Key, tuple[int, Connection]]:
    """The connections that answer, each with its position, by peer and identities; the first of equals."""
    index: dict[_Key, tuple[int, Connection]] = {}
    for position, each in enumerate(connections):
        if each.answers and (each.local_identity is not None or each.remote_identity is None):
            index.setdefault(selector_key(each), (position, each))
    return index


def selector_key(connection: Connection) -> _Key:
    """What two connections have in common of which only the first can ever answer."""
    identities = (connection.local_identity, connection.remote_identity)
    return connection.peer, *(
        part for each in identities if each for part in (each.meaning(), each.protocol, each.port)
    )


def _variants(meaning: _Key, received: Identity) -> list[_Key]:
    """How a configured identity may look that matches a received one: protocol and port the same, or not configured."""
    return [(meaning, protocol, port) for protocol in {received.protocol, 0} for port in {received.port, 0}]
