"""Whole assertions and policy files: what is read, what is dropped, and what is said (RFC 2704, 4 and 5.3)."""

import gzip
import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.codes import Code
from grammar.errors import GrammarError, render
from grammar.keynote import Dropped, ParsedPolicy, parse_assertion, parse_policy, split_assertions
from grammar.nodes import Assertion

HEAD = 'Authorizer: "POLICY"\n'
VECTORS = Path(__file__).parent.parent / "vectors" / "keynote-cases.jsonl.gz"
FULL = (
    "# a comment in front\n"
    "KeyNote-Version: 2\n"
    'Local-Constants: a = "A"\n'
    '\tb = "B" # behind\n'
    'authorizer: "POLICY"\n'
    "LICENSEES: a || b\n"
    'Conditions: app_domain == "IPsec policy" &&\n'
    '  esp_enc_alg != "null" -> "true";\n'
    'Comment: free "text, even\n'
    "  over lines\n"
    'Signature: "sig-" . "x"\n'
)


def diagnosed(text: str) -> list[tuple[str, int, int]]:
    return [(str(each.code), each.span.line, each.span.column) for each in parse_policy(text, "t").diagnostics]


def test_every_field_of_an_assertion_is_read() -> None:
    assertion = parse_assertion(FULL, "t")
    assert assertion.text == FULL
    assert (assertion.span.start, assertion.span.end, assertion.span.line) == (0, len(FULL), 1)
    assert assertion.authorizer.name == "POLICY"
    assert [each.name for each in assertion.constants] == ["a", "b"]
    assert assertion.comment == 'free "text, even\n  over lines'
    assert assertion.conditions is not None
    assert len(assertion.conditions.clauses) == 1


def test_d13_what_is_signed_runs_from_the_first_field_to_the_newline_before_the_signature() -> None:
    signature = parse_assertion("\n" + FULL + "junk: after\n", "t", signed=True).signature
    assert signature is not None
    assert signature.value == "sig-x"
    assert signature.signed_text == FULL[FULL.index("KeyNote") : FULL.index("Signature")]


def test_a_comment_among_the_fields_is_signed() -> None:
    signature = parse_assertion('Authorizer: "a"\n# c\nSignature: "s"\n', "t").signature
    assert signature is not None
    assert signature.signed_text == 'Authorizer: "a"\n# c\n'


@pytest.mark.parametrize("version", ["2", '"2"', " 2 # c", '\n "2"', r'"\062"'])
def test_version_2_is_a_number_or_a_string(version: str) -> None:
    assert parse_assertion(f"KeyNote-Version:{version}\n{HEAD}", "t").authorizer.name == "POLICY"


def test_d28_a_comment_may_stand_before_the_version() -> None:
    assert parse_assertion(f"# c\n# d\nKeyNote-Version: 2\n{HEAD}", "t").authorizer.name == "POLICY"


def test_octets_above_127_are_text_in_strings_and_comments() -> None:
    assert parse_assertion('Authorizer: "\xe9" # \xff\nComment: \xe9\n', "t").authorizer.name == "\xe9"


def test_a_file_may_end_without_a_newline() -> None:
    assert parse_assertion('Authorizer: "A"', "t").authorizer.name == "A"


