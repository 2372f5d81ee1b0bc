"""Files into assertions and assertions into fields (RFC 2704, 4.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.codes import Code
from grammar.fields import Label, split_assertions, split_fields

LINES = st.lists(
    st.sampled_from(["", "", " ", "\t", "# c", "Authorizer: a", "Licensees:", "  b", "junk", "Signature: s", "Foo: x"]),
    max_size=12,
)


def names(text: str) -> list[str]:
    return [str(each.label) for each in split_fields(text).fields]


def values(text: str, *, signed: bool = False) -> list[str]:
    return [text[each.value_start : each.end] for each in split_fields(text, signed=signed).fields]


def test_empty_lines_separate_assertions() -> None:
    assert split_assertions("\n\na: 1\nb\n\n\n# c\nd: 2") == [(2, 3, "a: 1\nb\n"), (11, 7, "# c\nd: 2")]


def test_comments_alone_are_no_assertion() -> None:
    assert split_assertions("# a\n#b\n\n \t# c\n\n") == []


def test_a_line_of_blanks_does_not_separate() -> None:
    assert len(split_assertions("a: 1\n \t\nb: 2\n")) == 1


@given(LINES)
def test_pieces_are_places_of_the_text_and_leave_out_only_comments_and_blanks(lines: list[str]) -> None:
    text = "\n".join(lines)
    pieces = split_assertions(text)
    for offset, line, piece in pieces:
        assert text.startswith(piece, offset)
        assert text.count("\n", 0, offset) == line - 1
        assert "\n\n" not in piece
    kept = "".join(piece for _, _, piece in pieces)
    content = [each for each in lines if each.strip() and not each.strip().startswith("#")]
    assert [each for each in kept.split("\n") if each.strip() and not each.strip().startswith("#")] == content


@pytest.mark.parametrize("label", ["Authorizer", "authorizer", "AUTHORIZER", "aUTHORIZER"])
def test_labels_are_compared_without_case(label: str) -> None:
    assert names(f'{label}: "x"\n') == [Label.AUTHORIZER]


def test_a_field_goes_on_over_indented_lines_and_comments() -> None:
    assert values("Licensees: a\n\t|| b\n# c: d\n  || c\nComment:x\n") == [" a\n\t|| b\n# c: d\n  || c\n", "x\n"]


@pytest.mark.parametrize("label", ["A", "Au", "Author", "Li", "Co", "Authorizers"])
def test_d11_labels_are_not_abbreviated(label: str) -> None:
    listed = split_fields(f'{label}: "x"\n')
    assert listed.fields == ()
    assert [each.code for each in listed.mistakes] == [Code.UNKNOWN_LABEL]


def test_d11_a_blank_before_the_colon_is_an_error_with_a_hint() -> None:
    (mistake,) = split_fields("Licensees : a\n").mistakes
    assert mistake.code == Code.UNKNOWN_LABEL
    assert "Licensees:" in mistake.hint


def test_a_misspelt_label_is_answered_with_the_right_one() -> None:
    (mistake,) = split_fields("Licencees: a\n").mistakes
    assert mistake.hint == "did you mean Licensees:"


def test_an_indented_first_line_is_a_stray_line() -> None:
    listed = split_fields(" Authorizer: a\n  more\nLicensees: b\n")
    assert [(each.code, each.start) for each in listed.mistakes] == [(Code.STRAY_LINE, 0)]
    assert [each.label for each in listed.fields] == [Label.LICENSEES]


BEHIND = ["foo: x", "junk", 'Authorizer: "b"', "Conditions: false;", "Comment: c", "Signature: t"]


@pytest.mark.parametrize("junk", BEHIND)
def test_d14_text_behind_the_signature_of_a_credential_is_not_looked_at(junk: str) -> None:
    text = f'Authorizer: "a"\nSignature: "s"\n  "t"\n{junk}\nmore\n'
    assert split_fields(text, signed=True).mistakes == ()
    assert values(text, signed=True) == [' "a"\n', ' "s"\n  "t"\n']


@pytest.mark.parametrize("junk", BEHIND)
def test_text_behind_the_signature_of_a_policy_is_a_mistake(junk: str) -> None:
    text = f'Authorizer: "a"\nSignature: "s"\n# comment\n \n  "t"\n{junk}\nmore\n'
    (mistake,) = split_fields(text).mistakes
    assert (mistake.code, text[mistake.start : mistake.end]) == (Code.BEHIND_SIGNATURE, junk)


def test_comments_and_blanks_behind_the_signature_of_a_policy_are_none() -> None:
    assert split_fields('Authorizer: "a"\nSignature: "s"\n# c\n \t\n  # d\n').mistakes == ()


def test_a_field_ends_before_a_line_that_is_wrong() -> None:
    assert values("Conditions: a\njunk\n  more\n") == [" a\n"]


def test_a_field_given_twice_names_the_line_of_blanks_that_did_not_separate() -> None:
    (mistake,) = split_fields("Authorizer: a\n  \nAuthorizer: b\n").mistakes
    assert mistake.code == Code.DUPLICATE_FIELD
    assert "make it empty" in mistake.hint


@given(st.text(st.sampled_from("a:# \t\n"), max_size=60))
def test_assertions_are_what_lies_between_empty_lines(text: str) -> None:
    expected, current = [], []
    lines = [*text.splitlines(keepends=True), "\n"]
    for number, line in enumerate(lines):
        if line != "\n":
            current.append((number, line))
        elif current:
            piece = "".join(each for _, each in current)
            if any(each.strip() and not each.strip().startswith("#") for _, each in current):
                expected.append((len("".join(lines[: current[0][0]])), current[0][0] + 1, piece))
            current = []
    assert split_assertions(text) == expected


def test_an_indented_comment_in_front_continues_no_field() -> None:
    (mistake,) = split_fields(" # comment\nAuthorizer: a\n").mistakes
    assert (mistake.code, mistake.start, mistake.end) == (Code.STRAY_LINE, 0, 10)
    assert split_fields("# comment\nAuthorizer: a\n # comment\n").mistakes == ()
