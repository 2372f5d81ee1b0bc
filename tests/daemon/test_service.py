"""daemon/service.py and daemon/cli.py: the whole daemon as a process of its own, driven by files, signals and FIFO."""

from __future__ import annotations

import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from policydb.storage.history import list_generations
from tests.daemon.running import OPEN_POLICY, Isakmpd

CONF = """\
[General]
Retransmits=5

[Phase 1]
127.0.0.9=east

[east]
Phase=1
Address=127.0.0.9
Configuration=main-mode
Authentication=mekmitasdigoat

[main-mode]
EXCHANGE_TYPE=ID_PROT
Transforms=AES-SHA2-256-GRP14
"""

BROKEN_POLICY = 'Authorizer: "POLICY"\nConditions: app_domain = "IPsec policy" -> "true";\n'
"""= where == is meant (RFC 2704 section 4.6.5)."""


@pytest.fixture
def isakmpd(tmp_path: Path) -> Iterator[Isakmpd]:
    daemon = Isakmpd(tmp_path, ("-d", "-v"))
    daemon.write(daemon.conf, CONF)
    daemon.write(daemon.policy, OPEN_POLICY)
    with daemon:
        yield daemon.started()


def refused(daemon: Isakmpd) -> str:
    """What a daemon says that does not start because of its files: the log, after exit code 2."""
    with daemon:
        assert daemon.wait() == 2
    assert not daemon.fifo.exists()
    assert not daemon.pid_file.exists()
    return daemon.log()


def test_sigterm_ends_it_and_leaves_neither_fifo_nor_pid_file(isakmpd: Isakmpd) -> None:
    assert isakmpd.pid_file.read_text() == f"{isakmpd.process.pid}\n"
    assert stat.S_IMODE(isakmpd.fifo.stat().st_mode) == 0o600
    isakmpd.signal(signal.SIGTERM)
    assert isakmpd.wait() == 0
    assert [path.name for path in isakmpd.folder.glob("policy.db*")] == ["policy.db"]
    assert not isakmpd.fifo.exists()
    assert not isakmpd.pid_file.exists()
    log = isakmpd.log()
    assert log.index("isakmpd: shutting down...") < log.index("isakmpd: exit")


def test_q_ends_it_as_sigint_does_in_the_foreground(isakmpd: Isakmpd) -> None:
    isakmpd.say("Q")
    assert isakmpd.wait() == 0


def test_sigint_ends_it_in_the_foreground(isakmpd: Isakmpd) -> None:
    isakmpd.signal(signal.SIGINT)
    assert isakmpd.wait() == 0


def test_the_fifo_answers_in_the_result_file(isakmpd: Isakmpd) -> None:
    assert isakmpd.ask("C get [general]:retransmits") == "5\n"
    assert isakmpd.ask("C get [AES-SHA2-256-GRP14]:GROUP_DESCRIPTION") == "MODP_2048\n"
    assert isakmpd.ask("C get [LIFE_MAIN_MODE]:LIFE_DURATION") == "3600,60:86400\n"
    assert isakmpd.ask("C get [nowhere]:nothing") == ""
    assert isakmpd.ask("S") == ""
    assert stat.S_IMODE(isakmpd.result.stat().st_mode) == 0o600


def test_no_answer_and_no_report_holds_a_key(isakmpd: Isakmpd) -> None:
    answer = isakmpd.ask("C get [east]:Authentication")
    isakmpd.signal(signal.SIGUSR1)
    report = isakmpd.folder / "isakmpd.report"
    isakmpd.say("r")
    isakmpd.until("Report> [main-mode]")
    isakmpd.say("D A 99")
    isakmpd.say("R")
    log = isakmpd.until("is in force")
    for text in (answer, report.read_text(), log):
        assert "mekmitasdigoat" not in text
    assert "Report> Transforms=\tAES-SHA2-256-GRP14" in log
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def test_malformed_lines_are_answered_in_the_log_and_harm_nothing(isakmpd: Isakmpd) -> None:
    isakmpd.fifo.write_bytes(b"\n\0\xff\xfe\nc\nD 99 99\nC set [a]:b=c\n" + b"x" * 50_000 + b"\nlast\n")
    log = isakmpd.until('unrecognized command: "last"')
    for answer in ('ui_connect: command "c" malformed', "invalid logging class or level: 99=99", "longer than"):
        assert answer in log
    assert isakmpd.ask("C get [General]:Retransmits") == "5\n"


