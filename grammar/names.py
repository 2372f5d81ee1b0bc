"""The text of a Licensees, Authorizer or KeyNote-Version field as a phrase: blanks and needless parentheses go.

It works on tokens, not on nodes: nodes no longer know the local constants and the spelling of keys. The text is known
to parse, so nothing is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from grammar.phrases import Chain, Enclosed, Phrase, Row

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|&&|\|\||[^ \t\n"(),.$&|]+|[(),.$]', re.DOTALL)
_STEPS = {"(": 1, ")": -1}

_SOME, _EVERY, _JOINED, _ATOM = 1, 2, 3, 4
_CHAINS = ((_SOME, "||"), (_EVERY, "&&"), (_JOINED, "."))


def bracket_depth(text: str) -> int:
    """How many parentheses lie in each other at the deepest place."""
    steps = [_STEPS.get(each, 0) for each in _TOKEN.findall(text)]
    return max(accumulate(steps), default=0)


def phrase(text: str) -> Phrase:
    """The field's value as a phrase; recurses on `bracket_depth`."""
    tokens = iter(_TOKEN.findall(text))
    return _Reader(tokens).chain(0)[0]


class _Reader:
    """Reads tokens by precedence; each reading gives a phrase and how tightly it binds."""

    def __init__(self, tokens: Iterator[str]) -> None:
        self._tokens = tokens
        self._next = next(tokens, "")

    def _take(self) -> str:
        taken, self._next = self._next, next(self._tokens, "")
        return taken

    def chain(self, index: int) -> tuple[Phrase, int]:
        """Operands joined by the operator of `_CHAINS[index]`, or one operand alone as it is."""
        if index == len(_CHAINS):
            return self._operand()
        level, operator = _CHAINS[index]
        found = [self.chain(index + 1)]
        while self._next == operator:
            self._take()
            found.append(self.chain(index + 1))
        if len(found) == 1:
            return found[0]
        # A chain in parentheses inside one of its own kind is no part of it.
        return Chain(operator, tuple([_within(level + 1, *each) for each in found])), level

    def _operand(self) -> tuple[Phrase, int]:
        token = self._take()
        if token == "$":  # noqa: S105 - a token of the language
            return Enclosed("$", _within(_ATOM, *self._operand()), ""), _ATOM
        if token == "(":  # noqa: S105 - a token of the language
            inner = self.chain(0)
            self._take()
            return inner
        if self._next != "(":
            return token, _ATOM
        members = []
        while self._next in {"(", ","}:
            self._take()
            members.append(self.chain(0)[0])
        self._take()
        return Enclosed(f"{token}(", Row(tuple(members)), ")"), _ATOM


def _within(least: int, found: Phrase, level: int) -> Phrase:
    return found if level >= least else Enclosed("(", found, ")")
