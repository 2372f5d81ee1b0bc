"""Every command that opens a store, and every fault that a store may have: one line, what helps, exit code 2."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import resource
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import policydb as package
from policydb import cli
from policydb.records.decisionlog import DecisionLog
from policydb.storage import store, storefile
from tests.policydb.command_line import Run
from tests.policydb.faults import FAULTS, FIRST_COMPILED, assert_whole, write_store
from tests.policydb.records.samples import REFUSED

STORE = "policy.db"
CAROL = 'Authorizer: "POLICY"\nLicensees: "carol"\n'
READING = {
    "query": ("query", "--authorizer", "alice"),
    "query as json": ("query", "--authorizer", "alice", "--format", "json"),
    "query with credentials": ("query", "--authorizer", "alice", "--credential", "none.credential"),
    "explain": ("explain", "--authorizer", "alice"),
    "explain --peer": ("explain", "--peer", "192.0.2.1"),
    "explain --record": ("explain", "--record", "1", "--log", "decisions.db"),
    "generations": ("generations",),
    "diff": ("diff", "1", "2"),
    "bench": ("bench", "-n", "1", "--authorizer", "alice"),
}
WRITING = {"compile": ("compile", "carol.policy"), "rollback": ("rollback", "1")}
EVERY = READING | WRITING


@pytest.fixture(autouse=True)
def files(policydb: Run) -> None:
    Path("carol.policy").write_text(CAROL)
    Path("none.credential").write_text("")
    with DecisionLog("decisions.db") as log:
        log.append(replace(REFUSED, generation=1))


def said(err: str) -> tuple[str, str]:
    """The message and the hint: one line each, and nothing else."""
    lines = err.splitlines()
    assert len(lines) == 2, err
    assert lines[0].startswith("error: "), err
    assert lines[1].startswith("hint: "), err
    return lines[0].removeprefix("error: "), lines[1].removeprefix("hint: ")


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


# --- what the store is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    # Compiling makes a good store of some of them: see below.
    ("verb", "fault"),
    [(verb, fault) for verb in EVERY for fault in FAULTS if verb != "compile" or fault not in FIRST_COMPILED],
)
def test_a_store_that_cannot_be_used_is_said_in_one_line_with_what_helps(
    policydb: Run, monkeypatch: pytest.MonkeyPatch, verb: str, fault: str
) -> None:
    monkeypatch.setenv("POLICYDB_STORE", STORE)
    path = Path(STORE)
    FAULTS[fault].spoil(path)
    before = content(path)
    code, out, err = policydb(*EVERY[verb])
    assert (code, out) == (2, "")
    message, hint = said(err)
    assert STORE in message
    assert FAULTS[fault].message in message
    expected = FAULTS[fault].hint.replace("STORE", STORE)
    assert expected in (hint if verb != "explain --record" else message)
    assert content(path) == before
    # Who may only read a store cannot take away what SQLite puts beside one; they hold nothing.
    beside = [each for each in Path().glob(f"{STORE}*") if each.name != STORE]
    assert {each.name for each in beside} <= {f"{STORE}-shm", f"{STORE}-wal"}
    assert not [each for each in beside if each.name.endswith("-wal") and each.stat().st_size]


@pytest.mark.parametrize("fault", sorted(FIRST_COMPILED))
def test_compiling_makes_a_good_store_of_what_is_none_yet_or_older(policydb: Run, fault: str) -> None:
    FAULTS[fault].spoil(Path(STORE))
    code, _, err = policydb("compile", "carol.policy", "--store", STORE)
    assert (code, err) == (0, "")
    assert policydb("query", "--authorizer", "carol", "--store", STORE)[:2] == (0, "true\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_batch_answers_every_line_whatever_the_store_is(policydb: Run, fault: str) -> None:
    Path(STORE).parent.joinpath("batch.jsonl").write_text('{"id": 1, "authorizers": ["alice"]}\n{"id": 2}\n')
    FAULTS[fault].spoil(Path(STORE))
    if fault == "a directory":
        return  # --store of a directory is wrong usage
    code, out, err = policydb("query", "--batch", "batch.jsonl", "--store", STORE)
    assert (code, err) == (0, "")
    first, _ = map(json.loads, out.splitlines())
    assert first["value"] is None
    assert FAULTS[fault].message in first["errors"][0]


@pytest.mark.parametrize("verb", EVERY)
def test_a_path_below_a_file_is_no_store(policydb: Run, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    monkeypatch.setenv("POLICYDB_STORE", "carol.policy/policy.db")
    code, out, err = policydb(*EVERY[verb])
    assert (code, out) == (2, "")
    assert "carol.policy/policy.db" in said(err)[0]


# --- who else uses it ---------------------------------------------------------------------------------------------


@pytest.fixture
def writer(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another process in the middle of a write transaction, and nobody who would wait for it."""
    write_store(Path(STORE))
    monkeypatch.setattr(store, "LOCK_TIMEOUT", 0.01)
    monkeypatch.setattr(storefile, "READ_TIMEOUT", 0.0)
    other = sqlite3.connect(STORE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE principal SET name = 'mallory' WHERE name = 'bob'")
    yield other
    other.close()


@pytest.mark.parametrize("verb", READING)
def test_who_reads_does_not_wait_for_who_writes(policydb: Run, writer: sqlite3.Connection, verb: str) -> None:
    code, out, err = policydb(*READING[verb])
    assert code in {0, 1}
    assert out
    assert "locked" not in err
    assert policydb("query", "--authorizer", "bob")[:2] == (0, "true\n")


@pytest.mark.parametrize("verb", WRITING)
def test_who_writes_says_that_somebody_else_does(policydb: Run, writer: sqlite3.Connection, verb: str) -> None:
    code, out, err = policydb(*WRITING[verb])
    assert (code, out) == (2, "")
    assert said(err) == (f"{STORE} is locked by another process", "try again when that is done")
    writer.rollback()
    assert policydb(*WRITING[verb])[0] == 0
    assert assert_whole(Path(STORE)) == 3


@pytest.mark.parametrize("verb", EVERY)
def test_a_store_that_somebody_keeps_to_himself_is_said_to_be_locked(
    policydb: Run, writer: sqlite3.Connection, verb: str
) -> None:
    writer.rollback()
    writer.execute("PRAGMA locking_mode = EXCLUSIVE")
    writer.execute("PRAGMA journal_mode = DELETE")
    writer.execute("BEGIN EXCLUSIVE")
    code, out, err = policydb(*EVERY[verb])
    assert (code, out) == (2, "")
    assert "is locked by another process" in said(err)[0]


# --- where it is --------------------------------------------------------------------------------------------------


def in_child(work: Callable[[], None]) -> tuple[int, str]:
    """Run `work` in a process of its own; its exit code, and what it printed on standard error."""
    for each in pkgutil.walk_packages(package.__path__, "policydb."):
        importlib.import_module(each.name)  # a child without rights or room may not be able to
    importlib.import_module("tabulate")  # what they load only when they need it
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child must end here, whatever happened
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(99)
    os.close(writing)
    with os.fdopen(reading) as told:
        printed = told.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), printed


