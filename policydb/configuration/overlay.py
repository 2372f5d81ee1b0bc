"""FIFO changes (isakmpd(8), FIFO command C) laid over the bindings of one generation, tag by tag, and gone with it.

WorkingCopy takes the changes; Overlay is what differs from the generation, as a value that is kept and shown. A copy
is changed in place, so that a batch of any length costs time in proportion to its length.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from grammar.nodes import Binding, Span
from policydb.configuration.config import is_kept
from policydb.configuration.predefined import built_in_sections, predefined_section
from policydb.configuration.sealing import is_secret, secret_octets, secret_reference
from policydb.configuration.vocabulary import EVERY_TAG

SOURCE = "FIFO"
"""The source that findings about a change name; their line is the number of the change, from 1."""

BLANK = "********"
"""What is shown of a pre-shared key, and of a tag that isakmpd.conf(5) does not know: it may be a misspelt one."""


class Verb(StrEnum):
    """What FIFO command C can change."""

    SET = "set"
    ADD = "add"
    RMV = "rmv"
    RM = "rm"
    RMS = "rms"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. RMS has no tag; RM and RMS have no value; `force` matters to SET alone."""

    verb: Verb
    section: str
    tag: str = ""
    value: str = ""
    force: bool = False


class ChangeError(Exception):
    """A change that is not made; the text is what the log says, and tells no key."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One tag that differs from its generation: before and after, None where it is not set. Keys are blank."""

    section: str
    tag: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Overlay:
    """What differs from `generation`. `in_force` False: not all of it has been applied yet; `findings`: about it."""

    generation: int
    differences: tuple[Difference, ...] = ()
    in_force: bool = True
    findings: tuple[str, ...] = ()


class OverlayError(Exception):
    """A file that holds no overlay."""


def to_json(overlay: Overlay) -> dict[str, Any]:
    """The overlay as JSON (docs/daemon.md)."""
    return {
        "generation": overlay.generation,
        "in_force": overlay.in_force,
        "changes": [
            {"section": each.section, "tag": each.tag, "from": each.before, "to": each.after}
            for each in overlay.differences
        ],
        "findings": list(overlay.findings),
    }


def from_text(text: str) -> Overlay:
    """The overlay that a text of to_json() tells. Raises OverlayError."""
    try:
        told = json.loads(text)
        differences = tuple(
            Difference(str(each["section"]), str(each["tag"]), _optional(each["from"]), _optional(each["to"]))
            for each in told["changes"]
        )
        findings = tuple(str(each) for each in told["findings"])
        return Overlay(int(told["generation"]), differences, bool(told["in_force"]), findings)
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as cause:
        raise OverlayError("this is no overlay that isakmpd wrote") from cause


