"""A generation as bytes: the same answers as the store, nothing of other generations, and no use of damaged bytes."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.compiling.compiler import compile_paths
from policydb.decision import to_json
from policydb.request import Request
from policydb.storage import portable, schema
from policydb.storage.portable import ROWS, dump_snapshot, load_snapshot
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.storefile import StoreError
from tests.policydb.stores import NOON, assertion, publish, source
from tests.sizes import examples

ROOT = Path(__file__).resolve().parents[3]
SIDES = sorted({each.parent for each in (ROOT / "examples").glob("*/*/isakmpd.policy")})
NOT_KEPT = {
    "block",
    "source_block",
    "source_part",
    "binding",
    "section",
    "mention",
    "part",
    "name",
    "edge",
}  # for people, and for compilers


@pytest.fixture(params=SIDES, ids=lambda path: f"{path.parent.name}-{path.name}")
def side(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """The folder of one gateway of the examples, and a store with it and with generations before and after it."""
    store = tmp_path / "policy.db"
    other = tmp_path / "other.policy"
    folder: Path = request.param
    for text in ("mallory-before", None, "mallory-after"):
        other.write_text(f'Authorizer: "POLICY"\nLicensees: "{text}"\n')
        paths = [other] if text else sorted(each for each in folder.iterdir() if each.suffix in {".conf", ".policy"})
        paths = [each for each in paths if each.name != "ipsec.conf"]
        assert compile_paths(paths, store, NOON).published
    return folder, store


def questions(folder: Path) -> Iterator[Request]:
    """What the scenario asks, each of any side's policy, and then of nobody."""
    for line in (folder.parent / "questions.jsonl").read_text().splitlines():
        asked = json.loads(line)
        attributes = dict(asked.get("attributes", []))
        yield Request(tuple(asked["authorizers"]), attributes)
    yield Request(("nobody",))


def unhurried(decision: dict[str, object]) -> dict[str, object]:
    return {**decision, "elapsed_us": 0}


def test_it_answers_and_explains_as_the_store_does(side: tuple[Path, Path]) -> None:
    folder, store = side
    with open_snapshot(store, 2) as original, load_snapshot(dump_snapshot(original)) as copy:
        assert copy.generation == 2
        for request in questions(folder):
            assert copy.decide(request) == original.decide(request)
            assert unhurried(to_json(copy.explain(request))) == unhurried(to_json(original.explain(request)))


def test_it_has_the_same_configuration(side: tuple[Path, Path]) -> None:
    _, store = side
    with open_snapshot(store, 2) as original, load_snapshot(dump_snapshot(original)) as copy:
        assert original.configuration.connections
        assert copy.configuration == original.configuration
        with pytest.raises(StoreError, match="holds no lines"):
            copy.bindings()


def test_it_holds_one_generation_alone_and_no_secrets(side: tuple[Path, Path]) -> None:
    folder, store = side
    with open_snapshot(store, 2) as original:
        octets = dump_snapshot(original)
    assert b"mallory" not in octets
    texts = "\n".join(each.read_text() for each in folder.glob("isakmpd.*"))
    secrets = re.findall(r"^Authentication=\s*(\S+)$|passphrase:([^\"\n]*)", texts, re.MULTILINE)
    assert secrets
    assert not [each for pair in secrets for each in pair if each and each.encode() in octets]


def test_a_copy_of_a_copy_is_the_same(side: tuple[Path, Path]) -> None:
    _, store = side
    with open_snapshot(store, 2) as original:
        octets = dump_snapshot(original)
    with load_snapshot(octets) as copy:
        assert dump_snapshot(copy) == octets


def test_every_table_of_the_store_is_taken_or_left_on_purpose(tmp_path: Path) -> None:
    publish(tmp_path / "policy.db")
    with sqlite3.connect(tmp_path / "policy.db") as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert names - {"_sqlite_migrations"} == {*ROWS, *NOT_KEPT}


def test_it_stays_when_the_store_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    publish(path, source("a", assertion("POLICY", "k")))
    with open_snapshot(path) as original:
        octets = dump_snapshot(original)
    path.unlink()
    with load_snapshot(octets) as copy:
        assert copy.allows(Request(("k",)))


def test_nobody_can_change_it(tmp_path: Path) -> None:
    publish(tmp_path / "policy.db", source("a", assertion("POLICY", "k")))
    with open_snapshot(tmp_path / "policy.db") as original, load_snapshot(dump_snapshot(original)) as copy:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            copy._connection.execute("DELETE FROM appearance")
        assert copy.allows(Request(("k",)))