def command(*arguments: str) -> None:
    """Run one command and end the process with its exit code."""
    sys.stdout, sys.stderr = (os.fdopen(each, "w") for each in (1, 2))
    code = cli.run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Path]:
    """A folder that somebody without rights can reach, with a store that he can read and not write."""
    folder = Path("/tmp") / f"policydb-{os.getpid()}-{tmp_path.name}"
    folder.mkdir(mode=0o755)
    write_store(folder / STORE)
    for name in ("carol.policy", "none.credential", "decisions.db"):
        shutil.copy(name, folder / name)
    for each in folder.iterdir():
        each.chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_nobody(folder: Path, *arguments: str) -> Callable[[], None]:
    def work() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        os.chdir(folder)
        command(*arguments)

    return work


@pytest.mark.parametrize("verb", WRITING)
def test_in_a_folder_that_cannot_be_written_nothing_is_published(public: Path, verb: str) -> None:
    code, told = in_child(as_nobody(public, *WRITING[verb]))
    assert code == 2
    message, hint = said(told)
    assert message == f"{STORE}: Permission denied"
    assert hint == "check the permissions of the file and its directory"


def test_in_a_folder_that_cannot_be_written_no_store_is_made(public: Path) -> None:
    code, told = in_child(as_nobody(public, "compile", "carol.policy", "--store", "new.db"))
    assert (code, said(told)[0]) == (2, "new.db: Permission denied")


@pytest.mark.parametrize("verb", READING)
def test_in_a_folder_that_cannot_be_written_the_store_is_read(public: Path, verb: str) -> None:
    code, told = in_child(as_nobody(public, *READING[verb]))
    assert code in {0, 1}, told
    assert not re.search("error|Traceback", told)


