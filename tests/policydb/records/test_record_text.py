"""Records for people: every fact that the record holds is there, and the last line says what to change."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from policydb.negotiation import Comparison, Difference, NegotiationRecord, Outcome, Reason
from policydb.records.record_text import line, text
from tests.policydb.records.samples import ACCEPTED, MISMATCH, REFUSED


def test_a_refusal_tells_who_what_which_condition_and_what_would_do() -> None:
    told = text(replace(REFUSED, number=12))
    assert told.splitlines()[0] == "REFUSED: policy does not allow it (no proposal was allowed)"
    facts = (
        *("12", "2026-07-14T10:31:02+00:00", "203.0.113.5:500", "ISAKMP-peer-berlin", "I am 203.0.113.5"),
        *("192.0.2.1:500", "responder", "berlin-hq", "10.1.0.0/24 here <-> 10.2.0.0/24 there", "3 of policy"),
        *("offered: ESP 3DES HMAC-SHA", "berlin.policy:4", "esp_enc_alg", "3des", "aes", "berlin.policy:12"),
    )
    assert [each for each in facts if each not in told] == []


def cells(told: str, begin: str) -> list[str]:
    (row,) = (each for each in told.splitlines() if each.startswith(begin))
    return re.split(r" {2,}", row.strip())


def test_a_mismatch_is_a_table_with_the_differing_cells_marked() -> None:
    told = text(MISMATCH)
    columns = [
        "offered",
        "configured here",
        "ENCRYPTION_ALGORITHM",
        "KEY_LENGTH",
        "HASH_ALGORITHM",
        "GROUP_DESCRIPTION",
    ]
    assert cells(told, "  offered") == columns
    assert cells(told, "  1:") == [
        *("1: 3DES-MD5-GRP2", "AES-SHA2-256-GRP14", "! 3DES_CBC / AES_CBC"),
        *("! (none) / 128,128:256", "! MD5 / SHA2_256", "! MODP_1024 / MODP_2048"),
    ]
    assert cells(told, "  2:") == [
        *("2: AES-SHA2-256-GRP5", "AES-SHA2-256-GRP14", "same", "same", "same", "! MODP_1536 / MODP_2048"),
    ]


def test_the_last_line_says_the_smallest_change_on_either_side() -> None:
    assert text(MISMATCH).splitlines()[-1] == (
        "to accept: in AES-SHA2-256-GRP14 change GROUP_DESCRIPTION from MODP_2048 to MODP_1536; "
        "or let the peer offer GROUP_DESCRIPTION MODP_2048"
    )


def test_a_side_without_the_attribute() -> None:
    group = Difference("group", "A", "B")
    ours = Comparison("1", "MINE", (Difference("key length", None, "128"), group))
    assert text(replace(MISMATCH, comparisons=(ours,))).splitlines()[-1] == (
        "to accept: in MINE leave out key length, change group from B to A; "
        "or let the peer offer key length 128, offer group B"
    )
    theirs = Comparison("1", "MINE", (Difference("key length", "128", None), group))
    assert text(replace(MISMATCH, comparisons=(theirs,))).splitlines()[-1] == (
        "to accept: in MINE change key length to 128, change group from B to A; "
        "or let the peer leave out key length 128, offer group B"
    )


def test_what_nothing_configured_can_do_is_the_peers_to_change() -> None:
    one = Comparison("1", "anything supported", (Difference("encryption", "RC4", None),))
    assert text(replace(MISMATCH, comparisons=(one,))).splitlines()[-1] == (
        "to accept: let the peer leave out encryption RC4"
    )


def test_numbers_in_cells_stay_as_they_are_written() -> None:
    one = Comparison("0010", "1e5", (Difference("LIFE", "007", "1.50"),))
    assert cells(text(replace(MISMATCH, comparisons=(one,))), "  0010") == ["0010", "1e5", "! 007 / 1.50"]


@pytest.mark.parametrize("record", [REFUSED, MISMATCH, ACCEPTED], ids=lambda each: each.outcome)
def test_a_line_is_one_line_with_number_outcome_and_peer(record: NegotiationRecord) -> None:
    told = line(replace(record, number=7))
    assert "\n" not in told
    assert told.split()[0] == "7"
    assert record.outcome.value in told
    assert record.peer_address in told


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    record = replace(ACCEPTED, outcome=Outcome.FAILED, reason=reason)
    assert len(text(record).splitlines()[0]) > len("FAILED: x")
    assert line(record) != line(replace(record, reason=None))


def test_the_user_of_xauth_is_told() -> None:
    assert "user         bob\n" in text(replace(REFUSED, user="bob"))
    assert "user " not in text(REFUSED)


def test_what_is_not_known_is_left_out() -> None:
    told = text(ACCEPTED)
    assert told.splitlines()[0] == "ACCEPTED: a connection is up"
    assert "None" not in told
    assert "<->" not in told
    assert all(each == each.rstrip() for each in told.splitlines())