# --- a process that may not open files ----------------------------------------------------------------------------

_LOCKED_IN = """
    import resource, sys
    from policydb import Request, load_snapshot

    octets = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    try:
        open("/dev/null")
    except OSError:
        print("locked in")
    snapshot = load_snapshot(octets)
    print(snapshot.decide(Request(("alice",), {"colour": "red", "size": "4", "name": "Xavier"})))
    refused = snapshot.explain(Request(("alice",), {"colour": "blue", "size": "4", "name": "Xavier"}))
    print(refused.nearest[0].changes[0].after)
    print(*snapshot.configuration.connections)
"""


def test_a_process_that_may_not_open_files_decides_explains_and_configures(tmp_path: Path) -> None:
    policy, conf = tmp_path / "site.policy", ROOT / "examples" / "site-to-site" / "west" / "isakmpd.conf"
    policy.write_text(
        'Authorizer: "POLICY"\nLicensees: "alice"\n'
        'Conditions: colour == "red" && @size < 5 && name ~= "^X(a+)" -> "true";\n'
    )
    assert compile_paths([policy, conf], tmp_path / "policy.db", NOON).published
    with open_snapshot(tmp_path / "policy.db") as original:
        octets = dump_snapshot(original)
        names = list(original.configuration.connections)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_LOCKED_IN)],
        input=octets,
        capture_output=True,
        cwd=ROOT,
        timeout=200,
        check=False,
    )
    assert done.stderr == b""
    assert done.stdout.decode().split() == ["locked", "in", "true", "red", *names]


# --- bytes that cannot be used ------------------------------------------------------------------------------------


@cache
def handed_over() -> bytes:
    """What dump_snapshot() makes of a small store."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.db"
        publish(path, source("a", assertion("POLICY", "k")))
        with open_snapshot(path) as original:
            return dump_snapshot(original)


def refused(octets: bytes) -> StoreError:
    with pytest.raises(StoreError) as raised:
        load_snapshot(octets)
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("other", [b"", b"ikepsnap", b"SQLite format 3\0" + b"\0" * 100])
def test_other_bytes_are_no_snapshot(other: bytes) -> None:
    assert refused(other).message == "these bytes are no snapshot of a policy store"


@given(st.integers(0, len(handed_over()) - 1), st.integers(1, 255))
@settings(max_examples=examples(300))
def test_whatever_octet_has_changed_is_found(place: int, difference: int) -> None:
    octets = bytearray(handed_over())
    octets[place] ^= difference
    assert re.search("damaged|no snapshot", refused(bytes(octets)).message)


@pytest.mark.parametrize("length", [0, 1, 44, 1_000, -1])
def test_what_was_not_handed_over_whole_is_damaged(length: int) -> None:
    octets = handed_over()
    assert re.search("damaged|no snapshot", refused(octets[:length]).message)
    assert refused(octets + octets[:1]).message == "the snapshot is damaged"


def enveloped(stored: bytes, version: int = schema.VERSION) -> bytes:
    """What a program of another version, or somebody who means harm, might hand over."""
    return portable._HEAD.pack(b"ikepsnap", version, portable._digest(version, stored)) + stored


@pytest.mark.parametrize("other", [schema.VERSION - 1, schema.VERSION + 1])
def test_another_schema_is_said(other: int) -> None:
    problem = refused(enveloped(handed_over()[44:], other))
    assert problem.message == f"the snapshot is of schema {other}, and this program reads {schema.VERSION}"
    assert problem.hint == "both processes must be of one version"


@given(st.binary(max_size=200), st.sampled_from([b"", b"SQLite format 3\0"]))
def test_nonsense_with_a_true_digest_is_an_error_of_the_store_too(nonsense: bytes, head: bytes) -> None:
    assert refused(enveloped(head + nonsense)).message.startswith("the snapshot ")


@pytest.mark.parametrize("statement", ["DELETE FROM generation", "PRAGMA application_id = 0", "DROP TABLE generation"])
def test_another_database_with_a_true_digest_too(statement: str) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(handed_over()[44:])
    connection.execute(statement)
    assert refused(enveloped(connection.serialize())).message.startswith("the snapshot ")
    connection.close()


def test_threads_may_share_it(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    publish(tmp_path / "policy.db", source("a", *(assertion("POLICY", f"k{number}") for number in range(50))))
    with open_snapshot(tmp_path / "policy.db") as original, load_snapshot(dump_snapshot(original)) as copy:

        def ask(snapshot: Snapshot, number: int) -> bool:
            return snapshot.allows(Request((f"k{number}",)))

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda number: ask(copy, number), range(50)))
