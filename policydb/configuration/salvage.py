"""The configuration that FIFO changes make; where they leave a section unusable, what was in force there stays so.

A file in error publishes nothing. Changes come one by one, and what they lead to halfway is often incomplete: so they
are never refused for what they say, and what does not hang together does not disturb the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address

from grammar.errors import Diagnostic, Severity
from grammar.nodes import Binding
from policydb.collecting import uncollected
from policydb.configuration.config import resolve
from policydb.configuration.overlay import SOURCE, members_of
from policydb.connections import Address, Configuration, Connection, Peer

_Bindings = Sequence[tuple[str, Binding]]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A configuration that can be used; every error, and the warnings about changes; what was kept, in words."""

    configuration: Configuration
    findings: tuple[Diagnostic, ...] = ()
    kept: tuple[str, ...] = ()


def salvage(previous: Configuration, bindings: _Bindings) -> Salvaged:
    """Resolve the bindings; peers and connections that an error touches stay as they were in `previous`.

    One that was not there before, or whose section is gone, is left out. Never raises for what the bindings say.
    """
    with uncollected():
        found = resolve(bindings)
    findings = tuple(each for each in found.diagnostics if each.severity is Severity.ERROR or each.source == SOURCE)
    if not found.errors:
        return Salvaged(found.configuration, findings)
    return _Salvage(previous, found.configuration, bindings, found.errors).result(findings)


class _Salvage:
    """One configuration put together of two."""

    def __init__(
        self, previous: Configuration, found: Configuration, bindings: _Bindings, errors: Sequence[Diagnostic]
    ) -> None:
        self._previous = previous
        self._found = found
        self._values: dict[str, dict[str, str]] = {}
        places: dict[tuple[str, int], str] = {}
        for source, binding in bindings:
            section = binding.section.lower()
            self._values.setdefault(section, {}).setdefault(binding.tag.lower(), binding.value)
            places[source, binding.span.line] = places[source, binding.section_span.line] = section
        self._wrong = {places.get((each.source, each.span.line), "") for each in errors}
        self._touched = self._reaching(self._wrong)

    def _reaching(self, wrong: set[str]) -> set[str]:
        """The sections from which a wrong one is reached, and the wrong ones."""
        named_by: dict[str, set[str]] = {}
        for section, tags in self._values.items():
            for text in tags.values():
                for member in members_of(text):
                    named_by.setdefault(member.lower(), set()).add(section)
        reached, edge = set(wrong), list(wrong)
        while edge:
            new = named_by.get(edge.pop(), set()) - reached
            reached |= new
            edge += new
        return reached

    def result(self, findings: tuple[Diagnostic, ...]) -> Salvaged:
        """The new configuration where it holds together, the previous one where a wrong section is reached."""
        before, found = self._previous, self._found
        peers = {name: each for name, each in found.peers.items() if not self._is_touched(name)}
        kept_peers = {name: each for name, each in before.peers.items() if self._is_touched(name) and name not in peers}
        peers |= kept_peers
        connections = {name: each for name, each in found.connections.items() if not self._is_touched(name)}
        kept = {
            name: self._as_listed(each)
            for name, each in before.connections.items()
            if self._is_touched(name) and name not in connections and each.peer in peers
        }
        connections |= kept
        configuration = Configuration(
            before.general if "general" in self._wrong else found.general,
            peers,
            self._by_address(peers),
            next((each for each in (found.default_peer, before.default_peer) if each in peers), None),
            connections,
            {name: each for name, each in found.mode_config.items() if name not in self._wrong}
            | {name: each for name, each in before.mode_config.items() if name in self._wrong},
            on_demand=(before if "general" in self._wrong else found).on_demand,
            users=found.users,
        )
        words = (*(f"peer {name}" for name in kept_peers), *(f"connection {name}" for name in kept))
        return Salvaged(configuration, findings, ("[General]", *words) if "general" in self._wrong else words)

    def _is_touched(self, name: str) -> bool:
        """Whether a section is there and cannot be used as it is: a record of before has to do, if there is one."""
        return name.lower() in self._touched

    def _as_listed(self, connection: Connection) -> Connection:
        """A record of before, which still initiates and answers only where [Phase 2] lists it."""
        lists = self._values.get("phase 2", {})
        active, passive = (
            connection.name.lower() in map(str.lower, members_of(lists.get(tag, "")))
            for tag in ("connections", "passive-connections")
        )
        return replace(
            connection,
            initiates=connection.initiates and active,
            answers=connection.answers and (active or passive),
        )

    def _by_address(self, peers: dict[str, Peer]) -> dict[Address, str]:
        """As found; an address that is written and leads nowhere leads where it did."""
        written = set(_addresses(self._values.get("phase 1", ())))
        before = {each: name for each, name in self._previous.peers_by_address.items() if each in written}
        both = before | dict(self._found.peers_by_address)
        return {address: name for address, name in both.items() if name in peers}


def _addresses(tags: Iterable[str]) -> Iterator[Address]:
    for tag in tags:
        with suppress(ValueError):  # Default, and what is an error
            yield ip_address(tag)
