"""What an incoming quick mode belongs to and whose suites bind it, against a reading that counts packets one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.connections import Bound, Configuration, Connection, Identity
from policydb.traffic import Traffic
from tests.sizes import examples, sized
from tests.traffic import host, net, span

ZERO = str(IPv4Address(0))
BASE, SIZE = int(IPv4Address("10.0.0.0")), 8
OURS, THEIRS = ip_address("10.0.0.1"), ip_address("10.0.0.6")
ASSIGNED = ip_address("10.0.0.3")

Seen = frozenset[tuple[int, int, int]]
"""Packets of one end, as octet, protocol and port; in all there are eleven addresses, three protocols and two ports."""

PROTOCOLS, PORTS = (6, 17, 47), (22, 80)
EVERYTHING: Seen = frozenset(product((-BASE, *range(-1, SIZE + 1)), PROTOCOLS, PORTS))


def seen(identity: Identity | None) -> Seen:
    """The packets of an identity, told from how it is written and from nothing else."""
    if identity is None:
        return EVERYTHING
    return frozenset(each for each in EVERYTHING if _selects(identity, *each))


def _selects(identity: Identity, octet: int, protocol: int, port: int) -> bool:
    address = ip_address(BASE + octet)
    if identity.network is not None:
        is_in = address in identity.network
    elif identity.upper is not None and identity.address is not None:
        is_in = int(identity.address) <= int(address) <= int(identity.upper)
    else:
        is_in = address == identity.address
    return is_in and identity.protocol in (0, protocol) and identity.port in (0, port)


# --- identities, in all ways of writing them ----------------------------------------------------------------------


def _host(octet: int) -> Identity:
    return Identity("IPV4_ADDR", address=ip_address(BASE + octet))


def _network(octet: int, bits: int) -> Identity:
    return Identity("IPV4_ADDR_SUBNET", network=ip_network((BASE + octet, bits), strict=False))


def _range(ends: list[int]) -> Identity:
    lower, upper = sorted(ends)
    return Identity("IPV4_RANGE", address=ip_address(BASE + lower), upper=ip_address(BASE + upper))


OCTETS = st.integers(0, SIZE - 1)
WHOLE = st.sampled_from(
    [
        net("0.0.0.0/0"),
        span(ZERO, "255.255.255.255"),
    ]
)
FEW = st.sampled_from([_host(1), _network(1, 32), _range([1, 1]), _network(0, 29), _range([0, 7])])
"""So that connections often have the same addresses and differ in the rest."""

PLACES = st.one_of(
    FEW,
    FEW,
    FEW,
    st.builds(_host, OCTETS),
    st.builds(_network, OCTETS, st.integers(29, 32)),
    st.builds(_range, st.lists(OCTETS, min_size=2, max_size=2)),
    WHOLE,
)
IDENTITIES = st.builds(
    lambda identity, protocol, port: replace(identity, protocol=protocol, port=port),
    PLACES,
    st.sampled_from([0, 0, 6, 17]),
    st.sampled_from([0, 0, 22]),
)
NOBODY = host(ZERO)
UNSPECIFIED = st.sampled_from(
    [
        NOBODY,
        net(f"{ZERO}/32"),
    ]
)
CONNECTIONS = st.builds(
    Connection,
    name=st.just(""),
    peer=st.sampled_from(["a", "a", "b"]),
    suites=st.just(()),
    local_identity=st.none() | IDENTITIES | IDENTITIES | UNSPECIFIED,
    remote_identity=st.none() | IDENTITIES | IDENTITIES,
    answers=st.booleans() | st.just(value=True),
)


# --- the slow reading ---------------------------------------------------------------------------------------------


class Reading:
    """One question, answered by counting."""

    def __init__(self, local: Identity, remote: Identity, assigned: IPv4Address | None) -> None:
        self.local, self.remote, self.assigned = local, remote, assigned
        self.ours, self.theirs = seen(local), seen(remote)

    def answer(self, connections: list[Connection]) -> tuple[str, set[str]]:
        """The connection's name, "" for none, and the names of those that bind."""
        answering = [each for each in connections if each.answers and not self._is_half(each)]
        for test in (self._is_whole, self._is_narrower, self._is_of_warriors, self._is_of_hosts):
            name = next((each.name for each in answering if test(each)), "")
            if name and (test == self._is_whole or self._is_all_of(name, connections)):
                return name, {name}
            if name:
                return name, {each.name for each in connections if self._touches(each)} | {name}
        return "", {each.name for each in connections if self._touches(each)}

    def _is_all_of(self, name: str, connections: list[Connection]) -> bool:
        """Whether a connection's packets are these, and it says so of both ends."""
        (one,) = (each for each in connections if each.name == name)
        without = one.local_identity is None
        ends = self._ends(one)
        return ends == (self.ours, self.theirs) and (without or one.remote_identity is not None)

    @staticmethod
    def _is_half(connection: Connection) -> bool:
        return connection.local_identity is None and connection.remote_identity is not None

    def _mine(self, connection: Connection) -> Identity | None:
        """Our end, with the address that we were assigned in the place of the unspecified one."""
        local = connection.local_identity
        if local is None or seen(replace(local, protocol=0, port=0)) != seen(NOBODY):
            return local
        if self.assigned is None:
            return None
        return Identity("IPV4_ADDR", address=self.assigned, protocol=local.protocol, port=local.port)

    def _ends(self, connection: Connection) -> tuple[Seen, Seen] | None:
        if connection.local_identity is None and connection.remote_identity is None:
            return seen(Identity("IPV4_ADDR", address=OURS)), seen(Identity("IPV4_ADDR", address=THEIRS))
        if connection.local_identity is None:
            return EVERYTHING, seen(connection.remote_identity)
        mine = self._mine(connection)
        return None if mine is None else (seen(mine), seen(connection.remote_identity))

    def _touches(self, connection: Connection) -> bool:
        ends = self._ends(connection)
        return ends is not None and bool(ends[0] & self.ours) and bool(ends[1] & self.theirs)

    def _is_whole(self, connection: Connection) -> bool:
        if connection.local_identity is None or connection.remote_identity is None:
            return False
        return self._ends(connection) == (self.ours, self.theirs)

    def _is_narrower(self, connection: Connection) -> bool:
        """The same addresses, and protocol and port as far as they are configured."""
        mine = self._mine(connection)
        if mine is None or connection.local_identity is None or connection.remote_identity is None:
            return False
        return _narrows(self.local, mine) and _narrows(self.remote, connection.remote_identity)

    def _is_of_warriors(self, connection: Connection) -> bool:
        mine = self._mine(connection)
        return mine is not None and connection.remote_identity is None and _narrows(self.local, mine)

    def _is_of_hosts(self, connection: Connection) -> bool:
        return connection.local_identity is None and self._ends(connection) == (self.ours, self.theirs)


