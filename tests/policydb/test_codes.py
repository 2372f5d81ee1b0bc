"""The codes of the compiler's findings: in the manual, and each expected by some test."""

from __future__ import annotations

import re
from pathlib import Path

from policydb.codes import MEANINGS

ROOT = Path(__file__).parents[2]


def test_the_manual_lists_every_code_with_its_meaning() -> None:
    manual = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| ([A-Z]{2}\d{3}) \| (.*) \|$", manual, re.MULTILINE))
    assert {code: listed.get(code) for code in MEANINGS} == dict(MEANINGS)


def test_every_code_is_expected_by_a_test() -> None:
    tests = "".join(each.read_text(encoding="utf-8") for each in Path(__file__).parent.rglob("test_*.py"))
    assert [code for code in MEANINGS if f'"{code}"' not in tests] == []