def test_a_log_is_read_there_while_the_daemon_writes_it(public: Path) -> None:
    public.chmod(0o755)
    with DecisionLog(public / "running.db") as log:
        log.append(REFUSED)
        for each in public.glob("running.db*"):
            each.chmod(0o444)
        public.chmod(0o555)
        code, told = in_child(as_nobody(public, "log", "--log", "running.db"))
    assert code == 0, told
    assert "quick mode" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a file that another user may not read")
@pytest.mark.parametrize("verb", EVERY)
def test_a_store_that_may_not_be_read_is_said(public: Path, verb: str) -> None:
    (public / STORE).chmod(0o600)
    code, told = in_child(as_nobody(public, *EVERY[verb]))
    assert code == 2
    assert re.search("Permission denied|cannot be opened", said(told)[0])


# --- how much room there is ---------------------------------------------------------------------------------------

MANY = "\n".join(f'Authorizer: "POLICY"\nLicensees: "k{number}"\nComment: {"x" * 200}\n' for number in range(2_000))


def with_room(octets: int, *arguments: str) -> Callable[[], None]:
    """A command in a process whose files may not grow beyond so many octets."""

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))
        command(*arguments)

    return work


@pytest.mark.parametrize("more", [0, 1, 1_000, 10_000, 50_000, 100_000, 300_000])
def test_where_files_may_not_grow_nothing_is_published(policydb: Run, more: int) -> None:
    write_store(Path(STORE))
    Path("many.policy").write_text(MANY)
    size = Path(STORE).stat().st_size
    code, told = in_child(with_room(size + more, "compile", "many.policy"))
    assert code == 2
    message, hint = said(told)
    assert re.fullmatch(
        rf"{STORE} (cannot grow: the disk is full|cannot be read or written: input/output error)", message
    )
    assert hint == "make room there; the store is as it was"
    assert policydb("query", "--authorizer", "bob")[:2] == (0, "true\n")
    assert assert_whole(Path(STORE)) == 2
    assert policydb("compile", "many.policy")[1].startswith("published generation 3 ")
    assert assert_whole(Path(STORE)) == 3


@pytest.mark.parametrize("size", [0, 1, 512, 5_000, 100_000])
def test_where_files_may_not_grow_a_first_generation_is_none(policydb: Run, size: int) -> None:
    Path("many.policy").write_text(MANY)
    code, told = in_child(with_room(size, "compile", "many.policy"))
    assert code == 2
    assert STORE in said(told)[0]
    code, _, err = policydb("query", "--authorizer", "k1")
    assert (code, said(err)[0]) == (2, f"{STORE} is empty")
    assert policydb("compile", "many.policy")[1].startswith("published generation 1 ")
    assert assert_whole(Path(STORE)) == 1


@pytest.mark.parametrize("verb", WRITING)
def test_on_a_full_disk_nothing_is_published(policydb: Run, small_disk: Path, verb: str) -> None:
    path = small_disk / STORE
    write_store(path)
    filling = small_disk / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    code, out, err = policydb(*WRITING[verb], "--store", str(path))
    assert (code, out) == (2, "")
    assert re.search("the disk is full|input/output error", said(err)[0])
    assert policydb("query", "--authorizer", "bob", "--store", str(path))[0] in {0, 2}  # WAL's index needs room too
    filling.unlink()
    assert policydb("query", "--authorizer", "bob", "--store", str(path))[:2] == (0, "true\n")
    assert assert_whole(path) == 2
    assert policydb(*WRITING[verb], "--store", str(path))[0] == 0
    assert assert_whole(path) == 3


def test_a_disk_that_fills_up_in_the_middle_loses_nothing(policydb: Run, small_disk: Path) -> None:
    path = small_disk / STORE
    write_store(path)
    Path("many.policy").write_text(MANY)
    code, out, err = policydb("compile", "many.policy", "--store", str(path))
    assert (code, out) == (2, "")
    assert said(err) == (f"{path} cannot grow: the disk is full", "make room there; the store is as it was")
    assert policydb("query", "--authorizer", "bob", "--store", str(path))[:2] == (0, "true\n")
    assert assert_whole(path) == 2
    assert policydb("compile", "carol.policy", "--store", str(path))[0] == 0
