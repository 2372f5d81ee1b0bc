"""The daemon's own files: what somebody put in their place, who may write to them, and what rotation does to them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from daemon.capture import Capture
from daemon.files import as_shown
from daemon.ike.events import Captured, Endpoint, KeyMaterial
from daemon.ike.events import Path as NetworkPath
from daemon.keylog import KeyLog
from daemon.oracle import LoadError, Sources, compile_sources, open_loaded
from policydb.folders import own_file
from policydb.request import Request
from policydb.storage.history import list_generations, roll_back
from tests.daemon.running import OPEN_POLICY, Isakmpd
from tests.policydb.test_folders import NOBODY, as_root
from tests.sizes import sized

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONF = "[General]\nRetransmits=5\n"
RED = 'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red";\n'
MESSAGE = Captured(NetworkPath(Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)), b"clear", outbound=True)
KEY = KeyMaterial(bytes(8), bytes(16))


@pytest.fixture
def isakmpd(tmp_path: Path) -> Isakmpd:
    (tmp_path / "ours").mkdir(mode=0o755)
    daemon = Isakmpd(tmp_path / "ours", ("-d", "-L", f"--keylog={tmp_path / 'ours' / 'keys'}"))
    daemon.write(daemon.conf, CONF)
    daemon.write(daemon.policy, OPEN_POLICY)
    return daemon


# --- what somebody put in their place -----------------------------------------------------------------------------

NAMES = (
    *("isakmpd.fifo", "isakmpd.pid", "isakmpd.lock", "isakmpd.result", "isakmpd.report", "isakmpd.pcap", "keys"),
    *("overlay.json", "decisions.db", "decisions.db-wal", "policy.db", "policy.db-wal", "policy.db-shm"),
)
KINDS = ("link", "dangling link", "hard link", "file of nobody", "fifo of nobody", "folder")
TRAPS = random.Random(14).sample(list(product(NAMES, KINDS)), sized(8, len(NAMES) * len(KINDS)))


def set_trap(path: Path, kind: str, precious: Path) -> None:
    match kind:
        case "link":
            path.symlink_to(precious)
        case "dangling link":
            path.symlink_to(precious.with_name("nowhere"))
        case "hard link":
            path.hardlink_to(precious)
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path, 0o666) if "fifo" in kind else path.write_text("")
            if os.geteuid() == 0:
                os.chown(path, NOBODY, -1)
            path.chmod(0o666)


@pytest.mark.full_size
@pytest.mark.parametrize(("name", "kind"), TRAPS)
def test_nothing_else_in_the_place_of_a_file_is_followed_written_or_waited_for(
    isakmpd: Isakmpd, tmp_path: Path, name: str, kind: str
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious\n")
    path = isakmpd.folder / name
    set_trap(path, kind, precious)
    with isakmpd:
        try:
            isakmpd.started()
        except AssertionError:
            assert isakmpd.wait() in {1, 2}
            assert name.removesuffix("-wal").removesuffix("-shm") in isakmpd.log().replace("\n", "")
            assert isakmpd.log().count("Traceback") == 0
        else:
            isakmpd.say("S")
            isakmpd.say("C set [x]:y=z")
            isakmpd.signal(signal.SIGUSR1)
            isakmpd.say("p off")
            isakmpd.say("Q")
            assert isakmpd.wait() == 0
    assert precious.read_text() == "precious\n"
    assert precious.stat().st_nlink == 1 + (kind == "hard link" and path.exists())
    assert not precious.with_name("nowhere").exists()


# --- who may write to them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["rundir", "statedir"])
def test_a_folder_that_others_may_write_to_is_refused_with_what_mends_it(tmp_path: Path, option: str) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    daemon = Isakmpd(tmp_path, ("-d", "-K", f"--{option}={open_to_all}"))
    with daemon:
        assert daemon.wait() == 1
    assert f"{open_to_all} can be written to by others" in daemon.log()
    assert f"mend it with: chmod go-w {open_to_all}" in daemon.log()
    assert not list(open_to_all.iterdir())


@as_root
@pytest.mark.parametrize("owner", [0, NOBODY])
def test_a_store_that_others_may_write_to_is_refused_at_start_and_at_reload(isakmpd: Isakmpd, owner: int) -> None:
    store = isakmpd.folder / "policy.db"
    with isakmpd:
        isakmpd.started()
        store.chmod(0o666)
        os.chown(store, owner, -1)
        isakmpd.signal(signal.SIGHUP)
        log = isakmpd.until("reload refused: generation 1 stays in force")
        said = "".join(line.partition("Default ")[2] for line in log.splitlines())  # long ones are broken
        mended = "chmod go-w" if owner == 0 else "chown 0"
        assert f"{mended} {store}" in said
        isakmpd.signal(signal.SIGTERM)
        isakmpd.wait()
    with isakmpd:
        assert isakmpd.wait() == 2


def test_the_run_folder_may_be_a_link_and_so_may_what_is_above_it(tmp_path: Path) -> None:
    (tmp_path / "real" / "run").mkdir(parents=True)
    (tmp_path / "above").symlink_to("real")
    (tmp_path / "var-run").symlink_to("above/run")
    daemon = Isakmpd(tmp_path, ("-d", "-K", f"--rundir={tmp_path / 'var-run'}"))
    daemon.fifo, daemon.result = tmp_path / "real/run/isakmpd.fifo", tmp_path / "real/run/isakmpd.result"
    with daemon:
        daemon.started()
        assert (tmp_path / "real/run/isakmpd.pid").exists()
        assert daemon.ask("C get [General]:x") == ""
        daemon.say("Q")
        assert daemon.wait() == 0
    assert [each.name for each in (tmp_path / "real/run").iterdir() if each.name != "isakmpd.result"] == [
        "isakmpd.lock"
    ]


def test_links_in_the_configuration_folder_are_followed(tmp_path: Path) -> None:
    """As certificate tools and administrators make them: the files themselves are held to the rules."""
    (tmp_path / "elsewhere").mkdir()
    daemon = Isakmpd(tmp_path)
    for name, text in (("isakmpd.conf", CONF), ("isakmpd.policy", OPEN_POLICY)):
        daemon.write(tmp_path / "elsewhere" / name, text)
        (tmp_path / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "elsewhere" / "ca.pem").write_text("no certificate")
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "0123abcd.0").symlink_to("../elsewhere/ca.pem")
    with daemon:
        assert daemon.started().ask("C get [General]:Retransmits") == "5\n"
    assert f"not loading {tmp_path / 'ca' / '0123abcd.0'}" in daemon.log()  # it was read, and is none


# --- what becomes of the store ------------------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    for name, text in (("isakmpd.conf", CONF), ("isakmpd.policy", RED)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return Sources(tmp_path / "isakmpd.conf", tmp_path, tmp_path / "policy.db", os.geteuid())


def _change_a_row(store: Path) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        for table, column in (("shape", "text"), ("assertion", "constants"), ("section", "body")):
            changed = f"replace(replace({column}, 'red', 'blue'), '\"5\"', '\"9\"')"
            other.execute(f"UPDATE {table} SET {column} = {changed}")  # noqa: S608 - our own names
        assert other.execute("SELECT count(*) FROM assertion WHERE constants LIKE '%blue%'").fetchone() == (1,)


def _remove(store: Path) -> None:
    for each in store.parent.glob("policy.db*"):
        each.unlink()


def _empty(store: Path) -> None:
    os.truncate(store, 0)


def _overwrite(store: Path) -> None:
    store.write_bytes(b"x" * 9999)


def _lock(store: Path) -> None:
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    _LOCKS.append(other)


_LOCKS: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def unlocked() -> Iterator[None]:
    yield
    while _LOCKS:
        _LOCKS.pop().close()


@pytest.mark.parametrize("act", [_change_a_row, _remove, _lock, _empty, _overwrite])
def test_what_becomes_of_the_store_changes_no_answer_before_a_reload(
    sources: Sources, act: Callable[[Path], None]
) -> None:
    loaded = open_loaded(sources, compile_sources(sources, NOW))
    act(sources.store)
    assert loaded.oracle.allows(Request(("alice",), {"colour": "red"}))
    assert not loaded.oracle.allows(Request(("alice",), {"colour": "blue"}))
    assert loaded.oracle.explain(Request(("alice",), {"colour": "blue"})).atoms
    assert loaded.oracle.configuration.general.schedule.tries == 5


# --- going back while it runs -------------------------------------------------------------------------------------


def test_a_rollback_under_a_running_daemon_counts_for_nobody_until_the_files_say_so(isakmpd: Isakmpd) -> None:
    store = isakmpd.folder / "policy.db"
    with isakmpd:
        isakmpd.started()
        isakmpd.write(isakmpd.conf, CONF.replace("5", "4"))
        isakmpd.signal(signal.SIGHUP)
        isakmpd.until("generation 2 is in force")
        assert roll_back(store, 1, NOW).generation == 3
        assert isakmpd.ask("C get [General]:Retransmits") == "4\n"
        isakmpd.signal(signal.SIGHUP)  # the files still say what generation 2 said
        isakmpd.until("generation 4 is in force")
        assert isakmpd.ask("C get [General]:Retransmits") == "4\n"
        isakmpd.write(isakmpd.conf, CONF)
        isakmpd.signal(signal.SIGHUP)
        isakmpd.until("generation 5 is in force")
        assert isakmpd.ask("C get [General]:Retransmits") == "5\n"
        isakmpd.signal(signal.SIGTERM)
        isakmpd.wait()
    assert [each.restores for each in list_generations(store)] == [None, None, 1, None, None]


def test_after_a_rollback_keys_are_those_of_the_files(sources: Sources) -> None:
    """No key is in the store: a generation that is put into force again has the keys that the files hold now."""
    peer = "[Phase 1]\n192.0.2.9=east\n[east]\nPhase=1\nAddress=192.0.2.9\nConfiguration=mm\nAuthentication={}\n"
    modes = "[mm]\nEXCHANGE_TYPE=ID_PROT\nTransforms=AES-SHA2-256-GRP14\n"
    for key in ("old secret", "second secret"):
        sources.conf.write_text(CONF + peer.format(key) + modes)
        compiled = compile_sources(sources, NOW)
    (sources.confdir / "isakmpd.policy").write_text(RED.replace("red", "green"))
    compiled = compile_sources(sources, NOW)
    newest = list_generations(sources.store)[-1].number
    roll_back(sources.store, newest - 1, NOW)
    loaded = open_loaded(sources, compiled)
    assert loaded.oracle.allows(Request(("alice",), {"colour": "red"}))
    (reference,) = {each.value for _, each in loaded.bindings() if each.tag == "Authentication"}
    assert loaded.secrets.preshared_key(reference) == b"second secret"
    assert all(b"d secret" not in each.read_bytes() for each in sources.store.parent.glob("policy.db*"))


def test_a_rollback_to_a_damaged_generation_is_refused_and_that_in_force_stays(sources: Sources) -> None:
    compile_sources(sources, NOW)
    (sources.confdir / "isakmpd.policy").write_text(RED.replace("red", "green"))
    compiled = compile_sources(sources, NOW)
    with closing(sqlite3.connect(sources.store, isolation_level=None)) as other:
        other.execute("UPDATE record SET body = '[[1, 2]]'")
    from policydb.storage.storefile import StoreError

    with pytest.raises(StoreError, match="is damaged"):
        roll_back(sources.store, 1, NOW)
    assert len(list_generations(sources.store)) == 2
    with pytest.raises(LoadError, match="is damaged"):
        open_loaded(sources, compiled)


# --- rotation -----------------------------------------------------------------------------------------------------


def test_a_capture_goes_on_in_a_new_file_when_told_and_has_its_header_when_emptied(tmp_path: Path) -> None:
    path, old = tmp_path / "isakmpd.pcap", tmp_path / "isakmpd.pcap.1"
    capture = Capture(own_file(path), lambda: 0)
    capture.add(MESSAGE)
    whole = path.read_bytes()
    path.rename(old)
    capture.add(MESSAGE)
    assert len(old.read_bytes()) > len(whole)
    capture.reopen()
    capture.add(MESSAGE)
    assert path.read_bytes() == whole
    shutil.copy(path, old)
    os.truncate(path, 0)
    capture.add(MESSAGE)
    assert path.read_bytes() == whole
    path.unlink()
    capture.add(MESSAGE)
    capture.reopen()
    capture.add(MESSAGE)
    assert path.read_bytes() == whole
    capture.close()


def test_a_key_log_goes_on_in_a_new_file_when_told(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    log = KeyLog(own_file(path))
    log.add(KEY)
    line = path.read_bytes()
    path.rename(tmp_path / "keys.1")
    log.reopen()
    log.add(KEY)
    os.truncate(path, 0)
    log.add(KEY)
    assert path.read_bytes() == line
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    log.close()


def test_a_reload_reopens_what_was_moved_away_and_goes_on_where_it_cannot(isakmpd: Isakmpd) -> None:
    pcap, keys = isakmpd.folder / "isakmpd.pcap", isakmpd.folder / "keys"
    with isakmpd:
        isakmpd.started()
        for each in (pcap, keys):
            each.rename(each.with_suffix(".1"))
        isakmpd.signal(signal.SIGHUP)
        isakmpd.until("generation 1 is in force")
        assert pcap.read_bytes() == pcap.with_suffix(".1").read_bytes()
        assert keys.exists()
        pcap.unlink()
        pcap.symlink_to("nowhere")
        isakmpd.signal(signal.SIGHUP)
        isakmpd.until("generation 1 is in force", 2)
        assert "isakmpd.pcap" in isakmpd.log().split("generation 1 is in force")[1]
        assert not (isakmpd.folder / "nowhere").exists()
        (isakmpd.folder / "log").rename(isakmpd.folder / "log.1")  # of standard error the shell has the file
        (isakmpd.folder / "log").touch()
        assert isakmpd.ask("C get [General]:Retransmits") == "5\n"


# --- a read-only mount --------------------------------------------------------------------------------------------


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = tmp_path / "place"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "none", str(place)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False, timeout=60).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True, timeout=60)


@pytest.mark.parametrize("role", ["confdir", "rundir", "statedir"])
def test_a_folder_on_a_read_only_mount(tmp_path: Path, mounted: Path, role: str) -> None:
    """A confdir may be read-only, as with firmware images; of the others it is said in one line."""
    daemon = Isakmpd(tmp_path, ("-d", "-K", f"--{role}={mounted}"))
    daemon.write((mounted if role == "confdir" else tmp_path) / "isakmpd.conf", CONF)
    daemon.fifo = (mounted if role == "rundir" else tmp_path) / "isakmpd.fifo"
    daemon.result = daemon.fifo.with_name("isakmpd.result")
    with daemon:
        assert daemon.started().ask("C get [General]:Retransmits") == "5\n"
        daemon.say("Q")
        assert daemon.wait() == 0
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True, timeout=60)
    (tmp_path / "log").unlink()
    with daemon:
        if role == "confdir":
            assert daemon.started().ask("C get [General]:Retransmits") == "5\n"
            return
        assert daemon.wait() == 1
    (said,) = daemon.log().splitlines()
    assert f"cannot write {mounted}/isakmpd.lock: Read-only file system" in said


@as_root
def test_what_runs_goes_on_where_its_folders_can_be_written_no_more() -> None:
    """As an ordinary user, whose folder loses its write permission: a mount with open files cannot become read-only."""
    folder = Path("/tmp") / f"isakmpd-{os.getpid()}"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    class Nobody(Isakmpd):
        def arguments(self) -> list[str]:
            return [*as_nobody, *super().arguments()]

    daemon = Nobody(folder)
    for path, text in ((daemon.conf, CONF), (daemon.policy, RED)):
        daemon.write(path, text)
        os.chown(path, NOBODY, NOBODY)
    try:
        if subprocess.run([*as_nobody, *Isakmpd(folder).arguments()[:1], "-V"], check=False, timeout=60).returncode:
            pytest.skip("nobody cannot run this Python")
        with daemon:
            daemon.started()
            folder.chmod(0o500)
            daemon.write(daemon.conf, CONF.replace("5", "4"))
            daemon.say("S")
            daemon.say("p on")
            daemon.say("C set [x]:y=z")
            daemon.signal(signal.SIGUSR1)
            said = daemon.until("cannot write", 4)
            daemon.signal(signal.SIGHUP)
            daemon.until("generation 2 is in force")  # files that are there can be written
            for name in ("isakmpd.result", "isakmpd.pcap", "overlay.json", "isakmpd.report"):
                assert f"cannot write {folder / name}: Permission denied" in said
            daemon.say("Q")
            assert daemon.wait() == 0
        assert "Traceback" not in daemon.log()
    finally:
        shutil.rmtree(folder)


# --- what is shown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [a]=b\n\tc\n", "plain [a]=b\n\tc\n"),
        ("\x1b]0;evil\x07\x9b31m\r\x00\x7f", "\\x1b]0;evil\\x07\\x9b31m\\r\\x00\\x7f"),
        ("Z\xc3\xbcrich \xe2\x80\xaeevil", "Zürich \\u202eevil"),
        ("\xff\xfe", "\\xff\\xfe"),
        ("\u20ac", "\\u20ac"),
    ],
)
def test_octets_of_others_do_nothing_to_a_terminal(text: str, shown: str) -> None:
    assert as_shown(text) == shown


def test_results_and_reports_show_what_a_file_says_and_do_nothing(isakmpd: Isakmpd) -> None:
    isakmpd.conf.write_bytes(CONF.encode() + b"[odd \x1b[2J \xc3\xa9]\nName=\x1b]0;x\x07\n")
    with isakmpd:
        isakmpd.started()
        assert isakmpd.ask("C get [odd \x1b[2J \xc3\xa9]:Name") in {"", "\\x1b]0;x\\x07\n"}
        isakmpd.signal(signal.SIGUSR1)
        isakmpd.say("Q")
        assert isakmpd.wait() == 0
    told = (isakmpd.folder / "isakmpd.report").read_text() + isakmpd.log()
    assert all(each.isprintable() or each in "\n\t" for each in told)
    assert "Decision log: 0 written, 0 waiting, 0 lost" in told
