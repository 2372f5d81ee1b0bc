"""The generations of a store: which there are, how the sources of two differ, and going back to one.

Sources are compared by what they said (policydb.storage.texts), in which keys are blanked: that one has changed does
not show.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from policydb.storage import schema
from policydb.storage.configurations import whole
from policydb.storage.records import encode
from policydb.storage.rows import number_of, text_of
from policydb.storage.schema import Generation, SourceVersion
from policydb.storage.snapshot import open_snapshot
from policydb.storage.storefile import Patience, StoreError, connect_read_only, explained, require_generation

if TYPE_CHECKING:  # who lists generations writes none, and the writer is slow to load
    from policydb.storage.store import Publication

_CONTEXT = 3
"""Lines shown around a change."""


class Status(StrEnum):
    """What became of a source from one generation to another."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A source that differs. `lines` is a unified diff, without newlines at their ends.

    It has none where the text is the same and what came of it is not: included files, keys, another compiler.
    """

    name: str
    kind: str
    status: Status
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How generation `after` differs from `before`; `reordered`: the sources that both have stand in another order."""

    before: int
    after: int
    changes: tuple[SourceChange, ...]
    reordered: bool

    @property
    def same(self) -> bool:
        """Whether they do not."""
        return not self.changes and not self.reordered


def list_generations(path: str | Path) -> tuple[Generation, ...]:
    """Every generation of the store, oldest first. Raises StoreError."""
    with _reading(Path(path)) as connection:
        sources: dict[int, list[SourceVersion]] = {}
        patience = Patience(connection)
        for number, *source in patience.rows(
            "SELECT generation, name, kind, digest FROM generation_source JOIN source ON source.id = source"
            " ORDER BY generation, position"
        ):
            sources.setdefault(number, []).append(SourceVersion(*map(text_of, source)))
        listed = patience.rows("SELECT number, published, author, restores FROM generation ORDER BY number")
        return tuple(
            Generation(
                number_of(number),
                text_of(published),
                tuple(sources.get(number, ())),
                text_of(author),
                None if restores is None else number_of(restores),
            )
            for number, published, author, restores in listed
        )


def compare(path: str | Path, before: int, after: int | None = None) -> Comparison:
    """How the sources of generation `after`, by default the one in force, differ from those of `before`.

    Raises StoreError, also where a source that differs is of a time when no texts were kept.
    """
    path = Path(path)
    with _reading(path) as connection:
        newest = _latest(connection, path)
        after = newest if after is None else after
        for each in (before, after):
            require_generation(connection, path, each)
        old, new = (_sources(connection, each) for each in (before, after))
        changes = tuple(_changes(connection, path, old, new, (before, after)))
    shared = [[name for name in each if name in old and name in new] for each in (old, new)]
    return Comparison(before, after, changes, shared[0] != shared[1])


