"""Every KeyNote code has an example in docs/diagnostics.md that is said to be wrong for it, and a mend that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grammar.codes import MEANINGS as GRAMMAR
from grammar.keynote import parse_policy
from policydb.linting.lint import MEANINGS as LINTS
from policydb.linting.lint import lint_delegation, lint_policy

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "diagnostics.md"
_EXAMPLE = re.compile(r"^### (KN\d+)\n\n(?:[^`\n][^\n]*\n\n)?```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(_EXAMPLE.findall(MANUAL.read_text()))
NOT_SHOWN = {"KN013", "KN014", "KN017"}


def text_of(example: str, sign: str) -> str:
    """The example with the lines of one side; `^@` and `^M` are what editors show for NUL and carriage return."""
    lines = [line[1:] for line in example.splitlines() if not line or line[0] in f" {sign}"]
    return "\n".join([*lines, ""]).replace("^@", "\0").replace("^M", "\r")


def codes(text: str) -> set[str]:
    """The codes of all findings."""
    parsed = parse_policy(text, "p")
    found = [*parsed.diagnostics, *lint_policy(parsed.assertions, "p")]
    if not parsed.dropped:
        found += lint_delegation([("p", parsed.assertions)])
    return {str(each.code) for each in found}


def test_every_code_of_keynote_has_an_example() -> None:
    known = {str(code) for code in GRAMMAR if code.startswith("KN")} | set(LINTS)
    assert known - NOT_SHOWN == set(EXAMPLES)


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_the_wrong_side_is_found_and_the_other_is_not(code: str) -> None:
    assert code in codes(text_of(EXAMPLES[code], "-"))
    assert codes(text_of(EXAMPLES[code], "+")) == set()


SEVERAL = {"KN009": {"KN009", "KN101"}, "KN045": {"KN045", "KN046"}, "KN116": {"KN116", "KN118"}}


@pytest.mark.parametrize("code", sorted(EXAMPLES))
def test_an_example_shows_one_mistake(code: str) -> None:
    assert codes(text_of(EXAMPLES[code], "-")) == SEVERAL.get(code, {code})
