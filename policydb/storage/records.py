"""The resolved records of a configuration as rows of the store, both ways: JSON and texts, nothing executable.

A record is a peer, a connection, a mode-config section, or `general`: what all of them share. What a peer or a
connection offers (its transforms, its suites) is a row of its own without the names of its sections, since thousands
of connections offer the same. A record can be looked for by its keys: the address of a peer, the peer of a
connection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple, TypeAlias

from policydb.connections import (
    Address,
    Backoff,
    Configuration,
    Connection,
    General,
    Identity,
    IkeTransform,
    Interval,
    IpsecProtocol,
    IpsecTransform,
    Lifetime,
    ModeConfig,
    OnDemand,
    Peer,
    Suite,
)

FORMAT = 1
"""How records are written. Raise it when a record gets another field: then older ones are resolved anew."""

GENERAL, PEER, MODE_CONFIG, CONNECTION = "general", "peer", "mode-config", "connection"
"""The kinds of records, in the order in which a configuration has them."""

Row: TypeAlias = "tuple[str, str, str]"
"""Columns of a record: kind, body, and the body of what it offers."""


class Record(NamedTuple):
    """A record on its way into the store. `offer` and `body` are JSON; `digest` covers all but the keys."""

    kind: str
    name: str
    body: str
    offer: str
    keys: tuple[str, ...]
    digest: bytes


# --- keys ---------------------------------------------------------------------------------------------------------


def from_address(address: Address) -> str:
    """By this a peer is found that has an address, or that [Phase 1] names for it."""
    return f"from {address}"


def of_peer(name: str) -> str:
    """By this the connections of a peer are found."""
    return f"of {name.lower()}"


def to_identity(identity: Identity | None) -> str:
    """By this connections are found whose Remote-ID begins with the same address, or has the same name."""
    if identity is None:
        return "to anybody"
    first = identity.network.network_address if identity.network is not None else identity.address
    return f"to {identity.name if first is None else first}"


DEFAULT_PEER = "from anywhere"
"""By this the peer is found that [Phase 1] names as Default."""

SHARED = "all"
"""By this the record of kind GENERAL is found."""


# --- to rows ------------------------------------------------------------------------------------------------------


def encode(configuration: Configuration) -> list[Record]:
    """All records of a configuration, in the order in which the store has them (policydb.storage.configurations)."""
    addresses: dict[str, list[str]] = {}
    for address, name in configuration.peers_by_address.items():
        addresses.setdefault(name, []).append(str(address))
    found = [_general(configuration)]
    for name in sorted(configuration.peers, key=str.lower):
        expected = sorted(addresses.get(name, ()))
        found.append(_peer(configuration.peers[name], expected, is_default=name == configuration.default_peer))
    found += [_mode(name, configuration.mode_config[name]) for name in sorted(configuration.mode_config)]
    found += [_connection(each) for each in configuration.connections.values()]
    return found


def _record(kind: str, name: str, fields: object, offer: object, keys: Iterable[str]) -> Record:
    body, offered = _json(fields), "" if offer is None else _json(offer)
    digest = hashlib.sha256("\0".join((kind, name, body, offered)).encode()).digest()[:16]
    return Record(kind, name, body, offered, tuple(dict.fromkeys(keys)), digest)


_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _general(configuration: Configuration) -> Record:
    general, on_demand = configuration.general, configuration.on_demand
    values = {name: getattr(general, name) for name in General.__slots__ if name != "backoff"}
    fields = (
        values,
        _backoff(general.backoff),
        on_demand.exchange,
        _transforms(on_demand.transforms),
        _suites(on_demand.suites),
        dict(configuration.users),
    )
    return _record(GENERAL, "", fields, None, (SHARED,))


def _peer(peer: Peer, expected: Sequence[str], *, is_default: bool) -> Record:
    names, offers = _transforms(peer.transforms)
    fields = (
        peer.name,
        names,
        peer.exchange,
        _text(peer.address),
        _text(peer.local_address),
        peer.port,
        _identity(peer.identity),
        _identity(peer.remote_identity),
        peer.secret,
        sorted(peer.flags),
        _backoff(peer.backoff),
        peer.user,
        peer.password,
        expected,
        is_default,
    )
    keys = [f"from {address}" for address in expected]
    if peer.address is not None:
        keys.append(from_address(peer.address))
    if is_default:
        keys.append(DEFAULT_PEER)
    return _record(PEER, peer.name.lower(), fields, offers, keys)


def _mode(name: str, mode: ModeConfig) -> Record:
    values = {tag: str(address) for tag, address in mode.values.items()}
    fields = (mode.name, mode.push, mode.attributes, values, mode.prefix, mode.lifetime)
    return _record(MODE_CONFIG, name, fields, None, ())


def _connection(connection: Connection) -> Record:
    names, offers = _suites(connection.suites)
    fields = (
        connection.name,
        connection.peer,
        names,
        _identity(connection.local_identity),
        _identity(connection.remote_identity),
        connection.initiates,
        connection.answers,
    )
    keys = (of_peer(connection.peer), to_identity(connection.remote_identity))
    return _record(CONNECTION, connection.name.lower(), fields, offers, keys)


Fields: TypeAlias = "list[Any]"
"""A record's fields in order, as JSON has them."""


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _identity(identity: Identity | None) -> Fields | None:
    """Type, version of its address, address, bits of its network, name, protocol, port, upper address."""
    if identity is None:
        return None
    network, upper = identity.network, None if identity.upper is None else int(identity.upper)
    address = identity.address if network is None else network.network_address
    number, version = (None, 0) if address is None else (int(address), address.version)
    bits = None if network is None else network.prefixlen
    return [identity.type, version, number, bits, identity.name, identity.protocol, identity.port, upper]


