"""Licensees and Authorizer: expressions of principals, thresholds, constants (RFC 2704, 4.6.2 to 4.6.4)."""

import pytest

from grammar.codes import Code
from grammar.errors import GrammarError, Severity
from grammar.keynote import parse_assertion, parse_policy
from grammar.nodes import Nobody
from tests.grammar import sketch

CONSTANTS = 'Local-Constants: kA = "A" n = "kA"\n'


def parsed(licensees: str) -> str:
    node = parse_assertion(f'Authorizer: "POLICY"\n{CONSTANTS}Licensees: {licensees}\n', "t").licensees
    assert node is not None
    return sketch.licensees(node)


def refused(licensees: str) -> list[str]:
    with pytest.raises(GrammarError) as caught:
        parse_assertion(f'Authorizer: "POLICY"\n{CONSTANTS}Licensees: {licensees}\n', "t")
    return [str(each.code) for each in caught.value.diagnostics]


GOOD = [
    ('"A"', "A"),
    ("kA", "A"),
    ("$n", "A"),
    ('$("n")', "kA"),
    ('"A" . "B" . kA', "ABA"),
    ('"a" || "b" && "c"', "(or a (and b c))"),
    ('("a" || "b") && "c"', "(and (or a b) c)"),
    ('"a" && "b" && "c"', "(and a b c)"),
    ('2-of("a", "b", kA)', "(2 a b A)"),
    ('1-of(("a"))', "(1 a)"),
    ('2-of("a", "a")', "(2 a a)"),
    ('"a" || 2-of("b","c")', "(or a (2 b c))"),
    ('(("a"))', "a"),
    ("", "nobody"),
    ("# a comment", "nobody"),
]


@pytest.mark.parametrize(("text", "tree"), GOOD)
def test_licensees_are_expressions_of_principals(text: str, tree: str) -> None:
    assert parsed(text) == tree


def test_a_missing_field_is_not_an_empty_one() -> None:
    assert parse_assertion('Authorizer: "A"\n', "t").licensees is None
    assert isinstance(parse_assertion('Authorizer: "A"\nLicensees:\n', "t").licensees, Nobody)


BAD = [
    ('"a" "b"', Code.MISSING_OPERATOR),
    ('"a" &&', Code.MISSING_OPERAND),
    ('|| "a"', Code.MISSING_OPERAND),
    ("()", Code.MISSING_OPERAND),
    ('("a"', Code.UNCLOSED),
    ('"a")', Code.UNOPENED),
    ('"a" | "b"', Code.BAD_OPERATOR),
    ('"a" & "b"', Code.BAD_OPERATOR),
    ('"a", "b"', Code.BAD_OPERATOR),
    ("5", Code.BAD_THRESHOLD),
    ('"a";', Code.SYNTAX),
    ('"a" ?', Code.BAD_CHARACTER),
    ("'a'", Code.SINGLE_QUOTES),
    ('"a', Code.UNTERMINATED_STRING),
    ('("a" || "b") . "c"', Code.NOT_A_STRING),
    ('$("a" && "b")', Code.NOT_A_STRING),
    ('"rsa-hex:00" || "x"', Code.BAD_KEY),
    ('3-of("a", "b")', Code.THRESHOLD_TOO_LARGE),
    ('99999999999999999999-of("a")', Code.THRESHOLD_TOO_LARGE),
    ("9" * 10_000 + '-of("a")', Code.THRESHOLD_TOO_LARGE),
    ("2-of()", Code.MISSING_OPERAND),
]


@pytest.mark.parametrize(("text", "code"), BAD)
def test_a_mistake_among_licensees_has_its_code(text: str, code: Code) -> None:
    assert refused(text) == [code]


@pytest.mark.parametrize("text", ['0-of("a")', '1 -of("a")', '1-OF("a")', '1-of("a" || "b")', '01-of("a")', "2-of"])
def test_d29_thresholds_are_written_one_way(text: str) -> None:
    assert set(refused(text)) <= {Code.BAD_THRESHOLD, Code.NOT_A_STRING}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_constants_hold_in_every_field_whatever_their_order(order: tuple[int, ...]) -> None:
    fields = ['Local-Constants: p = "POLICY"\n  q = "Q"\n', "Authorizer: p\n", 'Licensees: q || "R"\n']
    assertion = parse_assertion("".join(fields[each] for each in order), "t")
    assert assertion.authorizer.name == "POLICY"
    assert sketch.licensees(assertion.licensees or Nobody(assertion.span)) == "(or Q R)"
    assert [(each.name, each.value) for each in assertion.constants] == [("p", "POLICY"), ("q", "Q")]


def test_a_name_that_is_no_constant_is_the_empty_principal_and_warned_about() -> None:
    policy = parse_policy('Authorizer: "POLICY"\nLicensees: alice\n', "t")
    assert [sketch.licensees(each.licensees) for each in policy.assertions if each.licensees] == [""]
    assert [(each.code, each.severity) for each in policy.diagnostics] == [(Code.UNKNOWN_CONSTANT, Severity.WARNING)]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ('Authorizer: POLICY\nLicensees: "a"\n', 13),
        ('Authorizer: policy\nLicensees: "a"\n', 13),
        ('Authorizer: "a"\nLicensees: Policy\n', 12),
        ('Authorizer: "a"\nLicensees: "b" || POLICY\n', 19),
        ('Authorizer: "a"\nLicensees: 2-of("b", POLICY, "c")\n', 22),
        ('Authorizer: "a"\nLicensees: "x" . POLICY\n', 18),
        ('Authorizer: $"POLICY"\nLicensees: "a"\n', 13),
    ],
)
def test_policy_without_quotes_is_an_error_wherever_it_stands(text: str, column: int) -> None:
    policy = parse_policy(text, "t")
    assert policy.assertions == ()
    (finding,) = policy.diagnostics
    assert (finding.code, finding.severity) == (Code.UNQUOTED_POLICY, Severity.ERROR)
    assert (finding.span.column, finding.hint) == (column, 'write "POLICY"')


def test_a_local_constant_may_be_called_policy() -> None:
    policy = parse_policy('Local-Constants: POLICY = "POLICY"\nAuthorizer: POLICY\nLicensees: "a"\n', "t")
    assert [assertion.authorizer.name for assertion in policy.assertions] == ["POLICY"]
    assert policy.diagnostics == ()


@pytest.mark.parametrize("text", ["(" * 5_000 + '"A"' + ")" * 5_000, " || ".join(['"A"'] * 5_000)])
def test_d22_licensees_have_no_limit_of_length(text: str) -> None:
    assert parsed(text)


def test_licensees_that_are_too_deep_are_refused() -> None:
    assert refused('("A" && ' * 3_000 + '"B"' + ")" * 3_000) == [Code.TOO_DEEP]


def test_principals_are_in_canonical_form() -> None:
    assert parsed('"BINARY-base64:AP8="') == "binary-hex:00ff"
