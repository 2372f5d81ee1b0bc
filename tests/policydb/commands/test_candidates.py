"""`policydb explain --peer`: what is shown to people and to programs, and what cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.policydb.command_line import Run
from tests.policydb.confs import WHOLE


@pytest.fixture(autouse=True)
def _store(policydb: Run) -> None:
    conf = Path("isakmpd.conf")
    conf.write_text(WHOLE)
    conf.chmod(0o600)
    assert policydb("compile", "isakmpd.conf")[0] == 0


NOBODY = "0.0.0.0"  # noqa: S104 - nothing is bound to it
TRAFFIC = ("--local-id", "10.2.0.0/16", "--remote-id", "10.1.0.0/16")


def test_everything_that_fits(policydb: Run) -> None:
    offers = ("--offer", "AES-256-SHA2-256-GRP14", "--offer", "qm-esp-aes-256-sha2-256-pfs-grp14-suite")
    names = ("--local-id", "west.example.org")
    code, told, _ = policydb("explain", "--peer", "192.0.2.1", *TRAFFIC, *names, *offers)
    assert code == 0
    assert told.splitlines() == [
        "peer at 192.0.2.1",
        "  [Phase 1]:192.0.2.1 = east -> chosen",
        "  [Phase 1]:Default = Default-phase-1 -> not reached: an entry above is taken",
        "  a message without an answer is sent again 5 times: after 7 s, then 2 s longer each time",
        "phase 1 offers",
        "  AES-256-SHA2-256-GRP14 with AES-SHA2-256-GRP14 -> chosen",
        "connection for 10.2.0.0/16 here, 10.1.0.0/16 there",
        "  [link] -> chosen",
        "phase 2 offers",
        "  qm-esp-aes-256-sha2-256-pfs-grp14-suite with QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE -> chosen",
    ]


@pytest.mark.parametrize(
    ("tags", "told", "waits"),
    [
        ("", "15 times: after 0.5 s, then 1.5 times as long, 4 s at most", [0.5, 0.75, 1.125]),
        ("Retransmit-limit=0\nRetransmit-tries=2\n", "2 times: after 0.5 s, then 1.5 times as long", [0.5, 0.75]),
        ("Retransmits=3\n", "3 times: after 7 s, then 2 s longer each time", [7, 9, 11]),
    ],
)
def test_when_messages_are_sent_again(policydb: Run, tags: str, told: str, waits: list[float]) -> None:
    Path("isakmpd.conf").write_text(WHOLE.replace("Retransmits=5\n", "") + f"[east]\n{tags}")
    assert policydb("compile", "isakmpd.conf")[0] == 0
    _, text, _ = policydb("explain", "--peer", "192.0.2.1")
    assert f"  a message without an answer is sent again {told}" in text.splitlines()
    answer = json.loads(policydb("explain", "--peer", "192.0.2.1", "--format", "json")[1])["repeats"]
    assert answer["waits"][:3] == waits
    assert answer["tries"] == len(answer["waits"])


def test_nothing_is_sent_again_where_the_file_says_so(policydb: Run) -> None:
    Path("isakmpd.conf").write_text(WHOLE.replace("Retransmits=5", "Retransmits=0"))
    assert policydb("compile", "isakmpd.conf")[0] == 0
    assert "  a message without an answer is not sent again" in policydb("explain", "--peer", "192.0.2.1")[1]
    assert json.loads(policydb("explain", "--peer", "192.0.2.9", "--format", "json")[1])["repeats"] is not None


def test_the_field_that_differs(policydb: Run) -> None:
    code, told, _ = policydb(
        "explain", "--peer", "192.0.2.1", "--local-id", "10.2.0.0/16", "--remote-id", "10.3.0.0/16"
    )
    assert code == 1
    assert "  [link] -> no: remote network 10.1.0.0/16 differs from 10.3.0.0/16" in told.splitlines()


@pytest.mark.parametrize(
    ("local", "remote"), [("10.2.0.0-10.2.255.255", "10.1.0.0/16"), ("10.2.0.0/16", "10.1.0.0-10.1.255.255")]
)
def test_a_range_that_fills_a_network_is_that_network(policydb: Run, local: str, remote: str) -> None:
    code, told, _ = policydb("explain", "--peer", "192.0.2.1", "--local-id", local, "--remote-id", remote)
    assert code == 0
    assert "  [link] -> chosen" in told.splitlines()


@pytest.mark.parametrize("remote", ["10.1.0.9", "10.1.0.9/32", "10.1.0.9-10.2.0.0", "0.0.0.0/0", "10.1.0.0/16,6,22"])
@pytest.mark.parametrize("suite", ["QM-ESP-3DES-SHA-SUITE", "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE"])
def test_what_touches_a_connections_traffic_is_bound_by_its_suites(policydb: Run, remote: str, suite: str) -> None:
    ends = ("--local-id", "10.2.0.7", "--remote-id", remote)
    code, told, _ = policydb("explain", "--peer", "192.0.2.1", *ends, "--offer", suite, "--format", "json")
    answer = json.loads(told)
    (link,) = answer["connections"]
    assert (code, link["chosen"], link["binds"]) == (1, False, True)
    assert (answer["phase_2_offers"][-1]["differences"] == []) is ("3DES" not in suite)
    _, told, _ = policydb("explain", "--peer", "192.0.2.1", *ends)
    assert "; its suites bind this traffic" in told
    assert "with Use-Keynote policy decides, and the suites of those that bind must agree" in told


def test_the_same_as_json(policydb: Run) -> None:
    code, told, _ = policydb("explain", "--peer", "192.0.2.1", "--offer", "3DES-SHA-GRP14", "--format", "json")
    answer = json.loads(told)
    assert (code, answer["found"], answer["generation"]) == (1, False, 1)
    assert answer["peers"][0] == {
        "where": "[Phase 1]:192.0.2.1",
        "name": "east",
        "chosen": True,
        "difference": None,
    }
    (held,) = answer["phase_1_offers"]
    assert held["differences"][0] == {"attribute": "encryption", "offered": "3DES_CBC", "configured": "AES_CBC"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--peer", "gw.example.org"), "no IP address"),
        (("--peer", "192.0.2.1", "--local-id", "10.2.0.0/16"), "--remote-id does not"),
        (("--peer", "192.0.2.1", "--local-id", "10.2.0.1/16", "--remote-id", "10.1.0.0/16"), "bits outside its mask"),
        (("--peer", "192.0.2.1", "--local-id", ""), "no identity"),
        (("--peer", "192.0.2.1", "--local-id", NOBODY, "--remote-id", "10.1.0.1"), "that of no host"),
        (("--peer", "192.0.2.1", "--local-id", "10.2.0.1,6", "--remote-id", "10.1.0.1,17"), "two protocols"),
        (("--peer", "192.0.2.1", *TRAFFIC, "--local-id", "10.9.0.0/16"), "given twice"),
        (("--peer", "192.0.2.1", "--offer", "AES-256-SHA2-256-GPR14"), "did you mean AES-256-SHA2-256-GRP14?"),
        (("--peer", "192.0.2.1", "--authorizer", "alice"), "--peer asks the configuration"),
        (("--peer", "192.0.2.1", "--store", "none.db"), "none.db"),
        (("--offer", "AES-SHA"), "belong to --peer ADDRESS"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_2(policydb: Run, arguments: tuple[str, ...], message: str) -> None:
    code, told, errors = policydb("explain", *arguments)
    assert (code, told) == (2, "")
    assert message in errors
