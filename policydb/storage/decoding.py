"""Records as the store has them, back into a configuration or a part of one.

A store may come from elsewhere: what a row holds is checked before it is used. Raises ValueError, TypeError or
LookupError for what policydb.storage.records does not write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
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
    IsakmpdSteps,
    Lifetime,
    ModeConfig,
    OnDemand,
    Peer,
    Schedule,
    Suite,
)
from policydb.storage.records import CONNECTION, MODE_CONFIG, PEER, Fields, Row, as_json
from policydb.storage.rows import number_of, text_of

# --- what may be in rows ------------------------------------------------------------------------------------------

_TEXT, _NUMBER, _LIST, _BOOL, _MAP = (frozenset({kind}) for kind in (str, int, list, bool, dict))
_NONE = frozenset({type(None)})
_MAYBE_TEXT, _MAYBE_NUMBER, _MAYBE_LIST = (kinds | _NONE for kinds in (_TEXT, _NUMBER, _LIST))
_REAL = frozenset({int, float})

_Types: TypeAlias = "tuple[frozenset[type], ...]"
"""The types of fields, in order."""

_PEER_TYPES: _Types = (
    *(_TEXT, _LIST, _TEXT, _MAYBE_TEXT, _MAYBE_TEXT, _NUMBER, _MAYBE_LIST, _MAYBE_LIST, _MAYBE_TEXT, _LIST, _LIST),
    *(_TEXT, _MAYBE_TEXT),
)
_CONNECTION_TYPES: _Types = (_TEXT, _TEXT, _LIST, _MAYBE_LIST, _MAYBE_LIST, _BOOL, _BOOL)
_MODE_TYPES: _Types = (_TEXT, _BOOL, _LIST, _MAP, _MAYBE_NUMBER, _NUMBER)
_IDENTITY_TYPES: _Types = (
    *(_TEXT, _NUMBER, _MAYBE_NUMBER, _MAYBE_NUMBER, _MAYBE_TEXT, _NUMBER, _NUMBER, _MAYBE_NUMBER),
)
_OFFER_TYPES: _Types = (_MAYBE_TEXT, _MAYBE_TEXT, _MAYBE_TEXT, _MAYBE_TEXT, _MAYBE_LIST, _LIST)
_SCHEDULE_TYPES: Mapping[int, _Types] = {1: (_NUMBER,), 5: (_NUMBER, _REAL, _REAL, _REAL, _NUMBER)}


def _check_types(fields: Sequence[object], types: _Types) -> None:
    """Insist that fields are of these types: a store may come from elsewhere. Raises TypeError."""
    if not _are_of(tuple(map(type, fields)), types):
        raise TypeError("a record has other fields")


@lru_cache(maxsize=256)  # thousands of records have fields of the same types
def _are_of(found: tuple[type, ...], types: _Types) -> bool:
    return len(found) == len(types) and all(kind in kinds for kind, kinds in zip(found, types, strict=True))


# --- from rows ----------------------------------------------------------------------------------------------------


def configuration_of(rows: Sequence[Row]) -> Configuration:
    """The configuration that these rows are, or the part of one that they are."""
    return Decoder().configuration(rows)


class _Peer(NamedTuple):
    """A peer, the addresses for which [Phase 1] names it, and whether it does so as Default."""

    peer: Peer
    expected: tuple[Address, ...]
    is_default: bool


class _Shared(NamedTuple):
    """What is not about one section."""

    general: General
    on_demand: OnDemand
    users: Mapping[str, str]


_Decoded: TypeAlias = Connection | _Peer | ModeConfig | _Shared


class Decoder:
    """Decodes what many records share once, and a record that the configuration before had too not at all."""

    def __init__(self) -> None:
        self._known: dict[Row, _Decoded] = {}
        self._transforms: dict[str, list[tuple[Any, ...]]] = {}
        self._suites: dict[str, Fields] = {}
        self._addresses: dict[str, Address] = {}
        self._identities: dict[tuple[Any, ...], Identity] = {}
        self._schedules: dict[tuple[Any, ...], Schedule] = {}

    def configuration(self, rows: Sequence[Row]) -> Configuration:
        """What the rows are, or the part of a configuration that they are."""
        shared = _Shared(General(), OnDemand(), {})
        peers: dict[str, Peer] = {}
        by_address: dict[Address, str] = {}
        default = None
        modes: dict[str, ModeConfig] = {}
        connections: dict[str, Connection] = {}
        for record in self._records(rows):
            match record:
                case Connection():
                    connections[record.name] = record
                case _Peer(peer, expected, is_default):
                    peers[peer.name] = peer
                    by_address |= dict.fromkeys(expected, peer.name)
                    default = peer.name if is_default else default
                case ModeConfig():
                    modes[record.name.lower()] = record
                case _Shared():
                    shared = record
        general, on_demand, users = shared
        return Configuration(general, peers, by_address, default, connections, modes, on_demand, users)

    def _records(self, rows: Sequence[Row]) -> list[_Decoded]:
        new = [row for row in rows if row not in self._known]
        # One text for all: a decoder takes longer to start than to decode a record.
        bodies = json.loads(f"[{','.join([body for _, body, _ in new])}]")
        known = self._known | {row: self._record(row, fields) for row, fields in zip(new, bodies, strict=True)}
        self._known = {row: known[row] for row in rows}
        return list(self._known.values())

    def _record(self, row: Row, fields: Fields) -> _Decoded:
        kind, _, offer = row
        if kind == CONNECTION:
            return self._connection(fields, offer)
        if kind == PEER:
            *own, expected, is_default = fields
            _check_types((is_default,), (_BOOL,))
            return _Peer(self._peer(own, offer), tuple(map(self._address, expected)), is_default)
        if kind == MODE_CONFIG:
            _check_types(fields, _MODE_TYPES)
            return _decoded_mode(fields)
        values, schedule, exchange, (names, transforms), (suite_names, suites), users = fields
        offered = self._transforms_of(names, as_json(transforms)), self._suites_of(suite_names, as_json(suites))
        return _Shared(
            _decoded_general(values, self._schedule(*schedule)),
            OnDemand(text_of(exchange), *offered),
            {text_of(name): text_of(reference) for name, reference in users.items()},
        )

    def _peer(self, fields: Fields, offer: str) -> Peer:
        _check_types(fields, _PEER_TYPES)
        name, names, exchange, address, local, port, identity, remote, secret, flags, schedule, user, password = fields
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
            frozenset(map(text_of, flags)),
            self._schedule(*schedule),
            user,
            password,
        )

    def _connection(self, fields: Fields, offer: str) -> Connection:
        _check_types(fields, _CONNECTION_TYPES)
        name, peer, names, local, remote, initiates, answers = fields
        ours = None if local is None else self._identity(*local)
        theirs = None if remote is None else self._identity(*remote)
        return Connection(name, peer, self._suites_of(names, offer), ours, theirs, initiates, answers)

    def _schedule(self, *fields: Any) -> Schedule:  # noqa: ANN401 - JSON
        known = self._schedules.get(fields)
        if known is None:
            _check_types(fields, _SCHEDULE_TYPES[len(fields)])
            known = self._schedules[fields] = IsakmpdSteps(*fields) if len(fields) == 1 else Backoff(*fields)
        return known

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
        return tuple([IkeTransform(text_of(name), *one) for name, one in zip(names, offered, strict=True)])

    def _suites_of(self, names: Fields, offer: str) -> tuple[Suite, ...]:
        offered = self._suites.get(offer)
        if offered is None:
            offered = self._suites[offer] = [
                [
                    (text_of(protocol), number_of(window), list(map(_decoded_offer, inner)))
                    for protocol, window, inner in protocols
                ]
                for protocols in json.loads(offer)
            ]
        return tuple(
            [
                Suite(text_of(name), tuple(map(_decoded_protocol, named, protocols)))
                for (name, named), protocols in zip(names, offered, strict=True)
            ]
        )


def _decoded_protocol(names: Fields, offered: Fields) -> IpsecProtocol:
    (name, inner), (protocol, window, transforms) = names, offered
    made = tuple([IpsecTransform(text_of(called), *one) for called, one in zip(inner, transforms, strict=True)])
    return IpsecProtocol(text_of(name), protocol, made, window)


def _decoded_offer(fields: Fields) -> tuple[Any, ...]:
    """What a transform offers: four algorithms, key length, lifetimes."""
    _check_types(fields, _OFFER_TYPES)
    *algorithms, key_length, lifetimes = fields
    decoded = tuple(Lifetime(text_of(kind), _decoded_interval(duration)) for kind, duration in lifetimes)
    return *algorithms, _decoded_interval(key_length), decoded


def _decoded_interval(fields: Fields | None) -> Interval | None:
    return None if fields is None else Interval(*map(number_of, fields))


def _decoded_identity(fields: tuple[Any, ...]) -> Identity:
    _check_types(fields, _IDENTITY_TYPES)
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


def _decoded_general(values: Mapping[str, object], schedule: Schedule) -> General:
    default = General()
    given = {name: tuple(map(text_of, value)) if isinstance(value, list) else value for name, value in values.items()}
    if any(type(value) is not type(getattr(default, name)) for name, value in given.items()):
        raise TypeError("[General] has other values")
    return replace(default, schedule=schedule, **given)  # type: ignore[arg-type]  # just checked


def _decoded_mode(fields: Fields) -> ModeConfig:
    name, push, attributes, values, prefix, lifetime = fields
    addresses = {tag: ip_address(address) for tag, address in values.items()}
    return ModeConfig(name, push, tuple(map(text_of, attributes)), addresses, prefix, lifetime)