def roll_back(path: str | Path, generation: int, now: datetime, author: str = "") -> Publication:
    """Publish a new generation with the sources of an older one, unless these are in force already.

    `now` is aware; `author` is who does it. Raises StoreError, also where this program would not compile the sources as
    they were compiled then: what cannot be used is not put into force.
    """
    from policydb.storage.store import open_store  # only who writes needs it

    path = Path(path)
    with open_snapshot(path, generation) as snapshot:
        resolved = encode(snapshot.configuration)  # raises where this program refuses it
        configuration = whole(resolved) if snapshot.has_records else None
    with _reading(path) as connection:
        query = "SELECT 1 FROM generation_source JOIN source ON source.id = source WHERE generation = ? AND format <> ?"
        if connection.execute(query, (generation, schema.FORMAT)).fetchone():
            message = f"{path}: generation {generation} was compiled by an older program"
            raise StoreError(message, "compile its files again")
    with open_store(path) as store:
        return store.restore(generation, configuration, now, author)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The store in one state, whatever is published meanwhile."""
    with explained(path):
        connection = connect_read_only(path)
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()


def _latest(connection: sqlite3.Connection, path: Path) -> int:
    (number,) = connection.execute("SELECT max(number) FROM generation").fetchone()
    if number is None:
        raise StoreError(f"{path} holds no generation yet", "policydb compile PATH... publishes the first one")
    return int(number)


@dataclass(frozen=True, slots=True)
class _Source:
    """A row of the table source."""

    row: int
    kind: str


def _sources(connection: sqlite3.Connection, generation: int) -> dict[str, _Source]:
    """The sources of a generation by their names, in order."""
    query = (
        "SELECT name, source.id, kind FROM generation_source JOIN source ON source.id = source"
        " WHERE generation = ? ORDER BY position"
    )
    return {text_of(name): _Source(row, kind) for name, row, kind in Patience(connection).rows(query, (generation,))}


def _changes(
    connection: sqlite3.Connection,
    path: Path,
    old: Mapping[str, _Source],
    new: Mapping[str, _Source],
    generations: tuple[int, int],
) -> Iterator[SourceChange]:
    """Every source that differs: those of the old generation in their order, then those that are new."""
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        texts, heads = [], []
        for source, generation in zip((before, after), generations, strict=True):
            texts.append("" if source is None else _text(connection, path, source, name, generation))
            heads.append("/dev/null" if source is None else f"{name}\tgeneration {generation}")
        status = Status.REMOVED if after is None else Status.ADDED if before is None else Status.CHANGED
        kind = (after or before or _Source(0, "")).kind
        yield SourceChange(name, kind, status, tuple(_unified(_lines(texts[0]), _lines(texts[1]), heads)))


def _text(connection: sqlite3.Connection, path: Path, source: _Source, name: str, generation: int) -> str:
    query = "SELECT text FROM source_block JOIN block ON block.id = block WHERE source = ? ORDER BY position"
    blocks = [text for (text,) in Patience(connection).rows(query, (source.row,))]
    compiled = (
        "SELECT 1 FROM binding WHERE source = :row UNION ALL SELECT 1 FROM source_stretch WHERE source = :row"
        " UNION ALL SELECT 1 FROM source_part WHERE source = :row"
    )
    if not blocks and connection.execute(compiled, {"row": source.row}).fetchone():
        message = f"{path}: {name} of generation {generation} was published by an older program, which kept no texts"
        raise StoreError(message, "compare generations that were published since")
    return "".join(blocks)


def _lines(text: str) -> list[str]:
    # Split at newlines alone: the other characters that splitlines() knows are text here.
    found = text.split("\n")
    if found[-1]:
        found[-1] += "\n\\ No newline at end of file"
    else:
        found.pop()
    return found


def _unified(old: Sequence[str], new: Sequence[str], heads: Sequence[str]) -> Iterator[str]:
    """The lines that differ, as diff -u shows them. What both begin and end with is not searched: files are long."""
    from difflib import SequenceMatcher  # only who compares needs it

    begin = _shared(old, new)
    end = _shared(old[begin:][::-1], new[begin:][::-1])
    begin, end = max(0, begin - _CONTEXT), max(0, end - _CONTEXT)
    before, after = (each[begin : len(each) - end] for each in (old, new))
    groups = SequenceMatcher(None, before, after).get_grouped_opcodes(_CONTEXT)
    for number, group in enumerate(groups):
        if number == 0:
            yield from (f"--- {heads[0]}", f"+++ {heads[1]}")
        first, last = group[0], group[-1]
        yield f"@@ -{_range(begin + first[1], begin + last[2])} +{_range(begin + first[3], begin + last[4])} @@"
        for tag, from_old, to_old, from_new, to_new in group:
            if tag == "equal":
                yield from (f" {line}" for line in before[from_old:to_old])
                continue
            yield from (f"-{line}" for line in before[from_old:to_old])
            yield from (f"+{line}" for line in after[from_new:to_new])


def _shared(one: Sequence[str], two: Sequence[str]) -> int:
    """With how many equal lines both begin."""
    count = 0
    for first, second in zip(one, two, strict=False):
        if first != second:
            break
        count += 1
    return count


def _range(start: int, stop: int) -> str:
    """Lines start to stop, counted from 0, as diff -u writes them (diffutils, "Detailed Unified")."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
