"""The resolved records of a configuration as rows of the store: JSON and texts, nothing executable.

A record is a peer, a connection, a mode-config section, or `general`: what all of them share. What a peer or a
connection offers (its transforms, its suites) is a row of its own without the names of its sections, since thousands
of connections offer the same. A record can be looked for by its keys: the address of a peer, the peer of a
connection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from policydb.connections import (
    Address,
    Configuration,
    Connection,
    General,
    Identity,
    IkeTransform,
    Interval,
    IpsecTransform,
    IsakmpdSteps,
    Lifetime,
    ModeConfig,
    Peer,
    Schedule,
    Suite,
)

FORMAT = 1
"""How records are written. Raise it when a record gets another field: then older ones are resolved anew."""

GENERAL, PEER, MODE_CONFIG, CONNECTION = "general", "peer", "mode-config", "connection"
"""The kinds of records, in the order in which a configuration has them."""

Row: TypeAlias = "tuple[str, str, str]"
"""Columns of a record: kind, body, and the body of what it offers (policydb.storage.decoding reads them)."""


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
    traffic = identity.traffic
    return f"to {identity.name if traffic is None else traffic.first_address}"


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
    body, offered = as_json(fields), "" if offer is None else as_json(offer)
    digest = hashlib.sha256("\0".join((kind, name, body, offered)).encode()).digest()[:16]
    return Record(kind, name, body, offered, tuple(dict.fromkeys(keys)), digest)


as_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def _general(configuration: Configuration) -> Record:
    general, on_demand = configuration.general, configuration.on_demand
    values = {name: getattr(general, name) for name in General.__slots__ if name != "schedule"}
    fields = (
        values,
        _schedule(general.schedule),
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
        _schedule(peer.schedule),
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


def _schedule(schedule: Schedule) -> Fields:
    """The fields of a Backoff, or of isakmpd's steps, which have one alone."""
    if isinstance(schedule, IsakmpdSteps):
        return [schedule.tries]
    return [schedule.tries, schedule.timeout, schedule.base, schedule.limit, schedule.jitter]


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
