"""The table of codes: complete, unique, in the manual, and each provoked by some test."""

import re
from pathlib import Path

from grammar.codes import MEANINGS, Code

ROOT = Path(__file__).parent.parent.parent


def test_every_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Code)


def test_the_manual_lists_every_code_with_its_meaning() -> None:
    manual = (ROOT / "docs/diagnostics.md").read_text()
    listed = dict(re.findall(r"^\| ([A-Z]{2}\d{3}) \| (.*) \|$", manual, re.MULTILINE))
    for code, meaning in MEANINGS.items():
        assert listed.get(code) == meaning.replace("|", "&#124;")


def test_every_code_is_expected_by_a_test() -> None:
    tests = "".join(each.read_text() for each in Path(__file__).parent.glob("test_*.py"))
    assert [each.name for each in Code if f"Code.{each.name}" not in tests] == []
