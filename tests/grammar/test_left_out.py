"""Of a policy nothing is left out without a word: what RFC 2704 passes over in an assertion is an error in a policy."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.codes import Code
from grammar.fields import Piece, split_fields
from grammar.keynote import parse_assertion, parse_policy
from policydb.keynote.reading import Reader

OPEN = 'Authorizer: "POLICY"\nLicensees: "alice"\n'
SIGNATURE = 'Signature: "sig-ed25519-hex:00"\n'


def places(text: str) -> list[tuple[str, int, int, int]]:
    """Code, line, column and width of each error of a policy."""
    return [
        (each.code, each.span.line, each.span.column, each.span.end - each.span.start)
        for each in parse_policy(text, "p").diagnostics
    ]


@pytest.mark.parametrize(
    "behind",
    [
        'Conditions: a == "never";\n',
        "conditions: false;\n",
        'Licensees: "bob"\n',
        "Comment: done\n",
        "Foo: x\n",
        "junk and more\n",
        "junk",
        'Signature: "again"\n',
    ],
)
@pytest.mark.parametrize("between", ["", "# a comment\n", "  \n", "  # continued\n"])
def test_what_stands_behind_the_signature_of_a_policy_is_an_error(behind: str, between: str) -> None:
    line = 4 + between.count("\n")
    assert places(OPEN + SIGNATURE + between + behind) == [(Code.BEHIND_SIGNATURE, line, 1, len(behind.rstrip()))]


def test_behind_the_signature_of_a_credential_it_is_no_part_of_it() -> None:
    """RFC 2704, 4.6.7."""
    text = OPEN + SIGNATURE + 'Conditions: a == "never";\njunk\n'
    assert parse_assertion(text, "c", signed=True).conditions is None
    assert len(parse_policy(text, "c", signed=True).assertions) == 1


@pytest.mark.parametrize("end", ["", "# the end\n", "\n", "  \n"])
def test_a_signature_at_the_end_of_a_policy_is_none(end: str) -> None:
    assert places(OPEN + 'Conditions: a == "b";\n' + SIGNATURE + end) == []


@pytest.mark.parametrize("label", ["Conditions", "conditions", "Licensees", "Local-Constants", "Signature"])
@pytest.mark.parametrize("blanks", ["  ", "\t"])
def test_a_field_that_is_indented_below_a_comment_is_an_error(label: str, blanks: str) -> None:
    text = f'Authorizer: "POLICY"\nComment: ours\n{blanks}{label}: x\n'
    assert places(text) == [(Code.FIELD_IN_COMMENT, 3, len(blanks) + 1, len(label) + 1)]
    assert len(parse_policy(text, "c", signed=True).assertions) == 1


@pytest.mark.parametrize(
    "comment",
    [
        "Comment: Licensees: of Berlin\n",
        "Comment: of\n  # Conditions: none\n",
        "Comment: of\n  the Conditions: none\n",
        "Comment: of\n  Licensees: those of Berlin\n",  # the assertion has that field itself
        "Comment: of\n  Conditionsx: none\n",
    ],
)
def test_a_comment_may_speak_of_fields(comment: str) -> None:
    assert places(comment + OPEN) == []


def test_it_is_found_in_an_assertion_whose_shape_is_known() -> None:
    """Assertions of one shape are read once; their comments are nothing to the grammar."""
    reader = Reader()
    told = []
    for number, comment in enumerate(["ours", "yours\n more", "all\n  Conditions: false;", "his"]):
        text = f'Comment: {comment}\nAuthorizer: "POLICY"\nLicensees: "a{number}"\n'
        reading = reader.read(Piece(0, 1, text), hashlib.sha256(text.encode()).hexdigest(), "p")
        told.append([each.code for each in reading.diagnostics])
    assert told == [[], [], [Code.FIELD_IN_COMMENT], []]


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("Authorizer: POLICY\n", 13),
        ("Authorizer: policy\n", 13),
        ('Authorizer: "A" . Policy\n', 19),
        ('Authorizer: $"POLICY"\n', 13),
        ("Licensees: POLICY\n", 12),
        ('Licensees: "a" && (POLICY || "b")\n', 20),
        ('Licensees: 2-of("a", POLICY, "b")\n', 22),
        ("Licensees: $POLICY\n", 13),
        ("Signature: POLICY\n", 12),
    ],
)
def test_policy_without_quotes_is_an_error_wherever_a_principal_stands(text: str, column: int) -> None:
    whole = text if text.startswith("Authorizer") else 'Authorizer: "POLICY"\n' + text
    for signed in (True, False):
        (found,) = parse_policy(whole, "p", signed=signed).diagnostics
        assert (found.code, found.span.column) == (Code.UNQUOTED_POLICY, column)
        assert found.hint.startswith('write "POLICY"')


def test_a_constant_may_have_that_name() -> None:
    assert places('Local-Constants: POLICY = "POLICY"\nAuthorizer: POLICY\n') == []


_LINES = st.lists(
    st.sampled_from(
        [
            'Authorizer: "POLICY"',
            'Licensees: "a"',
            "Conditions: true;",
            "  Conditions: true;",
            '  || "b"',
            "Comment: c",
            "Comment:",
            '\tLicensees: "a"',
            "# Licensees: c",
            "  # c",
            'Signature: "s"',
            "junk",
            " ",
        ]
    ),
    max_size=7,
)


@given(_LINES)
def test_every_line_of_a_policy_counts_or_is_an_error(lines: list[str]) -> None:
    """By another reading: a line is a field, goes on with the field above, or is a comment; Comment hides no field."""
    text = 'Authorizer: "POLICY"\n' + "\n".join(each for each in lines if not each.startswith("Authorizer"))
    if not parse_policy(text, "p").assertions:
        return
    field = ""
    for line in text.split("\n"):
        bare = line.strip(" \t")
        if not bare or bare.startswith("#"):
            continue
        if line[0] not in " \t":
            assert field != "Signature"
            field = line.partition(":")[0]
        elif field == "Comment" and ":" in bare:
            assert bare.partition(":")[0] in {each.label for each in split_fields(text).fields}