def _optional(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return None if value is None else str(value)


def may_be_shown(section: str, tag: str) -> bool:
    """Whether a tag's value may be logged and kept: it is no key, and no tag that isakmpd.conf(5) does not know."""
    lower = tag.lower()
    return not is_secret(section, tag) and (lower in EVERY_TAG or is_kept(_binding(_Entry(section, tag, "", 1))))


def members_of(text: str) -> list[str]:
    """The members of a comma-separated list, without the blanks around them and without empty ones."""
    return [member for each in text.split(",") if (member := each.strip())]


class _Entry:
    """A tag as changes have left it.

    Of a list it keeps the members by name once somebody asks for one, and its text in pieces until somebody wants it:
    10,000 connections are added one by one. `_pieces` None: a member has gone, the text is made of the members.
    """

    __slots__ = ("_members", "_pieces", "line", "section", "tag")

    def __init__(self, section: str, tag: str, text: str, line: int) -> None:
        self.section = section
        self.tag = tag
        self.line = line
        self._pieces: list[str] | None = [text]
        self._members: dict[str, None] | None = None

    @property
    def text(self) -> str:
        if self._pieces is None:
            return ",".join(self._members or ())
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    @property
    def members(self) -> dict[str, None]:
        if self._members is None:
            self._members = dict.fromkeys(members_of(self.text))
        return self._members

    def add(self, value: str) -> None:
        for member in members_of(value):
            if member not in self.members:
                self.members[member] = None
                if self._pieces is not None:
                    begins = not self._pieces[-1] or self._pieces[-1].endswith(",")
                    self._pieces.append(member if begins else f",{member}")

    def remove(self, value: str) -> None:
        for member in members_of(value):
            if member in self.members:
                del self.members[member]
                self._pieces = None


class WorkingCopy:
    """The bindings of a generation and the changes on them. Names of sections and tags know no case, values do.

    `bindings` are those of the store, each with its source's name: sealed, the first of a tag counts.
    """

    def __init__(self, generation: int, bindings: Iterable[tuple[str, Binding]]) -> None:
        self.generation = generation
        self.keys: dict[str, bytes] = {}
        """Keys and passwords that came by changes, by what stands for them; nothing writes them anywhere."""
        self._base: dict[str, dict[str, tuple[str, Binding]]] = {}
        self._changed: dict[str, dict[str, _Entry | None]] = {}
        self._count = 0
        for source, binding in bindings:
            self._base.setdefault(binding.section.lower(), {}).setdefault(binding.tag.lower(), (source, binding))

    # --- changes --------------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> None:
        """Make one change. Raises ChangeError where it is not made; removing what is not there is no error."""
        self._count += 1
        if change.verb is Verb.RMS:
            for tag in (*self._base.get(change.section.lower(), ()), *self._changed.get(change.section.lower(), ())):
                self._remove(change.section, tag)
        elif change.verb is Verb.RM:
            self._remove(change.section, change.tag)
        elif change.verb is Verb.SET:
            self._set(change)
        elif is_secret(change.section, change.tag):
            raise ChangeError(f"[{change.section}]:{change.tag} is a key and no list: use set with force, or rm")
        else:
            self._list(change)

    def _set(self, change: Change) -> None:
        if not change.force and self._is_set(change.section, change.tag):
            raise ChangeError(f"conf_set: duplicate tag [{change.section}]:{change.tag}, ignoring...")
        text = change.value
        if is_secret(change.section, change.tag):
            text = secret_reference(change.section, change.tag)
            try:
                self.keys[text] = secret_octets(change.section, change.tag, change.value)
            except ValueError as cause:
                raise ChangeError(f"{cause}, in [{change.section}]; nothing is changed") from None
        self._enter(change, text)

    def _list(self, change: Change) -> None:
        """A list that the generation has, or that is predefined, is changed as well; an empty one is no tag."""
        entry = self._changed.get(change.section.lower(), {}).get(change.tag.lower())
        if entry is None:
            before = self.value(change.section, change.tag)
            if before is None and change.verb is Verb.RMV:
                return
            entry = self._enter(change, before or "")
        if change.verb is Verb.ADD:
            entry.add(change.value)
        else:
            entry.remove(change.value)
        if not entry.members:
            self._remove(change.section, change.tag)

    def _enter(self, change: Change, text: str) -> _Entry:
        entry = _Entry(change.section, change.tag, text, self._count)
        self._changed.setdefault(change.section.lower(), {})[change.tag.lower()] = entry
        return entry

    def _remove(self, section: str, tag: str) -> None:
        """What somebody wrote goes; what is predefined under that name counts again."""
        changed = self._changed.setdefault(section.lower(), {})
        changed.pop(tag.lower(), None)
        if tag.lower() in self._base.get(section.lower(), {}):
            changed[tag.lower()] = None

    # --- what holds now -------------------------------------------------------------------------------------------

    def value(self, section: str, tag: str) -> str | None:
        """What a tag stands for now: as changed, as the files say, or as predefined; a reference for a key."""
        written = self._written(section.lower(), tag.lower())
        if written is not None:
            return written
        predefined = {name.lower(): value for name, value in predefined_section(section)}
        return predefined.get(tag.lower()) or self._built_in(section).get(tag.lower())

    def _is_set(self, section: str, tag: str) -> bool:
        return self.value(section, tag) is not None

    def _written(self, section: str, tag: str) -> str | None:
        changed = self._changed.get(section, {})
        if tag in changed:
            entry = changed[tag]
            return entry.text if entry else None
        base = self._base.get(section, {}).get(tag)
        return base[1].value if base else None

    def _built_in(self, section: str) -> dict[str, str]:
        tags = {*self._base.get("general", ()), *self._changed.get("general", ())}
        general = {tag: value for tag in tags if (value := self._written("general", tag)) is not None}
        return built_in_sections(general).get(section.lower(), {})

    def bindings(self) -> list[tuple[str, Binding]]:
        """Everything that somebody wrote, each with its source; no key, but its reference."""
        found = [
            (source, binding)
            for section, tags in self._base.items()
            for tag, (source, binding) in tags.items()
            if tag not in self._changed.get(section, ())
        ]
        found += [(SOURCE, _binding(entry)) for entry in self._entries()]
        return found

    def shown(self) -> list[Binding]:
        """The same for a report: unknown tags are blank."""
        return [binding if is_kept(binding) else _blanked(binding) for _, binding in self.bindings()]

    def overlay(self, *, in_force: bool = True, findings: tuple[str, ...] = ()) -> Overlay:
        """What differs from the generation."""
        return Overlay(self.generation, tuple(self._differences()), in_force, findings)

    def _entries(self) -> Iterator[_Entry]:
        return (entry for tags in self._changed.values() for entry in tags.values() if entry)

    def _differences(self) -> Iterator[Difference]:
        for lower, tags in self._changed.items():
            base = self._base.get(lower, {})
            for tag, entry in tags.items():
                before = base[tag][1] if tag in base else None
                either = entry or before
                old, new = before.value if before else None, entry.text if entry else None
                # A key counts as another one: its reference stays the same.
                if either is None or (old == new and not is_secret(either.section, tag)):
                    continue
                if not may_be_shown(either.section, tag):
                    old, new = old and BLANK, new and BLANK
                yield Difference(either.section, either.tag, old, new)


def _binding(entry: _Entry) -> Binding:
    place = Span(0, 0, entry.line, 1)
    return Binding(place, entry.section, entry.tag, entry.text, place, place)


def _blanked(binding: Binding) -> Binding:
    return Binding(binding.span, binding.section, binding.tag, BLANK, binding.section_span, binding.value_span)