def _backoff(backoff: Backoff | None) -> Fields | None:
    return None if backoff is None else [backoff.tries, backoff.timeout, backoff.base, backoff.limit]


def _interval(interval: Interval | None) -> Fields | None:
    return None if interval is None else [interval.offer, interval.minimum, interval.maximum]


def _lifetimes(lifetimes: Iterable[Lifetime]) -> Fields:
    return [[lifetime.type, _interval(lifetime.duration)] for lifetime in lifetimes]


def _transforms(transforms: Iterable[IkeTransform]) -> tuple[list[str], Fields]:
    """The names of transforms, and what they offer without them."""
    names, offers = [], []
    for each in transforms:
        names.append(each.name)
        algorithms = [each.encryption, each.hash, each.authentication, each.group]
        offers.append([*algorithms, _interval(each.key_length), _lifetimes(each.lifetimes)])
    return names, offers


def _suites(suites: Iterable[Suite]) -> tuple[Fields, Fields]:
    """The names of suites, their protocols and transforms, and what they offer without them."""
    names, offers = [], []
    for suite in suites:
        protocols = [(protocol, protocol.transforms) for protocol in suite.protocols]
        names.append([suite.name, [[one.name, [each.name for each in transforms]] for one, transforms in protocols]])
        offers.append(
            [[one.protocol_id, one.replay_window, list(map(_ipsec, transforms))] for one, transforms in protocols]
        )
    return names, offers


def _ipsec(transform: IpsecTransform) -> Fields:
    algorithms = [transform.transform_id, transform.encapsulation, transform.authentication, transform.group]
    return [*algorithms, _interval(transform.key_length), _lifetimes(transform.lifetimes)]


# --- from rows ----------------------------------------------------------------------------------------------------


def decode(rows: Sequence[Row]) -> Configuration:
    """The configuration that these rows are, or the part of one that they are; `general` must be among them."""
    # One text for all: a decoder takes longer to start than to decode a record.
    bodies = json.loads(f"[{','.join([body for _, body, _ in rows])}]")
    records = [(row[0], fields, row[2]) for row, fields in zip(rows, bodies, strict=True)]
    return _Decoder().configuration(records)


