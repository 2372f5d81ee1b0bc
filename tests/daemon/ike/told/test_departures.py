"""Where isakmpd tells policy other words about an SA than we do: the second table of docs/departures.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policydb.negotiation import Reason
from tests.daemon.ike.network import EAST, WEST, configuration
from tests.daemon.ike.told.octets import Peer, life
from tests.daemon.ike.told.offers import identity
from tests.daemon.ike.told.test_answers import AES, ESP, GMAC, NETS, allows, basic, choosing, esp, lasting, offered

BOUNDED = 'esp_present == "yes" && @esp_life_seconds <= 3600'


def test_i1_gmac_is_null() -> None:
    """RFC 4543: ESP with GMAC authenticates and leaves the packets readable."""
    for conditions in ('esp_enc_alg == "aes"', 'esp_enc_alg != "null"'):
        assert not offered(esp(GMAC, kind=23), judge=allows(conditions))[0].sas
    assert offered(esp(GMAC, kind=23), judge=allows('esp_enc_alg == "null"'))[0].sas


def test_i2_a_lifetime_left_out_is_told_as_it_will_be() -> None:
    """RFC 2407, 4.5: 28,800 seconds."""
    assert not offered(esp(AES), judge=allows(BOUNDED))[0].sas
    assert offered(esp(AES + lasting(3600)), judge=allows(BOUNDED))[0].sas
    assert offered(esp(AES), judge=allows('esp_life_seconds == "28800"'))[0].sas


@pytest.mark.parametrize("kilobytes", [None, 0])
def test_i3_no_limit_is_above_every_bound(kilobytes: int | None) -> None:
    unlimited = esp(AES + lasting(3600, kilobytes))
    for conditions in ('esp_life_kbytes <= "5000"', "&esp_life_kbytes <= 5000.0", '!(esp_life_kbytes > "5000")'):
        assert not offered(unlimited, judge=allows(conditions))[0].sas
        assert offered(esp(AES + lasting(3600, 5000)), judge=allows(conditions))[0].sas
    assert offered(unlimited, judge=allows('esp_life_kbytes == "99999999999999999999"'))[0].sas


def test_i4_policy_is_asked_after_the_responder_has_shortened_lifetimes() -> None:
    peer = Peer()
    for conditions, up in (("@esp_life_seconds == 300", True), ("@esp_life_seconds == 1200", False)):
        peer.configure(configuration(WEST, EAST), allows(conditions))
        assert bool(peer.answer("net", choosing(life(ESP, b"east", lasting(300)))).sas) is up


def test_i5_a_duration_that_policy_cannot_compare_is_passed_over() -> None:
    for lives in (lasting(2**31), lasting(2**32 + 60), lasting(60, 2**31)):
        outcome, judge = offered(esp(AES + lives), judge=allows(BOUNDED))
        assert (outcome.records[0].reason, judge.told) == (Reason.NO_TRANSFORM_MATCHED, [])
    assert offered(esp(AES + lasting(2**31 - 1)), judge=allows("@esp_life_seconds == 2147483647"))[0].sas


def test_i6_names_are_no_traffic() -> None:
    outcome, judge = offered(esp(AES), ids=(identity(2, b"010.001.000.000"), NETS[1]))
    assert (outcome.records[0].reason, judge.told) == (Reason.IDENTITY_MISMATCH, [])


def test_i7_a_key_length_left_out_is_told_as_it_will_be() -> None:
    for kind in (6, 7):
        outcome, _ = offered(esp(basic((4, 1), (5, 5)), kind=kind), judge=allows("@esp_key_length == 128"))
        assert {len(sa.encryption_key) for sa in outcome.sas} == {16}


def test_the_table_and_the_tests_have_the_same_rows(project: Path) -> None:
    rows = re.findall(
        r"^\| I\d \|.*\| `(test_i\d_\w+)` \|$", (project / "docs" / "departures.md").read_text(), re.MULTILINE
    )
    assert rows == [name for name in globals() if name.startswith("test_i")]
