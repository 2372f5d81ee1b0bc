"""The dynamic sections of isakmpd: what connections that the kernel asked for add to the configuration, while they are.

Each section counts who names it and goes with the last one. A connection is held by its SAs and by the negotiation that
makes or renews them, so its Refcount is 2, 1, or it is gone: that is counted afresh whenever something of it has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policydb.connections import Connection, Identity, Peer

REFERENCES = ("ISAKMP-peer", "Configuration", "Local-ID", "Remote-ID", "ID")
"""The tags by which a dynamic section names others."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section's tags as isakmpd.conf would have them, and how many refer to it."""

    tags: Mapping[str, str]
    refcount: int = 1

    def shown(self) -> tuple[tuple[str, str], ...]:
        """The tags with the internal ones, for reports."""
        return (*self.tags.items(), ("Refcount", str(self.refcount)))


FlowKey = tuple[object, ...]
"""A peer and the traffic with it, however that is written."""


def flow_key(peer: str, local: Identity, remote: Identity) -> FlowKey:
    """By what connections for the same flow are found."""
    return peer, *((each.meaning(), each.protocol, each.port) for each in (local, remote))


def _flow_of(connection: Connection) -> FlowKey:
    ends = connection.local_identity, connection.remote_identity
    return connection.peer, *((each.meaning(), each.protocol, each.port) for each in ends if each is not None)


class DynamicSections:
    """Peers and connections by name, beside those of the configuration, and the sections that describe them."""

    def __init__(self) -> None:
        self.sections: dict[str, Section] = {}
        self.peers: dict[str, Peer] = {}
        self.connections: dict[str, Connection] = {}
        self._by_flow: dict[FlowKey, dict[str, None]] = {}
        self._doubtful: set[str] = set()
        self._last = 0

    def __len__(self) -> int:
        return len(self.sections)

    def new_name(self, taken: Mapping[str, Connection]) -> str:
        """`Connection-N`, never used before and not configured."""
        self._last += 1
        while f"Connection-{self._last}" in taken:
            self._last += 1
        return f"Connection-{self._last}"

    def add(self, connection: Connection) -> None:
        """One more connection, which has both identities."""
        self.connections[connection.name] = connection
        self._by_flow.setdefault(_flow_of(connection), {})[connection.name] = None

    def for_flow(self, flow: FlowKey) -> str | None:
        """The oldest connection for a flow."""
        return next(iter(self._by_flow.get(flow, ())), None)

    def refer(self, name: str, tags: Mapping[str, str]) -> bool:
        """One more reference to a section; whether it was not there and is now."""
        there = self.sections.get(name)
        self.sections[name] = Section(tags) if there is None else replace(there, refcount=there.refcount + 1)
        return there is None

    def count(self, connection: str, references: int) -> None:
        """Set how many hold a connection; with none it goes, and with it what nobody else names."""
        if references:
            self.sections[connection] = replace(self.sections[connection], refcount=references)
            return
        gone = self.connections.pop(connection, None)
        if gone is not None:
            alike = self._by_flow[_flow_of(gone)]
            del alike[connection]
            if not alike:
                del self._by_flow[_flow_of(gone)]
        self._remove(connection)

    def _release(self, name: str) -> None:
        there = self.sections.get(name)
        if there is not None and there.refcount > 1:
            self.sections[name] = replace(there, refcount=there.refcount - 1)
        elif there is not None:
            self.peers.pop(name, None)
            self._remove(name)

    def _remove(self, name: str) -> None:
        for tag in REFERENCES:
            other = self.sections[name].tags.get(tag)
            if other is not None:
                self._release(other)
        del self.sections[name]

    def doubt(self, *names: str) -> None:
        """Something of these connections has begun or ended."""
        self._doubtful.update(each for each in names if each in self.connections)

    def take_doubtful(self) -> frozenset[str]:
        """The connections to count afresh."""
        doubtful, self._doubtful = frozenset(self._doubtful), set()
        return doubtful