def test_a_reload_brings_the_new_files_into_force(isakmpd: Isakmpd) -> None:
    isakmpd.write(isakmpd.conf, CONF.replace("Retransmits=5", "Retransmits=4"))
    isakmpd.signal(signal.SIGHUP)
    isakmpd.until("generation 2 is in force")
    assert isakmpd.ask("C get [General]:Retransmits") == "4\n"


def test_after_reloads_too_the_store_is_left_as_one_file(isakmpd: Isakmpd) -> None:
    for generation in (2, 3):
        isakmpd.write(isakmpd.conf, CONF.replace("Retransmits=5", f"Retransmits={generation}"))
        isakmpd.say("R")
        isakmpd.until(f"generation {generation} is in force")
    isakmpd.say("Q")
    assert isakmpd.wait() == 0
    assert [path.name for path in isakmpd.folder.glob("policy.db*")] == ["policy.db"]


def heard(daemon: Isakmpd, address: str) -> bool:
    """Whether anybody has the daemon's IKE port at this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, daemon.port))
        except OSError:
            return True
    return False


def test_other_addresses_count_at_a_reload_and_by_fifo(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path, ("-d", "-v"), address=None)
    daemon.write(daemon.conf, CONF.replace("[General]\n", "[General]\nListen-on=127.0.0.2\n"))
    daemon.write(daemon.policy, OPEN_POLICY)
    with daemon:
        daemon.started()
        assert heard(daemon, "127.0.0.2")
        daemon.write(daemon.conf, CONF.replace("[General]\n", "[General]\nListen-on=127.0.0.2,127.0.0.3\n"))
        daemon.signal(signal.SIGHUP)
        daemon.until(f"now listening on 127.0.0.2:{daemon.port}")
        assert heard(daemon, "127.0.0.2")
        assert heard(daemon, "127.0.0.3")
        daemon.say("C set [General]:Listen-on=192.0.2.77 force")
        daemon.say("c nothing")  # so that the change is applied now
        daemon.until("192.0.2.77")
        daemon.until("listening as before")
        daemon.say("C set [General]:Listen-on=127.0.0.4 force")
        daemon.say("c nothing")
        daemon.until(f"now listening on 127.0.0.4:{daemon.port}, 127.0.0.4:{daemon.nat_port}\n")
        assert heard(daemon, "127.0.0.4")
        daemon.signal(signal.SIGHUP)
        daemon.until(f"now listening on 127.0.0.2:{daemon.port}", times=2)
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert "internal error" not in daemon.log()


def test_what_the_command_line_says_of_addresses_stands(isakmpd: Isakmpd) -> None:
    isakmpd.write(isakmpd.conf, CONF.replace("[General]\n", "[General]\nListen-on=127.0.0.2\n"))
    isakmpd.signal(signal.SIGHUP)
    isakmpd.until("is in force")
    assert "now listening" not in isakmpd.log()
    assert not heard(isakmpd, "127.0.0.2")


def test_a_reload_of_broken_files_says_every_error_and_keeps_the_old_generation(isakmpd: Isakmpd) -> None:
    isakmpd.write(isakmpd.policy, f"{BROKEN_POLICY}\n{BROKEN_POLICY}")
    isakmpd.write(isakmpd.conf, CONF.replace("Retransmits=5", "Retransmits=many"))
    isakmpd.say("R")
    log = isakmpd.until("reload refused: generation 1 stays in force")
    for place in (f"{isakmpd.policy}:2:", f"{isakmpd.policy}:5:", f"{isakmpd.conf}:2:"):
        assert place in log
    assert isakmpd.ask("C get [General]:Retransmits") == "5\n"
    isakmpd.write(isakmpd.policy, OPEN_POLICY)
    isakmpd.write(isakmpd.conf, CONF)
    isakmpd.say("R")
    isakmpd.until("generation 1 is in force")


def test_a_file_that_becomes_readable_for_others_is_refused_at_reload(isakmpd: Isakmpd) -> None:
    isakmpd.conf.chmod(0o640)
    isakmpd.signal(signal.SIGHUP)
    log = isakmpd.until("reload refused")
    assert f"chmod 600 {isakmpd.conf}" in log


def test_keys_and_certificates_are_read_at_each_reload_and_one_that_cannot_be_used_stops_nobody(
    isakmpd: Isakmpd,
) -> None:
    for folder in ("private", "certs"):
        (isakmpd.folder / folder).mkdir()
    key = isakmpd.folder / "private" / "local.key"
    key.touch(mode=0o640)
    key.chmod(0o640)
    (isakmpd.folder / "certs" / "bad").write_text("junk")
    isakmpd.say("R")
    log = isakmpd.until("generation 1 is in force")
    assert f"mend it with: chmod 600 {key}" in log
    assert f"not loading {isakmpd.folder}/certs/bad - the certificate cannot be read" in log


def test_a_flood_of_nonsense_leaves_a_handful_of_lines(isakmpd: Isakmpd) -> None:
    before = len(isakmpd.log().splitlines())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for number in range(3000):
            peer.sendto(number.to_bytes(4, "big") * 10, ("127.0.0.1", isakmpd.port))
            peer.sendto(number.to_bytes(4, "big") * 10, ("127.0.0.1", isakmpd.nat_port))
    assert isakmpd.ask("S") == ""
    isakmpd.signal(signal.SIGTERM)
    assert isakmpd.wait() == 0
    assert len(isakmpd.log().splitlines()) - before < 20
    assert "internal error" not in isakmpd.log()


@pytest.mark.parametrize("name", ["conf", "policy"])
@pytest.mark.parametrize("mode", [0o640, 0o644])
def test_a_file_that_others_may_read_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, name: str, mode: int
) -> None:
    daemon = Isakmpd(tmp_path)
    daemon.write(daemon.conf, CONF)
    daemon.write(daemon.policy, OPEN_POLICY)
    path = {"conf": daemon.conf, "policy": daemon.policy}[name]
    path.chmod(mode)
    log = refused(daemon)
    assert f"not loading {path} - too open permissions\n" in log
    assert f"mend it with: chmod 600 {path}\n" in log


def test_broken_files_at_the_first_start_are_all_named(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path)
    daemon.write(daemon.conf, CONF.replace("Retransmits=5", "Retransmits=many").replace("[main-mode]", "[mainmode]"))
    daemon.write(daemon.policy, BROKEN_POLICY)
    log = refused(daemon)
    assert log.count(f"{daemon.conf}:") >= 2
    assert f"{daemon.policy}:2:" in log


def test_broken_files_at_a_later_start_leave_the_stores_generation_in_force(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path)
    daemon.write(daemon.conf, CONF)
    daemon.write(daemon.policy, OPEN_POLICY)
    with daemon:
        daemon.started().say("Q")
        assert daemon.wait() == 0
    daemon.write(daemon.policy, BROKEN_POLICY)
    (tmp_path / "log").unlink()
    with daemon:
        log = daemon.started().log()
        assert "started with generation 1 of the store" in log
        assert f"{daemon.policy}:2:" in log
        assert daemon.ask("C get [General]:Retransmits") == "5\n"


def test_a_missing_policy_is_fatal_and_says_what_to_do(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path)
    log = refused(daemon)
    assert f"no policy file {daemon.policy}" in log
    assert "-K" in log


@pytest.mark.parametrize(
    ("options", "conf"), [(("-d", "-K"), None), (("-d",), "[General]\nUse-Keynote=no\n"), (("-d", "-K"), CONF)]
)
def test_without_policy_checks_it_starts_without_a_policy_and_says_so(
    tmp_path: Path, options: tuple[str, ...], conf: str | None
) -> None:
    daemon = Isakmpd(tmp_path, options)
    if conf is not None:
        daemon.write(daemon.conf, conf)
    with daemon:
        assert "policy checks are off" in daemon.started().log()


def test_a_policy_elsewhere_is_found_by_its_tag(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path)
    elsewhere = tmp_path / "elsewhere.policy"
    daemon.write(daemon.conf, f"[General]\nPolicy-file={elsewhere}\n")
    daemon.write(elsewhere, OPEN_POLICY)
    with daemon:
        daemon.started()


def test_commands_can_come_from_standard_input(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.write_text("D 8 30\nnonsense\nQ\n")
    daemon = Isakmpd(tmp_path, ("-d", "-K", "-f", "-"), stdin=commands)
    with daemon:
        assert daemon.wait() == 0
    assert "log level changed from 0 to 30 for class 8" in daemon.log()
    assert 'unrecognized command: "nonsense"' in daemon.log()
    assert not daemon.fifo.exists()


def test_a_regular_file_in_the_fifos_place_is_refused(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path, ("-d", "-K"))
    daemon.fifo.write_text("precious")
    with daemon:
        assert daemon.wait() == 1
    assert daemon.fifo.read_text() == "precious"
    assert "is no FIFO" in daemon.log()


@pytest.mark.parametrize("shared", [("rundir", "statedir"), ("rundir",), ("statedir",)], ids="+".join)
def test_a_second_daemon_in_the_same_folders_is_refused_and_takes_nothing_away(
    isakmpd: Isakmpd, shared: tuple[str, ...]
) -> None:
    first = isakmpd.folder
    second = Isakmpd(first / "second", ("-d", *(f"--{each}={first}" for each in shared)))
    second.folder.mkdir()
    second.write(second.conf, CONF.replace("Retransmits=5", "Retransmits=6"))  # which must not get into the store
    second.write(second.policy, OPEN_POLICY)
    pid = isakmpd.pid_file.read_text()
    isakmpd.signal(signal.SIGUSR1)
    with second:
        assert second.wait() == 1
    (said,) = second.log().splitlines()
    assert f"another isakmpd (process {pid.strip()}) uses {first}: end it, or give this one folders of its own" in said
    assert isakmpd.pid_file.read_text() == pid
    assert isakmpd.ask("C get [General]:Retransmits") == "5\n"
    assert (first / "isakmpd.report").exists()
    assert len(list_generations(first / "policy.db")) == 1


def test_the_lock_is_for_nobody_else_to_take(isakmpd: Isakmpd) -> None:
    """Whoever can open a file can lock it (flock(2)), and would keep isakmpd from starting."""
    assert stat.S_IMODE((isakmpd.folder / "isakmpd.lock").stat().st_mode) == 0o600


def test_after_kill_9_the_next_daemon_starts_in_the_same_folders(isakmpd: Isakmpd) -> None:
    for _ in range(3):
        isakmpd.process.kill()
        isakmpd.wait()
        (isakmpd.folder / "log").unlink()
        isakmpd.__enter__()
        isakmpd.started()
    assert isakmpd.ask("C get [General]:Retransmits") == "5\n"


def test_a_second_daemon_on_the_same_ports_or_with_the_same_fifo_ends(isakmpd: Isakmpd) -> None:
    second = Isakmpd(isakmpd.folder / "second")
    second.folder.mkdir()
    second.write(second.policy, OPEN_POLICY)
    ports = second.port, second.nat_port
    second.port, second.nat_port = isakmpd.port, isakmpd.nat_port
    with second:
        assert second.wait() == 1
    assert "cannot listen on 127.0.0.1" in second.log()
    second.port, second.nat_port = ports
    second = Isakmpd(second.folder, ("-d", "-f", str(isakmpd.fifo)))
    with second:
        assert second.wait() == 1
    assert f"{isakmpd.fifo} is read by another process" in second.log()
    assert isakmpd.ask("C get [General]:Retransmits") == "5\n"


def test_every_file_can_be_put_elsewhere(tmp_path: Path) -> None:
    names = {"-f": "f", "-i": "i", "-R": "r", "-c": "conf", "-l": "pcap", "--keylog": "keys"}
    options = ["-d", "-K", *(word for option, name in names.items() for word in (option, str(tmp_path / name)))]
    daemon = Isakmpd(tmp_path, options)
    daemon.write(tmp_path / "conf", "[General]\nRetransmits=9\n")
    daemon.fifo = tmp_path / "f"
    with daemon:
        assert daemon.started().ask("C get [General]:Retransmits") == "9\n"
        assert (tmp_path / "i").read_text() == f"{daemon.process.pid}\n"
        daemon.signal(signal.SIGUSR1)
        daemon.say("Q")
        assert daemon.wait() == 0
    assert (tmp_path / "r").read_text().startswith("SA list: 0\n")
    assert stat.S_IMODE((tmp_path / "pcap").stat().st_mode) == 0o600
    assert (tmp_path / "keys").read_text() == ""
    assert not (tmp_path / "i").exists()


def test_capture_goes_below_the_run_directory(tmp_path: Path) -> None:
    with Isakmpd(tmp_path, ("-d", "-K", "-L")) as daemon:
        daemon.started()
        assert (tmp_path / "isakmpd.pcap").read_bytes()[:4] == bytes.fromhex("d4c3b2a1")


def test_without_nat_traversal_the_second_port_stays_closed(tmp_path: Path) -> None:
    with Isakmpd(tmp_path, ("-d", "-K", "-T", "-n")) as daemon:
        daemon.started()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", daemon.nat_port))


def test_debug_levels_and_without_d_the_way_it_runs_are_said(tmp_path: Path) -> None:
    with Isakmpd(tmp_path, ("-d", "-K", "-D", "9=80", "-D", "nonsense")) as daemon:
        log = daemon.started().log()
    assert "log level changed from 0 to 80 for class 9" in log
    assert "invalid logging class or level: nonsense" in log


def test_without_d_it_stays_in_the_foreground_and_says_so(tmp_path: Path) -> None:
    with Isakmpd(tmp_path, ("-K",)) as daemon:
        daemon.until("this version runs in the foreground only")
        daemon.say_when_ready("Q")
        assert daemon.wait() == 0
