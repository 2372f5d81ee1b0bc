"""isakmpd against strongSwan, beside the matrix: how tunnels end, what is refused, and twenty handshakes in a row."""

from __future__ import annotations

import os
import statistics

import pytest

from tests.interop.bed import Bed, BedError, eventually
from tests.interop.pair import LEGACY, MODERN, agree, both, settled
from tests.interop.settings import Settings
from tests.interop.wire import Capture, handshake_seconds, messages

RUNS = int(os.environ.get("INTEROP_RUNS", "20"))


def test_deletes_at_shutdown_reach_strongswan(bed: Bed) -> None:
    ours, theirs = both(bed, MODERN)
    ours.command("c t")
    settled(ours, theirs)
    assert ours.stop() == 0
    eventually("strongSwan has nothing left", lambda: not theirs.sas() or None, 5)
    assert "received DELETE for ESP CHILD_SA" in theirs.log()
    assert "received DELETE for IKE_SA" in theirs.log()


def test_strongswan_taking_its_tunnel_down_leaves_us_none(bed: Bed) -> None:
    ours, theirs = both(bed, MODERN)
    theirs.initiate()
    settled(ours, theirs)
    theirs.terminate()
    eventually("isakmpd has nothing left", lambda: not ours.sas() or None, 5)


def test_what_policy_forbids_strongswan_does_not_get(bed: Bed) -> None:
    ours, theirs = both(bed, LEGACY, 'esp_enc_alg == "aes"')
    with pytest.raises(BedError, match="NO_PROPOSAL_CHOSEN"):
        theirs.initiate(5)
    assert not ours.ready_sas()
    refusal = next(each for each in ours.records() if each["outcome"] == "refused")
    assert refusal["reason"] == "policy"
    [question] = refusal["questions"]
    [nearest] = question["decision"]["nearest"]
    assert nearest["changes"] == [{"attribute": "esp_enc_alg", "from": "3des", "to": "aes"}]


def test_a_wrong_secret_gets_nothing_and_is_recorded(bed: Bed) -> None:
    ours, theirs = both(bed, MODERN | Settings(theirs={"/secrets.ike-t.secret": '"another-secret"'}))
    with pytest.raises(BedError):
        theirs.initiate(3)
    assert not [each for each in ours.sas() if each.ready]
    assert [each["reason"] for each in ours.records()] == ["authentication-failed"]


# --- twenty times out of twenty, and the time it takes on the wire ------------------------------------------------


def check_times(seconds: dict[str, float]) -> None:
    milliseconds = sorted(1000 * each for each in seconds.values())
    median = statistics.median(milliseconds)
    print(f"phase 1 + 2 on the wire, {len(milliseconds)} runs: median {median:.1f} ms, worst {milliseconds[-1]:.1f} ms")
    assert len(milliseconds) == RUNS
    assert median < 150


def test_strongswan_initiates_every_time(bed: Bed) -> None:
    ours, theirs = both(bed, MODERN)
    capture = Capture(bed)
    for _ in range(RUNS):
        theirs.initiate()
        agree(ours, theirs)
        theirs.terminate()
        eventually("both sides are empty", lambda: not (ours.sas() or theirs.sas()) or None)
    check_times(handshake_seconds(messages(capture.stop())))


def test_isakmpd_initiates_every_time(bed: Bed) -> None:
    ours, theirs = both(bed, MODERN)
    capture = Capture(bed)
    for _ in range(RUNS):
        ours.command("c t")
        agree(ours, theirs)
        ours.command("t quick t")
        ours.command("t main peer")
        eventually("both sides are empty", lambda: not (ours.sas() or theirs.sas()) or None)
    check_times(handshake_seconds(messages(capture.stop())))
