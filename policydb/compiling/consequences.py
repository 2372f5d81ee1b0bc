"""What a change in sections concerns: those that say otherwise, those that refer to them, and rivals for a negotiation.

Everything else was free of errors before, and stays so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from policydb.compiling.revisions import NewPart, OldPart, Revision, UnusualError
from policydb.configuration.config import is_kept
from policydb.configuration.predefined import built_in_sections, predefined_section
from policydb.connections import Configuration
from policydb.storage.configurations import names_of, referring
from policydb.storage.records import of_peer, to_identity
from policydb.storage.section_rows import PHASE_1, PHASE_2, Setting, address_key, decode_section
from policydb.storage.slices import FIXED_ROOTS, Shelf, named_at

_MOST_SECTIONS = 4_096
"""Sections that a change may concern."""

_LISTS = frozenset({"connections", "passive-connections"})


def is_list(section: str, tag: str) -> bool:
    """Whether rules of all parts make up a value together; section and tag in lower case."""
    return section == PHASE_2 and tag in _LISTS


class Difference(NamedTuple):
    """A section that says otherwise than before, by its name in lower case."""

    key: str
    before: list[Setting]
    after: list[Setting]


def differences(connection: sqlite3.Connection, revision: Revision) -> list[Difference]:
    """What runs of parts of a file say otherwise; a section may be in several.

    What parts say again, of rules above all, counts once: a change may move the border between two of them.
    """
    found = []
    for gone, new in revision.runs:
        before = _before(connection, gone)
        after = _after(revision.new[each] for each in new)
        found += [Difference(key, _once(before.get(key, [])), _once(after.get(key, []))) for key in {**before, **after}]
    return [each for each in found if each.before != each.after]


def _once(settings: Iterable[Setting]) -> list[Setting]:
    return list(dict.fromkeys(settings))


def changed_names(found: Iterable[Difference]) -> set[str]:
    """The sections that have changed, and those that have come into the two lists or gone from them.

    Raises UnusualError.
    """
    changed: set[str] = set()
    for each in found:
        changed |= _listed(each) if each.key in {PHASE_1, PHASE_2} else {each.key}
    if any(key in FIXED_ROOTS or key in built_in_sections({}) or predefined_section(key) for key in changed):
        raise UnusualError
    return changed


def named_for_the_same(shelf: Shelf, found: Iterable[Difference]) -> set[str]:
    """The peers that [Phase 1] names, in whichever file, for addresses for which it named others before.

    Raises UnusualError where two files that are no rules have [Phase 2]: the lists of the first one count.
    """
    names: set[str] = set()
    for difference in found:
        if difference.key == PHASE_1:
            addresses = {address_key(tag) for tag, _ in set(difference.before) ^ set(difference.after)}
            names |= named_at(shelf, addresses)
        elif difference.key == PHASE_2:
            files = {entry.file for entry in shelf.section(PHASE_2) if not entry.joined}
            if len(files) > 1:
                raise UnusualError
    return names


def _before(connection: sqlite3.Connection, gone: Iterable[OldPart]) -> dict[str, list[Setting]]:
    found: dict[str, list[Setting]] = {}
    query = "SELECT key, body FROM section WHERE stretch = ? ORDER BY position"
    for each in gone:
        for key, body in connection.execute(query, (each.stretch,)):
            found.setdefault(key, []).extend(decode_section(body))
    return found


def _after(new: Iterable[NewPart]) -> dict[str, list[Setting]]:
    """As the store would keep them, and what it would not keep, which cannot be compared, besides."""
    found: dict[str, list[Setting]] = {}
    for each in new:
        for row in each.stored.sections:
            found.setdefault(row.key, []).extend(decode_section(row.body))
        for binding in each.contents.bindings:
            if not is_kept(binding):
                found.setdefault(binding.section.lower(), []).append((binding.tag, ""))
    return found


def _listed(found: Difference) -> set[str]:
    """The sections that one of the two lists names otherwise than before."""
    if found.key == PHASE_1:
        old, new = ({(tag.lower(), value.lower()) for tag, value in each} for each in (found.before, found.after))
        if any(tag == "default" for tag, _ in old ^ new):
            raise UnusualError
        return {value for _, value in old ^ new}
    if any(not member.strip() for _, value in found.after for member in value.split(",")):
        raise UnusualError
    return {member for _, member in set(_members(found.before)) ^ set(_members(found.after))}


def _members(settings: Iterable[Setting]) -> Iterator[Setting]:
    for tag, value in settings:
        if tag.lower() in _LISTS:
            yield from ((tag.lower(), member.strip().lower()) for member in value.split(","))


def concerned(connection: sqlite3.Connection, changed: Iterable[str]) -> set[str]:
    """What has changed, and what refers to it, over however many sections. Raises UnusualError."""
    found: set[str] = set()
    pending = set(changed)
    while pending:
        key = pending.pop()
        found.add(key)
        if len(found) > _MOST_SECTIONS:
            raise UnusualError
        above = referring(connection, key) - found - {PHASE_1, PHASE_2}
        if any(each in FIXED_ROOTS or each in built_in_sections({}) for each in above):
            raise UnusualError
        pending |= above
    return found


def rivals(connection: sqlite3.Connection, generation: int, configuration: Configuration, names: set[str]) -> set[str]:
    """Connections that may answer to the same peer and identities as one of these: of the peer, with its remote ID.

    Raises UnusualError.
    """
    found: set[str] = set()
    for each in configuration.connections.values():
        if each.answers:
            same = names_of(connection, generation, to_identity(each.remote_identity)) - names
            found |= same & names_of(connection, generation, of_peer(each.peer)) if same else same
        if len(found) > _MOST_SECTIONS:
            raise UnusualError
    return found - names
