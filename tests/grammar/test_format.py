"""Formatting policies: meaning, comments, signatures and bad assertions are kept; the layout is one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar import nodes
from grammar.format import format_policy
from grammar.keynote import parse_policy, split_assertions
from grammar.render import render_program
from tests.grammar.policy_texts import licensees, plain, spaced
from tests.policydb.programs_of_nodes import programs
from tests.sizes import examples, sized

VECTORS = Path(__file__).parent.parent / "vectors" / "keynote-cases.jsonl.gz"
HEAD = 'Authorizer: "A"\n'


def formatted(text: str) -> str:
    return format_policy(text, "t").text


def comments(text: str) -> list[str]:
    """The comments of a text that has no # in its strings."""
    return [line[line.index("#") :].rstrip() for line in text.split("\n") if "#" in line]


def assert_kept(text: str) -> str:
    """That formatting keeps what it must; returns the formatted text."""
    before, result = parse_policy(text, "t"), formatted(text)
    after = parse_policy(result, "t")
    assert plain(after.assertions) == plain(before.assertions)
    assert [each.text.rstrip("\n") for each in after.dropped] == [each.text.rstrip("\n") for each in before.dropped]
    for one, other in zip(before.assertions, after.assertions, strict=True):
        if one.signature is not None:
            assert other.text == one.text
    assert formatted(result) == result
    return result


@pytest.mark.full_size
def test_the_texts_of_the_vectors_keep_their_meaning() -> None:
    seen: set[str] = set()
    with gzip.open(VECTORS, "rt", encoding="utf-8") as lines:
        for case in map(json.loads, lines):
            if case["category"] == "limits":
                continue  # below, as properties: comparing their nodes would recurse
            seen.update(text for key in ("policies", "files", "credentials") for text in case.get(key, ()))
    for text in sorted(seen)[:: sized(24, 1)]:
        assert_kept(text)


@st.composite
def assertions(draw: st.DrawFn) -> str:
    """An assertion in a strange layout, with comments between its tokens."""
    conditions = render_program(draw(programs), draw(st.sampled_from((20, 80)))).replace("\n", "\n ")
    fields = [
        'AUTHORIZER:"A"',
        f"licensees: {draw(licensees)}",
        'Local-Constants: CONSTANT = "c" other = "x"',
        f"Conditions:{conditions}",
    ]
    texts = [draw(spaced(each)) if draw(st.booleans()) else each for each in fields]
    return "\n".join(["# in front", *draw(st.permutations(texts)), "# behind", ""])


@settings(max_examples=examples(80))
@given(st.lists(assertions(), min_size=1, max_size=3), st.sampled_from(("\n", "\n\n\n", "\n# alone\n\n")))
def test_formatting_keeps_meaning_and_is_done_once(texts: list[str], gap: str) -> None:
    text = gap.join(texts)
    assert parse_policy(text, "t").dropped == ()
    assert sorted(comments(assert_kept(text))) == sorted(comments(text))


@settings(max_examples=examples(150))
@given(
    st.text(st.sampled_from('A:"b" #;{}&|()\\\n\n\tConditionsauthorizer\0\r\xa0\x85'))
    | st.text(st.characters(max_codepoint=255))
)
def test_any_text_can_be_formatted(text: str) -> None:
    result = format_policy(text, "t").text
    assert formatted(result) == result
    assert len(split_assertions(result)) == len(split_assertions(text))


def test_the_layout() -> None:
    assert formatted(
        "# of the file\n\n\n\nkeynote-version:2\ncomment:  free # text\n   goes on\n"
        'authorizer:"POLICY"# the root\n'
        'licensees:(("alice"))||("bob"&&"carol")\n'
        'local-constants:a="1" # one\n b="2"\n'
        '#conditions\nconditions:a=="x";b=="y"->"low"; # end\n  # more\n# at the margin\n\n\n'
        'Authorizer:"A"\n\t\n'
    ).split("\n") == [
        "# of the file",
        "",
        "KeyNote-Version: 2",
        "Comment: free # text",
        "   goes on",
        'Authorizer: "POLICY"  # the root',
        'Licensees: "alice" || "bob" && "carol"',
        "Local-Constants:",
        '    a = "1"  # one',
        '    b = "2"',
        "#conditions",
        "Conditions:",
        '    a == "x";',
        '    b == "y" -> "low";  # end',
        "    # more",
        "# at the margin",
        "",
        'Authorizer: "A"',
        "",
    ]


