"""Stores that cannot be used, what is said of each, and what must hold of a store that somebody went on with."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from grammar.conf import parse_conf
from grammar.fields import split_assertions
from policydb.compiling.compiler import compile_paths
from policydb.configuration.config import is_kept
from policydb.configuration.sealing import seal_bindings
from policydb.storage import schema
from policydb.storage.history import list_generations
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.stretches import Stretch, stretch, stretches_of
from tests.policydb.old_stores import SCHEMAS, write_old_store
from tests.policydb.stores import NOON

ALICE = 'Authorizer: "POLICY"\nLicensees: "alice"\n'
BOB = 'Authorizer: "POLICY"\nLicensees: "bob"\n'


def write_store(path: Path) -> None:
    """A store of two generations: alice, then bob."""
    policy = path.with_name(f"{path.name}.policy")
    for text in (ALICE, BOB):
        policy.write_text(text)
        assert compile_paths([policy], path, NOON).published
    policy.unlink()


def _no_database(path: Path) -> None:
    path.write_bytes(b"Authorizer: POLICY, and more than the hundred octets that a header of SQLite has. " * 3)


def _other_program(path: Path) -> None:
    with _changed(path) as connection:
        connection.execute("CREATE TABLE mail (text TEXT)")


def _empty(path: Path) -> None:
    path.touch()


def _newer(path: Path) -> None:
    write_store(path)
    with _changed(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")


def _older(path: Path) -> None:
    write_old_store(path, SCHEMAS[-1])


def _damaged(path: Path) -> None:
    write_store(path)
    octets = bytearray(path.read_bytes())
    octets[100:4096] = b"\xff" * 3996
    path.write_bytes(octets)


def _cut(path: Path) -> None:
    write_store(path)
    path.write_bytes(path.read_bytes()[:8192])


@contextmanager
def _changed(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


class Fault(NamedTuple):
    """How a store is spoiled, and what is said: of it, to whoever reads, and what helps."""

    spoil: Callable[[Path], None]
    message: str
    hint: str


FAULTS = {
    "no file": Fault(lambda _: None, "does not exist", "policydb compile PATH... --store STORE makes it"),
    "a directory": Fault(Path.mkdir, "is a directory", "name a store in it"),
    "no database": Fault(_no_database, "is no SQLite database", "name a store, or a new file for one"),
    "of another program": Fault(
        _other_program, "is a database, but no policy store", "name a store, or a new file for one"
    ),
    "empty": Fault(_empty, "is empty", "policydb compile PATH... --store STORE publishes a first generation"),
    "newer": Fault(
        _newer,
        f"was written by a newer program (schema {schema.VERSION + 1}; this one knows {schema.VERSION})",
        "upgrade this program",
    ),
    "older": Fault(
        _older,
        f"was written by an older program (schema {SCHEMAS[-1]}; this one reads {schema.VERSION})",
        "policydb compile PATH... --store STORE brings it up to date; it keeps its generations",
    ),
    "damaged": Fault(_damaged, "is damaged", "move it away and compile again"),
    "cut short": Fault(_cut, "is damaged", "move it away and compile again"),
}
"""By what is wrong. Those of FIRST_COMPILED are none for whoever compiles: it makes them good stores."""

FIRST_COMPILED = {"no file", "empty", "older"}


# --- wholeness ----------------------------------------------------------------------------------------------------

_BLOCKS_OF_POLICIES = (
    "SELECT DISTINCT block.digest, block.text FROM block JOIN source_block ON source_block.block = block.id"
    " JOIN source ON source.id = source_block.source WHERE source.kind = 'policy'"
)
# Parts of configurations are known by what they were cut from, keys left out; see _as_said for what they hold.
_STRETCHES_OF_POLICIES = "SELECT id, digest FROM stretch WHERE id IN (SELECT stretch FROM appearance)"


def assert_whole(path: Path, asked: int | None = None) -> int:
    """Holds a store against itself: integrity, references, every content hash; gives the number of generations.

    Every generation is opened and resolved, or only the last ones that are `asked`.
    """
    with _changed(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for digest, text in connection.execute("SELECT digest, text FROM assertion"):
            assert digest == _hash(text)
        for digest, text in connection.execute(_BLOCKS_OF_POLICIES):
            assert digest in {_hash(text), _digest_of_passages(text)}
        for row, digest, kind in connection.execute("SELECT id, digest, kind FROM source").fetchall():
            assert digest in _digests_of_source(connection, row, kind) or not _is_known(connection, row, kind)
        for row, digest in connection.execute(_STRETCHES_OF_POLICIES).fetchall():
            assert digest == _digest_of_stretch(connection, row)
    listed = list_generations(path)
    assert [each.number for each in listed] == list(range(1, len(listed) + 1))
    for each in listed[-(asked or len(listed)) :]:
        assert each.sources
        with open_snapshot(path, each.number) as snapshot:
            assert snapshot.configuration is not None
            assert _as_said(snapshot) == _as_kept(snapshot)
            assert snapshot.authorized_by("POLICY") is not None
    return len(listed)


def _is_known(connection: sqlite3.Connection, row: int, kind: str) -> bool:
    """Whether what a source said is kept; of a policy before texts were kept, its stretches alone can be checked."""
    if kind != "policy":
        return True
    (blocks,) = connection.execute("SELECT count(*) FROM source_block WHERE source = ?", (row,)).fetchone()
    published = "SELECT min(generation) FROM generation_source WHERE source = ?"
    (generation,) = connection.execute(published, (row,)).fetchone()
    older = connection.execute("SELECT author = '' FROM generation WHERE number = ?", (generation,)).fetchone()
    return bool(blocks) or older != (1,)


_STRETCHES = (
    "SELECT source_stretch.line, digest FROM source_stretch JOIN stretch ON id = stretch"
    " WHERE source = ? ORDER BY source_stretch.line"
)
_PARTS = "SELECT line, digest FROM source_part JOIN stretch ON id = stretch WHERE source = ? ORDER BY position"


def _digests_of_source(connection: sqlite3.Connection, row: int, kind: str) -> set[str]:
    """As the compiler makes it: of its text, or of the lines and digests of its parts, or, once, of its bindings."""
    query = _STRETCHES if kind == "policy" else _PARTS
    of_parts = _hash("\0".join(f"{line} {digest}" for line, digest in connection.execute(query, (row,))))
    if kind == "policy":
        query = "SELECT text FROM source_block JOIN block ON block.id = block WHERE source = ? ORDER BY position"
        return {of_parts, _hash("".join(text for (text,) in connection.execute(query, (row,))))}
    query = "SELECT line, section, tag, value FROM binding WHERE source = ? ORDER BY line"
    return {of_parts, _hash(json.dumps(connection.execute(query, (row,)).fetchall()))}


def _digest_of_passages(text: str) -> str:
    """Of the text of a stretch of assertions that rules made: it is known as the stretch is."""
    passages = [(piece.line - 1, _hash(piece.text)) for piece in split_assertions(text)]
    return stretch(1, passages).digest if passages else ""


Said = list[tuple[str, int, str, str, str]]


def _as_kept(snapshot: Snapshot) -> Said:
    """The bindings of a generation's isakmpd.conf files whose texts are kept, as the store has them."""
    texts = _texts(snapshot)
    return sorted(
        (source, each.span.line, each.section, each.tag, each.value)
        for source, each in snapshot.bindings()
        if source in texts
    )


