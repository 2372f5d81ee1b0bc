"""Hostile texts: each is answered or refused by name, with its place, and none costs more than its size."""

from __future__ import annotations

import pytest

from grammar.codes import Code
from grammar.errors import headline, render
from grammar.keynote import ParsedPolicy, parse_policy
from tests.sizes import sized

HEAD = 'Authorizer: "POLICY"\n'
GOOD = f'\n{HEAD}Licensees: "good"\n'
MILLION = 1_000_000
LARGE = sized(2, 16) * 2**20


def parsed(text: str) -> ParsedPolicy:
    """What a text holds, with a good assertion behind it that has to come through."""
    found = parse_policy(text + GOOD, "t")
    assert found.assertions[-1].authorizer.name == "POLICY"
    assert found.assertions[-1].licensees is not None
    for each in found.diagnostics:
        shown = render(each, text + GOOD)
        assert headline(each) in shown
        assert len(shown) < 1_500
        assert each.message
    return found


def refusals(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of every finding; the assertion must have been dropped."""
    found = parsed(text)
    assert len(found.assertions) == 1
    return [(each.code, each.span.line, each.span.column) for each in found.diagnostics]


NESTED = [
    ("Conditions: " + "(" * 100_000 + "a == b" + ")" * 100_000 + ";", 12 + 10_001),
    ("Conditions: " + "(" * 100_000, 12 + 10_001),
    ("Licensees: " + "(" * 100_000 + '"b"' + ")" * 100_000, 11 + 10_001),
    ("Conditions: " + "true->{" * 100_000 + "true;" + "};" * 100_000, 12 + 7 * 10_001),
    ('Conditions: "(" == a && ' + "(" * 100_000 + "a == b" + ")" * 100_000 + ";", 24 + 10_001),
]


@pytest.mark.parametrize(("field", "column"), NESTED)
def test_brackets_that_nest_too_deeply_are_refused_at_the_one_too_many(field: str, column: int) -> None:
    assert refusals(f"{HEAD}{field}\n") == [(Code.TOO_DEEP, 2, column)]


def test_brackets_that_lie_beside_each_other_are_not_nested() -> None:
    text = f"{HEAD}Conditions: {'&& '.join(['(true)'] * 10_001)};\n"
    assert len(parsed(text).assertions) == 2


def test_brackets_in_a_string_do_not_count() -> None:
    assert len(parsed(f'{HEAD}Conditions: a == "{"(" * 20_000}";\n').assertions) == 2


@pytest.mark.parametrize("nested", ["!" * 20_000 + "true", "-" * 20_000 + "1 == 1", "$" * 20_000 + 'a == "b"'])
def test_operators_that_nest_too_deeply_are_refused(nested: str) -> None:
    assert [code for code, _, _ in refusals(f"{HEAD}Conditions: {nested};\n")] == [Code.TOO_DEEP]


@pytest.mark.full_size
@pytest.mark.parametrize(
    ("field", "codes"),
    [
        ('Licensees: "{}"', []),
        ("# {}", []),
        ("Comment: {}", []),
        ('Conditions: a == "x"; # {}', []),
        ("Conditions: 1 < {}1;", ["KN030"]),
        ("Conditions: a == {};", []),
        ('Licensees: "{}', ["KN003"]),
        ("Licensees: {}", ["KN046"]),
        ("{}: x", ["KN007"]),
        ("{}", ["KN006"]),
        ("Conditions: a == '{}';", ["KN025"]),
        ("Conditions: a {} b;", ["KN028"]),
        ('Licensees: "rsa-hex:{}"', ["KN042"]),
        ('Licensees: "x509-base64:{}"', ["KN042"]),
        ("Licensees: 2-of({})", ["KN046", "KN040"]),
    ],
)
def test_a_token_of_megabytes_is_read_or_refused_by_name(field: str, codes: list[str]) -> None:
    long = "x" * LARGE
    found = parsed(f"{HEAD}{field.replace('{}', long)}\n")
    assert sorted(each.code for each in found.diagnostics) == sorted(codes)
    assert all(each.span.line == 2 for each in found.diagnostics)


@pytest.mark.full_size
def test_a_number_of_megabytes_is_read_or_refused_by_name() -> None:
    digits = "1" * LARGE
    assert len(parsed(f"{HEAD}Conditions: 1 == {digits};\n").assertions) == 2
    assert refusals(f'{HEAD}Licensees: {digits}-of("a")\n') == [(Code.THRESHOLD_TOO_LARGE, 2, 12)]


@pytest.mark.parametrize("escape", ["\\x", "\\\n ", "\\101"])
def test_a_string_of_escapes_alone_is_read(escape: str) -> None:
    found = parsed(f'{HEAD}Licensees: "{escape * (MILLION // 4)}"\n')
    assert (len(found.assertions), found.diagnostics) == (2, ())


@pytest.mark.full_size
def test_very_many_errors_in_one_file_are_all_told() -> None:
    many = sized(500, 2_000)
    text = f'{HEAD}Conditions: a = "b";\n\n' * many
    assert refusals(text) == [(Code.SINGLE_EQUALS, 2 + 3 * number, 15) for number in range(many)]


@pytest.mark.full_size
def test_very_many_errors_in_one_assertion_are_all_told() -> None:
    many = sized(5_000, 20_000)
    text = HEAD + 'Licensees: "x"\n' + "Licensees: y\n" * many
    assert refusals(text) == [(Code.DUPLICATE_FIELD, 3 + number, 1) for number in range(many)]


def test_thousands_of_quotes_that_close_nothing_are_one_error() -> None:
    assert refusals(HEAD + "Conditions: " + '"a\\"\\"\n ' * 100_000 + "\n") == [(Code.UNTERMINATED_STRING, 2, 13)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "Comment: a\0b" + "\0" * MILLION + "\n", [(Code.NUL, 2, 11)]),
        (HEAD.replace("\n", "\r\n") + "Licensees: x\r\n", [(Code.CARRIAGE_RETURN, 1, 21)]),
        (HEAD + "Licensees: \xe9\n", [(Code.BAD_CHARACTER, 2, 12)]),
        (HEAD + "\xff\n", [(Code.STRAY_LINE, 2, 1)]),
        (HEAD + HEAD, [(Code.DUPLICATE_FIELD, 2, 1)]),
        (HEAD + 'Conditions: a == "half a fi\n', [(Code.UNTERMINATED_STRING, 2, 18)]),
        (HEAD + "Condi\n", [(Code.STRAY_LINE, 2, 1)]),
    ],
)
def test_what_is_wrong_has_its_place_and_its_code_and_the_next_assertion_counts(
    text: str, expected: list[tuple[str, int, int]]
) -> None:
    assert refusals(text) == expected


@pytest.mark.parametrize("octet", range(128, 256))
def test_octets_above_127_are_text_in_strings(octet: int) -> None:
    assert parsed(f'Authorizer: "{chr(octet)}"\n').diagnostics == ()


@pytest.mark.full_size
def test_very_many_licensees_constants_and_clauses_answer() -> None:
    names = range(sized(5_000, 20_000))
    parsed(HEAD + "Licensees: " + " || ".join(f'"k{name}"' for name in names) + "\n")
    parsed(HEAD + "Local-Constants: " + " ".join(f'k{name} = "x"' for name in names) + "\n")
    (first, _) = parsed(HEAD + "Conditions: " + "true;" * len(names) + "\n").assertions
    assert first.conditions is not None
    assert len(first.conditions.clauses) == len(names)


@pytest.mark.parametrize(
    "field",
    [
        "Conditions: " + ";".join(['a=="b"'] * 100_000) + ";",
        "Conditions: " + "&&".join(['a=="b"'] * 100_000) + ";",
        "Conditions: " + '"' * 300_000 + ";",
        "Local-Constants: " + "".join(f'K{number}="k"\n ' for number in range(50_000)),
    ],
)
def test_a_field_of_too_many_words_is_refused_in_one_line(field: str) -> None:
    (code, line, column) = refusals(f"{HEAD}{field}\n")[0]
    assert (code, len(refusals(f"{HEAD}{field}\n"))) == (Code.TOO_LARGE, 1)
    assert (line, column) > (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}Conditions: {'&&'.join(['a==b'] * sized(5_000, 24_000))};\n",
        'Authorizer: "A"\nLicensees: ' + "||".join(f'"k{number}"' for number in range(sized(10_000, 60_000))) + "\n",
        f'{HEAD}Conditions: a == "{"x y " * 100_000}"; # {"c " * 100_000}\n',
    ],
)
def test_what_programs_write_is_not_too_large(text: str) -> None:
    assert [len(each.diagnostics) for each in parsed(text).dropped] == []
