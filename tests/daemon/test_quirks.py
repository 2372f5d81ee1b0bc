"""The original's oddities that a configuration meets: which are kept and which are mended, each by its number.

The numbers are those of the list of oddities that this project began with. What is kept is kept because files
depend on it; what is mended is mended for safety, or since the manual page says otherwise. Quirks 8 to 10 are about
policy, and quirk 14 (a passive daemon answers) is tests/daemon/test_overlay.py's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from daemon.ike.messages.proposals import phase1_offer
from grammar.conf import parse_conf
from grammar.errors import Diagnostic
from policydb.compiling.compiler import check_paths
from policydb.configuration.config import resolve
from policydb.connections import Configuration, Identity, Interval
from tests.daemon.ike.network import EAST, WEST, Pair, configuration, suite
from tests.daemon.running import OPEN_POLICY, Isakmpd
from tests.policydb.confs import WHOLE, altered, with_lines

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(text: str) -> tuple[Configuration, list[Diagnostic]]:
    parsed = parse_conf(text, "isakmpd.conf")
    resolved = resolve(("isakmpd.conf", each) for each in parsed.bindings)
    return resolved.configuration, [*parsed.diagnostics, *resolved.diagnostics]


def test_quirk_1_kept_a_comment_sign_behind_a_value_belongs_to_it() -> None:
    assert read("[General]\nPolicy-file=/p # not a comment\n")[0].general.policy_file == "/p # not a comment"


@pytest.mark.parametrize(
    ("text", "code"), [("[General]\n Retransmits=9\n", "CF010"), ("[General]\nRetransmits=9", "CF011")]
)
def test_quirk_2_mended_leading_blanks_and_a_missing_last_newline_lose_nothing(text: str, code: str) -> None:
    found, findings = read(text)
    assert found.general.schedule.tries == 9
    assert [each.code for each in findings] == [code]


def test_quirk_3_kept_the_first_value_wins_and_the_others_are_told() -> None:
    found, findings = read("[General]\nRetransmits=9\nRetransmits=4\n")
    assert found.general.schedule.tries == 9
    assert [(each.code, each.span.line) for each in findings] == [("CF012", 3)]


@pytest.mark.parametrize("files", [True, False], ids=["with-isakmpd.conf", "without-isakmpd.conf"])
def test_quirk_4_mended_changes_by_fifo_are_gone_at_a_reload_whatever_files_there_are(
    tmp_path: Path, files: bool
) -> None:
    daemon = Isakmpd(tmp_path)
    daemon.write(daemon.policy, OPEN_POLICY)
    if files:
        daemon.write(daemon.conf, "[General]\nExchange-max-time=99\n")
    with daemon:
        daemon.started()
        daemon.say("C set [General]:Retransmits=9 force")
        assert daemon.ask("C get [General]:Retransmits") == "9\n"
        daemon.say("R")
        daemon.until("is in force")
        assert daemon.ask("C get [General]:Retransmits") == ""


def test_quirk_5_mended_a_default_lifetime_counts_whenever_it_is_set() -> None:
    text = with_lines("[General]", "Default-phase-1-lifetime=600")
    file = parse_conf(text, "isakmpd.conf").bindings
    change = parse_conf("[General]\nDefault-phase-1-lifetime=77\n", "FIFO").bindings
    both = [*(("FIFO", each) for each in change), *(("isakmpd.conf", each) for each in file)]
    (life,) = resolve(both).configuration.peers["east"].transforms[0].lifetimes
    assert life.duration == Interval(77, 77, 77)


def test_quirk_6_mended_a_suite_without_hash_keeps_its_pfs() -> None:
    text = WHOLE.replace("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-AESGCM-128-PFS-SUITE")
    assert read(text)[0].connections["link"].suites[0].protocols[0].transforms[0].group == "MODP_1024"


def test_quirk_7_mended_a_responder_holds_an_offer_against_its_suites_too() -> None:
    offer = configuration(EAST, WEST, suites=(suite(cipher="3DES", bits=None),), initiates=True)
    pair = Pair(offer, configuration(WEST, EAST)).start().run(5.0)
    assert pair.west.phase(1)
    assert not pair.west.kernel


@pytest.mark.parametrize(
    "expected", [Identity("USER_FQDN", name="east.example"), Identity("FQDN", name="east.example.org")]
)
def test_quirk_11_mended_remote_id_is_compared_in_type_and_whole_value(expected: Identity) -> None:
    mine = Identity("FQDN", name="east.example")
    east = configuration(EAST, WEST, initiates=True, peer={"identity": mine})
    for theirs, established in ((mine, True), (expected, False)):
        west = configuration(WEST, EAST, peer={"remote_identity": theirs})
        assert Pair(east, west).start().run(5.0).established is established


def test_quirk_11_mended_a_missing_remote_id_is_warned_about() -> None:
    assert "CF106" in [each.code for each in read(altered(("Remote-ID=you\n", "")))[1]]


LOCAL = Identity("IPV4_ADDR_SUBNET", network=ip_network("10.2.0.0/16"))
REMOTE = Identity("IPV4_ADDR_SUBNET", network=ip_network("10.1.0.0/16"))


def test_quirk_12_mended_protocol_and_port_and_order_of_identities_matter() -> None:
    text = altered(("Network=10.1.0.0\n", "Network=10.1.0.0\nProtocol=tcp\nPort=22\n"))
    found = read(text)[0]
    assert found.connection_for("east", LOCAL, replace(REMOTE, protocol=6, port=22), hosts=False) is not None
    for local, remote in (
        (LOCAL, REMOTE),
        (LOCAL, replace(REMOTE, protocol=17, port=22)),
        (LOCAL, replace(REMOTE, protocol=6, port=23)),
        (replace(REMOTE, protocol=6, port=22), LOCAL),
    ):
        assert found.connection_for("east", local, remote, hosts=False) is None


def test_quirk_12_mended_the_local_identity_alone_never_makes_a_match() -> None:
    other = Identity("IPV4_ADDR", address=ip_address("10.9.9.9"))
    assert read(WHOLE)[0].connection_for("east", LOCAL, other, hosts=False) is None


def test_quirk_13_kept_strictly_the_fourth_word_of_set_is_force(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path)
    daemon.write(daemon.policy, OPEN_POLICY)
    with daemon:
        daemon.started()
        for word, value in (("", "7"), ("forced", "7"), ("FORCE", "7"), ("x", "7"), ("force", "8")):
            daemon.say(f"C set [General]:Retransmits={8 if word else 7} {word}")
            assert daemon.ask("C get [General]:Retransmits") == f"{value}\n"
        assert daemon.log().count("malformed") == 3


def test_quirk_15_mended_transforms_are_numbered_from_1() -> None:
    transforms = read(altered(("Transforms=AES-SHA2-256-GRP14", "Transforms=AES-SHA2-256-GRP14,AES-SHA-GRP14")))[0]
    (proposal,) = phase1_offer(transforms.peers["east"].transforms).proposals
    assert [each.number for each in proposal.transforms] == [1, 2]


def test_quirk_16_kept_the_default_is_provided_and_no_example_uses_it(project: Path) -> None:
    assert [each.name for each in read("")[0].peers["Default-phase-1"].transforms] == ["3DES-SHA-RSA_SIG"]
    for name in ("site-to-site", "road-warrior", "hub-and-spokes"):
        for language in ("isakmpd.conf", "ipsec.conf"):
            found = check_paths((project / "examples" / name).glob(f"*/{language}"))
            assert not [each for each in found.diagnostics if each.code == "CF101"]
