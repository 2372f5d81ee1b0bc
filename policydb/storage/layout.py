"""What a database of ours consists of: the tables and indexes that its statements make, and nothing else.

A file from elsewhere may hold views that never end, triggers, generated columns and tables of modules in the place of
tables. So before anything is asked, what the file says it consists of is compared with what we would have made, text by
text, blanks apart. What then may still be wrong is in the rows, and in the pages below them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from functools import lru_cache

from policydb.storage import schema

_CREATED = re.compile(r"\s*CREATE (?:TABLE|INDEX) (?:IF NOT EXISTS )?(\w+)")
_ADDED = re.compile(r"\s*ALTER TABLE (\w+) ADD COLUMN (.*)", re.DOTALL)

# Tables that SQLite and sqlite-utils make for themselves; none of ours begins with such a name.
_THEIRS = re.compile(r"sqlite_(?:autoindex_\w+|sequence|stat\d)|(?:idx_)?_sqlite_migrations\w*")


class LayoutError(Exception):
    """A database that does not consist of what it should; the text names the first thing that is wrong."""


def check_layout(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    """Insist that a database consists of what `statements` make. Raises LayoutError, sqlite3.Error."""
    expected = _expected(tuple(statements))
    found = set()
    for kind, name, text, root in connection.execute("SELECT type, name, sql, rootpage FROM sqlite_schema"):
        if kind not in {"table", "index"} or not root or not isinstance(name, str):
            raise LayoutError("it has a view, a trigger or a virtual table")
        if _THEIRS.fullmatch(name):
            continue
        if name not in expected or not isinstance(text, str) or _plain(text) != expected[name]:
            raise LayoutError("it has a table or an index that is not as this program makes it")
        found.add(name)
    if len(found) < len(expected):
        raise LayoutError(f"it lacks {', '.join(sorted(set(expected) - found))}")


def statements_of(version: int) -> tuple[str, ...]:
    """What makes a store of so many steps of the schema."""
    return tuple(statement for step in schema.STEPS[:version] for statement in step.statements)


@lru_cache(maxsize=8)
def _expected(statements: tuple[str, ...]) -> Mapping[str, str]:
    """The texts that SQLite keeps of tables and indexes, by name."""
    made: dict[str, str] = {}
    for statement in statements:
        if created := _CREATED.match(statement):
            made[created[1]] = _plain(statement.replace("IF NOT EXISTS ", "", 1))
        elif added := _ADDED.match(statement):
            # SQLite adds a column's text behind those of the others.
            columns, _, rest = made[added[1]].rpartition(")")
            made[added[1]] = f"{columns},{_plain(added[2])}){rest}"
    return made


def _plain(text: str) -> str:
    return "".join(text.split())