MALFORMED = [
    (HEAD + "Conditions: a == b ->\n  c d;\n", Code.MISSING_OPERATOR, 3, 5),
    (HEAD + "Conditions: == b;\n", Code.MISSING_OPERAND, 2, 13),
    (HEAD + "Conditions: a == b c;\n", Code.MISSING_OPERATOR, 2, 20),
    (HEAD + "Conditions: (a == b c);\n", Code.MISSING_OPERATOR, 2, 21),
    (HEAD + "Conditions: a == b && ;\n", Code.MISSING_OPERAND, 2, 23),
    (HEAD + "Conditions: true;;\n", Code.MISSING_OPERAND, 2, 18),
    (HEAD + "Conditions: { true; };\n", Code.MISSING_OPERAND, 2, 13),
    (HEAD + "Conditions: true; ?\n", Code.BAD_CHARACTER, 2, 19),
    (HEAD + "Conditions: true;\n  [\n", Code.BAD_OPERATOR, 3, 3),
    (HEAD + "Conditions: a == b | c == d;\n", Code.BAD_OPERATOR, 2, 20),
    (HEAD + 'Conditions: a =~ "x";\n', Code.SINGLE_EQUALS, 2, 15),
    (HEAD + 'Conditions: a = "x";\n', Code.SINGLE_EQUALS, 2, 15),
    (HEAD + 'Conditions: "x" = a;\n', Code.SINGLE_EQUALS, 2, 17),
    (HEAD + "Conditions: a == 'x';\n", Code.SINGLE_QUOTES, 2, 18),
    (HEAD + 'Conditions: true; "x\n', Code.UNTERMINATED_STRING, 2, 19),
    (HEAD + 'Conditions: a == "x;\n  b == "y";\n', Code.UNTERMINATED_STRING, 2, 18),
    (HEAD + "Conditions: true\n", Code.MISSING_SEMICOLON, 2, 17),
    (HEAD + "Conditions: true # c\n", Code.MISSING_SEMICOLON, 2, 17),
    (HEAD + "Conditions: true -> { true; }\n", Code.MISSING_SEMICOLON, 2, 30),
    (HEAD + "Conditions: true -> { true };\n", Code.MISSING_SEMICOLON, 2, 27),
    (HEAD + 'Conditions: a == "x" -> ;\n', Code.MISSING_VALUE, 2, 25),
    (HEAD + "Conditions: a == b ->\n", Code.MISSING_VALUE, 2, 22),
    (HEAD + "Conditions: (a == b;\n", Code.UNCLOSED, 2, 13),
    (HEAD + 'Conditions: ((a == b) && c == ")";\n', Code.UNCLOSED, 2, 13),
    (HEAD + "Conditions: true -> { true;\n", Code.UNCLOSED, 2, 21),
    (HEAD + "Conditions: a == b);\n", Code.UNOPENED, 2, 19),
    (HEAD + "Conditions: true; } junk\n", Code.UNOPENED, 2, 19),
    (HEAD + "Conditions: };\n", Code.UNOPENED, 2, 13),
    (HEAD + "Conditions: 1 < 2 < 3;\n", Code.CHAINED_COMPARISON, 2, 19),
    (HEAD + "Conditions: a,b;\n", Code.SYNTAX, 2, 14),
    (HEAD + 'Local-Constants: a = "x" a = "y"\n', Code.DUPLICATE_CONSTANT, 2, 26),
    (HEAD + 'Local-Constants: _a = "x"\n', Code.RESERVED_CONSTANT, 2, 18),
    (HEAD + "Local-Constants: a = b\n", Code.CONSTANT_NOT_LITERAL, 2, 22),
    (HEAD + "Local-Constants: a = 5\n", Code.CONSTANT_NOT_LITERAL, 2, 22),
    (HEAD + 'Local-Constants: a = "x" . "y"\n', Code.CONSTANT_NOT_LITERAL, 2, 26),
    (HEAD + 'Local-Constants: a == "x"\n', Code.SYNTAX, 2, 21),
    ('Authorizer: "POLICY" ?\n', Code.BAD_CHARACTER, 1, 22),
    ('Authorizer: "A" "B"\n', Code.MISSING_OPERATOR, 1, 17),
    ('Authorizer: "A" || "B"\n', Code.SYNTAX, 1, 17),
    ('Authorizer: "rsa-hex:00"\n', Code.BAD_KEY, 1, 13),
    ("Authorizer:\nLicensees:\n", Code.EMPTY_FIELD, 1, 1),
    ("Authorizer: # nobody\n", Code.EMPTY_FIELD, 1, 1),
    (HEAD + "Signature:\n", Code.EMPTY_FIELD, 2, 1),
    ("Comment: lost\n", Code.NO_AUTHORIZER, 1, 1),
    ("KeyNote-Version: 3\n" + HEAD, Code.VERSION, 1, 18),
    ("KeyNote-Version: 02\n" + HEAD, Code.VERSION, 1, 18),
    ("KeyNote-Version: 2.0\n" + HEAD, Code.VERSION, 1, 19),
    ("KeyNote-Version:\n" + HEAD, Code.VERSION, 1, 17),
    (HEAD + "KeyNote-Version: 2\n", Code.VERSION_NOT_FIRST, 2, 1),
    (HEAD + HEAD, Code.DUPLICATE_FIELD, 2, 1),
    (HEAD + "Licensee: a\n", Code.UNKNOWN_LABEL, 2, 1),
    (HEAD + "junk\n", Code.STRAY_LINE, 2, 1),
    (HEAD + "Comment: a\0b\n", Code.NUL, 2, 11),
    ('Authorizer: "POLICY"\r\nLicensees: "A"\r\n', Code.CARRIAGE_RETURN, 1, 21),
]


@pytest.mark.parametrize(("text", "code", "line", "column"), MALFORMED)
def test_a_mistake_has_its_code_and_its_place(text: str, code: Code, line: int, column: int) -> None:
    assert diagnosed(text) == [(code, line, column)]
    assert parse_policy(text, "t").assertions == ()
    with pytest.raises(GrammarError):
        parse_assertion(text, "t")


HINTS = [
    ("Conditions: a = b;", "write =="),
    ("Conditions: true", "write ;"),
    ("Licencees: a", "did you mean Licensees:"),
    ('Licensees: "a', "close it with a quote"),
    ('Licensees: 3-of("a")', "K members or more"),
    ("Conditions: true -> ;", "write a compliance value"),
    ("Conditions: a == 5;", "put @ in front"),
    ("Conditions: (true;", "close it"),
    ("Comment: x\r", "tr -d"),
]


@pytest.mark.parametrize(("field", "hint"), HINTS)
def test_a_well_known_mistake_comes_with_a_hint(field: str, hint: str) -> None:
    (diagnostic,) = parse_policy(f"{HEAD}{field}\n", "t").diagnostics
    assert hint in diagnostic.hint