@pytest.mark.parametrize(
    ("written", "result"),
    [
        ('Licensees: "a"&&("b"||"c")', 'Licensees: "a" && ("b" || "c")'),
        ('Licensees: ("a"||"b")||"c"', 'Licensees: ("a" || "b") || "c"'),  # another tree than without
        ('Licensees: 2-of( "a","b" ,("c"))', 'Licensees: 2-of("a", "b", "c")'),
        ('Licensees: "a"."b"', 'Licensees: "a" . "b"'),
        ('Licensees: $("a"."b")', 'Licensees: $("a" . "b")'),
        ("Licensees:", "Licensees:"),
        ("Licensees:   # nobody", "Licensees:\n    # nobody"),
        ("Conditions:", "Conditions:"),
        ('Conditions:\n\n    a == "x";'.replace("\n\n", "\n"), 'Conditions: a == "x";'),
        ('Conditions: # why\n  a == "x";', 'Conditions:\n    # why\n    a == "x";'),
        ("Local-Constants:", "Local-Constants:"),
        ('Local-Constants: x = # why\n "y"', 'Local-Constants: x = # why\n    "y"'),
        ('Licensees:"a" # why\n||"b" # so'.replace("\n", "\n  "), 'Licensees: "a" # why\n    ||"b"  # so'),
        ('Conditions: a=="\\145\\\n   f";', 'Conditions: a == "\\145\\\n   f";'),  # literals stay as they are
    ],
)
def test_a_field(written: str, result: str) -> None:
    assert formatted(f"{HEAD}{written}\n") == f"{HEAD}{result}\n"


def test_a_clause_with_a_comment_inside_keeps_its_lines() -> None:
    text = 'Conditions:   a=="x"  &&  # first\n      b==   "y";   c == "z" -> { # inner\n  d=="w"; /*\n'
    text = text.replace(" /*", " };")
    assert formatted(HEAD + text).split("\n")[1:-1] == [
        "Conditions:",
        '    a=="x"  &&  # first',
        '        b==   "y";',
        '    c == "z" -> {',
        "        # inner",
        '        d == "w";',
        "    };",
    ]


def test_a_signed_assertion_is_not_touched() -> None:
    signed = 'authorizer :"x"\nLicensees:   "y"\n  \nSignature:   "sig"\njunk: after'.replace(
        "authorizer :", "authorizer:"
    )
    assert formatted(f"Authorizer:'\n\n\n{signed}") == f"Authorizer:'\n\n{signed}"
    assert formatted(signed) == signed


def test_a_bad_assertion_is_left_and_reported() -> None:
    bad = 'Authorizer:   "A"\nLicensees: "B" "C"\n'
    found = format_policy(f'{bad}\nauthorizer: "D"\n', "t")
    assert found.text == f'{bad}\nAuthorizer: "D"\n'
    assert [each.text for each in found.dropped] == [bad]


@pytest.mark.parametrize("deep", [100, 400])
def test_what_nests_deeply_stays_as_it_is(deep: int) -> None:
    licensees_ = '"a" && (' * deep + '"b"' + ")" * deep
    blocks = "true -> {" * deep + "true;" + "};" * deep
    text = f"{HEAD}Licensees: {licensees_}\nConditions: {blocks}\n"
    assert formatted(text) == text
    assert not parse_policy(text, "t").dropped


def test_ten_thousand_parentheses_are_no_depth_of_nodes() -> None:
    count = 10_000
    text = f'{HEAD}Conditions: {"(" * count}a == "x"{")" * count};\n'
    assert formatted(text) == f'{HEAD}Conditions: a == "x";\n'
    text = f'{HEAD}Licensees: {"(" * count}"x"{")" * count}\n'
    assert formatted(text) == text


def test_octets_that_other_tools_take_for_line_ends_stay() -> None:
    text = f'{HEAD}Comment: a\x85b\x0bc\xa0 \nLicensees: "\x85\xa0" # \x85 \xa0\n'
    assert formatted(text) == f'{HEAD}Comment: a\x85b\x0bc\xa0\nLicensees: "\x85\xa0"  # \x85 \xa0\n'


def test_nodes_know_nothing_of_layout() -> None:
    (one,) = parse_policy(f'{HEAD}Conditions: a == "x";\n', "t").assertions
    (other,) = parse_policy(f'{HEAD}Conditions:\n  a=="x" ;\n', "t").assertions
    assert one != other
    assert plain(one) == plain(other)
    assert isinstance(one.conditions, nodes.Program)
