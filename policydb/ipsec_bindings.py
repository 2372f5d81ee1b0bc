"""FIFO commands of isakmpd(8) as bindings of isakmpd.conf(5): what the daemon's configuration would hold after them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from grammar.nodes import Binding, Span
from policydb.ipsec_commands import Command

Origin: TypeAlias = tuple[str, Span]
"""A file's name and the place of the rule that gave a command."""


class Overlay:
    """Sections as commands leave them. Sections and tags know no case; lists are compared as written."""

    def __init__(self) -> None:
        self._bindings: dict[tuple[str, str], tuple[Command, Origin]] = {}
        self._members: dict[tuple[str, str], dict[str, None]] = {}

    def carry_out(self, commands: Iterable[Command], origin: Origin) -> None:
        """Set, add to lists, remove from them, remove sections."""
        for each in commands:
            key = (each.section.lower(), each.tag.lower())
            if each.verb == "set" and (each.force or key not in self._bindings):
                self._bindings[key] = each, origin
                self._members.pop(key, None)
            elif each.verb == "add":
                self._add(key, each, origin)
            elif each.verb == "rmv":
                self._remove(key, each)
            elif each.verb == "rms":
                for tag in [known for known in self._bindings if known[0] == key[0]]:
                    del self._bindings[tag]
                    self._members.pop(tag, None)

    def _add(self, key: tuple[str, str], command: Command, origin: Origin) -> None:
        self._list(key)[command.value] = None
        self._bindings.setdefault(key, (command, origin))

    def _remove(self, key: tuple[str, str], command: Command) -> None:
        members = self._list(key)
        members.pop(command.value, None)
        if not members:
            self._bindings.pop(key, None)
            self._members.pop(key, None)

    def _list(self, key: tuple[str, str]) -> dict[str, None]:
        """The members of a list, which is kept apart so that adding costs the same however long it is."""
        if key not in self._members:
            known = self._bindings.get(key)
            self._members[key] = dict.fromkeys(known[0].value.split(",")) if known else {}
        return self._members[key]

    def bindings(self) -> list[tuple[str, Binding]]:
        """Everything that is set, in the order in which it was first set, each with its file's name."""
        found = []
        for key, (command, (file, span)) in self._bindings.items():
            members = self._members.get(key)
            value = command.value if members is None else ",".join(members)
            found.append((file, Binding(span, command.section, command.tag, value, span, span)))
        return found
