"""`~=`: POSIX extended regular expressions, RFC 2704 section 4.6.5."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.keynote.numbers import Fault
from policydb.keynote.regex import Patterns
from tests.policydb.policies import worth

PATTERNS = Patterns()


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("abc", "b"),
        ("", ""),
        ("abc", "^abc$"),
        ("a\nb", "a.b"),  # the dot matches a newline, as in regcomp(3) without REG_NEWLINE
        ("x9", "[[:digit:]]$"),
        ("a]b", "a[]]b"),
        ("a\\b", "^a[\\]b$"),  # in brackets a backslash is itself
        ("a.b", "^a[.]b$"),
        ("a.b", "^a\\.b$"),
        ("aa", "^a{2}$"),
        ("\xe9", "^[\xe0-\xff]$"),
    ],
)
def test_it_matches(text: str, pattern: str) -> None:
    assert PATTERNS.search(text, pattern) is not None


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("a\nb", "^b"), ("a\n", "^a$"), ("ABC", "abc"), ("a", "^[^a]"), ("d", "[[:digit:]]"), ("ab", "^a[\\.]b$")],
)
def test_it_does_not_match(text: str, pattern: str) -> None:
    assert PATTERNS.search(text, pattern) is None


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[a", "*", "a{2,1}", "[z-a]", "\\", "a\\", "\\d", "\\1", "(a)\\1", "(?i)x", "[[=a=]]", "[[.a.]]",
     "a{1001}", "[[:", "[[:nope:]]", "((a{100}){100}){100}", "\u20ac"],
)  # fmt: skip
def test_what_is_no_pattern_or_cannot_be_expressed_is_a_runtime_error(pattern: str) -> None:
    with pytest.raises(Fault):
        PATTERNS.search("a", pattern)


def test_text_outside_latin_1_is_a_runtime_error() -> None:
    with pytest.raises(Fault):
        PATTERNS.search("\u20ac", "x")


def test_the_match_is_leftmost_and_longest() -> None:
    assert PATTERNS.search("xabcabcd", "(abcd|ab|abc)") == ("abc",)


def test_a_group_that_took_no_part_is_empty() -> None:
    assert PATTERNS.search("b", "(a)|(b)") == ("", "b")


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255), max_size=20))
def test_any_pattern_matches_or_not_or_is_a_runtime_error(text: str, pattern: str) -> None:
    try:
        found = PATTERNS.search(text, pattern)
    except Fault:
        return
    assert found is None or all(group in text for group in found)


def test_time_is_linear_where_backtracking_is_not() -> None:
    # A backtracking engine needs longer than the universe for this.
    assert PATTERNS.search("a" * 5_000 + "b", "^(a*)*(a*)*$") is None


def test_more_patterns_than_are_kept_still_answer() -> None:
    patterns = Patterns()
    assert all(patterns.search(f"x{number}", f"^x{number}$") is not None for number in range(1100))


def test_the_engine_is_loaded_only_for_a_match() -> None:
    program = (
        "import sys; from policydb.keynote.checker import Checker; from policydb.keynote.memory import MemoryGraph;"
        "from policydb.request import Request; Checker(MemoryGraph([])).decide(Request(('a',)));"
        "sys.exit('re2' in sys.modules or 'lark' in sys.modules or 'cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- groups (D18: where the C library and the RFC part, the RFC) ----------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "value"),
    [
        ('"abc" ~= "(a)(b)" && _1 . _2 == "ab";', "true"),
        ('"abc" ~= "(a)(b)" && _0 == "2";', "true"),
        ('"abc" ~= "b" && _0 == "0" && _1 == "";', "true"),
        ('"b" ~= "(a)|(b)" && _2 == "b";', "true"),
        ('"abc" ~= "(a)" && $("_" . "1") == "a";', "true"),
        ('"abc" ~= "(a)"; _1 == "a" -> "true";', "true"),
        ('"abc" ~= "(x)" || _1 == "";', "true"),
        ('"abc" ~= "(a)" && ("abc" ~= "(x)" || _1 == "a");', "true"),  # a match that fails leaves them
        ('"abc" ~= "(a)" && false; _1 == "a" -> "true";', "false"),  # they end with their clause
        ('"abc" ~= "(a)" -> { _1 == "a"; };', "true"),  # a block belongs to its clause
        ('"abc" ~= "(a)" -> { "z" ~= "(z)" && false; _1 == "a"; };', "true"),  # a subclause leaves them to the next
        ('_01 == "" && "abc" ~= "(a)" && _01 == "";', "true"),
        ('"abc" ~= "(a)" -> { true -> { true -> { _1 == "a"; }; }; };', "true"),
    ],
)
def test_groups_live_within_their_clause(conditions: str, value: str) -> None:
    assert worth(conditions) == value
