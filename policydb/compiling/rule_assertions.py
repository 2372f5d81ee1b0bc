"""The assertions of an ipsec.conf of which only some parts are new: made a source, if no two are the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from grammar.keynote import split_assertions
from policydb.compiling.ipsec_sources import policy_name
from policydb.compiling.revisions import Revision, UnusualError
from policydb.graph import CompiledAssertion
from policydb.keynote.reading import Reader
from policydb.storage import schema
from policydb.storage.parts import Contents
from policydb.storage.publishing import digest_of, policy_lines, policy_of_stretches, policy_stretch, policy_text
from policydb.storage.store import Source
from policydb.storage.stretches import Stretch
from policydb.storage.texts import Block

_KNOWN = (
    "SELECT stretch.digest, part.policy, part.lines FROM temp.shelf"
    " CROSS JOIN part ON part.stretch = shelf.stretch CROSS JOIN stretch ON stretch.id = shelf.stretch"
    " WHERE part.policy IS NOT NULL"
)
_STRETCHES_WITH = (
    "SELECT stretch.digest FROM assertion JOIN appearance ON appearance.assertion = assertion.id"
    " JOIN stretch ON stretch.id = appearance.stretch WHERE assertion.digest = ? AND assertion.format = ?"
)
_IS_KNOWN = "SELECT 1 FROM assertion WHERE digest = ? AND format = ?"


class RuleAssertions:
    """What the parts on the shelf of a connection (policydb.storage.slices) came to."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known = {digest: (policy, lines) for digest, policy, lines in connection.execute(_KNOWN)}
        """By the digests of the parts: the stretch of their assertions, and how many lines these have."""

    def source(self, revision: Revision) -> Source | None:
        """The assertions of a file; None where it has none. Raises UnusualError."""
        self._check(revision)
        stretches: list[Stretch] = []
        blocks: list[Block] = []
        compiled: dict[str, CompiledAssertion] = {}
        name = policy_name(revision.name)
        line = 1
        for part, contents in revision.contents():
            if contents is not None:
                one = policy_stretch(line, contents)
                if one is not None:
                    stretches.append(one)
                    blocks.append(Block(one.digest, policy_text(contents)))
                    compiled |= self._compiled(contents, name)
                line += policy_lines(contents)
            elif part.digest in self._known:
                digest, lines = self._known[part.digest]
                stretches.append(Stretch(line, digest, ()))
                blocks.append(Block(digest, ""))
                line += lines
        return policy_of_stretches(name, tuple(stretches), tuple(blocks), compiled) if stretches else None

    def _check(self, revision: Revision) -> None:
        """Raise UnusualError where rules of two parts come to the same assertion."""
        kept = {part.digest for part, contents in revision.contents() if contents is None}
        stretches = {policy for digest, (policy, _) in self._known.items() if digest in kept}
        texts: set[str] = set()
        for new in revision.new.values():
            if not texts.isdisjoint(new.contents.assertions):
                raise UnusualError
            texts.update(new.contents.assertions)
        digests = [digest_of(piece.text) for text in texts for piece in split_assertions(text)]
        if not stretches.isdisjoint(self._stretches_with(digests)):
            raise UnusualError

    def _stretches_with(self, digests: Sequence[str]) -> set[str]:
        """All stretches of the store that have one of these assertions."""
        rows = (self._connection.execute(_STRETCHES_WITH, (each, schema.FORMAT)) for each in digests)
        return {digest for some in rows for (digest,) in some}

    def _compiled(self, contents: Contents, name: str) -> dict[str, CompiledAssertion]:
        """The assertions of new rules, by the digests of their texts, but for those that the store has."""
        reader = Reader()
        found = {}
        for piece in split_assertions(policy_text(contents)):
            digest = digest_of(piece.text)
            if self._connection.execute(_IS_KNOWN, (digest, schema.FORMAT)).fetchone():
                continue
            reading = reader.read(piece, digest, name)
            if reading.compiled is None or reading.diagnostics:
                raise UnusualError
            found[digest] = reading.compiled
        return found
