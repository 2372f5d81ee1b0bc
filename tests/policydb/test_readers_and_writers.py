"""Processes that ask while another one publishes: none waits for it, and none sees half of a generation."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from policydb.request import Request
from policydb.storage import storefile
from policydb.storage.history import list_generations
from policydb.storage.snapshot import open_snapshot
from policydb.storage.store import open_store
from tests.policydb.faults import assert_whole, write_store
from tests.policydb.stores import NOON, assertion, resolved, source

ROOT = Path(__file__).resolve().parents[2]
READERS = 3
ROUNDS = 20

# Odd generations let alice have red and bob blue, with 3 retransmissions; even ones the other way round, with 4.
_POLICY = (
    'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "{0}";\n\n'
    'Authorizer: "POLICY"\nLicensees: "bob"\nConditions: colour == "{1}";\n'
)

_WRITER = f"""
    import sys
    from datetime import UTC, datetime
    from pathlib import Path
    from policydb.compiling.compiler import compile_paths

    POLICY = {_POLICY!r}
    folder = Path(sys.argv[1])
    store, files = folder / "policy.db", [folder / "isakmpd.conf", folder / "site.policy"]
    for number in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
        colours = ("red", "blue") if number % 2 else ("blue", "red")
        files[1].write_text(POLICY.format(*colours))
        files[0].write_text(f"[General]\\nRetransmits={{3 if number % 2 else 4}}\\n")
        found = compile_paths(files, store, datetime.now(UTC))
        assert found.generation == number, found
        print(number, flush=True)
"""

_READER = """
    import sys
    from pathlib import Path
    from policydb.request import Request
    from policydb.storage.snapshot import open_snapshot

    path, last = Path(sys.argv[1]), int(sys.argv[2])
    seen, asked, print_once = set(), 0, True
    while last not in seen:
        with open_snapshot(path) as snapshot:
            odd = snapshot.generation % 2 == 1
            for who, colour, expected in (
                ("alice", "red", odd), ("bob", "blue", odd), ("alice", "blue", not odd), ("bob", "red", not odd)
            ):
                answer = snapshot.allows(Request((who,), {"colour": colour}))
                assert answer is expected, (snapshot.generation, who, colour, answer)
            assert snapshot.configuration.general.schedule.tries == (3 if odd else 4), snapshot.generation
            assert not seen or snapshot.generation >= max(seen), (snapshot.generation, max(seen))
            seen.add(snapshot.generation)
            asked += 1
        if print_once:
            print("reading", flush=True)
            print_once = False
    print(asked, len(seen))
"""


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_readers_see_whole_generations_and_each_in_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    with python(_WRITER, str(tmp_path), "1", "1") as first:
        assert first.wait(60) == 0, first.stderr and first.stderr.read()
    readers = [python(_READER, str(path), str(ROUNDS)) for _ in range(READERS)]
    try:
        for each in readers:
            assert each.stdout is not None
            assert each.stdout.readline() == "reading\n", each.stderr and each.stderr.read()
        with python(_WRITER, str(tmp_path), "2", str(ROUNDS)) as writer:
            _, err = writer.communicate(timeout=100)
            assert (writer.returncode, err) == (0, "")
        for each in readers:
            out, err = each.communicate(timeout=60)
            assert (each.returncode, err) == (0, "")
            asked, seen = map(int, out.split())
            assert asked >= seen >= 2
    finally:
        for each in readers:
            each.kill()
            each.wait(60)
    assert assert_whole(path) == ROUNDS


def asks(path: Path) -> str:
    with open_snapshot(path) as snapshot:
        return f"{snapshot.generation} {snapshot.allows(Request(('alice',)))} {snapshot.allows(Request(('bob',)))}"


@pytest.mark.parametrize("statement", [1, 2, 5, 10, 20, 40, 80])
def test_at_every_moment_of_a_publication_the_generation_before_it_answers(
    tmp_path: Path, statement: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that comes and goes between two statements of the writer, and would fail if it had to wait."""
    path = tmp_path / "policy.db"
    write_store(path)
    monkeypatch.setattr(storefile, "READ_TIMEOUT", 0.0)
    answers: list[str] = []
    with open_store(path) as opened:
        seen = 0

        def ask(_: str) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                answers.append(asks(path))

        opened._database.conn.set_trace_callback(ask)
        opened.publish([source("a", *(assertion("POLICY", f"k{number}") for number in range(30)))], NOON, resolved())
        opened._database.conn.set_trace_callback(None)
    assert answers == ["2 False True"]
    assert asks(path) == "3 False False"


def test_while_the_log_is_folded_at_the_end_the_new_generation_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, between the statements with which a writer leaves."""
    path = tmp_path / "policy.db"
    write_store(path)
    monkeypatch.setattr(storefile, "READ_TIMEOUT", 0.0)
    answers: list[str] = []
    opened = open_store(path)
    opened.publish([source("a", assertion("POLICY", "alice"))], NOON, resolved())
    opened._database.conn.set_trace_callback(lambda _: answers.append(asks(path)))
    opened.close()
    assert len(answers) >= 2
    assert set(answers) == {"3 True False"}


def test_a_snapshot_answers_while_the_log_of_writes_is_folded_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    write_store(path)
    with open_snapshot(path) as snapshot:
        for number in range(5):
            with open_store(path) as opened:
                opened.publish([source("a", assertion("POLICY", f"k{number}"))], NOON, resolved())
                opened._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            assert snapshot.allows(Request(("bob",)))
            assert not snapshot.allows(Request((f"k{number}",)))
    assert len(list_generations(path)) == 7


def test_two_who_make_the_store_at_once_make_one_store(tmp_path: Path) -> None:
    program = """
        import sys
        from datetime import UTC, datetime
        from policydb.compiling.compiler import compile_paths
        sys.stdin.readline()
        print(compile_paths([sys.argv[1]], sys.argv[2], datetime.now(UTC)).generation)
    """
    for round_ in range(2):
        path = tmp_path / f"{round_}.db"
        makers = []
        for name in ("one", "two", "three"):
            policy = tmp_path / f"{name}.policy"
            policy.write_text(f'Authorizer: "POLICY"\nLicensees: "{name}"\n')
            command = [sys.executable, "-c", textwrap.dedent(program), str(policy), str(path)]
            makers.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for each in makers:
            assert each.stdin is not None
            each.stdin.write("\n")
            each.stdin.flush()
        told = sorted(each.communicate(timeout=60)[0] for each in makers)
        assert told == ["1\n", "2\n", "3\n"]
        assert assert_whole(path) == 3


def test_nobody_is_left_waiting_in_the_file(tmp_path: Path) -> None:
    """A connection that reads holds no transaction open, so a writer's log can always be folded in."""
    path = tmp_path / "policy.db"
    write_store(path)
    with open_snapshot(path) as snapshot:
        assert snapshot.allows(Request(("bob",)))
        writer = sqlite3.connect(path, timeout=0, isolation_level=None)
        writer.execute("CREATE TABLE other (x)")
        assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        writer.close()
