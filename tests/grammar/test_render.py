"""Nodes as text: the same nodes again, no parenthesis too many, lines that end in time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar import nodes
from grammar.keynote import parse_assertion
from grammar.literals import unquote
from grammar.phrases import Chain, Enclosed, Row, lines
from grammar.render import WIDTH, nesting, quote, render_program
from tests.grammar.policy_texts import plain
from tests.policydb.programs_of_nodes import programs
from tests.sizes import examples


def program(conditions: str) -> nodes.Program:
    found = parse_assertion(f'Authorizer: "A"\nConditions: {conditions}\n', "t").conditions
    assert found is not None
    return found


def indented(text: str) -> str:
    return text.replace("\n", "\n ")


@settings(max_examples=examples(120))
@given(programs, st.sampled_from((20, WIDTH)))
def test_what_is_rendered_parses_to_the_same_nodes(found: nodes.Program, width: int) -> None:
    assert plain(program(indented(render_program(found, width)))) == plain(found)


@given(st.text(st.characters(min_codepoint=1, max_codepoint=255)))
def test_a_quoted_text_is_the_literal_of_that_text(value: str) -> None:
    literal = quote(value)
    assert unquote(literal) == value
    assert not set(literal) & set("\n\r\t\f\x01\x7f")


@pytest.mark.parametrize(
    ("written", "rendered"),
    [
        ("(a == b);", "a == b;"),
        ("((a == b) && (c == d)) || ((e == f));", "a == b && c == d || e == f;"),
        ("(a == b || c == d) && e == f;", "(a == b || c == d) && e == f;"),
        ("a == b && (c == d && e == f);", "a == b && (c == d && e == f);"),  # another tree than without
        ("!a == b;", "!(a == b);"),  # that is what it means
        ("!(true);", "!true;"),
        ("!!(a == b);", "!!(a == b);"),
        ("!(a == b && true);", "!(a == b && true);"),
        ("TRUE -> x;", "true -> x;"),
        ("(1 + 2) + 3 == 6;", "1 + 2 + 3 == 6;"),
        ("1 + (2 + 3) == 6;", "1 + (2 + 3) == 6;"),
        ("(1 + 2) * 3 == 9;", "(1 + 2) * 3 == 9;"),
        ("1 + (2 * 3) == 7;", "1 + 2 * 3 == 7;"),
        ("(2 ^ 3) ^ 2 == 64;", "2 ^ 3 ^ 2 == 64;"),
        ("(-2) ^ 2 == 4;", "-2 ^ 2 == 4;"),
        ("-(2 ^ 2) < 0;", "-(2 ^ 2) < 0;"),
        ('@("1" . "2") == 12;', '@("1" . "2") == 12;'),
        ("@($a) == 12;", "@$a == 12;"),
        ("&(a) < 1.5;", "&a < 1.5;"),
        ('$("a") == $($(b));', '$"a" == $$b;'),
        ('a . (b . c) == "x";', 'a . (b . c) == "x";'),
        ("true -> {};", "true -> { };"),
        (r'a ~= "\056\\.";', r'a ~= ".\\.";'),
    ],
)
def test_parentheses_stand_only_where_they_are_needed(written: str, rendered: str) -> None:
    assert render_program(program(written)) == rendered


def test_long_tests_are_broken_in_front_of_their_operators() -> None:
    text = 'app == "ipsec" && (enc == "aes" || enc == "3des") && !(a == "x" || b == "y") -> "true";'
    assert render_program(program(text), 30).split("\n") == [
        'app == "ipsec"',
        '&& (enc == "aes"',
        '    || enc == "3des")',
        '&& !(a == "x" || b == "y")',
        '-> "true";',
    ]


def test_the_second_operator_of_a_mixture_is_indented() -> None:
    assert render_program(program('aa == "x" && bb == "y" || cc == "z" && dd == "w";'), 28).split("\n") == [
        'aa == "x" && bb == "y"',
        '|| cc == "z" && dd == "w";',
    ]
    assert render_program(program('aa == "x" || bb == "y" && cc == "zzzzzz";'), 24).split("\n") == [
        'aa == "x"',
        '|| bb == "y"',
        '    && cc == "zzzzzz";',
    ]


def test_blocks_are_indented() -> None:
    assert render_program(program('a == "x" -> { b == "y" -> { true; }; true -> "low"; };')).split("\n") == [
        'a == "x" -> {',
        '    b == "y" -> {',
        "        true;",
        "    };",
        '    true -> "low";',
        "};",
    ]


def test_rows_keep_their_commas_at_the_end_of_a_line() -> None:
    row = Enclosed("2-of(", Row(('"alice"', '"bob"', Chain("&&", ('"c"', '"d"')))), ")")
    assert lines(row, 80) == ['2-of("alice", "bob", "c" && "d")']
    assert lines(row, 20) == ['2-of("alice",', '    "bob",', '    "c" && "d")']


@pytest.mark.parametrize(("text", "depth"), [("true;", 3), ("true -> { true; };", 5), ("a == b;", 4)])
def test_nesting_counts_levels(text: str, depth: int) -> None:
    assert nesting(program(text)) == depth
