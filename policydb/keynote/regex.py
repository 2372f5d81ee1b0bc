"""POSIX extended regular expressions for `~=` (RFC 2704 section 4.6.5), in time linear in the text.

Patterns and texts come from strangers, so the engine is RE2, never a backtracking one; it is imported at the first
match. What POSIX leaves undefined or RE2 cannot express (backreferences, collating elements, repetitions above 1000)
is a runtime error, and so is a match of too many steps: a long text in a large pattern. One difference stays: which
alternative a group reports when several fit the same overall match.
"""

from __future__ import annotations

from typing import Protocol

from policydb.keynote.numbers import Fault

MAX_STEPS = 2**24
"""Of a match: the pattern's size as RE2 counts it, times the characters of the text; RE2 takes no more than that."""

_BOUND = 1024
_CLASS_OPENERS = ":.="


def translate(pattern: str) -> str:
    """A POSIX ERE in RE2's spelling: in brackets a backslash stands for itself. Raises Fault for what POSIX lacks."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            end = _bracket_end(pattern, at)
            out.append(pattern[at:end].replace("\\", "\\\\"))
            at = end
        elif char == "\\":
            if at + 1 == len(pattern):
                raise Fault("the pattern ends in a backslash")
            if pattern[at + 1].isalnum():
                raise Fault(f"POSIX does not define \\{pattern[at + 1]} in a pattern")
            out.append(pattern[at : at + 2])
            at += 2
        else:
            out.append(char)
            at += 1
    return "".join(out)


def _bracket_end(pattern: str, start: int) -> int:
    """The index after the `]` that closes the bracket expression at `start`."""
    at = start + 1
    if pattern[at : at + 1] == "^":
        at += 1
    if pattern[at : at + 1] == "]":
        at += 1
    while at < len(pattern):
        if pattern[at] == "]":
            return at + 1
        if pattern[at] == "[" and pattern[at + 1 : at + 2] in _CLASS_OPENERS and at + 1 < len(pattern):
            if pattern[at + 1] != ":":
                raise Fault("collating elements and equivalence classes are not supported")
            close = pattern.find(":]", at + 2)
            if close < 0:
                break
            at = close + 2
        else:
            at += 1
    raise Fault("the pattern lacks a ]")


class _Match(Protocol):
    def groups(self) -> tuple[bytes | None, ...]: ...


class _Compiled(Protocol):
    @property
    def programsize(self) -> int: ...

    def search(self, text: bytes) -> _Match | None: ...


class Patterns:
    """Compiled patterns, at most 1024 at a time. May be shared by threads."""

    def __init__(self) -> None:
        self._compiled: dict[str, _Compiled] = {}

    def search(self, text: str, pattern: str) -> tuple[str, ...] | None:
        """The groups of the leftmost-longest match ("" where one took no part); None: no match. Raises Fault."""
        compiled = self._compiled.get(pattern)
        if compiled is None:
            compiled = self._compile(pattern)
        if compiled.programsize * len(text) > MAX_STEPS:
            raise Fault(f"matching would take more than {MAX_STEPS} steps")
        try:
            match = compiled.search(text.encode("latin-1"))
        except UnicodeEncodeError:
            raise Fault("the text holds a character outside latin-1") from None
        if match is None:
            return None
        return tuple((each or b"").decode("latin-1") for each in match.groups())

    def _compile(self, pattern: str) -> _Compiled:
        import re2  # here, so that a query without `~=` never loads it

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.posix_syntax = True
        options.longest_match = True
        options.one_line = True  # ^ and $ are the ends of the text, as in regcomp(3) without REG_NEWLINE
        options.dot_nl = True
        options.log_errors = False
        try:
            compiled: _Compiled = re2.compile(translate(pattern).encode("latin-1"), options)
        except UnicodeEncodeError:
            raise Fault("the pattern holds a character outside latin-1") from None
        except re2.error as error:
            reason = error.args[0] if error.args else "unusable"
            said = reason.decode("latin-1") if isinstance(reason, bytes) else str(reason)
            raise Fault(f"bad pattern: {said}") from None
        if len(self._compiled) >= _BOUND:
            self._compiled.clear()
        self._compiled[pattern] = compiled
        return compiled
