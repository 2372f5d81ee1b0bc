"""Texts proposed for a pattern are matched by it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.keynote.numbers import Fault
from policydb.keynote.regex import Patterns
from policydb.keynote.samples import samples
from tests.sizes import examples

PATTERNS = Patterns()


@pytest.mark.parametrize(
    "pattern",
    ["", "abc", "^abc$", "^a(b|c)d$", "^hmac-sha(2-256|2-384)?$", "^[0-9]{3}$", "^x+y*z?$", "a\\.b",
     "^[[:alpha:]][]x]$", "^(aes|3des)-(cbc|gcm)$", "^a{2,5}$", "^(ab)+$", "^.$"],
)  # fmt: skip
def test_each_matches(pattern: str) -> None:
    found = samples(pattern)
    assert found
    assert all(PATTERNS.search(each, pattern) is not None for each in found)


@pytest.mark.parametrize("pattern", ["(", "a{x}", "[^a]", "*", "a|(", "[", "[[:nope:]]", "a" * 100, ")", "\\"])
def test_for_what_is_too_involved_nothing_is_proposed(pattern: str) -> None:
    assert samples(pattern) == ()


@settings(max_examples=examples(300))
@given(st.text("ab.|()*+?{}[]^$\\0123:", max_size=12))
def test_any_pattern_may_be_asked(pattern: str) -> None:
    for each in samples(pattern):
        try:
            PATTERNS.search(each, pattern)
        except Fault:
            continue