def _narrows(offered: Identity, configured: Identity) -> bool:
    same_addresses = seen(replace(offered, protocol=0, port=0)) == seen(replace(configured, protocol=0, port=0))
    return same_addresses and seen(offered) <= seen(configured)


def _asked(
    connections: list[Connection], local: Identity, remote: Identity, assigned: IPv4Address | None
) -> tuple[str, set[str]]:
    ours, theirs = (Traffic(4, int(each), int(each)) for each in (OURS, THEIRS))
    configuration = Configuration(connections={each.name: each for each in connections})
    found: Bound = configuration.bound("a", local, remote, hosts=(ours, theirs), assigned=assigned)
    return found.connection.name if found.connection else "", {each.name for each in found.by}


def _offers(connections: list[Connection]) -> st.SearchStrategy[tuple[Identity, Identity]]:
    """Any traffic, or that of a connection, perhaps for another protocol."""
    any_traffic = st.tuples(IDENTITIES | UNSPECIFIED, IDENTITIES)
    configured = [
        (each.local_identity, each.remote_identity)
        for each in connections
        if each.local_identity is not None and each.remote_identity is not None
    ]
    if not configured:
        return any_traffic
    theirs = st.tuples(st.sampled_from(configured), st.sampled_from([None, 0, 6]))
    return any_traffic | theirs.map(lambda drawn: _of_protocol(*drawn))


