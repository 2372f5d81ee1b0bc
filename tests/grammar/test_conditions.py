"""Conditions: precedence, types, and what a mix of types is answered with (RFC 2704, 4.6.5)."""

import pytest

from grammar.codes import Code
from grammar.errors import GrammarError
from grammar.keynote import parse_assertion
from grammar.nodes import Comparison, OperandKind, Program
from tests.grammar import sketch

HEAD = 'Authorizer: "POLICY"\nConditions: '


def parsed(conditions: str) -> Program:
    program = parse_assertion(f"{HEAD}{conditions}\n", "t").conditions
    assert program is not None
    return program


def refused(conditions: str) -> list[tuple[str, str]]:
    """The code of each error, and the text it points at."""
    text = f"{HEAD}{conditions}\n"
    with pytest.raises(GrammarError) as caught:
        parse_assertion(text, "t")
    return [(str(each.code), text[each.span.start : each.span.end]) for each in caught.value.diagnostics]


PRECEDENCE = [
    ("a == b || c == d && e == f;", "(or (== a b) (and (== c d) (== e f)));"),
    ("(a == b || c == d) && e == f;", "(and (or (== a b) (== c d)) (== e f));"),
    ("a == b && c == d && e == f;", "(and (== a b) (== c d) (== e f));"),
    ("!a == b && c == d;", "(and !(== a b) (== c d));"),
    ("!!(a == b);", "!!(== a b);"),
    ("2^3^2 == 64;", "(== (^ (^ 2 3) 2) 64);"),
    ("-2^2 == 4;", "(== (^ -2 2) 4);"),
    ("1 - 2 - 3 == 4 / 5 / 6;", "(== (- (- 1 2) 3) (/ (/ 4 5) 6));"),
    ("1 + 2 * 3 ^ 4 % 5 == 0;", "(== (+ 1 (% (* 2 (^ 3 4)) 5)) 0);"),
    ("(1 + 2) * 3 == 9;", "(== (* (+ 1 2) 3) 9);"),
    ("2 ^ -1 == --1;", "(== (^ 2 -1) --1);"),
    ("@a + @b < 3;", "(< (+ @a @b) 3);"),
    ("@(a . b) == 1;", "(== @(. a b) 1);"),
    ("$a . b == c;", "(== (. $a b) c);"),
    ("$$a == $(a . b);", "(== $$a $(. a b));"),
    ("a . b . c == d;", "(== (. a b c) d);"),
    ("&a * 2.5 < 1.0 - &b;", "(< (* &a 2.5f) (- 1.0f &b));"),
    ("@$a == 1;", "(== @$a 1);"),
    ("a ~= b . c;", "(~= a (. b c));"),
    ("((((a)))) == (((b)));", "(== a b);"),
]


@pytest.mark.parametrize(("text", "tree"), PRECEDENCE)
def test_operators_bind_as_the_rfc_says(text: str, tree: str) -> None:
    assert sketch.program(parsed(text)) == tree


PROGRAMS = [
    ("", ""),
    ("true;", "true;"),
    ("TRUE; False;", "true; false;"),
    ('a == b -> "v";', '(== a b) -> "v";'),
    ('true -> $a . "v";', 'true -> (. $a "v");'),
    ("true -> _MAX_TRUST;", "true -> _MAX_TRUST;"),
    ('a == b -> { true; c == d -> "v"; }; e == f;', '(== a b) -> {true; (== c d) -> "v";}; (== e f);'),
    ("true -> {};", "true -> {};"),
    ("a == b # comment; }\n ; # another", "(== a b);"),
    ('a == "# no comment";', '(== a "# no comment");'),
    ("a==b->c;", "(== a b) -> c;"),
]


@pytest.mark.parametrize(("text", "tree"), PROGRAMS)
def test_programs_are_clauses_values_and_blocks(text: str, tree: str) -> None:
    assert sketch.program(parsed(text)) == tree


@pytest.mark.parametrize("text", ['true == "x";', '(true) == "x";', "false . true != TRUE;", "$true == false;"])
def test_d9_true_and_false_are_names_where_no_test_is_needed(text: str) -> None:
    (clause,) = parsed(text).clauses
    assert isinstance(clause.test, Comparison)
    assert clause.test.kind is OperandKind.STRING


@pytest.mark.parametrize(
    ("text", "kind"),
    [("a < b;", OperandKind.STRING), ("@a < 1;", OperandKind.INTEGER), ("&a < 1.0;", OperandKind.FLOAT)],
)
def test_a_comparison_knows_the_type_it_works_on(text: str, kind: OperandKind) -> None:
    (clause,) = parsed(text).clauses
    assert isinstance(clause.test, Comparison)
    assert clause.test.kind is kind


