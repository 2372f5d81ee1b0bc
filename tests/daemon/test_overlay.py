"""FIFO changes in running daemons: a batch as ipsecctl writes it makes a tunnel, and a reload takes it all away."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest

from daemon.log import TEXT_LIMIT
from policydb.cli import run
from tests.daemon.running import OPEN_POLICY, PATIENCE, Isakmpd

WEST, EAST = "127.0.0.1", "127.0.0.2"

KEY = "plantedmekmitasdigoat"

COMMANDS = """\
C set [General]:Check-interval=30 force
C set [Phase 1]:{there}=peer-{there} force
C set [peer-{there}]:Phase=1 force
C set [peer-{there}]:Address={there} force
C set [peer-{there}]:Port={port} force
C set [peer-{there}]:Authentication={key} force
C set [peer-{there}]:Configuration=phase1-peer-{there} force
C set [phase1-peer-{there}]:EXCHANGE_TYPE=ID_PROT force
C add [phase1-peer-{there}]:Transforms=phase1-transform-peer-{there} force
C set [phase1-transform-peer-{there}]:AUTHENTICATION_METHOD=PRE_SHARED force
C set [phase1-transform-peer-{there}]:HASH_ALGORITHM=SHA2_256 force
C set [phase1-transform-peer-{there}]:ENCRYPTION_ALGORITHM=AES_CBC force
C set [phase1-transform-peer-{there}]:KEY_LENGTH=128,128:256 force
C set [phase1-transform-peer-{there}]:GROUP_DESCRIPTION=ECP_256 force
C set [phase1-transform-peer-{there}]:Life=LIFE_MAIN_MODE force
C set [net]:Phase=2 force
C set [net]:ISAKMP-peer=peer-{there} force
C set [net]:Configuration=phase2-net force
C set [net]:Local-ID=from-{local} force
C set [net]:Remote-ID=to-{remote} force
C set [phase2-net]:EXCHANGE_TYPE=QUICK_MODE force
C set [phase2-net]:Suites=phase2-suite-net force
C set [phase2-suite-net]:Protocols=phase2-protocol-net force
C set [phase2-protocol-net]:PROTOCOL_ID=IPSEC_ESP force
C set [phase2-protocol-net]:Transforms=phase2-transform-net force
C set [phase2-transform-net]:TRANSFORM_ID=AES force
C set [phase2-transform-net]:KEY_LENGTH=128,128:256 force
C set [phase2-transform-net]:ENCAPSULATION_MODE=TUNNEL force
C set [phase2-transform-net]:AUTHENTICATION_ALGORITHM=HMAC_SHA2_256 force
C set [phase2-transform-net]:GROUP_DESCRIPTION=ECP_256 force
C set [phase2-transform-net]:Life=LIFE_QUICK_MODE force
C set [from-{local}]:ID-type=IPV4_ADDR_SUBNET force
C set [from-{local}]:Network={local} force
C set [from-{local}]:Netmask=255.255.255.0 force
C set [to-{remote}]:ID-type=IPV4_ADDR_SUBNET force
C set [to-{remote}]:Network={remote} force
C set [to-{remote}]:Netmask=255.255.255.0 force
C add [Phase 2]:{list}=net
"""
"""The lines of ipsec.conf(5)'s ike rules in ipsecctl's order, and a Port, since these daemons run without root."""

DELETION = ("t net", "C rmv [Phase 2]:Connections=net", "C rms [net]", "C rms [phase2-net]")


def batch(there: str, port: int, nets: tuple[str, str], listed: str) -> str:
    local, remote = nets
    return COMMANDS.format(there=there, port=port, local=local, remote=remote, list=listed, key=KEY)


def make(folder: Path, address: str, *options: str) -> Isakmpd:
    folder.mkdir()
    daemon = Isakmpd(folder, ("-d", "-v", "-D", "10=90", *options), address=address)
    daemon.write(daemon.policy, OPEN_POLICY)
    return daemon


def overlay_file(daemon: Isakmpd) -> Path:
    return daemon.folder / "overlay.json"


def second_of(text: str, log: str) -> float:
    """By the stamp of the first line with this text, HHMMSS and a fraction: the second of the day."""
    found = re.search(rf"^(\d\d)(\d\d)([\d.]+) .*{re.escape(text)}", log, re.MULTILINE)
    assert found is not None, log
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def until_there(path: Path, *, there: bool = True) -> None:
    ends = time.monotonic() + PATIENCE
    while path.exists() is not there:
        assert time.monotonic() < ends, path
        time.sleep(0.02)


def test_a_batch_brings_a_tunnel_up_and_a_reload_takes_it_out_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    west, east = make(tmp_path / "west", WEST), make(tmp_path / "east", EAST)
    with west, east:
        west.started()
        east.started()
        east.fifo.write_text(batch(WEST, west.port, ("10.2.0.0", "10.1.0.0"), "Passive-Connections") + "c other\n")
        east.until('exchange_establish: no connection "other"')
        west.fifo.write_text(batch(EAST, east.port, ("10.1.0.0", "10.2.0.0"), "Connections"))
        log = west.until(f"isakmpd: quick mode done: src: {WEST} dst: {EAST}")
        changed = second_of('ui_handle_command: "C add [Phase 2]:Connections=net"', log)
        assert (second_of("quick mode done", log) - changed) % 86_400 > 4.9
        east.until(f"isakmpd: quick mode done (as responder): src: {EAST} dst: {WEST}")
        assert "SA name: net (Phase 2)" in west.ask("S")
        assert west.ask(f"C get [peer-{EAST}]:Authentication") == f"secret:peer-{EAST}\n"
        assert run(["overlay", "--state", str(west.folder)]) == 0
        shown = capsys.readouterr().out
        assert shown.startswith("FIFO changes on generation 1: 38 tags\n")
        assert f"[peer-{EAST}]\n+ Phase=1\n+ Address={EAST}\n" in shown
        assert "+ Authentication=********\n" in shown
        for line in DELETION:
            west.say(line)
        west.until_answer("C get [Phase 2]:Connections", "")
        west.say("r")
        west.until("Report> Phase=\t1")
        for daemon in (west, east):
            assert KEY not in "".join(
                each.read_bytes().decode("latin-1") for each in daemon.folder.iterdir() if each.is_file()
            )
        west.signal(signal.SIGHUP)
        west.until("generation 1 is in force")
        until_there(overlay_file(west), there=False)
        assert west.ask(f"C get [peer-{EAST}]:Phase") == ""
        east.say("R")
        east.until("generation 1 is in force")
        assert east.ask("C get [Phase 2]:Passive-Connections") == ""


def test_what_does_not_hang_together_is_told_and_kept_until_it_does(tmp_path: Path) -> None:
    with make(tmp_path / "west", WEST) as west:
        west.started()
        west.fifo.write_text("C add [Phase 2]:Connections=nowhere\nc nowhere\n")
        log = west.until("FIFO:1:1: error[CF201]")
        assert "Connections names [nowhere]" in log
        told = json.loads(overlay_file(west).read_text())
        assert told["changes"] == [{"section": "Phase 2", "tag": "Connections", "from": None, "to": "nowhere"}]
        west.say("Q")
        assert west.wait() == 0
    assert not overlay_file(west).exists()


def test_c_applies_the_changes_before_it(tmp_path: Path) -> None:
    west, east = make(tmp_path / "west", WEST), make(tmp_path / "east", EAST)
    with west, east:
        west.started()
        east.started()
        east.fifo.write_text(batch(WEST, west.port, ("10.2.0.0", "10.1.0.0"), "Passive-Connections") + "c other\n")
        east.until('exchange_establish: no connection "other"')
        lines = batch(EAST, east.port, ("10.1.0.0", "10.2.0.0"), "Connections").splitlines()
        west.fifo.write_text("\n".join([*lines[:-1], "c net", ""]))
        west.until("quick mode done")
        cookies = re.findall(r"icookie (\w+) rcookie (\w+)", west.ask("S"))[0]
        west.say(f"d {'0' * 32} -")
        west.until(f'ui_delete: command "d {"0" * 32} -" found no SA')
        west.say(f"d {''.join(cookies)} -")
        east.until_answer("S", "SA name: net (Phase 2)")
        ends = time.monotonic() + PATIENCE
        while "Phase 1" in east.ask("S"):
            assert time.monotonic() < ends
        assert "Phase 1" not in west.ask("S")


def test_a_passive_daemon_initiates_nothing_until_it_is_told(tmp_path: Path) -> None:
    west, east = make(tmp_path / "west", WEST, "-S"), make(tmp_path / "east", EAST)
    with west, east:
        west.started()
        east.started()
        east.fifo.write_text(batch(WEST, west.port, ("10.2.0.0", "10.1.0.0"), "Passive-Connections") + "c other\n")
        east.until('exchange_establish: no connection "other"')
        west.fifo.write_text(batch(EAST, east.port, ("10.1.0.0", "10.2.0.0"), "Connections") + "c net\n")
        west.until('ui_connect: "net" is not started')
        west.fifo.write_text("M active\nc net\n")
        east.until("quick mode done")
        west.say("Q")
        assert west.wait() == 0
        assert "SA name: net (Phase 2)" in east.ask("S")  # no DELETE came


def test_capture_is_switched_on_and_off(tmp_path: Path) -> None:
    with make(tmp_path / "west", WEST) as west:
        west.started()
        other = west.folder / "other.pcap"
        west.say("p on")
        west.say(f"p on={other}")
        until_there(other)
        assert (west.folder / "isakmpd.pcap").exists()
        west.say("p off")
        west.say(f"p on={tmp_path / 'elsewhere.pcap'}")
        answer = f"ui_packetlog: {tmp_path / 'elsewhere.pcap'} does not lie below {west.folder}"
        west.until(f" {answer}"[: TEXT_LIMIT + 1])  # where temporary files lie deep, the log cuts it
        assert not (tmp_path / "elsewhere.pcap").exists()


def test_ten_thousand_lines_are_taken_and_no_line_is_lost(tmp_path: Path) -> None:
    with make(tmp_path / "west", WEST) as west:
        west.started()
        west.say("D A 0")
        west.fifo.write_text("".join(f"C add [Phase 2]:Passive-connections=c{number}\n" for number in range(10_000)))
        members = west.until_answer("C get [Phase 2]:Passive-connections", "c9999").strip().split(",")
        assert members == [f"c{number}" for number in range(10_000)]