def _of_protocol(ends: tuple[Identity, Identity], protocol: int | None) -> tuple[Identity, Identity]:
    local, remote = ends
    return ends if protocol is None else (replace(local, protocol=protocol), replace(remote, protocol=protocol))


def _named(connections: list[Connection]) -> list[Connection]:
    return [replace(each, name=f"c{number}") for number, each in enumerate(connections)]


@settings(max_examples=examples(1200))
@given(st.lists(CONNECTIONS, max_size=sized(6, 12)), st.sampled_from([None, None, ASSIGNED]), st.data())
def test_look_up_and_binding_are_those_of_the_packets(
    connections: list[Connection], assigned: IPv4Address | None, data: st.DataObject
) -> None:
    named = _named(connections)
    local, remote = data.draw(_offers(named))
    expected = Reading(local, remote, assigned).answer([each for each in named if each.peer == "a"])
    assert _asked(named, local, remote, assigned) == expected


@settings(max_examples=examples(400))
@given(st.lists(CONNECTIONS, max_size=6), IDENTITIES, IDENTITIES, st.data())
def test_the_way_of_writing_decides_nothing(
    connections: list[Connection], local: Identity, remote: Identity, data: st.DataObject
) -> None:
    named = _named(connections)
    rewritten = [
        replace(
            each,
            local_identity=each.local_identity and _again(each.local_identity, data.draw),
            remote_identity=each.remote_identity and _again(each.remote_identity, data.draw),
        )
        for each in named
    ]
    offered = _again(local, data.draw), _again(remote, data.draw)
    assert _asked(named, local, remote, None) == _asked(rewritten, *offered, None)


def _again(identity: Identity, draw: Callable[[st.SearchStrategy[Identity]], Identity]) -> Identity:
    """The same identity in another way of writing it."""
    traffic = identity.traffic
    assert traffic is not None
    lower, upper = str(IPv4Address(traffic.lowest)), str(IPv4Address(traffic.highest))
    ways = [span(lower, upper, identity.protocol, identity.port)]
    if lower == upper:
        ways.append(host(lower, identity.protocol, identity.port))
    size = traffic.highest - traffic.lowest + 1
    if size & (size - 1) == 0 and traffic.lowest % size == 0:
        ways.append(net(f"{lower}/{33 - size.bit_length()}", identity.protocol, identity.port))
    return draw(st.sampled_from(ways))


NUMBERS = st.sampled_from([(0, 0), (6, 0), (6, 22), (0, 22)])


@settings(max_examples=examples(800))
@given(st.tuples(FEW, FEW), st.lists(st.tuples(NUMBERS, NUMBERS, st.booleans()), max_size=5), st.data())
def test_among_connections_for_the_same_addresses_protocol_and_port_decide(
    places: tuple[Identity, Identity],
    configured: list[tuple[tuple[int, int], tuple[int, int], bool]],
    data: st.DataObject,
) -> None:
    def ends(*numbers: tuple[int, int]) -> tuple[Identity, Identity]:
        ours, theirs = (replace(place, protocol=p, port=q) for place, (p, q) in zip(places, numbers, strict=True))
        return ours, theirs

    connections = _named(
        [Connection("", "a", (), *ends(ours, theirs), answers=answers) for ours, theirs, answers in configured]
    )
    numbers = [(ours, theirs) for ours, theirs, _ in configured] or [((0, 0), (6, 22))]
    offered = ends(*data.draw(st.tuples(NUMBERS, NUMBERS) | st.sampled_from(numbers)))
    assert _asked(connections, *offered, None) == Reading(*offered, None).answer(connections)


def test_a_connection_for_this_very_traffic_comes_before_an_earlier_one_for_more() -> None:
    wide = Connection("wide", "a", (), _host(1), _host(2))
    tcp = replace(wide, name="tcp", local_identity=replace(_host(1), protocol=6), remote_identity=_network(2, 32))
    assert tcp.local_identity is not None
    assert _asked([wide, tcp], tcp.local_identity, _range([2, 2]), None) == ("tcp", {"tcp"})
    assert _asked([wide, tcp], replace(tcp.local_identity, port=22), _host(2), None) == ("wide", {"wide", "tcp"})