class _Decoder:
    """Decodes what many records share once."""

    def __init__(self) -> None:
        self._transforms: dict[str, list[tuple[Any, ...]]] = {}
        self._suites: dict[str, Fields] = {}
        self._addresses: dict[str, Address] = {}
        self._identities: dict[tuple[Any, ...], Identity] = {}

    def configuration(self, records: Iterable[tuple[str, Fields, str]]) -> Configuration:
        general, on_demand, users = General(), OnDemand(), dict[str, str]()
        peers: dict[str, Peer] = {}
        by_address: dict[Address, str] = {}
        default = None
        modes: dict[str, ModeConfig] = {}
        connections: dict[str, Connection] = {}
        for kind, fields, offer in records:
            if kind == CONNECTION:
                connection = self._connection(fields, offer)
                connections[connection.name] = connection
            elif kind == PEER:
                *own, expected, is_default = fields
                peer = self._peer(own, offer)
                peers[peer.name] = peer
                for address in expected:
                    by_address[self._address(address)] = peer.name
                default = peer.name if is_default else default
            elif kind == MODE_CONFIG:
                mode = _decoded_mode(fields)
                modes[mode.name.lower()] = mode
            else:
                values, backoff, exchange, transforms, suites, users = fields
                general = _decoded_general(values, backoff)
                offered = (
                    self._transforms_of(transforms[0], _json(transforms[1])),
                    self._suites_of(suites[0], _json(suites[1])),
                )
                on_demand = OnDemand(exchange, *offered)
        return Configuration(general, peers, by_address, default, connections, modes, on_demand, users)

    def _peer(self, fields: Fields, offer: str) -> Peer:
        name, names, exchange, address, local, port, identity, remote, secret, flags, backoff, user, password = fields
        return Peer(
            name,
            self._transforms_of(names, offer),
            exchange,
            None if address is None else self._address(address),
            None if local is None else self._address(local),
            port,
            None if identity is None else self._identity(*identity),
            None if remote is None else self._identity(*remote),
            secret,
            frozenset(flags),
            None if backoff is None else Backoff(*backoff),
            user,
            password,
        )

    def _connection(self, fields: Fields, offer: str) -> Connection:
        name, peer, names, local, remote, initiates, answers = fields
        ours = None if local is None else self._identity(*local)
        theirs = None if remote is None else self._identity(*remote)
        return Connection(name, peer, self._suites_of(names, offer), ours, theirs, initiates, answers)

    def _address(self, text: str) -> Address:
        known = self._addresses.get(text)
        if known is None:
            known = self._addresses[text] = ip_address(text)
        return known

    def _identity(self, *fields: Any) -> Identity:  # noqa: ANN401 - JSON
        known = self._identities.get(fields)
        if known is None:
            known = self._identities[fields] = _decoded_identity(fields)
        return known

    def _transforms_of(self, names: Sequence[str], offer: str) -> tuple[IkeTransform, ...]:
        offered = self._transforms.get(offer)
        if offered is None:
            offered = self._transforms[offer] = [_decoded_offer(one) for one in json.loads(offer)]
        return tuple([IkeTransform(name, *one) for name, one in zip(names, offered, strict=True)])

    def _suites_of(self, names: Fields, offer: str) -> tuple[Suite, ...]:
        offered = self._suites.get(offer)
        if offered is None:
            offered = self._suites[offer] = [
                [(protocol, window, list(map(_decoded_offer, inner))) for protocol, window, inner in protocols]
                for protocols in json.loads(offer)
            ]
        return tuple(
            [
                Suite(name, tuple(map(_decoded_protocol, named, protocols)))
                for (name, named), protocols in zip(names, offered, strict=True)
            ]
        )


def _decoded_protocol(names: Fields, offered: Fields) -> IpsecProtocol:
    (name, inner), (protocol, window, transforms) = names, offered
    made = tuple([IpsecTransform(called, *one) for called, one in zip(inner, transforms, strict=True)])
    return IpsecProtocol(name, protocol, made, window)


def _decoded_offer(fields: Fields) -> tuple[Any, ...]:
    """What a transform offers: four algorithms, key length, lifetimes."""
    *algorithms, key_length, lifetimes = fields
    decoded = tuple(Lifetime(kind, _decoded_interval(duration)) for kind, duration in lifetimes)
    return *algorithms, _decoded_interval(key_length), decoded


def _decoded_interval(fields: Fields | None) -> Interval | None:
    return None if fields is None else Interval(*fields)


def _decoded_identity(fields: tuple[Any, ...]) -> Identity:
    kind, version, number, bits, name, protocol, port, upper = fields
    make_address, make_network = (IPv6Address, IPv6Network) if version == 6 else (IPv4Address, IPv4Network)
    return Identity(
        kind,
        None if number is None or bits is not None else make_address(number),
        None if number is None or bits is None else make_network((number, bits)),
        name,
        protocol,
        port,
        None if upper is None else make_address(upper),
    )


def _decoded_general(values: Mapping[str, Any], backoff: Fields | None) -> General:
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return General(**{**values, **lists}, backoff=None if backoff is None else Backoff(*backoff))


def _decoded_mode(fields: Fields) -> ModeConfig:
    name, push, attributes, values, prefix, lifetime = fields
    addresses = {tag: ip_address(address) for tag, address in values.items()}
    return ModeConfig(name, push, tuple(attributes), addresses, prefix, lifetime)
