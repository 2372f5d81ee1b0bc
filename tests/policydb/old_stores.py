"""Stores as older programs wrote them, made from dumps that those programs' own stores gave."""

from __future__ import annotations

import sqlite3
from pathlib import Path

SCHEMAS = (1, 2, 3, 4)
"""The schemas before today's of which there is a store: alice (with AES) and bob in generation 1, carol too in 2."""


def write_old_store(path: Path, version: int) -> None:
    """A store of schema `version` at `path`."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript((Path(__file__).parent / f"schema-{version}.sql").read_text())
    connection.close()
