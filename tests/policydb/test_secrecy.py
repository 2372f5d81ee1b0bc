"""Passphrases become digests wherever they stand (isakmpd.policy(5), action authorizers)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.secrecy import digests, scrubbed, without_passphrases


@pytest.mark.parametrize(
    ("passphrase", "md5", "sha1"),
    [
        ("foobar", "3858f62230ac3c915f300c664312c63f", "8843d7f92416211de9ebb963ff4ce28125932878"),
        ("mekmitasdigoat", "227f500abfe58f5f5d61e7f6053d8d85", "bf1091800d1221f9a35ec087a67e2d6209d6478e"),
    ],
)
def test_digests_of_the_manual(passphrase: str, md5: str, sha1: str) -> None:
    assert digests(passphrase) == (f"passphrase-md5-hex:{md5}", f"passphrase-sha1-hex:{sha1}")


def test_authorizers_keep_their_order_and_lose_the_passphrase() -> None:
    md5, sha1 = digests("foobar")
    assert without_passphrases(["DN:/CN=a", "passphrase:foobar", md5, "b"]) == ("DN:/CN=a", md5, sha1, "b")


def test_one_passphrase_that_begins_another_hides_both() -> None:
    told = json.dumps(scrubbed(["passphrase:foo", "passphrase:foobar", 'p == "passphrase:foobar"']))
    assert "foo" not in told


_LETTERS = st.text("abcXYZ .:$()[]\\é", min_size=1)


@given(_LETTERS, st.recursive(st.none() | st.integers() | _LETTERS, lambda each: st.lists(each, max_size=3)))
def test_no_passphrase_that_is_named_anywhere_stays(secret: str, other: object) -> None:
    principal = f"passphrase:{secret}"
    mended = scrubbed({"authorizers": [principal, "A"], "left": f"<{principal}>", principal: other})
    assert principal not in json.dumps(mended, ensure_ascii=False)
    assert mended["authorizers"] == [*digests(secret), "A"]


@given(st.recursive(st.none() | st.integers() | st.text("ab:"), st.lists))
def test_what_names_no_passphrase_stays_as_it_is(value: object) -> None:
    assert scrubbed(value) == value