def test_a_fragment_is_answered_with_the_empty_line_that_made_it() -> None:
    (diagnostic,) = parse_policy(f'{HEAD}\nLicensees: "A"\n', "t").diagnostics
    assert (diagnostic.code, diagnostic.span.line) == (Code.NO_AUTHORIZER, 3)
    assert "empty line" in diagnostic.hint


def test_a_bad_assertion_is_dropped_alone_and_all_errors_are_told() -> None:
    text = f'{HEAD}Licensees: "A" "B"\nConditions: a = b;\n\n{HEAD}\n{HEAD}Conditions: a == 5; b\n'
    parsed = parse_policy(text, "t")
    assert [each.span.line for each in parsed.assertions] == [5]
    assert [each.span.line for each in parsed.dropped] == [1, 7]
    assert diagnosed(text) == [
        (Code.MISSING_OPERATOR, 2, 16),
        (Code.SINGLE_EQUALS, 3, 15),
        (Code.MISSING_SEMICOLON, 8, 22),
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n", f"{HEAD}\n{HEAD}"])
def test_d23_one_assertion_means_one(text: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_assertion(text, "t")
    assert [each.code for each in caught.value.diagnostics] == [Code.NOT_ONE_ASSERTION]


def test_a_policy_may_be_empty() -> None:
    assert parse_policy("\n# nothing\n", "t") == ParsedPolicy((), ())


@pytest.mark.parametrize(
    "text", ["Conditions: true; ?", 'Conditions: true; "x', "Conditions: true; }", 'Authorizer: "POLICY" ?']
)
def test_d1_d15_d16_junk_behind_complete_text_drops_the_assertion(text: str) -> None:
    head = "" if text.startswith("Authorizer") else HEAD
    assert parse_policy(f"{head}{text}\n", "t").assertions == ()


def test_a_string_longer_than_16384_octets_is_read() -> None:
    assert parse_assertion(f'Authorizer: "{"x" * 100_000}"\n', "t").authorizer.name == "x" * 100_000


# --- any text ---------------------------------------------------------------------------------------------------------


@cache
def seeds() -> tuple[str, ...]:
    with gzip.open(VECTORS, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    texts = [text for case in cases for text in (*case.get("policies", ()), *case.get("files", ()))]
    return (FULL, *(each for each in texts if len(each) < 1_000))


def check(text: str) -> None:
    """Nothing but the project's own error; spans lie in the text and every finding can be shown."""
    parsed = parse_policy(text, "t")
    for finding in parsed.diagnostics:
        assert 0 <= finding.span.start <= finding.span.end <= len(text)
        assert finding.span.line == text.count("\n", 0, finding.span.start) + 1
        assert finding.message in render(finding, text)
    pieces: list[Assertion | Dropped] = [*parsed.assertions, *parsed.dropped]
    assert sorted(each.span.start for each in pieces) == [offset for offset, _, _ in split_assertions(text)]
    for each in pieces:
        assert text[each.span.start : each.span.end] == each.text
    assert all(each.diagnostics for each in parsed.dropped)
    for assertion in parsed.assertions:
        check_spans(assertion, text)


def check_spans(assertion: Assertion, text: str) -> None:
    assert text[assertion.authorizer.span.start : assertion.authorizer.span.end]
    for constant in assertion.constants:
        assert text.startswith(constant.name, constant.span.start)
    for clause in assertion.conditions.clauses if assertion.conditions else ():
        assert assertion.span.start <= clause.span.start < clause.span.end <= assertion.span.end
        assert text[clause.span.end :].lstrip(" \t\n")[:1] in {";", "#"}


TOKENS = [
    *["Authorizer:", "Conditions:", "Licensees:", "Local-Constants:", "Signature:", "\n", "\n ", " ", "\\", "\r", "\0"],
    *[
        '"A"',
        '"',
        "a",
        "5",
        "1.5",
        "true",
        "2-of",
        ",",
        "#",
        "->",
        "{",
        "}",
        "(",
        ")",
        ";",
        "&&",
        "||",
        "!",
        "==",
        "~=",
    ],
    *["<", "+", "-", ".", "^", "%", "@", "&", "$", "="],
]


@given(st.text(st.characters(max_codepoint=255), max_size=300))
def test_any_text_is_parsed_or_diagnosed(text: str) -> None:
    check(text)


@given(st.lists(st.sampled_from(TOKENS), max_size=40))
def test_any_row_of_tokens_is_parsed_or_diagnosed(tokens: list[str]) -> None:
    check(HEAD + " ".join(tokens))


@given(st.data())
def test_any_mutation_of_valid_text_is_parsed_or_diagnosed(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(seeds()))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 6)))
        text = text[:start] + data.draw(st.text(st.characters(max_codepoint=255), max_size=4)) + text[end:]
    check(text)


@given(st.integers(0, len(FULL)))
def test_half_a_file_is_parsed_or_diagnosed(length: int) -> None:
    check(FULL[:length])
