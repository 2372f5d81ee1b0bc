"""Vendor IDs: the octets of the documents that define them, and who says what."""

from __future__ import annotations

from hashlib import md5

import pytest

from daemon.ike.messages.vendor import NAT_T, Vendor, announced, answered, recognised


@pytest.mark.parametrize(
    ("vendor", "text"),
    [
        (Vendor.NAT_T_RFC3947, b"RFC 3947"),
        (Vendor.NAT_T_DRAFT_03, b"draft-ietf-ipsec-nat-t-ike-03"),
        (Vendor.NAT_T_DRAFT_02, b"draft-ietf-ipsec-nat-t-ike-02\n"),
    ],
)
def test_nat_traversal_is_announced_by_the_md5_of_its_document(vendor: Vendor, text: bytes) -> None:
    assert vendor.value == md5(text, usedforsecurity=False).digest()


def test_dpd_is_known_in_every_version_and_the_rest_is_ignored() -> None:
    newer = Vendor.DPD.value[:14] + b"\x02\x07"
    assert recognised([newer, b"strange", b"", Vendor.DPD.value[:13]]) == {Vendor.DPD}


def test_fragmentation_is_known_whatever_follows_its_md5() -> None:
    body = md5(b"FRAGMENTATION", usedforsecurity=False).digest()
    assert Vendor.FRAGMENTATION.value == body + bytes.fromhex("80000000")
    for flags in (b"", b"\xc0\0\0\0", b"\x40\0\0\0"):
        assert recognised([body + flags]) == {Vendor.FRAGMENTATION}


def test_what_is_switched_off_is_not_announced() -> None:
    assert announced(nat_traversal=False, fragmentation=False) == (Vendor.DPD,)
    assert announced(nat_traversal=True, fragmentation=True) == (*NAT_T, Vendor.DPD, Vendor.FRAGMENTATION)


@pytest.mark.parametrize("theirs", [frozenset(), frozenset(Vendor), *(frozenset({each}) for each in Vendor)])
@pytest.mark.parametrize("ours", [True, False])
def test_the_answer_says_only_what_the_peer_said(theirs: frozenset[Vendor], ours: bool) -> None:
    said = answered(ours, ours, theirs)
    assert set(said) <= theirs
    assert (Vendor.FRAGMENTATION in said) is (ours and Vendor.FRAGMENTATION in theirs)
    assert sum(each in NAT_T for each in said) == (1 if ours and theirs & set(NAT_T) else 0)