TYPE_ERRORS = [
    ("a == 5;", Code.TYPE_MIX, "a"),
    ("5 == a;", Code.TYPE_MIX, "a"),
    ("a < 5.0;", Code.TYPE_MIX, "a"),
    ("@a == &b;", Code.TYPE_MIX, "&b"),
    ("5 < 5.0;", Code.TYPE_MIX, "5.0"),
    ("@a + &b < 1;", Code.TYPE_MIX, "&b"),
    ("a + 1 == 2;", Code.NOT_A_NUMBER, "a"),
    ("-a == 2;", Code.NOT_A_NUMBER, "a"),
    ('2 * ("x" . "y") == 2;', Code.NOT_A_NUMBER, '("x" . "y")'),
    ('@a . "x" == b;', Code.NOT_A_STRING, "@a"),
    ("1 + 2 . a == b;", Code.NOT_A_STRING, "1 + 2"),
    ("@5 == 5;", Code.NOT_A_STRING, "5"),
    ("$5 == a;", Code.NOT_A_STRING, "5"),
    ("true -> 5;", Code.NOT_A_STRING, "5"),
    ("true -> (a == b);", Code.NOT_A_STRING, "(a == b)"),
    ("a;", Code.NOT_A_TEST, "a"),
    ('"x";', Code.NOT_A_TEST, '"x"'),
    ("@n;", Code.NOT_A_TEST, "@n"),
    ("!a;", Code.NOT_A_TEST, "a"),
    ("a == b && c;", Code.NOT_A_TEST, "c"),
    ("5. > 1.0;", Code.MISSING_OPERAND, ">"),
    ("(a == b) == c;", Code.CHAINED_COMPARISON, "(a == b)"),
    ("&a == 5.0;", Code.FLOAT_OPERATOR, "=="),
    ("&a != 5.0;", Code.FLOAT_OPERATOR, "!="),
    ("&a % 5.0 < 1.0;", Code.FLOAT_OPERATOR, "&a"),
    ("@a ~= 5;", Code.STRING_OPERATOR, "~="),
]


@pytest.mark.parametrize(("text", "code", "place"), TYPE_ERRORS)
def test_types_never_mix(text: str, code: Code, place: str) -> None:
    assert refused(text) == [(code, place)]


def test_all_type_errors_of_a_field_are_told_in_one_run() -> None:
    assert refused("a == 5; b == c; @d == &e; f;") == [
        (Code.TYPE_MIX, "a"),
        (Code.TYPE_MIX, "&e"),
        (Code.NOT_A_TEST, "f"),
    ]


def test_a_string_compared_with_a_number_is_answered_with_the_operator_that_reads_it() -> None:
    with pytest.raises(GrammarError) as caught:
        parse_assertion(f"{HEAD}a == 5;\n", "t")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == "a string cannot be compared with an integer"
    assert "put @ in front" in diagnostic.hint


@pytest.mark.parametrize(
    "conditions",
    [
        "true -> {" * 400 + "true;" + "};" * 400,
        "-" * 400 + "1 == 1;",
        "!" * 400 + "true;",
        "(" * 5_000 + "true" + ")" * 5_000 + ";",
        "a" + " . a" * 5_000 + ' == "";',
        "true;" * 5_000,
        "true" + " && true" * 5_000 + ";",
    ],
)
def test_d22_long_and_deep_programs_are_read(conditions: str) -> None:
    assert parsed(conditions).clauses


@pytest.mark.parametrize(
    "conditions",
    [
        "true -> {" * 3_000 + "true;" + "};" * 3_000,
        "-" * 3_000 + "1 == 1;",
        "!" * 3_000 + "true;",
        "$" * 3_000 + "a == b;",
        "(true || " * 3_000 + "true" + ")" * 3_000 + ";",
        "1" + " + 1" * 3_000 + " == 1;",
    ],
)
def test_what_is_too_deep_to_be_walked_is_refused_with_its_own_code(conditions: str) -> None:
    assert [code for code, _ in refused(conditions)] == [Code.TOO_DEEP]


def test_a_span_covers_what_was_written() -> None:
    text = f"{HEAD}(a . b) == $c && (@n < 5) -> {{ true; }};\n"
    program = parse_assertion(text, "t").conditions
    assert program is not None
    (clause,) = program.clauses
    spans = [clause.span, clause.test.span, *(each.span for each in clause.test.operands)]  # type: ignore[union-attr]
    assert [text[each.start : each.end] for each in spans] == [
        "(a . b) == $c && (@n < 5) -> { true; }",
        "(a . b) == $c && (@n < 5)",
        "(a . b) == $c",
        "@n < 5",
    ]
    assert (spans[0].line, spans[0].column) == (2, 13)