def _as_said(snapshot: Snapshot) -> Said:
    """The same, read anew from the texts that the store keeps."""
    return sorted(
        (source, each.span.line, each.section, each.tag, each.value)
        for source, text in _texts(snapshot).items()
        for each in seal_bindings(parse_conf(text, source).bindings)
        if is_kept(each)
    )


def _texts(snapshot: Snapshot) -> dict[str, str]:
    parameters = {"generation": snapshot.generation}
    found: dict[str, str] = {}
    for name, text in snapshot.rows(_TEXTS, parameters):
        found[str(name)] = found.get(str(name), "") + str(text)
    return found


_TEXTS = (
    "SELECT source.name, block.text FROM generation_source JOIN source ON source.id = generation_source.source"
    " JOIN source_block ON source_block.source = source.id JOIN block ON block.id = source_block.block"
    " WHERE generation = :generation AND kind = 'configuration' AND source.name NOT LIKE '%ipsec.conf'"
    " ORDER BY source.name, source_block.position"
)


def _digest_of_stretch(connection: sqlite3.Connection, row: int) -> str:
    query = "SELECT line, digest FROM appearance JOIN assertion ON id = assertion WHERE stretch = ? ORDER BY line"
    (found,) = list[Stretch](stretches_of(connection.execute(query, (row,)).fetchall()))
    return found.digest


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1")).hexdigest()
