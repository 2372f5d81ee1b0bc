"""A field's value into its items and the comments between them, so that a formatter can put both back.

An item is a clause of Conditions, an assignment of Local-Constants, or the whole of any other value. A comment that
stands alone belongs to the item below it, one behind an item to that item. What has a comment inside is `commented`:
no layout but its author's fits it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")|(?P<comment>#[^\n]*)|(?P<mark>[\n{};])|[^ \t\n{};"#]+', re.DOTALL
)


@dataclass(slots=True)
class Item:
    """Offsets of its text in the value, its end included; its string literals as written, in their order.

    `above` and `behind` are comments, `below` those between the last item of its `block` and the closing brace.
    """

    start: int
    end: int
    literals: list[str] = field(default_factory=list)
    commented: bool = False
    above: list[str] = field(default_factory=list)
    behind: str = ""
    block: list[Item] = field(default_factory=list)
    below: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Remarks:
    """The items of a value; `below` are the comments after the last one, True with those that are indented."""

    items: list[Item]
    below: list[tuple[str, bool]]


def read_remarks(value: str, end: str) -> Remarks:
    """The items of `value`, each of which ends with a token `end`: `;`, `"` for a string, or "" for no such token."""
    return _Reader(value, end).remarks()


class _Level:
    """The items of the field or of one block while they are read; `held` are comments whose place is not known yet."""

    __slots__ = ("held", "item", "items")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.item: Item | None = None
        self.held: list[re.Match[str]] = []


class _Reader:
    """One pass over the tokens; open blocks are on a list, so that their depth does not matter."""

    def __init__(self, value: str, end: str) -> None:
        self._value = value
        self._end = end
        self._levels = [_Level()]
        self._line_start = True

    def remarks(self) -> Remarks:
        """Reads all tokens."""
        for token in _TOKEN.finditer(self._value):
            if token.lastgroup == "comment":
                self._comment(token)
            elif token[0] == "\n":
                self._line_start = True
            else:
                self._token(token)
                self._line_start = False
        level = self._levels[0]
        if level.item is not None:
            level.items.append(level.item)
            level.item = None
            last, held = level.items[-1], level.held
            if held and "\n" not in self._value[last.end : held[0].start()]:
                last.behind = _text(held.pop(0))
        return Remarks(level.items, [(_text(each), self._is_indented(each)) for each in level.held])

    def _comment(self, token: re.Match[str]) -> None:
        level = self._levels[-1]
        if level.item is None and level.items and not self._line_start and not level.held:
            level.items[-1].behind = _text(token)
        else:
            level.held.append(token)

    def _token(self, token: re.Match[str]) -> None:
        level = self._levels[-1]
        if token[0] == "}":
            self._levels.pop()
            outer = self._levels[-1].item
            if outer is not None:
                outer.block, outer.below, outer.end = level.items, _texts(level), token.end()
            return
        if level.item is None:
            level.item = Item(token.start(), token.end(), above=_texts(level))
        elif level.held:
            level.item.commented = True
            level.held.clear()
        level.item.end = token.end()
        if token.lastgroup == "string":
            level.item.literals.append(token[0])
        if token[0] == "{":
            self._levels.append(_Level())
        elif self._end and token[0].startswith(self._end):
            level.items.append(level.item)
            level.item = None

    def _is_indented(self, comment: re.Match[str]) -> bool:
        return comment.start() > 0 and self._value[comment.start() - 1] != "\n"


def _text(comment: re.Match[str]) -> str:
    return comment[0].rstrip(" \t")


def _texts(level: _Level) -> list[str]:
    found = [_text(each) for each in level.held]
    level.held.clear()
    return found
