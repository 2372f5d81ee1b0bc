"""The daemon and a store that cannot be used: at start and at reload every fault is said in one line."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.keystore import KeyStore
from daemon.log import Kind, Levels, Log
from daemon.oracle import Compiled, LoadError, Sources, compile_sources, load_at_start, open_loaded
from policydb.request import Request
from policydb.storage import store, storefile
from policydb.storage.history import list_generations
from tests.daemon.running import OPEN_POLICY, Isakmpd
from tests.policydb.faults import ALICE, FAULTS, FIRST_COMPILED, assert_whole

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONF = "[General]\nRetransmits=5\n"
UNUSABLE = sorted({*FAULTS} - FIRST_COMPILED)


class Lines:
    """A sink that keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, kind: Kind, category: str, level: int, text: str) -> None:  # noqa: ARG002 - a sink of any kind
        self.lines.append(text)

    def hold(self, text: str) -> bool:
        """Whether a text is in them, wherever the log has broken it into lines."""
        return "".join(text.split()) in "".join("".join(self.lines).split())


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    for name, text in (("isakmpd.conf", CONF), ("isakmpd.policy", ALICE)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return Sources(tmp_path / "isakmpd.conf", tmp_path, tmp_path / "policy.db", os.geteuid())


@pytest.fixture
def sink() -> Lines:
    return Lines()


@pytest.fixture
def log(sink: Lines) -> Log:
    return Log(sink, Levels())


@pytest.mark.parametrize("fault", UNUSABLE)
def test_at_start_it_is_said_and_there_is_nothing_to_start_with(
    sources: Sources, log: Log, sink: Lines, fault: str
) -> None:
    FAULTS[fault].spoil(sources.store)
    with pytest.raises(LoadError):
        load_at_start(sources, NOW, log)
    hint = FAULTS[fault].hint.replace("STORE", str(sources.store))
    assert sink.hold(f"{sources.store} {FAULTS[fault].message}; {hint}")
    assert len([each for each in sink.lines if FAULTS[fault].message in each]) <= 1


@pytest.mark.parametrize("fault", sorted(FIRST_COMPILED))
def test_at_start_a_first_generation_is_published_and_an_older_store_brought_up_to_date(
    sources: Sources, log: Log, sink: Lines, fault: str
) -> None:
    FAULTS[fault].spoil(sources.store)
    loaded = load_at_start(sources, NOW, log)
    assert loaded.oracle.allows(Request(("alice",)))
    assert sink.lines == []
    assert list_generations(sources.store)[-1].author == "isakmpd"


def test_at_start_with_files_in_error_an_older_store_is_said_too(sources: Sources, log: Log, sink: Lines) -> None:
    FAULTS["older"].spoil(sources.store)
    sources.conf.write_text("[General]\nRetransmits=many\n")
    with pytest.raises(LoadError):
        load_at_start(sources, NOW, log)
    assert "Retransmits" in sink.lines[0]
    assert sink.hold(FAULTS["older"].message)


@pytest.mark.parametrize("fault", UNUSABLE)
def test_at_reload_it_is_said_in_one_line(sources: Sources, fault: str) -> None:
    FAULTS[fault].spoil(sources.store)
    with pytest.raises(LoadError) as raised:
        compile_sources(sources, NOW)
    (line,) = raised.value.lines
    assert FAULTS[fault].message in line


@pytest.fixture
def writer(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another process that is in the middle of publishing, and nobody who would wait for it."""
    compile_sources(sources, NOW)
    monkeypatch.setattr(store, "LOCK_TIMEOUT", 0.01)
    monkeypatch.setattr(storefile, "READ_TIMEOUT", 0.0)
    other = sqlite3.connect(sources.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM appearance")
    yield other
    other.close()


def test_while_somebody_publishes_it_starts_with_what_is_in_force(
    sources: Sources, log: Log, sink: Lines, writer: sqlite3.Connection
) -> None:
    sources.conf.write_text("[General]\nRetransmits=4\n")
    loaded = load_at_start(sources, NOW, log)
    assert loaded.oracle.configuration.general.schedule.tries == 5
    assert loaded.oracle.allows(Request(("alice",)))
    assert sink.hold(
        f"{sources.store} is locked by another process; try again when that is done"
        "started with generation 1 of the store; the files above are not in force"
    )


def test_while_somebody_publishes_a_reload_is_refused_and_what_is_in_force_answers(
    sources: Sources, writer: sqlite3.Connection
) -> None:
    loaded = open_loaded(sources, Compiled(KeyStore({})))
    sources.conf.write_text("[General]\nRetransmits=4\n")
    with pytest.raises(LoadError, match="is locked by another process"):
        compile_sources(sources, NOW)
    assert loaded.oracle.allows(Request(("alice",)))
    assert loaded.oracle.configuration.general.schedule.tries == 5


@pytest.fixture
def isakmpd(tmp_path: Path) -> Isakmpd:
    daemon = Isakmpd(tmp_path)
    daemon.write(daemon.conf, CONF)
    daemon.write(daemon.policy, OPEN_POLICY)
    return daemon


def test_a_real_daemon_does_not_start_with_a_store_that_is_none(isakmpd: Isakmpd) -> None:
    FAULTS["no database"].spoil(isakmpd.folder / "policy.db")
    with isakmpd:
        assert isakmpd.wait() == 2
    said = isakmpd.log()
    assert f"{isakmpd.folder / 'policy.db'} {FAULTS['no database'].message}" in said
    assert "isakmpd: not started: the files above cannot be used" in said
    assert "Traceback" not in said


def test_a_real_daemon_goes_on_where_a_reload_finds_no_store(isakmpd: Isakmpd) -> None:
    path = isakmpd.folder / "policy.db"
    with isakmpd:
        isakmpd.started()
        path.rename(isakmpd.folder / "kept.db")
        FAULTS["no database"].spoil(path)
        isakmpd.write(isakmpd.conf, CONF.replace("5", "4"))
        isakmpd.signal(signal.SIGHUP)
        said = isakmpd.until("reload refused: generation 1 stays in force")
        assert FAULTS["no database"].message in said
        assert isakmpd.ask("C get [General]:Retransmits") == "5\n"
        path.unlink()
        (isakmpd.folder / "kept.db").rename(path)
        isakmpd.signal(signal.SIGHUP)
        isakmpd.until("generation 2 is in force")
        assert isakmpd.ask("C get [General]:Retransmits") == "4\n"
        isakmpd.signal(signal.SIGTERM)
        assert isakmpd.wait() == 0
    assert "Traceback" not in isakmpd.log()
    assert assert_whole(path) == 2
