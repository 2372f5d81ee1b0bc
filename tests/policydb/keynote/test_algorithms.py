"""The table of signature algorithms: its names, and which of them are weak."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policydb.keynote.algorithms import ALGORITHMS, LABELS, find
from tests.policydb.signers import MODERN, WEAK


def test_md5_and_sha1_are_weak_and_nothing_else_is() -> None:
    assert {each.name for each in ALGORITHMS if each.weakness} == set(WEAK)
    assert {each.name for each in ALGORITHMS if not each.weakness} == set(MODERN)
    assert all(("MD5" if each.digest == "md5" else "SHA-1") in each.weakness for each in ALGORITHMS if each.weakness)


def test_a_name_is_found_in_any_case_and_kept_as_it_is_written() -> None:
    found = find("SIG-rsa-SHA1-Hex")
    assert found is not None
    assert (found.text, found.algorithm.name, found.encoding) == ("SIG-rsa-SHA1-Hex", "sig-rsa-sha1", "hex")
    assert found.covered("text\n") == b"text\nSIG-rsa-SHA1-Hex:"
    assert found.signature(b"\xab") == "SIG-rsa-SHA1-Hex:ab"


@pytest.mark.parametrize("text", ["", "sig-rsa-sha2-hex", "sig-rsa-sha1", "rsa-hex", "sig-ed25519-hex:"])
def test_other_names_are_not_known(text: str) -> None:
    assert find(text) is None


def test_the_manual_lists_every_label(project: Path) -> None:
    manual = (project / "docs" / "keys-and-signatures.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(sig-[a-z0-9-]+)-`", manual))
    assert listed == {each.rpartition("-")[0] for each in LABELS}
