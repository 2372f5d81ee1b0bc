"""A daemon configured by ipsec.conf alone: it negotiates, takes a changed file at a reload, and keeps to its rules."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.oracle import Loaded, Sources, compile_sources, open_loaded
from policydb.negotiation import Outcome, Reason
from policydb.records.decisionlog import DecisionLog
from tests.daemon.ike.network import Pair
from tests.daemon.running import Isakmpd
from tests.loopback import own_network

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

RULES = ("ipsec.conf",)
SECTIONS = ("isakmpd.conf", "isakmpd.policy")


# --- two cores, joined by a pipe ----------------------------------------------------------------------------------


def loaded(folder: Path, scenario: Path, names: tuple[str, ...]) -> Loaded:
    """What a daemon has whose CONFDIR holds just these files of an example."""
    folder.mkdir()
    for name in names:
        shutil.copy(scenario / name, folder / name)
        (folder / name).chmod(0o600)
    sources = Sources(folder / "isakmpd.conf", folder, folder / "policy.db", os.geteuid())
    return open_loaded(sources, compile_sources(sources, NOW))


def joined(east: Loaded, west: Loaded) -> Pair:
    """Both started, and a minute gone by."""
    pair = Pair()
    for node, files in zip(pair.nodes, (east, west), strict=True):
        pair.do(node, node.engine.reconfigure(files.oracle, files.secrets, 0.0))
    return pair.run(60.0)


@pytest.mark.parametrize(
    ("east", "west"),
    [(RULES, RULES), (RULES, SECTIONS), (SECTIONS, RULES)],
    ids=["ipsec.conf-with-ipsec.conf", "ipsec.conf-with-isakmpd.conf", "isakmpd.conf-with-ipsec.conf"],
)
def test_two_sites_have_their_tunnel_whichever_language_each_is_written_in(
    tmp_path: Path, east: tuple[str, ...], west: tuple[str, ...]
) -> None:
    scenario = EXAMPLES / "site-to-site"
    pair = joined(
        loaded(tmp_path / "east", scenario / "east", east), loaded(tmp_path / "west", scenario / "west", west)
    )
    assert pair.established
    assert [len(node.kernel) for node in pair.nodes] == [2, 2]


def test_a_wrong_key_in_a_rule_gives_no_tunnel(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario"
    shutil.copytree(EXAMPLES / "site-to-site", scenario)
    rules = scenario / "west" / "ipsec.conf"
    rules.write_text(rules.read_text().replace('psk "one', 'psk "another'))
    pair = joined(*(loaded(tmp_path / name, scenario / name, RULES) for name in ("east", "west")))
    assert [node.kernel for node in pair.nodes] == [{}, {}]


# --- a daemon that reloads ----------------------------------------------------------------------------------------

RULE = "ike passive esp from 10.1.0.0/16 to 10.{}.0.0/16 peer 127.0.0.9 dstid east.example.org psk {}\n"


@pytest.fixture
def isakmpd(tmp_path: Path) -> Iterator[Isakmpd]:
    daemon = Isakmpd(tmp_path)
    daemon.write(tmp_path / "ipsec.conf", RULE.format(2, "first"))
    with daemon:
        yield daemon.started()


def passive(daemon: Isakmpd) -> str:
    return daemon.ask("C get [Phase 2]:Passive-connections")


@pytest.mark.parametrize("how", ["SIGHUP", "R"])
def test_a_reload_takes_the_changed_rules(isakmpd: Isakmpd, how: str) -> None:
    assert passive(isakmpd) == "from-10.1.0.0/16-to-10.2.0.0/16\n"
    isakmpd.write(isakmpd.folder / "ipsec.conf", RULE.format(3, "second"))
    if how == "R":
        isakmpd.say("R")
    else:
        isakmpd.signal(signal.SIGHUP)
    isakmpd.until("generation 2 is in force")
    assert passive(isakmpd) == "from-10.1.0.0/16-to-10.3.0.0/16\n"


def test_a_reload_of_rules_in_error_keeps_the_generation_in_force(isakmpd: Isakmpd) -> None:
    isakmpd.write(isakmpd.folder / "ipsec.conf", RULE.format(3, "second") + "ike esp form any to any\n")
    isakmpd.say("R")
    log = isakmpd.until("reload refused: generation 1 stays in force")
    assert "ipsec.conf:2:9: error[IP001]: syntax error" in log
    assert "second" not in log
    assert passive(isakmpd) == "from-10.1.0.0/16-to-10.2.0.0/16\n"


def test_rules_that_become_readable_for_others_are_refused_at_a_reload(isakmpd: Isakmpd) -> None:
    (isakmpd.folder / "ipsec.conf").chmod(0o640)
    isakmpd.say("R")
    isakmpd.until("ipsec.conf - too open permissions")
    isakmpd.until("reload refused: generation 1 stays in force")


def test_rules_that_are_taken_away_take_their_connections_with_them(isakmpd: Isakmpd) -> None:
    isakmpd.write(isakmpd.policy, 'Authorizer: "POLICY"\nConditions: false;\n')
    (isakmpd.folder / "ipsec.conf").unlink()
    isakmpd.say("R")
    isakmpd.until("generation 2 is in force")
    assert passive(isakmpd) == ""


# --- two daemons --------------------------------------------------------------------------------------------------

_NETWORK = own_network()  # port 500 cannot be chosen
EAST, WEST = f"{_NETWORK}1", f"{_NETWORK}2"
GATEWAYS = {
    "east": (EAST, f"ike passive esp from 10.1.0.0/16 to 10.2.0.0/16 local {EAST} peer {WEST}"),
    "west": (WEST, f"ike esp from 10.2.0.0/16 to 10.1.0.0/16 local {WEST} peer {EAST}"),
    "greedy": (WEST, f"ike esp from 10.0.0.0/8 to 10.1.0.0/16 local {WEST} peer {EAST}"),
}
TRANSFORMS = "main auth hmac-sha2-256 enc aes-256 group ecp256 quick auth hmac-sha2-256 enc aes-256 group ecp256"
KEY = 'psk "of both of them"'


def may_use_port_500() -> bool:
    """ipsec.conf(5) has no word for a peer's port, so both must be at IKE's own."""
    try:
        for address in (EAST, WEST):
            for port in (500, 4500):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind((address, port))
    except OSError:
        return False
    return True


def gateway(folder: Path, name: str, after: Isakmpd | None = None) -> Isakmpd:
    """A daemon of which nothing is said but in its ipsec.conf, once the one before it serves."""
    if after is not None:
        after.started()
    (folder / name).mkdir()
    address, rule = GATEWAYS[name]
    daemon = Isakmpd(folder / name, ("-d", "-v"), address=address)
    daemon.port, daemon.nat_port = 500, 4500
    daemon.write(daemon.folder / "ipsec.conf", f"{rule} {TRANSFORMS} {KEY}\n")
    assert [each.name for each in daemon.folder.iterdir()] == ["ipsec.conf"]
    return daemon


@pytest.mark.skipif(not may_use_port_500(), reason="UDP port 500 is not to be had here")
def test_two_daemons_with_nothing_but_an_ipsec_conf_have_their_tunnel(tmp_path: Path) -> None:
    with gateway(tmp_path, "east") as east, gateway(tmp_path, "west", after=east) as west:
        west.until(f"isakmpd: quick mode done: src: {WEST} dst: {EAST}")
        east.until(f"isakmpd: quick mode done (as responder): src: {EAST} dst: {WEST}")
        for daemon, name in ((east, "from-10.1.0.0/16-to-10.2.0.0/16"), (west, "from-10.2.0.0/16-to-10.1.0.0/16")):
            assert f"SA name: {name} (Phase 2)" in daemon.ask("S")
            assert "of both of them" not in daemon.log()


@pytest.mark.skipif(not may_use_port_500(), reason="UDP port 500 is not to be had here")
def test_what_no_rule_says_is_refused_by_the_policy_that_the_rules_give(tmp_path: Path) -> None:
    with gateway(tmp_path, "east") as east, gateway(tmp_path, "greedy", after=east):
        east.until("NO_PROPOSAL_CHOSEN")
        assert "(Phase 2)" not in east.ask("S")
        with DecisionLog(east.folder / "decisions.db", read_only=True) as log:
            refused = [each for each in log.records() if each.outcome is Outcome.REFUSED]
    assert refused[0].reason is Reason.POLICY
    changes = [each.attribute for each in refused[0].questions[0].decision.nearest[0].changes]
    assert changes == ["remote_filter_addr_lower", "remote_filter_addr_upper"]
