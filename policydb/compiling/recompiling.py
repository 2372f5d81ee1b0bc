"""What is new in configuration files since the store's generation: parsed, resolved with what it concerns, and no more.

The generation in force was checked as a whole. So a change can only put in error what has changed and what refers to
it, over however many sections; the index of the store finds those (policydb.compiling.consequences), and they are
resolved as a slice (policydb.storage.slices). Whatever is unusual, an error above all, is left to the compiler, which
looks at everything and tells all findings.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from grammar.errors import Diagnostic
from policydb.compiling.agreement import check_agreement
from policydb.compiling.consequences import changed_names, concerned, differences, named_for_the_same, rivals
from policydb.compiling.revisions import Revision, UnusualError, parsed, revisions_of, shown
from policydb.compiling.rule_assertions import RuleAssertions
from policydb.compiling.sources import SourceKind, SourceText
from policydb.configuration.config import Resolved, resolve_some
from policydb.configuration.predefined import built_in_sections
from policydb.ipsec.words import in_words_of_rules
from policydb.storage.configurations import Place, Written, places_of
from policydb.storage.configurations import changed as revised
from policydb.storage.publishing import configuration_source
from policydb.storage.records import CONNECTION, PEER, encode
from policydb.storage.slices import Fresh, Placed, Shelf, finder, listed
from policydb.storage.store import POLICY, Source
from policydb.storage.storefile import StoreError, connect_read_only, explained

_SETTINGS = "SELECT coalesce(sum(settings), 0) FROM part CROSS JOIN temp.shelf ON shelf.stretch = part.stretch"
_ASSERTIONS = "SELECT count(*) FROM stretch JOIN appearance ON appearance.stretch = stretch.id WHERE digest = ?"


@dataclass(frozen=True, slots=True)
class Changes:
    """Configurations ready to be published, by the names of their sources in the order of the generation.

    `diagnostics` are warnings about what is new; `texts` are the files as they may be shown, as far as that is told of.
    """

    sources: Mapping[str, Source]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]
    counts: Mapping[str, int]
    configuration: Written


def changes_of(texts: Sequence[SourceText], store: Path, host_name: str) -> Changes | None:
    """What to publish for these files, those that are no policies; None where they have to be looked at as a whole."""
    if all(each.kind is SourceKind.POLICY for each in texts) or not store.exists():
        return None
    try:
        with explained(store), closing(connect_read_only(store)) as connection:
            return _changes(connection, revisions_of(connection, texts, host_name))
    except (UnusualError, StoreError):
        return None  # of a store, whoever publishes says what is wrong


def _changes(connection: sqlite3.Connection, files: Sequence[Revision]) -> Changes:
    findings: list[Diagnostic] = []
    revisions = []
    for each in files:
        revision, found = parsed(connection, each)
        revisions.append(revision)
        findings += found
    (generation,) = connection.execute("SELECT max(number) FROM generation").fetchone()
    configuration = Written(places_of(connection, generation))
    if not configuration.places:
        raise UnusualError
    shelf = _shelf(connection, revisions)
    changed = [differences(connection, each) for each in revisions]
    names = changed_names(each for some in changed for each in some)
    if names:
        names |= named_for_the_same(shelf, (each for some in changed for each in some))
        names = concerned(connection, names)
        resolved = _resolved(connection, generation, shelf, names)
        findings += _told(resolved.diagnostics, revisions, names)
        records = [record for record in encode(resolved.configuration) if record.name in names]
        configuration = revised(configuration.places, names, records, resolved.edges, listed(shelf))
    for file, revision in enumerate(revisions):
        check_agreement(shelf, file, revision, {each.key for each in changed[file]})
    sources = _sources(connection, revisions)
    named = {each.source for each in findings}
    texts = {each.name: shown(each) for each in revisions if each.name in named}
    return Changes(
        sources,
        tuple(findings),
        texts,
        _counts(connection, shelf, revisions, sources, configuration.places),
        configuration,
    )


def _shelf(connection: sqlite3.Connection, revisions: Sequence[Revision]) -> Shelf:
    known, fresh = [], []
    for file, revision in enumerate(revisions):
        ids = {each.digest: each.stretch for each in revision.old}
        for number, (part, contents) in enumerate(revision.contents()):
            if contents is None:
                known.append(Placed(ids[part.digest], file, number, part.line))
            else:
                fresh.append(Fresh(file, number, contents.bindings, revision.rules is not None))
    return Shelf(connection, [each.name for each in revisions], known, fresh)


def _resolved(connection: sqlite3.Connection, generation: int, shelf: Shelf, names: set[str]) -> Resolved:
    """Resolve what is concerned, with the connections that it may tie with. Raises UnusualError for an error."""
    found = resolve_some(names, finder(shelf, names))
    if not found.errors:
        others = rivals(connection, generation, found.configuration, names)
        if others:
            found = resolve_some(names | others, finder(shelf, names | others))
    if found.errors:
        raise UnusualError
    return found


def _told(findings: Iterable[Diagnostic], revisions: Sequence[Revision], names: set[str]) -> list[Diagnostic]:
    """Of warnings those about what is new."""
    places = {
        (revision.name, line)
        for revision in revisions
        for each in revision.bindings()
        if each.section.lower() in names
        for line in (each.span.line, each.section_span.line)
    }
    ruled = {each.name for each in revisions if each.rules is not None}
    return [
        in_words_of_rules(each) if each.source in ruled else each
        for each in findings
        if (each.source, each.span.line) in places and each.span.end  # the store knows lines only
    ]


def _sources(connection: sqlite3.Connection, revisions: Sequence[Revision]) -> dict[str, Source]:
    assertions = RuleAssertions(connection)
    sources: dict[str, Source] = {}
    for revision in revisions:
        stored = {number: each.stored for number, each in revision.new.items()}
        parts = [(part, stored.get(number)) for number, part in enumerate(revision.parts)]
        sources[revision.name] = configuration_source(revision.name, parts)
        policy = None if revision.rules is None else assertions.source(revision)
        if policy is not None:
            sources[policy.name] = policy
    return sources


def _counts(
    connection: sqlite3.Connection,
    shelf: Shelf,
    revisions: Sequence[Revision],
    sources: Mapping[str, Source],
    places: Sequence[Place],
) -> dict[str, int]:
    """As the compiler counts: everything that is in the files now."""
    (settings,) = connection.execute(_SETTINGS).fetchone()
    count = 0
    for source in sources.values():
        for stretch in source.stretches:
            count += len(stretch.passages)
            if source.kind == POLICY and not stretch.passages:
                count += connection.execute(_ASSERTIONS, (stretch.digest,)).fetchone()[0]
    peers = [place.name for place in places if place.kind == PEER]
    return {
        "assertions": count,
        "bindings": settings + sum(1 for revision in revisions for _ in revision.bindings()),
        "peers": sum(name not in built_in_sections({}) or bool(shelf.section(name)) for name in peers),
        "connections": sum(place.kind == CONNECTION for place in places),
    }
