"""What peers and connections say together: connections that can never answer, and some that can never be started.

Each section may be sound for itself; these doubts need all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policydb.connections import (
    ANY,
    DEFAULT_SCHEDULE,
    Configuration,
    Connection,
    IkeTransform,
    IsakmpdSteps,
    Peer,
    selector_key,
    span,
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A warning about a section; `other` is the one that it collides with."""

    code: str
    section: str
    message: str
    hint: str
    other: str = ""


def doubts(configuration: Configuration) -> Iterator[Doubt]:
    """Every doubt, in the order of the connections."""
    yield from _ties(configuration.connections.values())
    told: set[tuple[str, str]] = set()
    for each in configuration.connections.values():
        peer = configuration.peers[each.peer]
        for found in (
            *_unreached(configuration, each, peer),
            *_not_startable(each, peer),
            *_impatient(configuration, peer),
        ):
            if (found.code, found.section) not in told:
                told.add((found.code, found.section))
                yield found


def _ties(connections: Iterable[Connection]) -> Iterator[Doubt]:
    """Connections that answer to what an earlier one answers to already."""
    first: dict[tuple[object, ...], Connection] = {}
    for each in connections:
        if not each.answers:
            continue
        earlier = first.setdefault(selector_key(each), each)
        if earlier is not each:
            message = f"[{each.name}] answers to the same peer and identities as [{earlier.name}], which comes first"
            hint = "give it other identities, or Flags=Active-only"
            yield Doubt("CF110", each.name, message, hint, earlier.name)


def _unreached(configuration: Configuration, connection: Connection, peer: Peer) -> Iterator[Doubt]:
    """An answering connection whose peer is not the one that [Phase 1] finds for an incoming negotiation."""
    if not connection.answers:
        return
    if peer.address is None:
        named = {configuration.default_peer, *configuration.peers_by_address.values()}
        where, tag = "any address", "Default"
        reached = peer.name in named
    else:
        found = configuration.peer_at(peer.address)
        where = tag = str(peer.address)
        reached = found is not None and found.name == peer.name
    if not reached:
        message = f"[Phase 1] does not lead from {where} to [{peer.name}], so [{connection.name}] never answers"
        hint = f"add {tag}={peer.name} to [Phase 1], or Flags=Active-only to [{connection.name}]"
        yield Doubt("CF111", peer.name, message, hint)


def _not_startable(connection: Connection, peer: Peer) -> Iterator[Doubt]:
    """A connection that is to be started and whose peer cannot be called, or is offered nothing."""
    if not connection.initiates:
        return
    if peer.address is None:
        message = f"[{connection.name}] is to be started, and [{peer.name}] has no Address"
        yield Doubt("CF112", peer.name, message, "add Address=, or list the connection in Passive-connections")
    if all(map(_is_wild, peer.transforms)):
        message = f"[{connection.name}] is to be started, and every transform of [{peer.name}] has ANY"
        yield Doubt("CF112", peer.name, message, "ANY is for responders: add a transform that says what to offer")


def _impatient(configuration: Configuration, peer: Peer) -> Iterator[Doubt]:
    """A peer whose messages somebody wants repeated for longer than an exchange lasts."""
    last = configuration.general.exchange_max_time
    wanted = span(peer.schedule)
    if peer.schedule != DEFAULT_SCHEDULE and wanted > last:
        message = f"a message to [{peer.name}] is repeated for {wanted:.0f} s, and Exchange-max-time is {last}"
        tags = "Retransmits" if isinstance(peer.schedule, IsakmpdSteps) else "Retransmit-limit or Retransmit-tries"
        yield Doubt("CF113", peer.name, message, f"lower {tags}, or raise Exchange-max-time")


def _is_wild(transform: IkeTransform) -> bool:
    return ANY in {transform.encryption, transform.hash, transform.authentication, transform.group}
