"""Stores that cannot be used, what is said of each, and what must hold of a store that somebody went on with."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from policydb import schema
from policydb.compiler import compile_paths
from policydb.history import list_generations
from policydb.snapshot import open_snapshot
from policydb.stretches import Stretch, stretches_of
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


def assert_whole(path: Path, asked: int | None = None) -> int:
    """Holds a store against itself: integrity, references, every content hash; gives the number of generations.

    Every generation is opened and resolved, or only the last ones that are `asked`.
    """
    with _changed(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for digest, text in connection.execute("SELECT digest, text FROM assertion"):
            assert digest == _hash(text)
        for digest, text in connection.execute("SELECT digest, text FROM block"):
            assert digest == _hash(text)
        for row, digest, kind in connection.execute("SELECT id, digest, kind FROM source").fetchall():
            assert _digest_of_source(connection, row, kind) in {digest, None}
        for row, digest in connection.execute("SELECT id, digest FROM stretch").fetchall():
            assert digest == _digest_of_stretch(connection, row)
    listed = list_generations(path)
    assert [each.number for each in listed] == list(range(1, len(listed) + 1))
    for each in listed[-(asked or len(listed)) :]:
        assert each.sources
        with open_snapshot(path, each.number) as snapshot:
            assert snapshot.configuration is not None
            assert snapshot.authorized_by("POLICY") is not None
    return len(listed)


def _digest_of_source(connection: sqlite3.Connection, row: int, kind: str) -> str | None:
    """As the compiler makes it: a policy's is that of its text, a configuration's that of its bindings.

    None for a policy that was published before texts were kept: its stretches alone can be checked.
    """
    if kind == "policy":
        query = "SELECT text FROM source_block JOIN block ON block.id = block WHERE source = ? ORDER BY position"
        blocks = [text for (text,) in connection.execute(query, (row,))]
        published = "SELECT min(generation) FROM generation_source WHERE source = ?"
        (generation,) = connection.execute(published, (row,)).fetchone()
        older = connection.execute("SELECT author = '' FROM generation WHERE number = ?", (generation,)).fetchone()
        return None if not blocks and older == (1,) else _hash("".join(blocks))
    query = "SELECT line, section, tag, value FROM binding WHERE source = ? ORDER BY line"
    return _hash(json.dumps(connection.execute(query, (row,)).fetchall()))


def _digest_of_stretch(connection: sqlite3.Connection, row: int) -> str:
    query = "SELECT line, digest FROM appearance JOIN assertion ON id = assertion WHERE stretch = ? ORDER BY line"
    (found,) = list[Stretch](stretches_of(connection.execute(query, (row,)).fetchall()))
    return found.digest


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1")).hexdigest()
