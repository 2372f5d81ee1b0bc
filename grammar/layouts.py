"""An assertion's text taken apart into what varies, its literals and comments, and its shape: all the text between.

Of two texts of one shape the parser makes one tree, and only what the literals say differs: each literal is one token
for the grammar whatever stands in it, and a comment is none. So what the parser made of one text serves for others,
and nothing here knows fields or expressions. Texts for which this might not hold have no layout; nor have long ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from grammar.fields import indented_labels
from grammar.literals import unquote

MAX_TEXT = 65_536
"""Characters; longer assertions have no layout."""

# A string may go on in an indented line: that is a continued line for split_fields() too. One that is not closed is
# matched without the group. Digits that belong to a name, a float or a K-of are part of the shape. Version 2 may be
# written as it likes, another one is no version at all. The free text of a Comment field is left alone whole.
# No group is possessive: Python before 3.11.5 loses its place where one fails behind its first character.
_STRING = r'"[^"\\\n\r]*+(?:\\(?:\n[ \t]++(?!\n)|[^\n\r])[^"\\\n\r]*+)*'
_VARYING = re.compile(
    rf'({_STRING}"|(?<![0-9A-Za-z_.])[0-9]++(?![0-9A-Za-z_.]|-of)|#[^\n]*+'
    r"|^[Cc][Oo][Mm][Mm][Ee][Nn][Tt]:[^\n]*+(?:\n[ \t][^\n]*+)*"
    r'|^[Kk][Ee][Yy][Nn][Oo][Tt][Ee]-[Vv][Ee][Rr][Ss][Ii][Oo][Nn]:[ \t]*+(?:2|"2")(?=[ \t]*(?:\#|$))'
    rf")|{_STRING}",
    re.MULTILINE,
)
_KINDS = {'"': '"', "#": "#", "C": "c", "c": "c", "K": "k", "k": "k"}


class Layout(NamedTuple):
    """A text by its `parts`: text of the shape and what varies, in turn, with shape at both ends.

    Texts of equal `shape` have as many parts, and equal ones but for what varies. `starts` are the parts' offsets.
    """

    shape: str
    parts: list[str]
    starts: list[int]


def lay_out(text: str) -> Layout | None:
    """The layout of one assertion's text; None where nothing may be concluded from its shape."""
    if len(text) > MAX_TEXT or "\0" in text or "\r" in text:
        return None
    parts: list[str] = _VARYING.split(text)
    if None in parts:
        return None
    kinds = "".join([_KINDS.get(each[0], "0") for each in parts[1::2]])
    # A comment is nothing to the grammar, but for a field that is hidden in it.
    if "c" in kinds and any(indented_labels(text)):
        return None
    shape = "\0".join((kinds, *parts[::2]))
    # The name behind $ may be a literal: then the shape does not say which attribute is meant.
    if "$" in shape:
        return None
    return Layout(shape, parts, list(accumulate(map(len, parts), initial=0)))


def contents(layout: Layout) -> list[str]:
    """What each literal stands for; of a comment, its text."""
    return [unquote(each) if each[0] == '"' else each for each in layout.parts[1::2]]


def with_contents(layout: Layout, literals: Iterable[str]) -> str:
    """The text of the same shape in which these literals stand, spelt as in a source."""
    parts = list(layout.parts)
    parts[1::2] = literals
    return "".join(parts)
