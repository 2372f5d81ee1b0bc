"""Compiled assertions and stores for tests, made without the parser where that is not what a test is about."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from policydb.configuration.config import resolve_published
from policydb.connections import Configuration
from policydb.decision import Place
from policydb.graph import CompiledAssertion, Principals
from policydb.storage.configurations import Written, whole
from policydb.storage.records import encode
from policydb.storage.section_rows import binding_of, encode_sections, pieces_of
from policydb.storage.store import Publication, Source, StoredPart, open_store
from policydb.storage.stretches import Stretch, stretches_of

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def assertion(
    authorizer: str, licensees: Principals | None, *, source: str = "a.policy", line: int = 1, note: str = ""
) -> CompiledAssertion:
    """An assertion without conditions; `note` makes another one of the same parties."""
    text = f"Authorizer: {authorizer}\nLicensees: {licensees}\nComment: {note}\n"
    return CompiledAssertion(
        digest=hashlib.sha256(text.encode()).hexdigest(),
        place=Place(source, line),
        authorizer=authorizer,
        licensees=licensees,
        shape=None,
        constants=(),
        spans=(),
        local_constants=(),
        text=text,
    )


def source(name: str, *assertions: CompiledAssertion) -> Source:
    """A policy file of these assertions, one in every tenth line."""
    digest = hashlib.sha256(repr(assertions).encode()).hexdigest()
    stretches = stretches_of((10 * line + 1, each.digest) for line, each in enumerate(assertions))
    return Source(name, "policy", digest, stretches, {each.digest: each for each in assertions})


def configuration(name: str, *settings: tuple[int, str, str, str]) -> Source:
    """A configuration of one part: a line, a section, a tag and a value each."""
    bindings = [binding_of(line, line, section, tag, value) for line, section, tag, value in settings]
    digest = hashlib.sha256(repr(settings).encode()).hexdigest()
    part = StoredPart(encode_sections(bindings, 1, joined=False), len(bindings), "")
    return Source(name, "configuration", digest, (Stretch(1, digest, ()),), parts={digest: part})


def publish(path: Path, *sources: Source) -> Publication:
    """Publish the sources in a store that is opened for it and closed again."""
    bindings = [
        (piece.source, piece.binding)
        for each in sources
        for part in each.parts.values()
        for row in part.sections
        for piece in pieces_of(each.name, 1, (row.line, row.name, int(row.joined), row.lines, row.body))
    ]
    with open_store(path) as store:
        return store.publish(sources, NOON, resolved(resolve_published(bindings).configuration))


def forget_records(path: Path) -> None:
    """Make the store one whose generations were published before records were kept."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE generation SET configuration = NULL")


def resolved(configuration: Configuration | None = None) -> Written:
    """What sources without connections are resolved to, or a configuration, as the store takes it."""
    return whole(encode(configuration or Configuration()))
