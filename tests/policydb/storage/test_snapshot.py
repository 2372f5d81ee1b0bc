"""The reader: one generation, found from either end of a delegation, whatever else happens to the store."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.graph import CompiledAssertion, Graph, Principals
from policydb.keynote.memory import MemoryGraph
from policydb.request import Request
from policydb.storage import snapshot as reader
from policydb.storage.history import list_generations
from policydb.storage.rows import decode
from policydb.storage.schema import APPLICATION_ID, VERSION
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.store import Source, open_store
from policydb.storage.storefile import StoreError, fold_log
from tests.policydb.stores import NOON, assertion, configuration, forget_records, publish, resolved, source
from tests.sizes import examples

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.db"


def test_assertions_are_found_by_licensee_by_authorizer_and_without_licensees(path: Path) -> None:
    one = assertion("POLICY", ("or", "alice", "bob"))
    two = assertion("alice", ("of", 2, "bob", "carol", ("and", "dave", "erin")))
    three = assertion("POLICY", None)
    four = assertion("POLICY", ())
    publish(path, source("a", one, two, three, four))
    with open_snapshot(path) as snapshot:
        graph: Graph = snapshot
        assert [each.text for each in graph.licensing("bob")] == [one.text, two.text]
        assert [each.text for each in graph.licensing("erin")] == [two.text]
        assert graph.licensing("POLICY") == graph.licensing("nobody") == []
        assert [each.text for each in graph.authorized_by("POLICY")] == [one.text, three.text, four.text]
        assert [each.text for each in graph.open_to_all()] == [three.text]
        assert graph.ignored() == ()


_PRINCIPALS = st.sampled_from(["POLICY", "alice", "bob", "carol"])
_LICENSEES: st.SearchStrategy[Principals] = st.recursive(
    _PRINCIPALS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda each: ("and", *each)),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: ("of", 1, *each)),
    ),
    max_leaves=5,
)


@settings(max_examples=examples(25))
@given(st.lists(st.tuples(_PRINCIPALS, st.none() | st.just(()) | _LICENSEES), max_size=8))
def test_a_snapshot_is_the_graph_that_was_stored(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, Principals | None]]
) -> None:
    made = [
        assertion(authorizer, licensees, line=10 * number + 1, note=str(number))
        for number, (authorizer, licensees) in enumerate(pairs)
    ]
    file = tmp_path_factory.mktemp("store") / "policy.db"
    publish(file, source("a.policy", *made))
    memory = MemoryGraph(made)
    with open_snapshot(file) as snapshot:
        assert list(snapshot.open_to_all()) == list(memory.open_to_all())
        for name in ("POLICY", "alice", "bob", "carol", "nobody"):
            assert list(snapshot.licensing(name)) == list(memory.licensing(name))
            assert list(snapshot.authorized_by(name)) == list(memory.authorized_by(name))


def test_places_name_the_file_and_the_line_of_this_generation(path: Path) -> None:
    one, two = assertion("POLICY", "k"), assertion("POLICY", "m")
    publish(path, source("old", one))
    publish(path, source("first", two), source("second", two, one))
    with open_snapshot(path) as snapshot:
        places = [(each.place.source, each.place.line) for each in snapshot.authorized_by("POLICY")]
    assert places == [("first", 1), ("second", 1), ("second", 11)]


def test_a_snapshot_stays_on_its_generation(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "old")))
    with open_snapshot(path) as snapshot:
        publish(path, source("a", assertion("POLICY", "new")))
        assert snapshot.generation == 1
        assert [each.licensees for each in snapshot.authorized_by("POLICY")] == ["old"]
        assert snapshot.licensing("new") == []
    with open_snapshot(path) as snapshot:
        assert snapshot.generation == 2
        assert [each.licensees for each in snapshot.authorized_by("POLICY")] == ["new"]


def test_a_writer_of_the_same_process_takes_no_lock_of_a_snapshot(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "old")))
    with open_snapshot(path) as snapshot:
        publish(path, source("a", assertion("POLICY", "new")))
        other = f"from policydb.storage.store import open_store; open_store({str(path)!r}).close()"
        subprocess.run([sys.executable, "-c", other], cwd=ROOT, check=True, timeout=200)
        assert path.with_name("policy.db-wal").exists()
        assert [each.licensees for each in snapshot.authorized_by("POLICY")] == ["old"]


def test_a_snapshot_that_nobody_has_any_more_lets_go_of_the_file(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "k")))
    snapshot = open_snapshot(path)
    assert snapshot.bindings() == []
    connection = snapshot._connection
    del snapshot
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_when_all_is_closed_the_log_can_be_folded_in(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "k")))
    with open_snapshot(path):
        fold_log(path)
        assert path.with_name("policy.db-wal").exists()
    fold_log(path)
    assert [each.name for each in path.parent.iterdir()] == ["policy.db"]
    with open_snapshot(path) as snapshot:
        assert snapshot.generation == 1


def test_folding_the_log_of_no_store_raises_nothing(path: Path) -> None:
    fold_log(path)
    assert not path.exists()


def test_an_older_generation_can_be_asked_again(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "old")))
    publish(path, source("a", assertion("POLICY", "new")))
    with open_snapshot(path, 1) as snapshot:
        assert snapshot.allows(Request(("old",)))
        assert not snapshot.allows(Request(("new",)))


def test_a_store_in_a_folder_of_an_odd_name_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "100% sure? #1"
    folder.mkdir()
    publish(folder / "policy.db", source("a", assertion("POLICY", "k")))
    with open_snapshot(folder / "policy.db") as snapshot:
        assert snapshot.allows(Request(("k",)))


# --- decisions ----------------------------------------------------------------------------------------------------


def test_a_decision_follows_the_delegation(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "alice"), assertion("alice", ("and", "bob", "carol"))))
    with open_snapshot(path) as snapshot:
        assert snapshot.decide(Request(("bob", "carol"))) == "true"
        assert snapshot.decide(Request(("bob",))) == "false"
        assert snapshot.allows(Request(("alice",)))
        assert not snapshot.allows(Request(("mallory",)))


def test_the_explanation_agrees_and_names_the_generation(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "alice")))
    with open_snapshot(path) as snapshot:
        decision = snapshot.explain(Request(("alice",)))
        assert (decision.value, decision.allowed, decision.generation) == ("true", True, 1)
        assert not snapshot.explain(Request(("bob",))).allowed


def test_a_passphrase_is_matched_by_the_digest_that_the_store_holds(path: Path) -> None:
    # SHA-1 of "foobar", isakmpd.policy(5).
    licensee = "passphrase-sha1-hex:8843d7f92416211de9ebb963ff4ce28125932878"
    publish(path, source("a", assertion("POLICY", licensee)))
    with open_snapshot(path) as snapshot:
        assert snapshot.allows(Request(("passphrase:foobar",)))
        assert snapshot.allows(Request((licensee,)))
        assert not snapshot.allows(Request(("passphrase:foobaz",)))
        assert "foobar" not in repr(snapshot.explain(Request(("passphrase:foobar",))))


def test_a_store_knows_each_requester_once_and_no_passphrase(path: Path) -> None:
    digest = "passphrase-sha1-hex:8843d7f92416211de9ebb963ff4ce28125932878"
    publish(path, source("a", assertion("POLICY", "k")))
    with open_snapshot(path) as snapshot:
        assert snapshot.requesters(("passphrase:foobar", "x", digest)) == (digest, "x")


# --- the configuration --------------------------------------------------------------------------------------------

_CONNECTION = (
    ("Phase 1", "192.0.2.1", "east"),
    ("Phase 2", "Connections", "link"),
    ("east", "Phase", "1"),
    ("east", "Address", "192.0.2.1"),
    ("east", "Configuration", "main"),
    ("east", "Authentication", "secret:east"),
    ("main", "EXCHANGE_TYPE", "ID_PROT"),
    ("main", "Transforms", "AES-SHA2-256-GRP14"),
    ("link", "Phase", "2"),
    ("link", "ISAKMP-peer", "east"),
    ("link", "Configuration", "quick"),
    ("quick", "EXCHANGE_TYPE", "QUICK_MODE"),
    ("quick", "Suites", "QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE"),
)


def _configuration(*bindings: tuple[str, str, str], name: str = "isakmpd.conf") -> Source:
    return configuration(name, *((line, *each) for line, each in enumerate(bindings, 1)))


def test_the_configuration_is_resolved_once_and_on_demand(path: Path) -> None:
    publish(path, _configuration(*_CONNECTION))
    with open_snapshot(path) as snapshot:
        configuration = snapshot.configuration
        assert snapshot.configuration is configuration
    assert configuration.connections["link"].peer == "east"
    assert configuration.peers["east"].secret == "secret:east"
    assert [each.group for each in configuration.peers["east"].transforms] == ["MODP_2048"]


def test_of_two_files_the_first_value_of_a_tag_counts(path: Path) -> None:
    first = _configuration(("General", "Retransmits", "7"), name="first.conf")
    second = _configuration(("general", "retransmits", "9"), ("General", "Check-interval", "30"), name="second.conf")
    publish(path, first, second)
    with open_snapshot(path) as snapshot:
        general = snapshot.configuration.general
    assert (general.schedule.tries, general.check_interval) == (7, 30)


def test_a_configuration_that_this_program_refuses_is_not_used(path: Path) -> None:
    publish(path, _configuration(("Phase 2", "Connections", "nowhere")))
    forget_records(path)
    with open_snapshot(path) as snapshot, pytest.raises(StoreError, match="compile it again"):
        _ = snapshot.configuration


# --- what may be wrong with the file ------------------------------------------------------------------------------


def _no_file(path: Path) -> None:
    assert not path.exists()


def _no_database(path: Path) -> None:
    path.write_bytes(b"not a database, and longer than the header of one, which is a hundred octets" * 3)


def _nothing(path: Path) -> None:
    path.touch()


def _other_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE generation (number INTEGER)")


def _newer(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "k")))
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def _no_generation(path: Path) -> None:
    publish(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM generation")


def _damaged(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "k")))
    octets = bytearray(path.read_bytes())
    octets[4096:] = b"\xff" * (len(octets) - 4096)
    path.write_bytes(octets)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_file, "does not exist; policydb compile"),
        (_no_database, "is no SQLite database"),
        (_nothing, "is empty; policydb compile"),
        (_other_program, "no policy store"),
        (_newer, "newer program"),
        (_no_generation, "no generation yet"),
        (_damaged, "is damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_helps(
    path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(path)
    with pytest.raises(StoreError, match=message) as raised:
        open_snapshot(path)
    assert str(path) in str(raised.value)


def test_a_generation_that_is_not_there_is_said(path: Path) -> None:
    publish(path)
    with pytest.raises(StoreError, match="holds no generation 7"):
        open_snapshot(path, 7)


def test_listing_the_generations_of_no_store_is_an_error(path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        list_generations(path)


def test_a_file_that_turns_bad_while_it_is_read_raises_the_stores_error_only(path: Path) -> None:
    names = [assertion("POLICY", f"k{number}", note="x" * 900) for number in range(50)]
    publish(path, source("a", *names))
    with open_snapshot(path) as snapshot:
        octets = bytearray(path.read_bytes())
        octets[4096:] = b"\xff" * (len(octets) - 4096)
        path.write_bytes(octets)
        with pytest.raises(StoreError):
            snapshot.authorized_by("POLICY")


def test_a_reader_cannot_write(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "k")))
    with open_snapshot(path) as snapshot, pytest.raises(sqlite3.OperationalError, match="readonly"):
        snapshot._connection.execute("DELETE FROM generation_source")


def test_a_store_is_recognised_by_its_application_id(path: Path) -> None:
    publish(path)
    assert path.read_bytes()[68:72] == APPLICATION_ID.to_bytes(4, "big")


# --- speed and isolation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("analysed", [False, True])
@pytest.mark.parametrize("query", ["LICENSING", "AUTHORIZED", "OPEN_TO_ALL", "ASSERTION", "BINDINGS"])
def test_no_question_scans_a_table(path: Path, query: str, analysed: bool) -> None:
    """Also after ANALYZE, with which SQLite before 3.47 changes its mind about joins."""
    names = [assertion("POLICY", f"k{number}") for number in range(300)]
    for number in range(3):
        publish(path, source("a", *names[number:]), _configuration(*_CONNECTION))
    with sqlite3.connect(path) as connection:
        if analysed:
            connection.execute("ANALYZE")
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN {getattr(reader, query)}",
            {"generation": 1, "principal": "k1", "limit": -1, "assertion": 1},
        ).fetchall()
    steps = [detail for *_, detail in plan]
    assert any(step.startswith("SEARCH") for step in steps)
    scans = [step for step in steps if step.startswith("SCAN")]
    # The partial index holds the assertions without licensees and nothing else.
    allowed = "SCAN assertion USING INDEX assertion_open_to_all"
    assert scans == ([allowed] if query == "OPEN_TO_ALL" else [])


def test_a_question_decodes_only_what_it_reaches(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(path, source("a", *(assertion("POLICY", f"k{number}") for number in range(500))))
    decoded: list[CompiledAssertion] = []

    def counted(source: str, line: int, row: Sequence[Any]) -> CompiledAssertion:
        decoded.append(decode(source, line, row))
        return decoded[-1]

    monkeypatch.setattr("policydb.storage.snapshot.decode", counted)
    with open_snapshot(path) as snapshot:
        assert snapshot.allows(Request(("k7",)))
        assert [each.licensees for each in decoded] == ["k7"]
        assert snapshot.allows(Request(("k7",)))
        assert len(decoded) == 1


def test_asking_loads_neither_parser_nor_writer_nor_kernel_nor_cryptography(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "k")), _configuration(*_CONNECTION))
    program = """
        import sys
        from policydb.request import Request
        from policydb.storage.snapshot import open_snapshot
        snapshot = open_snapshot(sys.argv[1])
        assert snapshot.allows(Request(("k",)))
        assert snapshot.configuration.connections
        print(*{name.partition(".")[0] for name in sys.modules})
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    loaded = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert "sqlite3" in loaded
    assert not {"lark", "sqlite_utils", "pyroute2", "cryptography", "click"} & set(loaded)


def test_a_reader_never_sees_half_a_generation(path: Path) -> None:
    """Generation n licenses exactly the keys 0 .. 20 n; readers open the store while a writer publishes."""
    publish(path, source("a", *_keys(1)))
    done = threading.Event()
    failures: list[str] = []

    def read() -> None:
        while not done.is_set():
            with open_snapshot(path) as snapshot:
                number = snapshot.generation
                found = len(snapshot.authorized_by("POLICY"))
                if found != 20 * number:
                    failures.append(f"generation {number} has {found} assertions")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    try:
        with open_store(path) as opened:
            for number in range(2, 12):
                opened.publish([source("a", *_keys(number))], NOON, resolved())
    finally:
        done.set()
        for each in readers:
            each.join()
    assert failures == []
    assert [each.number for each in list_generations(path)] == list(range(1, 12))


def _keys(generation: int) -> list[CompiledAssertion]:
    return [assertion("POLICY", f"k{number}") for number in range(20 * generation)]


def test_a_closed_snapshot_raises_the_stores_error(path: Path) -> None:
    publish(path, source("a", assertion("POLICY", "k")))
    snapshot: Snapshot = open_snapshot(path)
    snapshot.close()
    with pytest.raises(StoreError):
        snapshot.licensing("k")
