"""Stores of older schemas: a writer brings them up to date together with its first generation, or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from policydb.request import Request
from policydb.storage import schema
from policydb.storage.history import list_generations
from policydb.storage.snapshot import open_snapshot
from policydb.storage.store import open_store
from policydb.storage.storefile import StoreError
from policydb.storage.stretches import stretches_of
from tests.policydb.command_line import Run
from tests.policydb.old_stores import SCHEMAS, write_old_store
from tests.policydb.stores import NOON, assertion, publish, resolved, source

CAROL = 'Authorizer: "POLICY"\nLicensees: "carol"\n'


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The columns of every table, in order, with their types and defaults."""
    with sqlite3.connect(path) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}


def version(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def test_there_is_a_store_of_every_older_schema() -> None:
    assert range(1, schema.VERSION) == range(1, 1 + len(SCHEMAS))


@pytest.mark.parametrize("old", SCHEMAS)
def test_a_store_of_an_older_schema_becomes_what_a_new_one_is(tmp_path: Path, old: int) -> None:
    write_old_store(tmp_path / "old.db", old)
    publish(tmp_path / "old.db", source("a", assertion("POLICY", "k")))
    publish(tmp_path / "new.db", source("a", assertion("POLICY", "k")))
    assert version(tmp_path / "old.db") == schema.VERSION
    assert columns(tmp_path / "old.db") == columns(tmp_path / "new.db")


@pytest.mark.parametrize("old", SCHEMAS)
def test_its_generations_are_kept_and_answer(tmp_path: Path, old: int) -> None:
    path = tmp_path / "policy.db"
    write_old_store(path, old)
    assert publish(path, source("a", assertion("POLICY", "k"))).generation == 3
    assert [(each.number, each.author, each.restores) for each in list_generations(path)] == [
        (1, "", None),
        (2, "", None),
        (3, "", None),
    ]
    asked = {"app_domain": "IPsec policy", "esp_enc_alg": "aes"}
    for number, carol in ((1, False), (2, True)):
        with open_snapshot(path, number) as snapshot:
            assert snapshot.allows(Request(("alice",), asked))
            assert not snapshot.allows(Request(("alice",), {**asked, "esp_enc_alg": "des"}))
            assert snapshot.allows(Request(("passphrase:correct horse battery staple",), asked))
            assert snapshot.allows(Request(("carol",))) is carol
            assert set(snapshot.configuration.connections) == {"offices"}


@pytest.mark.parametrize("old", SCHEMAS)
def test_the_command_compiles_into_it(policydb: Run, old: int) -> None:
    write_old_store(Path("policy.db"), old)
    Path("carol.policy").write_text(CAROL)
    code, out, err = policydb("compile", "carol.policy")
    assert (code, err) == (0, "")
    # What an older store holds is not looked at before it is up to date, so the assertion is read once more.
    assert out == "published generation 3 in policy.db: 1 file, 1 assertion (1 new)\n"
    assert policydb("query", "--authorizer", "carol")[:2] == (0, "true\n")


@pytest.mark.parametrize("old", SCHEMAS)
def test_a_compile_with_errors_leaves_it_as_it_is(policydb: Run, old: int) -> None:
    write_old_store(Path("policy.db"), old)
    before = Path("policy.db").read_bytes()
    Path("carol.policy").write_text(CAROL + "Conditions: &&;\n")
    assert policydb("compile", "carol.policy")[0] == 2
    assert Path("policy.db").read_bytes() == before


@pytest.mark.parametrize("old", SCHEMAS)
def test_a_reader_says_what_to_do(tmp_path: Path, old: int) -> None:
    path = tmp_path / "policy.db"
    write_old_store(path, old)
    with pytest.raises(StoreError, match="written by an older program") as raised:
        open_snapshot(path)
    assert raised.value.hint.startswith(f"policydb compile PATH... --store {path} brings it up to date")


@pytest.mark.parametrize("old", SCHEMAS)
def test_nothing_of_an_older_store_is_taken_for_known(tmp_path: Path, old: int) -> None:
    path = tmp_path / "policy.db"
    write_old_store(path, old)
    with sqlite3.connect(path) as connection:
        (digest,) = connection.execute("SELECT digest FROM assertion LIMIT 1").fetchone()
    with open_store(path) as opened:
        assert opened.lacking(stretches_of([(1, digest)])) == {digest}


@pytest.mark.parametrize("old", SCHEMAS)
@pytest.mark.parametrize("step", range(1, 8))
def test_a_migration_that_breaks_off_changes_nothing(tmp_path: Path, old: int, step: int) -> None:
    path = tmp_path / "policy.db"
    write_old_store(path, old)
    tables = columns(path)
    with open_store(path) as opened:
        connection = opened._database.conn
        seen = 0

        def count(statement: str) -> None:
            nonlocal seen
            seen += statement.lstrip().startswith(("ALTER", "CREATE", "INSERT"))
            if seen >= step:
                connection.interrupt()

        connection.set_trace_callback(count)
        with pytest.raises(StoreError):
            opened.publish([source("a", assertion("POLICY", "k"))], NOON, resolved())
        connection.set_trace_callback(None)
    assert version(path) == old
    assert columns(path) == tables
    assert publish(path, source("a", assertion("POLICY", "k"))).generation == 3


def test_a_reader_goes_on_while_its_store_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older daemon that runs keeps the generation that it opened."""
    path = tmp_path / "policy.db"
    write_old_store(path, SCHEMAS[-1])
    with monkeypatch.context() as older:
        older.setattr(schema, "VERSION", SCHEMAS[-1])
        snapshot = open_snapshot(path)
    with snapshot:
        assert snapshot.allows(Request(("bob",)))
        publish(path, source("a", assertion("POLICY", "k")))
        assert snapshot.generation == 2
        assert snapshot.allows(Request(("carol",)))
        assert set(snapshot.configuration.connections) == {"offices"}
