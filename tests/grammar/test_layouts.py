"""Shapes: equal where only literals and comments differ, and none where nothing may be concluded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.layouts import MAX_TEXT, contents, lay_out, with_contents

TEXT = """\
KeyNote-Version: 2
# one
Comment: it's
  "free
Authorizer: "POLICY"
Conditions: a == "x" && @b >= 5 -> "true"; # two
"""


def shape(text: str) -> str | None:
    layout = lay_out(text)
    return None if layout is None else layout.shape


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"x"', '""'),
        ('"x"', '"y # \\" z"'),
        ('"x"', '"y\\\n  z"'),
        ("5", "0017"),
        ("# one", "#"),
        ("# two", '# "three'),
        ("it's", 'it is\n\t"not'),
        ("Version: 2", 'Version:"2"'),
        ("Comment:", "COMMENT:"),
    ],
)
def test_what_differs_in_literals_and_comments_has_one_shape(old: str, new: str) -> None:
    assert shape(TEXT.replace(old, new)) == shape(TEXT) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"x"', "x"),
        ('"x"', "5"),
        ("5", "5.0"),
        ("5", "5-of"),
        ("5", "a5"),
        ("@b", "@c"),
        (">=", "<="),
        ("Version: 2", "Version: 3"),
        ("Authorizer", "Licensees"),
        ("# one\n", ""),
        (" && ", "&&"),
    ],
)
def test_what_differs_in_any_other_token_has_another_shape(old: str, new: str) -> None:
    assert shape(TEXT.replace(old, new)) != shape(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"x"', '"x'),
        ('"x"', '"x\\\ny"'),
        ('"x"', '"x\\\n\ny"'),
        ('"x"', '"x\ny"'),
        ('"x"', '"x\ry"'),
        ('"x"', '"x\0y"'),
        ("a ==", '$"a" =='),
        ('"x"', '"' + "x" * MAX_TEXT + '"'),
    ],
)
def test_nothing_is_concluded_from_what_is_unusual(old: str, new: str) -> None:
    assert shape(TEXT.replace(old, new)) is None


def test_contents_are_what_literals_stand_for() -> None:
    layout = lay_out(TEXT.replace('"x"', '"\\101\\""'))
    assert layout is not None
    found = contents(layout)
    assert found == ["KeyNote-Version: 2", "# one", "Comment: it's\n  \"free", "POLICY", 'A"', "5", "true", "# two"]


@given(st.text(st.sampled_from('a"\\#\n 5.-;$'), max_size=40))
def test_parts_make_up_the_text_and_lie_where_they_are_said_to(text: str) -> None:
    layout = lay_out(text)
    if layout is not None:
        assert "".join(layout.parts) == with_contents(layout, layout.parts[1::2]) == text
        assert all(text.startswith(part, start) for start, part in zip(layout.starts, layout.parts, strict=False))
        assert layout.starts[-1] == len(text)
