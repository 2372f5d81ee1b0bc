"""The writer: a generation whole or not at all, whatever stands in the way."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from policydb.graph import CompiledAssertion
from policydb.storage import schema, store
from policydb.storage.history import list_generations
from policydb.storage.schema import Generation
from policydb.storage.snapshot import open_snapshot
from policydb.storage.store import Publication, Source, open_store
from policydb.storage.storefile import StoreError
from policydb.storage.stretches import stretches_of
from tests.policydb.stores import NOON, assertion, configuration, publish, resolved, source

ROOT = Path(__file__).parents[3]


def test_a_first_publication_is_generation_1(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    assert publish(path, source("a", assertion("POLICY", "k"))) == Publication(1, published=True)
    (generation,) = list_generations(path)
    assert generation.number == 1
    assert generation.published == "2026-05-04T12:00:00+00:00"
    assert [(each.name, each.kind) for each in generation.sources] == [("a", "policy")]


def test_the_time_of_publication_is_kept_in_utc(tmp_path: Path) -> None:
    with open_store(tmp_path / "policy.db") as opened:
        opened.publish([], datetime.fromisoformat("2026-05-04T14:00:00+02:00"), resolved())
    assert list_generations(tmp_path / "policy.db") == (Generation(1, "2026-05-04T12:00:00+00:00", ()),)


def test_unchanged_content_publishes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    sources = (source("a", assertion("POLICY", "k")), source("b", assertion("POLICY", "m")))
    publish(path, *sources)
    assert publish(path, *sources) == Publication(1, published=False)
    assert len(list_generations(path)) == 1


def test_another_order_of_the_files_is_another_generation(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    one, two = source("a", assertion("POLICY", "k")), source("b", assertion("POLICY", "m"))
    publish(path, one, two)
    assert publish(path, two, one) == Publication(2, published=True)


def test_going_back_to_an_older_content_is_a_new_generation(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    old, new = source("a", assertion("POLICY", "k")), source("a", assertion("POLICY", "m"))
    assert [publish(path, each).generation for each in (old, new, old)] == [1, 2, 3]
    with open_snapshot(path) as snapshot:
        assert [each.licensees for each in snapshot.authorized_by("POLICY")] == ["k"]


def test_an_assertion_is_kept_once_for_all_generations_and_files(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    shared = assertion("POLICY", "k")
    publish(path, source("a", shared), source("b", shared))
    publish(path, source("a", shared, assertion("POLICY", "m")), source("b", shared))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM assertion").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM source").fetchone() == (3,)


def test_a_known_assertion_needs_not_be_compiled_again(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    one, two = assertion("POLICY", "k"), assertion("POLICY", "m")
    publish(path, source("a", one))
    with open_store(path) as opened:
        stretches = stretches_of([(5, one.digest), (8, two.digest)])
        assert opened.lacking(stretches) == {two.digest}
        opened.publish([Source("a", "policy", "other", stretches, {two.digest: two})], NOON, resolved())
    with open_snapshot(path) as snapshot:
        assert [(each.licensees, each.place.line) for each in snapshot.authorized_by("POLICY")] == [("k", 5), ("m", 8)]


def test_what_an_older_compiler_made_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "policy.db"
    one = assertion("POLICY", "k")
    publish(path, source("a", one))
    monkeypatch.setattr(schema, "FORMAT", schema.FORMAT + 1)
    with open_store(path) as opened:
        assert opened.lacking(stretches_of([(1, one.digest)])) == {one.digest}
    assert publish(path, source("a", one)) == Publication(2, published=True)


def test_a_passage_that_nobody_compiled_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    publish(path, source("a", assertion("POLICY", "k")))
    with open_store(path) as opened, pytest.raises(StoreError, match="NOT NULL"):
        opened.publish([Source("b", "policy", "x", stretches_of([(1, "unheard of")]))], NOON, resolved())
    assert len(list_generations(path)) == 1
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM source").fetchone() == (1,)


# --- what may be wrong with the file ------------------------------------------------------------------------------


def test_only_the_owner_may_read_a_new_store(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        publish(tmp_path / "policy.db", source("a", assertion("POLICY", "k")))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "policy.db").stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    path.write_bytes(b"Authorizer: POLICY\n" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is no SQLite database"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mail (text TEXT)")
    with pytest.raises(StoreError, match="no policy store"):
        open_store(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("mail",)]


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    publish(path, source("a", assertion("POLICY", "k")))
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(StoreError, match="newer program"):
        open_store(path)


def test_the_schema_version_is_the_number_of_migrations(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    publish(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.STEPS),)
        applied = connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()
    assert applied == [(step.name,) for step in schema.STEPS]


def test_a_locked_store_is_said_to_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "policy.db"
    publish(path, source("a", assertion("POLICY", "k")))
    monkeypatch.setattr(store, "LOCK_TIMEOUT", 0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with open_store(path) as opened, pytest.raises(StoreError, match="locked by another process"):
        opened.publish([source("b", assertion("POLICY", "m"))], NOON, resolved())
    other.rollback()
    other.close()
    assert publish(path, source("b", assertion("POLICY", "m"))).generation == 2


def test_a_full_disk_publishes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    publish(path, source("a", assertion("POLICY", "k")))
    with open_store(path) as opened:
        (pages,) = opened._database.execute("PRAGMA page_count").fetchone()
        opened._database.execute(f"PRAGMA max_page_count = {pages}")
        many = (assertion("POLICY", f"k{number}", note="x" * 500) for number in range(200))
        with pytest.raises(StoreError, match="disk is full"):
            opened.publish([source("b", *many)], NOON, resolved())
    assert len(list_generations(path)) == 1
    assert publish(path, source("b", assertion("POLICY", "m"))).generation == 2


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"[Ii]s a directory"):
        open_store(tmp_path)


def test_a_store_in_a_missing_folder_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        open_store(tmp_path / "nowhere" / "policy.db")


def as_nobody(work: Callable[[], None]) -> int:
    """Run `work` in a child process that is nobody special; 0 if it came back without an error."""
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
        except BaseException as error:  # noqa: BLE001 - the child must end here, whatever happened
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Path]:
    """A folder that an unprivileged child can reach."""
    folder = Path("/tmp") / f"policydb-{os.getpid()}-{tmp_path.name}"
    folder.mkdir(mode=0o755)
    yield folder
    folder.chmod(0o755)
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()


def test_a_folder_that_cannot_be_written_is_said(public: Path) -> None:
    public.chmod(0o555)

    def work() -> None:
        with pytest.raises(StoreError, match="Permission denied"):
            open_store(public / "policy.db")

    assert as_nobody(work) == 0


def test_a_store_that_cannot_be_written_is_said(public: Path) -> None:
    path = public / "policy.db"
    publish(path, source("a", assertion("POLICY", "k")))
    path.chmod(0o444)
    public.chmod(0o555)

    def work() -> None:
        with pytest.raises(StoreError, match="Permission denied"):
            open_store(path)

    assert as_nobody(work) == 0


def test_who_may_only_read_reads_a_copy(public: Path) -> None:
    path = public / "policy.db"
    publish(path, source("a", assertion("POLICY", "k")))
    path.chmod(0o444)
    public.chmod(0o555)

    def work() -> None:
        with open_snapshot(path) as snapshot:
            assert [each.licensees for each in snapshot.authorized_by("POLICY")] == ["k"]

    assert as_nobody(work) == 0


# --- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(1, 12))
def test_an_error_between_any_two_statements_leaves_the_store_as_it_was(tmp_path: Path, step: int) -> None:
    """The schema is made in the same transaction, so the first publication is all or nothing too."""

    path = tmp_path / "policy.db"
    with open_store(path) as opened:
        connection = opened._database.conn
        seen = 0

        def count(statement: str) -> None:
            nonlocal seen
            seen += statement.lstrip().startswith(("CREATE", "INSERT"))
            if seen > step * 2:
                connection.interrupt()

        connection.set_trace_callback(count)
        sources = [source("a", assertion("POLICY", "k")), configuration("c", (1, "General", "Retransmits", "3"))]
        with pytest.raises(StoreError):
            opened.publish(sources, NOON, resolved())
        connection.set_trace_callback(None)
    with sqlite3.connect(path) as reader:
        assert reader.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert publish(path, *sources) == Publication(1, published=True)


def test_two_writers_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    publish(path)
    program = """
        import sys
        from pathlib import Path
        from tests.policydb.stores import assertion, publish, source
        for number in range(10):
            publish(Path(sys.argv[1]), source(sys.argv[2], assertion("POLICY", f"k{number}")))
    """
    writers = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), str(path), name], cwd=ROOT)
        for name in ("one", "two")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert [each.number for each in list_generations(path)] == list(range(1, 22))


def test_every_text_of_latin_1_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    every = "".join(map(chr, range(1, 256)))
    odd = CompiledAssertion(
        digest="d",
        place=assertion("POLICY", None).place,
        authorizer=every,
        licensees=("of", 2, every, ("and", "a", "b"), ("or", "c", ())),
        shape='[["truth",true]]',
        constants=(every, ""),
        spans=((0, 3), (5, 9)),
        local_constants=(("NAME", every),),
        text=every,
    )
    publish(path, source("a", odd))
    with open_snapshot(path) as snapshot:
        (found,) = snapshot.authorized_by(every)
        assert found == CompiledAssertion(
            **{name: getattr(odd, name) for name in odd.__slots__} | {"place": found.place}
        )
        assert (found.place.source, found.place.line) == ("a", 1)
        for licensee in (every, "a", "b", "c"):
            assert snapshot.licensing(licensee) == [found]
