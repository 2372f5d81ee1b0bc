"""Short texts that a POSIX extended regular expression matches, for saying what would have been accepted.

Only the common part of the language is read: literals, `.`, brackets, groups, `|`, `* + ?`, intervals and anchors at
the ends. For a pattern that has more, nothing is proposed. What is proposed must still be checked.
"""

from __future__ import annotations

import re
from itertools import islice

_MOST = 4  # texts per pattern
_PARTS = 64  # a pattern with more pieces than that is not worth a guess
_INTERVAL = re.compile(r"\{([0-9]{1,2})(?:,[0-9]*)?\}")
_CLASSES = {
    "digit": "0",
    "xdigit": "0",
    "alpha": "a",
    "alnum": "a",
    "lower": "a",
    "upper": "A",
    "space": " ",
    "blank": " ",
}


class _Unread(Exception):  # noqa: N818 - a turn in the reading, not an error
    """The pattern uses what is not read here."""


def samples(pattern: str) -> tuple[str, ...]:
    """Up to four texts, shortest first; none where the pattern is too involved."""
    try:
        return tuple(sorted(dict.fromkeys(_Reader(pattern).alternatives()), key=len)[:_MOST])
    except (_Unread, IndexError):
        return ()


class _Reader:
    """Reads a pattern from left to right; groups that are open wait on a stack."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def alternatives(self) -> list[str]:
        # Each frame: the alternatives already complete, the texts of the one in hand, and the texts of its last piece.
        frames: list[tuple[list[str], list[str]]] = [([], [""])]
        pieces = 0
        while self._at < len(self._pattern):
            pieces += 1
            if pieces > _PARTS:
                raise _Unread
            char = self._pattern[self._at]
            self._at += 1
            done, texts = frames[-1]
            if char == "(":
                frames.append(([], [""]))
            elif char == "|":
                frames[-1] = ([*done, *texts], [""])
            elif char == ")":
                frames.pop()
                outer, before = frames[-1]
                frames[-1] = (outer, self._joined(before, [*done, *texts]))
            elif char not in "^$":
                frames[-1] = (done, self._joined(texts, [self._piece(char)]))
        if len(frames) != 1:
            raise _Unread
        return frames[0][0] + frames[0][1]

    def _joined(self, before: list[str], piece: list[str]) -> list[str]:
        """`before` followed by `piece` as often as the repetition behind it asks for at least."""
        char = self._pattern[self._at : self._at + 1]
        choices = piece
        if char in ("*", "?"):
            self._at += 1
            choices = ["", *piece]
        elif char == "+":
            self._at += 1
        elif char == "{":
            interval = _INTERVAL.match(self._pattern, self._at)
            if interval is None:
                raise _Unread
            self._at = interval.end()
            choices = [each * int(interval[1]) for each in piece]
        return list(islice((one + other for other in choices for one in before), 2 * _MOST))

    def _piece(self, char: str) -> str:
        if char == "\\":
            self._at += 1
            return self._pattern[self._at - 1]
        if char == ".":
            return "x"
        if char == "[":
            return self._bracket()
        if char in "*+?{":
            raise _Unread
        return char

    def _bracket(self) -> str:
        """One character of a bracket expression."""
        end = self._pattern.index("]", self._at + 1) if "]" in self._pattern[self._at + 1 :] else -1
        if end < 0 or self._pattern[self._at] == "^":
            raise _Unread
        if self._pattern.startswith("[:", self._at):
            name = self._pattern[self._at + 2 : end - 1]
            self._at = self._pattern.index("]", end + 1) + 1 if "]" in self._pattern[end + 1 :] else len(self._pattern)
            if name not in _CLASSES:
                raise _Unread
            return _CLASSES[name]
        first = self._pattern[self._at]
        self._at = end + 1
        return first
