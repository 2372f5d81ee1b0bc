"""Records of negotiations: what they say, and that no key is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from daemon.ike.records import brief, question, timestamp
from policydb.decision import Atom, Decision, Place, Step
from policydb.request import Request

KEY = "mekmitasdigoat"
AUTHORIZERS = (f"passphrase:{KEY}", "passphrase-md5-hex:227f500abfe58f5f5d61e7f6053d8d85")
PLACE = Place("isakmpd.policy", 3)


def test_a_passphrase_is_kept_as_its_digest_only() -> None:
    decision = Decision(
        "false",
        False,
        7,
        AUTHORIZERS,
        path=(Step(PLACE, "POLICY", (f"passphrase:{KEY}", "other"), "true", "true", True),),
        atoms=(Atom(PLACE, "x", f"before passphrase:{KEY}", "==", f"passphrase:{KEY}", True),),
    )
    kept = question("proposal 1", Request(AUTHORIZERS, {"app_domain": "IPsec policy"}), decision)
    assert KEY not in repr(kept)
    assert kept.authorizers == kept.decision.authorizers == AUTHORIZERS[1:]
    assert kept.decision.path[0].licensees == ("passphrase:***", "other")
    assert kept.decision.atoms[0].left == "before passphrase:***"


def test_a_brief_answer_is_the_highest_value() -> None:
    decision = brief(Request(AUTHORIZERS, values=("no", "maybe", "yes")), 5)
    assert (decision.value, decision.allowed, decision.generation) == ("yes", True, 5)
    assert KEY not in repr(decision)


def test_times_are_utc_to_the_millisecond() -> None:
    local = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(local) == "2026-01-02T01:04:05.678Z"
    assert timestamp(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"
