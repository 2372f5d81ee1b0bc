"""The table of ipsec.conf's codes: complete, in the manual, and each provoked by some test."""

from __future__ import annotations

import re
from pathlib import Path

from grammar.ipsec_codes import MEANINGS, IpsecCode

ROOT = Path(__file__).parent.parent.parent


def test_every_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(IpsecCode)


def test_the_manual_lists_every_code_with_its_meaning() -> None:
    manual = (ROOT / "docs/diagnostics.md").read_text()
    listed = dict(re.findall(r"^\| (IP\d{3}) \| (.*) \|$", manual, re.MULTILINE))
    assert listed == {str(code): meaning for code, meaning in MEANINGS.items()}


def test_every_code_is_expected_by_a_test() -> None:
    tests = "".join(each.read_text() for each in (ROOT / "tests").rglob("test_*.py"))
    assert [each.name for each in IpsecCode if f"IpsecCode.{each.name}" not in tests] == []
