"""Configuration files of now beside the generation in force: cut into parts, and what is new in them, parsed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import NamedTuple

from grammar.conf import parse_part
from grammar.errors import Diagnostic, Severity
from grammar.lines import LineIndex
from grammar.nodes import Binding
from policydb.compiling.ipsec_sources import RuleParts, rule_parts
from policydb.compiling.sources import SourceKind, SourceText
from policydb.configuration.config import check_keys
from policydb.configuration.sealing import hide_keys
from policydb.storage.parts import Contents, Part, parts_of_sections
from policydb.storage.publishing import stored_part
from policydb.storage.section_rows import PHASE_1
from policydb.storage.store import StoredPart
from policydb.storage.texts import of_configuration

_MOST_PARTS = 128
"""Parts that may have changed, old and new together; beyond, looking at everything is as good."""

_SOURCES = (
    "SELECT source.name, source.id FROM generation_source JOIN source ON source.id = generation_source.source"
    " WHERE generation = (SELECT max(number) FROM generation) AND source.kind = 'configuration'"
    " AND NOT EXISTS (SELECT 1 FROM binding WHERE binding.source = source.id) ORDER BY position"
)
_STRETCHES = (
    "SELECT stretch.digest, stretch.id FROM source_part"
    " JOIN stretch ON stretch.id = source_part.stretch WHERE source_part.source = ? ORDER BY position"
)


class UnusualError(Exception):
    """This is left to the compiler, which looks at everything."""


class OldPart(NamedTuple):
    """A part in the generation in force: its digest, and the number of its stretch in the store."""

    digest: str
    stretch: int


class Run(NamedTuple):
    """Parts that follow each other, and the numbers of those that took their place."""

    gone: tuple[OldPart, ...]
    new: tuple[int, ...]


class NewPart(NamedTuple):
    """A part that the generation in force does not have, what it says, and how the store would keep it."""

    part: Part
    contents: Contents
    stored: StoredPart


@dataclass(frozen=True, slots=True)
class Revision:
    """A file of now. `rules` compiles the parts of an ipsec.conf; `new` are parts by their numbers, once parsed."""

    source: SourceText
    parts: tuple[Part, ...]
    rules: RuleParts | None
    old: tuple[OldPart, ...] = ()
    runs: tuple[Run, ...] = ()
    new: Mapping[int, NewPart] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the source."""
        return self.source.name

    def contents(self) -> list[tuple[Part, Contents | None]]:
        """All parts; with None, those that are known."""
        return [(part, self.new[at].contents if at in self.new else None) for at, part in enumerate(self.parts)]

    def bindings(self) -> Iterator[Binding]:
        """What the new parts say."""
        return (binding for each in self.new.values() for binding in each.contents.bindings)


def revisions_of(connection: sqlite3.Connection, texts: Iterable[SourceText], host_name: str) -> list[Revision]:
    """The files that are no policies, in the order of the generation; not parsed yet. Raises UnusualError."""
    rows = connection.execute(_SOURCES).fetchall()
    ordered = _in_order(texts)
    if [name for name, _ in rows] != [each.name for each in ordered]:
        raise UnusualError
    found = []
    for each, (_, number) in zip(ordered, rows, strict=True):
        cut = _cut(each, host_name)
        old = tuple(OldPart(*row) for row in connection.execute(_STRETCHES, (number,)))
        found.append(replace(cut, old=old, runs=_runs(old, cut.parts)))
    if sum(len(some) for each in found for run in each.runs for some in run) > _MOST_PARTS:
        raise UnusualError
    return found


def _in_order(texts: Iterable[SourceText]) -> list[SourceText]:
    """As the compiler has them: of several ipsec.conf the last comes first, then the others."""
    configurations = [each for each in texts if each.kind is not SourceKind.POLICY]
    rules = [each for each in configurations if each.kind is SourceKind.IPSEC]
    return [*reversed(rules), *(each for each in configurations if each.kind is SourceKind.CONFIGURATION)]


def _cut(source: SourceText, host_name: str) -> Revision:
    if source.exposed:
        raise UnusualError
    if source.kind is SourceKind.IPSEC:
        rules = rule_parts(source.text, source.name, host_name)
        if rules is None:
            raise UnusualError
        return Revision(source, rules.lines.parts, rules)
    text = source.text
    if "\0" in text or "\r\n" in text or not text.endswith("\n"):
        raise UnusualError  # something is to be said about the text as a whole
    return Revision(source, parts_of_sections(text), None)


def _runs(old: Sequence[OldPart], parts: Sequence[Part]) -> tuple[Run, ...]:
    before, after = [each.digest for each in old], [each.digest for each in parts]
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    middle = before[first : len(before) - last], after[first : len(after) - last]
    return tuple(
        Run(tuple(old[first + a : first + b]), tuple(range(first + c, first + d)))
        for verb, a, b, c, d in SequenceMatcher(None, *middle, autojunk=False).get_opcodes()
        if verb != "equal"
    )


def parsed(connection: sqlite3.Connection, revision: Revision) -> tuple[Revision, list[Diagnostic]]:
    """With what its new parts say, and what is to be said about lines in them. Raises UnusualError for an error."""
    new: dict[int, NewPart] = {}
    findings: list[Diagnostic] = []
    told = _told(connection, revision)
    for number in (each for run in revision.runs for each in run.new):
        part = revision.parts[number]
        contents, found = _contents(revision, part)
        if any(each.severity is Severity.ERROR for each in found):
            raise UnusualError
        if check_keys([(revision.name, each) for each in contents.bindings]):
            raise UnusualError
        stored = stored_part(part, contents, is_rules=revision.rules is not None)
        new[number] = NewPart(part, contents, stored)
        findings += [each for each in found if _line(part, contents, each) not in told]
    return replace(revision, new=new), findings


def _contents(revision: Revision, part: Part) -> tuple[Contents, tuple[Diagnostic, ...]]:
    text = revision.source.text
    if revision.rules is None:
        piece = text[part.start : part.end]
        found = parse_part(text, part.start, part.end, revision.name, LineIndex(piece, part.start, part.line))
        return Contents(found.bindings, of_configuration(hide_keys(piece))), found.diagnostics
    if part.start in revision.rules.lines.definitions:
        raise UnusualError
    contents, findings = revision.rules.compiled(part)
    if any(each.section.lower() == PHASE_1 and each.tag.lower() == "default" for each in contents.bindings):
        raise UnusualError  # what one rule for any peer says is held against the first of them
    return contents, findings


def _told(connection: sqlite3.Connection, revision: Revision) -> set[str]:
    """The lines that have gone, as the store keeps them: about what comes back nothing is said."""
    found: set[str] = set()
    for each in (old for run in revision.runs for old in run.gone):
        row = connection.execute("SELECT text FROM block WHERE digest = ?", (each.digest,)).fetchone()
        found.update(row[0].split("\n") if row else ())
    return found


def _line(part: Part, contents: Contents, finding: Diagnostic) -> str:
    """The line of a finding as the store would keep it."""
    return contents.text.split("\n")[finding.span.line - part.line]


def shown(revision: Revision) -> str:
    """The file as it may be shown; of parts that nothing is said about only the lines are there."""
    pieces = []
    for part, known in revision.contents():
        piece = revision.source.text[part.start : part.end]
        pieces.append(_blank(piece) if known is None else hide_keys(piece) if revision.rules is None else known.text)
    return "".join(pieces)


def _blank(text: str) -> str:
    """As many characters in as many lines."""
    return "\n".join(" " * len(line) for line in text.split("\n"))
