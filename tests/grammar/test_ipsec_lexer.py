"""Lines of tokens: what a word, a number and a string are, comments, continuation, macros (ipsec.conf(5))."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.ipsec_lexer import MAX_STRING, Lexer, Line
from grammar.lines import LineIndex

MACROS = {"base": "192.168.1", "gw": "1.2.3.4", "nets": "{ 10.0.0.0/8, 10.1.2/24 }", "quoted": '"a b"', "n": "24"}


def lines(text: str, macros: Mapping[str, str] = MACROS) -> list[Line]:
    return list(Lexer(text, LineIndex(text), macros, set()).lines())


def tokens(text: str) -> list[tuple[str, str]]:
    """Kind and text of the tokens of a single line."""
    [line] = lines(text)
    assert line.problem is None
    return [(each.type, str(each)) for each in line.tokens]


def strings(*texts: str) -> list[tuple[str, str]]:
    return [("STRING", each) for each in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ike esp\n", [("IKE", "ike"), ("ESP", "esp")]),
        ("IKE\n", strings("IKE")),
        ("10.0.0.1\n", strings("10.0.0.1")),
        ("10.0.0.0/8\n", [("STRING", "10.0.0.0"), ("SLASH", "/"), ("NUMBER", "8")]),
        ("3ffe::1\n", strings("3ffe::1")),
        ("::/0\n", [("STRING", "::"), ("SLASH", "/"), ("NUMBER", "0")]),
        ("500\n", [("NUMBER", "500")]),
        ("-1\n", [("NUMBER", "-1")]),
        ("1h\n", strings("1h")),
        ("24(\n", [("STRING", "24"), ("LPAR", "(")]),
        ("24 (\n", [("NUMBER", "24"), ("LPAR", "(")]),
        (
            "24,24}24=\n",
            [("NUMBER", "24"), ("COMMA", ","), ("NUMBER", "24"), ("RBRACE", "}"), ("NUMBER", "24"), ("EQUAL", "=")],
        ),
        ("_a *b :c\n", strings("_a", "*b", ":c")),
        ("a~!\n", [("STRING", "a~"), ("CHARACTER", "!")]),
        ("user@host.org\n", strings("user@host.org")),
        ('wo"rd\n', strings('wo"rd')),
        ("it's\n", strings("it's")),
        ("<\n", [("CHARACTER", "<")]),
        (".5\n", [("CHARACTER", "."), ("NUMBER", "5")]),
    ],
)
def test_words_numbers_and_characters(text: str, expected: list[tuple[str, str]]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"two words"\n', "two words"),
        ("'two words'\n", "two words"),
        ('"it\'s"\n', "it's"),
        ('"ike"\n', "ike"),
        ('"500"\n', "500"),
        ('"$gw"\n', "$gw"),
        ('"# no comment"\n', "# no comment"),
        ('"over\nlines"\n', "overlines"),
        ('"over\\\nlines"\n', "overlines"),
        (r'"a\"b"' + "\n", 'a"b'),
        (r"'a\'b'" + "\n", "a'b"),
        (r'"a\ b"' + "\n", "a b"),
        (r'"a\nb"' + "\n", r"a\nb"),
        ('""\n', ""),
    ],
)
def test_quoted_strings(text: str, expected: str) -> None:
    assert tokens(text) == strings(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a \\\nb\n", strings("a", "b")),
        ("a\\\nb\n", strings("ab")),
        ("a # b c\n", strings("a")),
        ("a # b \\\nc\n", strings("a")),
        ("# b\na\n", strings("a")),
        ("# b\\\nstill a comment\na\n", strings("a")),
        ("\n\t \na\n", strings("a")),
        (r"a\.b" + "\n", strings("a.b")),
        (r"\abc" + "\n", strings("abc")),
        (r"\{ a" + "\n", [("LBRACE", "{"), ("STRING", "a")]),
    ],
)
def test_comments_continuation_and_backslashes(text: str, expected: list[tuple[str, str]]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$gw\n", strings("1.2.3.4")),
        ("$base.10\n", strings("192.168.1.10")),
        ("gw.$base\n", strings("gw.$base")),
        ("$base$gw\n", strings("192.168.1$gw")),
        ("$nets\n", tokens(MACROS["nets"] + "\n")),
        ("$nets$gw\n", [*tokens(MACROS["nets"] + "\n"), *strings("1.2.3.4")]),
        ("$quoted\n", strings("a b")),
        ("10.0.0.0/$n\n", [*strings("10.0.0.0"), ("SLASH", "/"), ("NUMBER", "24")]),
        ("10.0.0.0/$n (1.2.3.4)\n", tokens("10.0.0.0/24 (1.2.3.4)\n")),
    ],
)
def test_macros_are_input_text(text: str, expected: list[tuple[str, str]]) -> None:
    assert tokens(text) == expected


def test_nothing_is_expanded_inside_a_macro() -> None:
    [line] = lines("$outer\n", {"outer": "a$inner", "inner": "b"})
    assert [str(each) for each in line.tokens] == ["a$inner"]


def test_a_comment_inside_a_macro_reaches_to_the_end_of_the_line() -> None:
    found = lines("$half rest\nnext\n", {"half": "a # b"})
    assert [[str(each) for each in line.tokens] for line in found] == [["a"], ["next"]]


def test_tokens_of_a_macro_stand_where_it_is_used() -> None:
    [line] = lines("ike $nets\n")
    assert {(each.start_pos, each.end_pos) for each in line.tokens[1:]} == {(4, 9)}


def test_an_undefined_macro_is_a_problem_of_its_line_alone() -> None:
    first, second = lines("ike from $x to 1.1.1.1\nike\n")
    assert first.problem is not None
    assert first.problem.message == "macro 'x' not defined"
    assert (first.problem.span.line, first.problem.span.column) == (1, 10)
    assert second.problem is None


def test_used_macros_are_remembered() -> None:
    used: set[str] = set()
    list(Lexer("$gw\n", LineIndex("$gw\n"), MACROS, used).lines())
    assert used == {"gw"}


@pytest.mark.parametrize("text", ["a", "a\nb", '"a\n', f'"{"a" * (MAX_STRING + 1)}"\n'], ids=range(4))
def test_no_final_newline_no_closing_quote_and_too_much_are_syntax_errors(text: str) -> None:
    *_, last = lines(text)
    assert last.problem is not None
    assert last.problem.message == "syntax error"


@pytest.mark.parametrize("text", ["", "# comment", "\n\n", "   "])
def test_nothing_said_is_nothing_wrong(text: str) -> None:
    assert lines(text) == []


def test_a_continued_rule_has_the_line_of_its_first_word() -> None:
    first, second = lines("\nike \\\n esp \\\n ah\nflow\n")
    assert (first.span.line, second.span.line) == (2, 5)


@given(st.text(st.sampled_from("a1 \t\n\\\"'#$.{}(),/=-<:\xe9\0"), max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    ends = [line.span.end for line in lines(text, {"a": "1", "1": "{", "a1": '"'})]
    assert ends == sorted(ends)
