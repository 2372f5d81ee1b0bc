"""FIFO commands of isakmpd(8) as bindings of isakmpd.conf(5): what the daemon's configuration would hold after them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from grammar.nodes import Binding, Span
from policydb.ipsec.commands import Command

Origin: TypeAlias = tuple[str, Span]
"""A file's name and the place of the rule that gave a command."""


class CommandedSections:
    """Sections as commands leave them. Sections and tags know no case; lists are compared as written."""

    def __init__(self) -> None:
        self._bindings: dict[str, tuple[str, Binding]] = {}
        self._members: dict[str, dict[str, None]] = {}

    def carry_out(self, commands: Iterable[Command], origin: Origin) -> None:
        """Set, add to lists, remove from them, remove sections."""
        file, span = origin
        for verb, section, tag, value, force in commands:
            key = f"{section}]{tag}".lower()
            if verb == "set":
                if force or key not in self._bindings:
                    self._bindings[key] = file, Binding(span, section, tag, value, span, span)
                    self._members.pop(key, None)
            elif verb == "add":
                self._list(key)[value] = None
                self._bindings.setdefault(key, (file, Binding(span, section, tag, value, span, span)))
            elif verb == "rmv":
                self._list(key).pop(value, None)
                if not self._list(key):
                    self._forget(key)
            elif verb == "rms":
                for known in [each for each in self._bindings if each.startswith(key)]:
                    self._forget(known)

    def _forget(self, key: str) -> None:
        self._bindings.pop(key, None)
        self._members.pop(key, None)

    def _list(self, key: str) -> dict[str, None]:
        """The members of a list, which is kept apart so that adding costs the same however long it is."""
        if key not in self._members:
            known = self._bindings.get(key)
            self._members[key] = dict.fromkeys(known[1].value.split(",")) if known else {}
        return self._members[key]

    def bindings(self) -> list[tuple[str, Binding]]:
        """Everything that is set, in the order in which it was first set, each with its file's name."""
        return list(self.keyed().values())

    def keyed(self) -> dict[str, tuple[str, Binding]]:
        """The same by `section]tag`, in lower case."""
        for key, members in self._members.items():
            file, binding = self._bindings[key]
            self._bindings[key] = file, binding._replace(value=",".join(members))
        return self._bindings
