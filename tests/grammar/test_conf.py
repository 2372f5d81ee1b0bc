"""isakmpd.conf: the rules of lines, and what is said about those that break them (isakmpd.conf(5))."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.codes import Code
from grammar.conf import parse_conf
from grammar.errors import Severity

TEXTS = st.text(st.sampled_from("ab=[]#; \t\n\r\\\0x\x0c\x85\xa0"), max_size=60)


def bindings(text: str) -> list[tuple[str, str, str]]:
    return [(each.section, each.tag, each.value) for each in parse_conf(text, "t").bindings]


def findings(text: str) -> list[tuple[str, int, int]]:
    return [(str(each.code), each.span.line, each.span.column) for each in parse_conf(text, "t").diagnostics]


RULES = [
    ("[General]\nPolicy-file= /etc/p\n", [("General", "Policy-file", "/etc/p")]),
    ("# a=b\n; c=d\n[S]\na=b # no comment\n", [("S", "a", "b # no comment")]),
    ("[S]\na \t = \t b \t \n", [("S", "a", "b")]),
    ("[S]\na=b=c\n", [("S", "a", "b=c")]),
    ("[S]\na=\n", [("S", "a", "")]),
    ("[a b/c:d=e] # ignored\nx=1\n", [("a b/c:d=e", "x", "1")]),
    ("[]\na=1\n", [("", "a", "1")]),
    ("[S]\na=b,\\\nc\n", [("S", "a", "b,  c")]),
    ("# comment \\\ngoes on\n[S]\na=1\n", [("S", "a", "1")]),
    ("[S]\n\n \t\na=1\n\n", [("S", "a", "1")]),
    ("[S]\na=1\n[T]\nb=2\n[s]\nc=3\n", [("S", "a", "1"), ("T", "b", "2"), ("s", "c", "3")]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), RULES)
def test_a_good_text_yields_its_bindings_and_nothing_is_said(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert bindings(text) == expected
    assert findings(text) == []


MISTAKES = [
    ("a=1\n[S]\n", Code.CONF_NO_SECTION, 1, 1, []),
    ("[S]\nb=1\n[T\na=1\n", Code.CONF_UNCLOSED_SECTION, 3, 1, [("S", "b", "1")]),
    ("[S]\nword and word\na=1\n", Code.CONF_NO_EQUALS, 2, 1, [("S", "a", "1")]),
    ("[S]\n=1\na=1\n", Code.CONF_NO_TAG, 2, 1, [("S", "a", "1")]),
    ("[S]\na=\0\n", Code.CONF_NUL, 2, 3, [("S", "a", "\0")]),
    ("[S]\n  a=1\n", Code.CONF_LEADING_BLANK, 2, 1, [("S", "a", "1")]),
    ("[S]\n\t# c\n", Code.CONF_LEADING_BLANK, 2, 1, []),
    ("[S]\na=1", Code.CONF_NO_FINAL_NEWLINE, 2, 1, [("S", "a", "1")]),
    ("[S]\na=1\n[T]\n[s]\nA=2\n", Code.CONF_DUPLICATE_TAG, 5, 1, [("S", "a", "1"), ("s", "A", "2")]),
    ("[S]\nfoo bar = x\n", Code.CONF_WORDS_BEFORE_EQUALS, 2, 4, [("S", "foo", "x")]),
    ("[S]\r\na=1\r\n", Code.CONF_CARRIAGE_RETURN, 1, 4, [("S", "a", "1")]),
    ("[S]\na=1\rb=2\n", Code.CONF_STRAY_RETURN, 2, 4, [("S", "a", "1\rb=2")]),
    ("[S] b=2\na=1\n", Code.CONF_TEXT_BEHIND_HEADER, 1, 5, [("S", "a", "1")]),
    ("[S]x]\na=1\n", Code.CONF_TEXT_BEHIND_HEADER, 1, 4, [("S", "a", "1")]),
]
WARNINGS = frozenset(
    {
        Code.CONF_LEADING_BLANK,
        Code.CONF_NO_FINAL_NEWLINE,
        Code.CONF_DUPLICATE_TAG,
        Code.CONF_WORDS_BEFORE_EQUALS,
        Code.CONF_CARRIAGE_RETURN,
        Code.CONF_TEXT_BEHIND_HEADER,
    }
)


@pytest.mark.parametrize(("text", "code", "line", "column", "kept"), MISTAKES)
def test_a_mistake_has_its_code_and_place_and_spares_the_other_lines(
    text: str, code: Code, line: int, column: int, kept: list[tuple[str, str, str]]
) -> None:
    assert findings(text) == [(code, line, column)]
    assert bindings(text) == kept


@pytest.mark.parametrize(("text", "code"), [(text, code) for text, code, *_ in MISTAKES])
def test_what_isakmpd_would_still_read_is_a_warning(text: str, code: Code) -> None:
    (diagnostic,) = parse_conf(text, "t").diagnostics
    assert (diagnostic.severity is Severity.WARNING) == (code in WARNINGS)


def test_all_errors_of_a_file_are_told_in_one_run() -> None:
    text = "a=1\n[S\nx\n[T]\nstray\n=2\na=1\n"
    assert findings(text) == [
        (Code.CONF_NO_SECTION, 1, 1),
        (Code.CONF_UNCLOSED_SECTION, 2, 1),
        (Code.CONF_NO_EQUALS, 5, 1),
        (Code.CONF_NO_TAG, 6, 1),
    ]


def test_a_duplicate_names_the_line_of_the_first() -> None:
    (diagnostic,) = parse_conf("[S]\na=1\n\na=2\n", "t").diagnostics
    assert "line 2" in diagnostic.message


def test_spans_point_at_line_section_and_value() -> None:
    text = "# c\n[Peer one] x\nAddress=\t10.0.0.1,\\\n 10.0.0.2  \n"
    (binding,) = parse_conf(text, "t").bindings
    spans = binding.span, binding.section_span, binding.value_span
    assert [text[each.start : each.end] for each in spans] == [
        "Address=\t10.0.0.1,\\\n 10.0.0.2",
        "Peer one",
        "10.0.0.1,\\\n 10.0.0.2",
    ]
    assert (binding.value_span.line, binding.value_span.column) == (3, 10)


@given(TEXTS)
def test_any_text_can_be_parsed_and_spans_lie_in_it(text: str) -> None:
    parsed = parse_conf(text, "t")
    spans = [each.span for each in parsed.diagnostics]
    for each in parsed.bindings:
        spans += [each.span, each.section_span, each.value_span]
    for span in spans:
        assert 0 <= span.start <= span.end <= len(text)
        assert span.line == text.count("\n", 0, span.start) + 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(["", "1", "a=b", "# c"]))))
def test_written_bindings_are_read_back(wanted: list[tuple[str, str, str]]) -> None:
    text = "".join(f"[{section}]\n{tag} = {value}\n" for section, tag, value in wanted)
    assert bindings(text) == wanted
