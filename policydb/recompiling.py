"""What is new in configuration files since the store's generation: parsed, resolved with what it concerns, and no more.

The generation in force was checked as a whole. So a change can only put in error what has changed and what refers to
it, over however many sections; the index of the store finds those, and they are resolved as a slice (policydb.slices).
Whatever is unusual, an error above all, is left to the compiler, which looks at everything and tells all findings.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from grammar.conf import parse_part
from grammar.errors import Diagnostic, Severity
from grammar.keynote import split_assertions
from grammar.lines import LineIndex
from grammar.nodes import Binding
from policydb import schema
from policydb.config import check_keys, is_kept, resolve
from policydb.connections import Configuration, Connection
from policydb.graph import CompiledAssertion
from policydb.ipsec_sources import RuleParts, rule_parts
from policydb.ipsec_words import in_words_of_rules
from policydb.parts import Contents, Part, parts_of_sections
from policydb.predefined import built_in_sections, predefined_section
from policydb.publishing import (
    digest_of,
    policy_lines,
    policy_name,
    policy_of_stretches,
    policy_stretch,
    policy_text,
    rules_source,
    sections_source,
    stored_part,
)
from policydb.reading import Reader
from policydb.sealing import AUTHENTICATION, hide_keys, is_key
from policydb.section_rows import PHASE_1, PHASE_2, decode_section, identity_key
from policydb.slices import FIXED_ROOTS, Fresh, Placed, Shelf, sliced
from policydb.sources import SourceKind, SourceText
from policydb.store import Source
from policydb.storefile import StoreError, connect_read_only
from policydb.stretches import Stretch
from policydb.texts import Block, of_configuration

_MOST_PARTS = 128
"""Parts that may have changed, old and new together; beyond, looking at everything is as good."""

_MOST_SECTIONS = 4_096
"""Sections that a change may concern."""


class _UnusualError(Exception):
    """This is left to the compiler."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Configurations ready to be published, by the names of their sources in the order of the generation.

    `diagnostics` are warnings about what is new; `texts` are the files as they may be shown, as far as that is told of.
    """

    sources: Mapping[str, Source]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]
    counts: Mapping[str, int]


class _Old(NamedTuple):
    """A stretch of the generation in force."""

    line: int
    digest: str
    stretch: int


@dataclass(frozen=True, slots=True)
class _Text:
    """A file of now: its parts, and which of them are new; `rules` compiles those of an ipsec.conf."""

    source: SourceText
    parts: tuple[Part, ...]
    rules: RuleParts | None
    old: tuple[_Old, ...] = ()
    new: frozenset[int] = frozenset()
    gone: tuple[_Old, ...] = ()
    runs: tuple[tuple[tuple[_Old, ...], tuple[int, ...]], ...] = ()
    contents: Mapping[int, Contents] = field(default_factory=dict)


def changes_of(texts: Sequence[SourceText], store: Path, host_name: str) -> Changes | None:
    """What to publish for these files, those that are no policies; None where they have to be looked at as a whole."""
    if all(each.kind is SourceKind.POLICY for each in texts) or not store.exists():
        return None
    try:
        connection = connect_read_only(store)
    except StoreError:
        return None
    try:
        return _Comparison(connection, texts, host_name).changes()
    except (_UnusualError, sqlite3.Error, StoreError):
        return None
    finally:
        connection.close()


class _Comparison:
    """The files of now beside the generation in force."""

    def __init__(self, connection: sqlite3.Connection, texts: Sequence[SourceText], host_name: str) -> None:
        self._connection = connection
        self._findings: list[Diagnostic] = []
        self._policies: dict[str, tuple[str, int]] = {}
        """The stretches of assertions that parts of rules came to, and their lines, by the digests of the parts."""
        self._texts = self._compared([_cut(each, host_name) for each in _in_order(texts)])
        self._names = [each.source.name for each in self._texts]

    def changes(self) -> Changes:
        """All of it. Raises _UnusualError."""
        self._texts = [self._parsed(each) for each in self._texts]
        shelf = self._shelf()
        changed = self._changed()
        if changed:
            self._resolved(shelf, self._concerned(shelf, changed))
        for file in range(len(self._texts)):
            self._check_agreement(shelf, file)
        return self._result()

    # --- what is new ----------------------------------------------------------------------------------------------

    def _compared(self, texts: Sequence[_Text]) -> list[_Text]:
        """The files with what is new in them and what has gone."""
        query = (
            "SELECT source.name, source.id FROM generation_source JOIN source ON source.id = generation_source.source"
            " WHERE generation = (SELECT max(number) FROM generation) AND source.kind = 'configuration'"
            " AND NOT EXISTS (SELECT 1 FROM binding WHERE binding.source = source.id) ORDER BY position"
        )
        rows = self._connection.execute(query).fetchall()
        if [name for name, _ in rows] != [each.source.name for each in texts]:
            raise _UnusualError
        stretches = (
            "SELECT source_stretch.line, stretch.digest, stretch.id FROM source_stretch"
            " JOIN stretch ON stretch.id = source_stretch.stretch WHERE source_stretch.source = ? ORDER BY line"
        )
        found = []
        for each, (_, number) in zip(texts, rows, strict=True):
            old = tuple(_Old(*row) for row in self._connection.execute(stretches, (number,)))
            found.append(_with_runs(each, old))
        if sum(len(each.new) + len(each.gone) for each in found) > _MOST_PARTS:
            raise _UnusualError
        return found

    def _parsed(self, text: _Text) -> _Text:
        """What the new parts of a file say. Raises _UnusualError for an error in them."""
        source = text.source
        index = LineIndex(source.text)
        contents: dict[int, Contents] = {}
        for number in sorted(text.new):
            part = text.parts[number]
            if text.rules is not None:
                if part.start in text.rules.lines.definitions:
                    raise _UnusualError
                contents[number], findings = text.rules.compiled(part)
            else:
                parsed = parse_part(source.text, part.start, part.end, source.name, index)
                shown = of_configuration(hide_keys(source.text[part.start : part.end]))
                contents[number], findings = Contents(parsed.bindings, shown), parsed.diagnostics
            bindings = [(source.name, each) for each in contents[number].bindings]
            if any(each.severity is Severity.ERROR for each in findings) or check_keys(bindings):
                raise _UnusualError
            if text.rules is not None and any(_is_default(each) for _, each in bindings):
                raise _UnusualError  # what one rule for any peer says is held against the first of them
            told = self._told(text)
            self._findings += [each for each in findings if _line(part, contents[number], each) not in told]
        return replace(text, contents=contents)

    def _told(self, text: _Text) -> set[str]:
        """The lines that have gone, as the store keeps them: about what comes back nothing is said."""
        found: set[str] = set()
        for each in text.gone:
            row = self._connection.execute("SELECT text FROM block WHERE digest = ?", (each.digest,)).fetchone()
            found.update(row[0].split("\n") if row else ())
        return found

    def _shelf(self) -> Shelf:
        known, fresh = [], []
        for file, text in enumerate(self._texts):
            ids = {each.digest: each.stretch for each in text.old}
            for number, part in enumerate(text.parts):
                if number in text.contents:
                    contents = text.contents[number]
                    fresh.append(Fresh(file, part.line, contents.bindings, text.rules is not None))
                else:
                    known.append(Placed(ids[part.digest], file, part.line))
        shelf = Shelf(self._connection, self._names, known, fresh)
        query = (
            "SELECT stretch.digest, part.policy, part.lines FROM temp.shelf"
            " CROSS JOIN part ON part.stretch = shelf.stretch CROSS JOIN stretch ON stretch.id = shelf.stretch"
            " WHERE part.policy IS NOT NULL"
        )
        self._policies = {digest: (policy, lines) for digest, policy, lines in self._connection.execute(query)}
        return shelf

    # --- what it concerns -----------------------------------------------------------------------------------------

    def _changed(self) -> set[str]:
        """The sections that say otherwise than before, by their names in lower case.

        What has come into the lists of [Phase 1] and [Phase 2], or has gone from them, counts as changed.
        """
        found: set[str] = set()
        for text in self._texts:
            for gone, new in text.runs:
                before = self._sections_before(gone)
                after = _sections_after(text, new)
                for key in before.keys() | after.keys():
                    found |= _difference(key, before.get(key, []), after.get(key, []))
        if any(key in FIXED_ROOTS or key in built_in_sections({}) or predefined_section(key) for key in found):
            raise _UnusualError
        return found

    def _sections_before(self, gone: Iterable[_Old]) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        query = "SELECT key, body FROM section WHERE stretch = ? ORDER BY position"
        for each in gone:
            for key, body in self._connection.execute(query, (each.stretch,)):
                found.setdefault(key, []).extend((tag, value) for tag, value in decode_section(body))
        return found

    @staticmethod
    def _concerned(shelf: Shelf, changed: set[str]) -> set[str]:
        """What has changed, and what refers to it, over however many sections."""
        found: set[str] = set()
        pending = set(changed)
        while pending:
            key = pending.pop()
            found.add(key)
            if len(found) > _MOST_SECTIONS:
                raise _UnusualError
            above = shelf.mentioning(key) - found - {PHASE_1, PHASE_2}
            if any(each in FIXED_ROOTS or each in built_in_sections({}) for each in above):
                raise _UnusualError
            pending |= above
        return found

    def _resolved(self, shelf: Shelf, names: set[str]) -> None:
        """Resolve what is concerned, with the connections that it may tie with; keep the warnings about what is new."""
        found = resolve(sliced(shelf, names))
        if not found.errors:
            rivals = _rivals(shelf, found.configuration, names)
            found = resolve(sliced(shelf, names | rivals)) if rivals else found
        if found.errors:
            raise _UnusualError
        places = self._new_places(names)
        ruled = {text.source.name for text in self._texts if text.rules is not None}
        self._findings += [
            in_words_of_rules(each) if each.source in ruled else each
            for each in found.diagnostics
            if (each.source, each.span.line) in places
        ]

    def _new_places(self, names: set[str]) -> set[tuple[str, int]]:
        """The files and lines of these sections, as far as they are in new parts."""
        return {
            (text.source.name, line)
            for text in self._texts
            for contents in text.contents.values()
            for each in contents.bindings
            if each.section.lower() in names
            for line in (each.span.line, each.section_span.line)
        }

    # --- parts beside each other ----------------------------------------------------------------------------------

    def _check_agreement(self, shelf: Shelf, file: int) -> None:
        """Raise _UnusualError where a tag is set in several parts of a file, unless they are rules that agree."""
        text = self._texts[file]
        values: dict[tuple[str, str], tuple[int, str]] = {}
        for number, contents in text.contents.items():
            for each in contents.bindings:
                key = each.section.lower(), each.tag.lower()
                other, value = values.setdefault(key, (number, each.value))
                if (text.rules is None and other != number) or (
                    value != each.value and text.rules and not _is_list(*key)
                ):
                    raise _UnusualError
        for section in {section for section, _ in values}:
            self._check_section(shelf, file, section, values)
        if text.rules is not None:
            self._check_assertions(text)

    def _check_section(
        self, shelf: Shelf, file: int, section: str, values: Mapping[tuple[str, str], tuple[int, str]]
    ) -> None:
        rules = self._texts[file].rules
        for line, settings in shelf.stored(section, file):
            for tag, value in settings:
                key = section, tag.lower()
                if key not in values or (rules is not None and _is_list(*key)):
                    continue
                if rules is None:
                    raise _UnusualError
                known = self._secret(file, line, section) if key[1] == AUTHENTICATION else value
                if known != values[key][1]:
                    raise _UnusualError

    def _secret(self, file: int, line: int, section: str) -> str | None:
        """A key is not in the store: the part that sets it is compiled again."""
        text = self._texts[file]
        part = next(each for each in text.parts if each.line == line)
        contents = text.rules.compiled(part)[0].bindings if text.rules else ()
        return next((each.value for each in contents if is_key(each) and each.section.lower() == section), None)

    def _check_assertions(self, text: _Text) -> None:
        """Raise _UnusualError where rules of two parts come to the same assertion."""
        kept = {each.digest for number, each in enumerate(text.parts) if number not in text.contents}
        policies = {policy for digest, (policy, _) in self._policies.items() if digest in kept}
        assertions: set[str] = set()
        for contents in text.contents.values():
            if not assertions.isdisjoint(contents.assertions):
                raise _UnusualError
            assertions.update(contents.assertions)
        if any(self._is_in(policies, each) for each in assertions):
            raise _UnusualError

    def _is_in(self, policies: set[str], assertion: str) -> bool:
        query = (
            "SELECT stretch.digest FROM assertion JOIN appearance ON appearance.assertion = assertion.id"
            " JOIN stretch ON stretch.id = appearance.stretch WHERE assertion.digest = ? AND assertion.format = ?"
        )
        pieces = split_assertions(assertion)
        return any(
            digest in policies
            for piece in pieces
            for (digest,) in self._connection.execute(query, (digest_of(piece.text), schema.FORMAT))
        )

    # --- what is published ----------------------------------------------------------------------------------------

    def _result(self) -> Changes:
        sources: dict[str, Source] = {}
        for text in self._texts:
            parts = [(part, text.contents.get(number)) for number, part in enumerate(text.parts)]
            name = text.source.name
            if text.rules is None:
                sources[name] = sections_source(name, parts)
                continue
            sources[name] = rules_source(name, parts)
            policy = self._policy(policy_name(name), parts)
            if policy.stretches:
                sources[policy.name] = policy
        told = {each.source for each in self._findings}
        texts = {each.source.name: _shown(each) for each in self._texts if each.source.name in told}
        return Changes(sources, tuple(self._findings), texts, self._counts(sources))

    def _policy(self, name: str, parts: Sequence[tuple[Part, Contents | None]]) -> Source:
        """The assertions of rules: known stretches in their places, and those of new parts compiled."""
        stretches: list[Stretch] = []
        blocks: list[Block] = []
        compiled: dict[str, CompiledAssertion] = {}
        line = 1
        for part, contents in parts:
            if contents is None:
                known = self._policies.get(part.digest)
                if known is not None:
                    stretches.append(Stretch(line, known[0], ()))
                    blocks.append(Block(known[0], ""))
                    line += known[1]
                continue
            one = policy_stretch(line, contents)
            if one is not None:
                stretches.append(one)
                blocks.append(Block(one.digest, policy_text(contents)))
                compiled |= self._compiled(contents, name)
            line += policy_lines(contents)
        return policy_of_stretches(name, tuple(stretches), tuple(blocks), compiled)

    def _compiled(self, contents: Contents, name: str) -> dict[str, CompiledAssertion]:
        """The assertions of new rules, by the digests of their texts, but for those that the store has."""
        reader = Reader()
        found = {}
        query = "SELECT 1 FROM assertion WHERE digest = ? AND format = ?"
        for piece in split_assertions(policy_text(contents)):
            digest = digest_of(piece.text)
            if self._connection.execute(query, (digest, schema.FORMAT)).fetchone():
                continue
            reading = reader.read(piece, digest, name)
            if reading.compiled is None or reading.diagnostics:
                raise _UnusualError
            found[digest] = reading.compiled
        return found

    def _counts(self, sources: Mapping[str, Source]) -> dict[str, int]:
        """As the compiler counts: everything that is in the files now."""
        known = "SELECT coalesce(sum(settings), 0) FROM part CROSS JOIN temp.shelf ON shelf.stretch = part.stretch"
        (settings,) = self._connection.execute(known).fetchone()
        query = "SELECT phase, count(DISTINCT key) FROM temp.shelf CROSS JOIN section INDEXED BY section_phase"
        query += " ON section.stretch = shelf.stretch WHERE phase IS NOT NULL GROUP BY phase"
        phases = {"1": 0, "2": 0, **dict(self._connection.execute(query))}
        new: set[tuple[str, str]] = set()
        for text in self._texts:
            for contents in text.contents.values():
                settings += len(contents.bindings)
                new |= {(each.value, each.section.lower()) for each in contents.bindings if each.tag.lower() == "phase"}
        known = "SELECT 1 FROM section CROSS JOIN temp.shelf ON shelf.stretch = section.stretch"
        known += " WHERE key = ? AND phase = ?"
        for phase, key in new:
            if phase in phases and not self._connection.execute(known, (key, phase)).fetchone():
                phases[phase] += 1
        assertions = "SELECT count(*) FROM stretch JOIN appearance ON appearance.stretch = stretch.id WHERE digest = ?"
        count = 0
        for source in sources.values():
            for each in source.stretches:
                count += len(each.passages)
                if source.kind == "policy" and not each.passages:
                    count += self._connection.execute(assertions, (each.digest,)).fetchone()[0]
        return {
            "assertions": count,
            "bindings": settings,
            "peers": phases["1"],
            "connections": phases["2"],
        }


# --- files --------------------------------------------------------------------------------------------------------


def _in_order(texts: Iterable[SourceText]) -> list[SourceText]:
    """As the compiler has them: of several ipsec.conf the last comes first, then the others."""
    rules = [each for each in texts if each.kind is SourceKind.IPSEC]
    return [*reversed(rules), *(each for each in texts if each.kind is SourceKind.CONFIGURATION)]


def _cut(source: SourceText, host_name: str) -> _Text:
    if source.exposed:
        raise _UnusualError
    if source.kind is SourceKind.IPSEC:
        rules = rule_parts(source.text, source.name, host_name)
        if rules is None:
            raise _UnusualError
        return _Text(source, rules.lines.parts, rules)
    text = source.text
    if "\0" in text or "\r\n" in text or not text.endswith("\n"):
        raise _UnusualError  # something is to be said about the text as a whole
    return _Text(source, parts_of_sections(text), None)


def _with_runs(text: _Text, old: tuple[_Old, ...]) -> _Text:
    """The file with the runs of parts that took the place of others."""
    before, after = [each.digest for each in old], [each.digest for each in text.parts]
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    middle = before[first : len(before) - last], after[first : len(after) - last]
    runs = []
    for verb, a, b, c, d in SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
        if verb != "equal":
            runs.append((old[first + a : first + b], tuple(range(first + c, first + d))))
    new = frozenset(number for _, numbers in runs for number in numbers)
    gone = tuple(each for some, _ in runs for each in some)
    return _Text(text.source, text.parts, text.rules, old, new, gone, tuple(runs))


def _line(part: Part, contents: Contents, finding: Diagnostic) -> str:
    """The line of a finding as the store would keep it."""
    return contents.text.split("\n")[finding.span.line - part.line]


def _shown(text: _Text) -> str:
    """The file as it may be shown; of parts that nothing is said about only the lines are there."""
    pieces = []
    for number, part in enumerate(text.parts):
        known = text.contents.get(number)
        piece = text.source.text[part.start : part.end]
        pieces.append(_blank(piece) if known is None else hide_keys(piece) if text.rules is None else known.text)
    return "".join(pieces)


def _blank(text: str) -> str:
    """As many characters in as many lines."""
    return "\n".join(" " * len(line) for line in text.split("\n"))


# --- sections -----------------------------------------------------------------------------------------------------


def _sections_after(text: _Text, numbers: Iterable[int]) -> dict[str, list[tuple[str, str]]]:
    """As the store would keep them, and what it would not keep, which cannot be compared, besides."""
    found: dict[str, list[tuple[str, str]]] = {}
    for number in numbers:
        contents = text.contents[number]
        for row in stored_part(text.parts[number], contents, is_rules=text.rules is not None).sections:
            found.setdefault(row.key, []).extend((tag, value) for tag, value in decode_section(row.body))
        for each in contents.bindings:
            if not is_kept(each):
                found.setdefault(each.section.lower(), []).append((each.tag, ""))
    return found


def _difference(key: str, before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> set[str]:
    """The sections that count as changed where one says this instead of that."""
    if before == after:
        return set()
    if key == PHASE_1:
        pairs = {(tag.lower(), value.lower()) for tag, value in before} ^ {
            (tag.lower(), value.lower()) for tag, value in after
        }
        if any(tag == "default" for tag, _ in pairs):
            raise _UnusualError
        return {value for _, value in pairs}
    if key == PHASE_2:
        if any(not member.strip() for _, value in after for member in value.split(",")):
            raise _UnusualError
        return {member for _, member in set(_members(before)) ^ set(_members(after))}
    return {key}


def _members(settings: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for tag, value in settings:
        if tag.lower() in {"connections", "passive-connections"}:
            yield from ((tag.lower(), member.strip().lower()) for member in value.split(","))


def _is_list(section: str, tag: str) -> bool:
    return section == PHASE_2 and tag in {"connections", "passive-connections"}


def _is_default(binding: Binding) -> bool:
    return binding.section.lower() == PHASE_1 and binding.tag.lower() == "default"


def _rivals(shelf: Shelf, configuration: Configuration, names: set[str]) -> set[str]:
    """Connections that may answer to the same peer and identities as one of these: of the peer, with its remote ID."""
    found: set[str] = set()
    for each in configuration.connections.values():
        if not each.answers:
            continue
        rivals = shelf.mentioning(each.peer.lower())
        if each.remote_identity is not None:
            identities = shelf.mentioning(identity_key(_value(each)))
            rivals &= {section for identity in identities for section in shelf.mentioning(identity)}
        found |= rivals
        if len(found) > _MOST_SECTIONS:
            raise _UnusualError
    return found - names - {PHASE_1, PHASE_2}


def _value(connection: Connection) -> str:
    identity = connection.remote_identity
    if identity is None:
        return ""
    network = identity.network.network_address if identity.network is not None else None
    return str(identity.address or network or identity.name)
