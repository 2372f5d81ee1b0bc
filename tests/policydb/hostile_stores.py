"""Stores as nobody's program writes them, each made of one good store.

Each column has each wrong value, other objects stand in the place of tables, pages are cut, overwritten or lead to each
other.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from policydb.storage import schema

PAGE = 4096
DEEP = "[" * 200_000

VALUES: dict[str, object] = {
    "NULL": None,
    "a number": 2**62,
    "a negative number": -(2**63),
    "a text": "\x1b[2Jnobody\nwrites\u202ethis",
    "no text": "",
    "a fraction": 1.5,
    "octets": b"\xff\x00\xfe",
    "bad UTF-8": "CAST(x'c328ff' AS TEXT)",  # an expression, see _spoil
    "a huge text": "a" * 2_000_000,
    "deep JSON": DEEP,
    "an object": '{"a": [1, null]}',
    "lists of wrong things": '[[null, 1, "x"], {}, [[]]]',
}
"""What is put into a column, by what it is."""

_EVERYTHING = "SELECT * FROM other"
ENDLESS = "WITH RECURSIVE endless(x) AS (SELECT 1 UNION ALL SELECT x FROM endless) SELECT"


@dataclass(frozen=True, slots=True)
class Hostile:
    """One way to spoil a good store."""

    name: str
    spoil: Callable[[Path], None]


def every(good: Path) -> list[Hostile]:
    """All of them, in one order."""
    return [*_values(good), *_objects(good), *_pages(good)]


def make(hostile: Hostile, good: Path, path: Path) -> None:
    """The spoilt copy of a store."""
    shutil.copy(good, path)
    hostile.spoil(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    return connection


# --- rows ---------------------------------------------------------------------------------------------------------


def _values(good: Path) -> Iterator[Hostile]:
    with closing(sqlite3.connect(good)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in sorted(tables):
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                for what in VALUES:
                    yield Hostile(f"{table}.{column} is {what}", partial(_spoil, table=table, column=column, what=what))


def _spoil(path: Path, table: str, column: str, what: str) -> None:
    """Put a value into a column of every row, which the schema forbids; then the schema says what it said before."""
    with closing(_open(path)) as connection:
        said = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
        connection.execute("PRAGMA writable_schema = ON")
        for word in ("STRICT, WITHOUT", "STRICT"):
            instead = "WITHOUT" if "," in word else ""
            connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?)", (word, instead))
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE type = 'table'")
    with closing(_open(path)) as connection:
        value = VALUES[what]
        place, given = (str(value), ()) if what == "bad UTF-8" else ("?", (value,))
        connection.execute("PRAGMA ignore_check_constraints = ON")
        with suppress(sqlite3.IntegrityError, sqlite3.DataError):  # a row's number stays one
            connection.execute(f"UPDATE OR IGNORE {table} SET {column} = {place}", given)  # noqa: S608 - our own names
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany("UPDATE sqlite_schema SET sql = ? WHERE name = ?", [(sql, name) for name, sql in said])


# --- what the file says it consists of ----------------------------------------------------------------------------


def _objects(good: Path) -> Iterator[Hostile]:
    with closing(sqlite3.connect(good)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for (table,) in sorted(rows.fetchall()):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            rest = ", ".join(f"x AS {each}" for each in columns)
            named = ", ".join(columns)
            moved = f"ALTER TABLE {table} RENAME TO other"
            view = f"CREATE VIEW {table} AS"
            yield _by(f"{table} is a view", moved, f"{view} {_EVERYTHING}")
            yield _by(f"{table} is endless", moved, f"{view} {ENDLESS} {rest} FROM endless")
            yield _by(f"{table} is missing", "PRAGMA foreign_keys = OFF", f"DROP TABLE {table}")
            yield _by(f"{table} has a trigger", _trigger(table, columns[0]))
            copied = f"CREATE TABLE {table} AS {_EVERYTHING}"
            yield _by(f"{table} is loose", moved, copied, "DROP TABLE other")
            generated = ", ".join([f"{columns[0]} AS (zeroblob(1000000000))", *columns[1:]])
            yield _by(f"{table} is generated", moved, f"CREATE TABLE {table} ({generated})")
            yield _by(f"{table} is of a module", moved, f"CREATE VIRTUAL TABLE {table} USING fts5({named})")
            yield _by(f"{table} has one more column", f"ALTER TABLE {table} ADD COLUMN more TEXT")
        indexes = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        for (index,) in sorted(indexes.fetchall()):
            yield _by(f"{index} is missing", f"DROP INDEX {index}")
    for version in (-1, 0, 1, schema.VERSION - 1, schema.VERSION + 1, 2**31 - 1):
        yield _by(f"version {version}", f"PRAGMA user_version = {version}")
    yield _by("application 0", "PRAGMA application_id = 0")
    yield _by("one more table", "CREATE TABLE more (x)")
    yield _by("one more index", "CREATE INDEX more ON assertion (text)")


def _trigger(table: str, column: str) -> str:
    return f"CREATE TRIGGER t BEFORE INSERT ON {table} BEGIN UPDATE {table} SET {column} = NULL; END"  # noqa: S608


def _by(name: str, *statements: str) -> Hostile:
    def spoil(path: Path) -> None:
        with closing(_open(path)) as connection:
            connection.execute("PRAGMA legacy_alter_table = ON")
            for each in statements:
                connection.execute(each)

    return Hostile(name, spoil)


# --- pages --------------------------------------------------------------------------------------------------------


def _pages(good: Path) -> Iterator[Hostile]:
    pages = good.stat().st_size // PAGE
    for page in range(pages):
        yield Hostile(f"cut at page {page}", partial(_cut, octets=page * PAGE))
        yield Hostile(f"cut in page {page}", partial(_cut, octets=page * PAGE + 1234))
        yield Hostile(f"noise in page {page}", partial(_noise, page=page, octets=PAGE))
        yield Hostile(f"some noise in page {page}", partial(_noise, page=page, octets=20))
    yield Hostile("all noise", partial(_noise, page=0, octets=pages * PAGE))
    with closing(sqlite3.connect(good)) as connection:
        rows = connection.execute("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0 ORDER BY name")
        for name, root in rows.fetchall():
            yield Hostile(f"{name} leads in a circle", partial(_circle, root=root))
            yield Hostile(f"{name} is read for ever", partial(_tower, root=root))


def _cut(path: Path, octets: int) -> None:
    with path.open("r+b") as file:
        file.truncate(octets)


def _noise(path: Path, page: int, octets: int) -> None:
    dice = random.Random(page * 7919 + octets)
    with path.open("r+b") as file:
        file.seek(page * PAGE + (100 if page == 0 and octets < PAGE else 0))
        file.write(dice.randbytes(octets))


def _circle(path: Path, root: int) -> None:
    """A page whose children are itself."""
    kind = _kind(path, root)
    _write(path, root, _interior(kind, [root] * 200))


def _tower(path: Path, root: int, levels: int = 15) -> None:
    """A page of 200 children that are one page, of which 200 children are one page, and so on: 200**15 rows."""
    octets = path.read_bytes()
    kind = _kind(path, root)
    last = len(octets) // PAGE
    with path.open("ab") as file:
        file.write(octets[(root - 1) * PAGE : root * PAGE])  # the leaf
        for level in range(levels - 1):
            file.write(_interior(kind, [last + 1 + level] * 200))
    _write(path, root, _interior(kind, [last + levels] * 200))
    with path.open("r+b") as file:  # the size in the file's header (fileformat2, 1.3.8)
        file.seek(28)
        file.write(struct.pack(">I", last + levels))


def _kind(path: Path, root: int) -> int:
    """The kind of an interior page above this leaf: of a table, or of an index (fileformat2, 1.6)."""
    with path.open("rb") as file:
        file.seek((root - 1) * PAGE + (100 if root == 1 else 0))
        return 5 if file.read(1)[0] in {5, 13} else 2


def _interior(kind: int, children: list[int]) -> bytes:
    """A page of cells, each a child and a key: a row's number, or a record of one small number."""
    cells = [struct.pack(">I", each) + (bytes([1]) if kind == 5 else b"\x03\x02\x01\x01") for each in children[1:]]
    content = b"".join(cells)
    start = PAGE - len(content)
    header = struct.pack(">BHHHBI", kind, 0, len(cells), start, 0, children[0])
    pointers = b"".join(struct.pack(">H", start + number * len(cells[0])) for number in range(len(cells)))
    return (header + pointers).ljust(start, b"\0") + content


def _write(path: Path, page: int, octets: bytes) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(octets)
