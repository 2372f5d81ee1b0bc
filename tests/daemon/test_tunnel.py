"""Two daemons on loopback, each a process: phase 1 and 2, what both show, captures, keys, and the DELETE at the end."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from policydb.negotiation import Outcome, Reason
from policydb.records.decisionlog import DecisionLog
from tests.daemon.running import OPEN_POLICY, Isakmpd

CONF = """\
[Phase 1]
{there}=peer

[Phase 2]
{kind}=tunnel

[peer]
Phase=1
Address={there}
Port={port}
Configuration=main-mode
Authentication=mekmitasdigoat
ID=here
Remote-ID=there

[here]
ID-type=FQDN
Name={name}

[there]
ID-type=FQDN
Name={other}

[main-mode]
EXCHANGE_TYPE=ID_PROT
Transforms=AES-SHA2-256-GRP19

[tunnel]
Phase=2
ISAKMP-peer=peer
Configuration=quick-mode
Local-ID=net-{name}
Remote-ID=net-{other}

[quick-mode]
EXCHANGE_TYPE=QUICK_MODE
Suites=QM-ESP-AES-SHA2-256-PFS-GRP19-SUITE

[net-west]
ID-type=IPV4_ADDR_SUBNET
Network=10.1.0.0
Netmask=255.255.255.0

[net-east]
ID-type=IPV4_ADDR_SUBNET
Network=10.2.0.0
Netmask=255.255.255.0
"""

NOBODY = 'Authorizer: "POLICY"\nConditions: app_domain == "IPsec policy" && esp_present == "no" -> "true";\n'

WEST, EAST = "127.0.0.1", "127.0.0.2"


class Pair:
    """West initiates, east answers; each in a folder of its own, on loopback addresses of their own."""

    def __init__(self, folder: Path, east_policy: str) -> None:
        self.west = self._make(folder / "west", WEST)
        self.east = self._make(folder / "east", EAST)
        self._configure(self.west, "Connections", self.east, EAST, OPEN_POLICY)
        self._configure(self.east, "Passive-Connections", self.west, WEST, east_policy)

    @staticmethod
    def _make(folder: Path, address: str) -> Isakmpd:
        folder.mkdir()
        options = ("-d", "-v", "-L", "--keylog", str(folder / "keys"))
        return Isakmpd(folder, options, address=address)

    @staticmethod
    def _configure(daemon: Isakmpd, kind: str, other: Isakmpd, there: str, policy: str) -> None:
        names = {"name": daemon.folder.name, "other": other.folder.name}
        daemon.write(daemon.conf, CONF.format(kind=kind, there=there, port=other.port, **names))
        daemon.write(daemon.policy, policy)


@pytest.fixture
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    made = Pair(tmp_path, getattr(request, "param", OPEN_POLICY))
    with made.east:
        made.east.started()
        with made.west:
            made.west.started()
            yield made


def spis(daemon: Isakmpd) -> list[str]:
    return re.findall(r"^SPI \d: ([0-9a-f]{8})$", daemon.ask("S"), re.MULTILINE)


def test_a_tunnel_is_up_on_both_sides_and_gone_after_a_shutdown(pair: Pair) -> None:
    pair.west.until(f"isakmpd: quick mode done: src: {WEST} dst: {EAST}")
    pair.east.until(f"isakmpd: quick mode done (as responder): src: {EAST} dst: {WEST}")
    for daemon in (pair.west, pair.east):
        assert "SA name: tunnel (Phase 2)" in daemon.ask("S")
    assert len(spis(pair.west)) == 2
    assert set(spis(pair.west)) == set(spis(pair.east))
    pair.west.say("Q")
    assert pair.west.wait() == 0
    pair.east.until_answer("S", "")
    with DecisionLog(pair.east.folder / "decisions.db", read_only=True) as log:
        assert {each.outcome for each in log.records()} == {Outcome.ACCEPTED}


@pytest.mark.parametrize("pair", [NOBODY], indirect=True)
def test_a_refusal_by_policy_is_a_record_that_says_why(pair: Pair) -> None:
    pair.east.until_answer("S", "SA name: peer (Phase 1/Responder)")
    pair.east.until("NO_PROPOSAL_CHOSEN")
    assert spis(pair.east) == []  # and what it asks comes after the turn that writes the record
    with DecisionLog(pair.east.folder / "decisions.db", read_only=True) as log:
        refused = [each for each in log.records() if each.outcome is Outcome.REFUSED]
    assert refused[0].reason is Reason.POLICY
    assert refused[0].questions
    assert not refused[0].questions[0].decision.allowed


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_finds_every_captured_message_well_formed(pair: Pair) -> None:
    pair.west.until("quick mode done")
    pair.west.say("Q")
    assert pair.west.wait() == 0
    ports = [word for port in (pair.west.port, pair.east.port) for word in ("-d", f"udp.port=={port},isakmp")]
    ports += [
        word for port in (pair.west.nat_port, pair.east.nat_port) for word in ("-d", f"udp.port=={port},udpencap")
    ]
    command = ["tshark", "-r", str(pair.west.folder / "isakmpd.pcap"), *ports, "-V"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200).stdout
    assert shown.count("Internet Security Association and Key Management Protocol") >= 9 + 2
    assert "Malformed" not in shown
    assert "Payload: Identification" in shown
    assert "Payload: Delete" in shown


def test_the_key_log_names_the_exchange_and_both_sides_agree(pair: Pair) -> None:
    pair.west.until("quick mode done")
    cookie = re.findall(r"icookie ([0-9a-f]{16})", pair.west.ask("S"))[0]
    (line,) = (pair.west.folder / "keys").read_text().splitlines()
    assert re.fullmatch(rf"{cookie},[0-9a-f]{{32}}", line)
    assert (pair.east.folder / "keys").read_text() == f"{line}\n"
