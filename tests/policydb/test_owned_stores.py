"""A store that others may write to, or whose folder or write-ahead log they may, is refused by whoever opens it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from policydb.records.decisionlog import DecisionLog, LogError
from policydb.storage.snapshot import open_snapshot
from policydb.storage.store import open_store
from policydb.storage.storefile import StoreError
from tests.policydb.command_line import Run
from tests.policydb.faults import write_store
from tests.policydb.records.samples import ACCEPTED
from tests.policydb.test_folders import NOBODY, as_root

VERBS = {
    "query": ("query", "--authorizer", "bob"),
    "query --batch": ("query", "--batch", "batch.jsonl"),
    "explain": ("explain", "--authorizer", "bob"),
    "explain --peer": ("explain", "--peer", "192.0.2.1"),
    "generations": ("generations",),
    "diff": ("diff", "1"),
    "rollback": ("rollback", "1"),
    "compile": ("compile", "next.policy"),
}


class Opening(NamedTuple):
    """How a store is opened to others: what is done to `policy.db` in its folder, and the command that mends it."""

    do: Callable[[Path], object]
    remedy: str


def _beside(suffix: str, mode: int) -> Callable[[Path], None]:
    def do(store: Path) -> None:
        path = store.with_name(f"{store.name}{suffix}")
        path.touch()
        path.chmod(mode)

    return do


def _for_its_group(store: Path) -> None:
    os.chown(store, -1, NOBODY)
    store.chmod(0o660)


OPENINGS = {
    "the file": Opening(lambda store: store.chmod(0o666), "chmod go-w STORE"),
    "the file for its group": Opening(_for_its_group, "chmod go-w STORE"),
    "the folder": Opening(lambda store: store.parent.chmod(0o777), "chmod go-w FOLDER"),
    "the log": Opening(_beside("-wal", 0o666), "chmod go-w STORE-wal"),
    "the log's index": Opening(_beside("-shm", 0o602), "chmod go-w STORE-shm"),
    "a journal": Opening(_beside("-journal", 0o666), "chmod go-w STORE-journal"),
    "the owner": Opening(lambda store: os.chown(store, NOBODY, -1), f"chown {os.geteuid()} STORE"),
    "the folder's owner": Opening(lambda store: os.chown(store.parent, NOBODY, -1), f"chown {os.geteuid()} FOLDER"),
}


@pytest.fixture
def store(policydb: Run) -> Iterator[Path]:
    Path("folder").mkdir(mode=0o755)
    path = Path("folder/policy.db")
    write_store(path)
    Path("next.policy").write_text('Authorizer: "POLICY"\nLicensees: "carol"\n')
    Path("batch.jsonl").write_text('{"authorizers": ["bob"]}\n')
    yield path
    path.parent.chmod(0o755)


@as_root
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("opening", OPENINGS)
def test_every_command_refuses_it_with_the_command_that_mends_it(
    policydb: Run, store: Path, verb: str, opening: str
) -> None:
    OPENINGS[opening].do(store)
    before = store.read_bytes()
    code, out, err = policydb(*VERBS[verb], "--store", str(store))
    remedy = OPENINGS[opening].remedy.replace("STORE", str(store)).replace("FOLDER", str(store.parent))
    if verb == "query --batch":
        assert (code, err) == (0, "")
        assert '"value": null' in out
        assert remedy in out
    else:
        assert (code, out) == (2, "")
        first, second = err.splitlines()
        assert first.startswith("error: folder")
        assert second == f"hint: {remedy}"
    assert store.read_bytes() == before


@pytest.mark.parametrize("set_trap", ["link", "dangling", "hard link", "fifo"])
def test_nothing_else_in_the_place_of_a_store_is_followed_or_waited_for(
    policydb: Run, store: Path, tmp_path: Path, set_trap: str
) -> None:
    precious = tmp_path / "precious.db"
    shutil.copy(store, precious)
    path = Path("folder/other.db")
    if set_trap == "fifo":
        os.mkfifo(path)
    elif set_trap == "hard link":
        path.hardlink_to(precious)
    else:
        path.symlink_to(precious if set_trap == "link" else tmp_path / "nowhere")
    before = precious.read_bytes()
    for verb in VERBS.values():
        code, _, err = policydb(*verb, "--store", str(path))
        assert (code, err.count("error: ")) == ((0, 0) if "--batch" in verb else (2, 1))
    assert precious.read_bytes() == before
    assert not (tmp_path / "nowhere").exists()


def test_in_a_folder_like_tmp_a_store_of_ours_is_used(policydb: Run, store: Path) -> None:
    store.parent.chmod(0o1777)
    for verb in VERBS.values():
        assert policydb(*verb, "--store", str(store))[0] in {0, 1}
    assert policydb("compile", "next.policy", "--store", "folder/new.db")[0] == 0


@as_root
def test_in_a_folder_like_tmp_a_log_that_somebody_put_there_is_refused(policydb: Run, store: Path) -> None:
    store.parent.chmod(0o1777)
    for suffix in ("-wal", "-shm"):
        trap = store.with_name(f"{store.name}{suffix}")
        trap.unlink(missing_ok=True)
        trap.write_bytes(b"")
        os.chown(trap, NOBODY, -1)
        for verb in ("query", "compile"):
            code, _, err = policydb(*VERBS[verb], "--store", str(store))
            assert (code, f"error: {trap} belongs to user {NOBODY}" in err) == (2, True)
        trap.unlink()


def test_a_folder_behind_a_link_is_used(policydb: Run, store: Path) -> None:
    Path("behind").symlink_to("folder")
    for verb in VERBS.values():
        assert policydb(*verb, "--store", "behind/policy.db")[0] in {0, 1}


def test_programs_that_embed_us_get_the_same_refusal(store: Path) -> None:
    store.chmod(0o666)
    with pytest.raises(StoreError, match="can be written to by others; chmod go-w"):
        open_snapshot(store)
    with pytest.raises(StoreError, match="can be written to by others; chmod go-w"):
        open_store(store)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_decision_log_that_others_may_write_to_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "decisions.db"
    with DecisionLog(path) as log:
        log.append(ACCEPTED)
    target = path.with_name(f"{path.name}{suffix}")
    target.touch()
    target.chmod(0o666)
    for read_only in (True, False):
        with pytest.raises(LogError, match=f"{target} can be written to by others; chmod go-w {target}"):
            DecisionLog(path, read_only=read_only)


def test_the_schema_of_a_store_is_its_own(store: Path) -> None:
    """One planted offence, so that the sweep of hostile stores is known to look."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1")
    with pytest.raises(StoreError, match="is no store that this program made: it has a view"):
        open_snapshot(store)
