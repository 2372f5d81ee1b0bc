"""The files of keynote(1): keys as string literals folded over lines, and environments of action attributes.

A literal of RFC 2704 may be broken by a backslash at the end of a line; the white space that follows is dropped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grammar.literals import unquote

_LITERAL = r'"(?:[^"\\\n\r]|\\.)*"'
_ONE_LITERAL = re.compile(rf"\s*({_LITERAL})\s*\Z", re.DOTALL)
_VARIABLE = re.compile(
    rf"[ \t]*(?:\#[^\n]*|([A-Za-z0-9_]+)\s*=\s*({_LITERAL})[ \t]*(?:\#[^\n]*)?)?(?:\n|\Z)", re.DOTALL
)

_FEWEST_BEHIND_LABEL = 2


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is to be; `secret`: for its owner alone."""

    name: str
    text: str
    secret: bool


class KeyFileError(ValueError):
    """A file of another form than it should have, or one that must not be overwritten."""


def fold(text: str, offset: int, length: int) -> str:
    """`text` as a string literal, `offset` blanks before and at most `length` characters on each line.

    The quotes and the backslash at a line's end count (keynote(1)). Raises KeyFileError where the part of `text` up to
    its colon does not fit on the first line.
    """
    label = len(text.partition(":")[0]) + 1
    if length < label + _FEWEST_BEHIND_LABEL:
        raise KeyFileError(
            f"a line of {length} characters is too short: {label + _FEWEST_BEHIND_LABEL} are needed here"
        )
    return "".join(f"{' ' * offset}{line}\n" for line in _lines(f'"{text}"', length))


def _lines(literal: str, length: int) -> Iterator[str]:
    while len(literal) > length:
        yield literal[: length - 1] + "\\"
        literal = literal[length - 1 :]
    yield literal


def unfold(text: str) -> str:
    """What the one literal stands for that `text` holds; text without quotes stands for itself.

    Raises KeyFileError. Its message does not hold the text, which may be a private key.
    """
    bare = text.strip()
    if bare and '"' not in bare and not any(each.isspace() for each in bare):
        return bare
    found = _ONE_LITERAL.match(text)
    if found is None:
        raise KeyFileError("one key is expected, as a string in quotes")
    return unquote(found[1])


def environment(text: str) -> dict[str, str]:
    """The variables of a file with a `NAME = "VALUE"` on each line; of two with one name the later counts.

    Empty lines and comments from # on are skipped. Raises KeyFileError with the number of the line.
    """
    variables: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _VARIABLE.match(text, position)
        if found is None:
            line = text.count("\n", 0, position) + 1
            raise KeyFileError(f'line {line} is not NAME = "VALUE"')
        if found[1] is not None:
            variables[found[1]] = unquote(found[2])
        position = found.end()
    return variables


def create(files: Iterable[NewFile]) -> None:
    """All of the files, or none: one that exists is never overwritten. Raises KeyFileError."""
    made: list[str] = []
    for each in files:
        try:
            # The mode is there from the first moment: nobody can open a secret before it is shut.
            descriptor = os.open(each.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if each.secret else 0o666)
            made.append(each.name)
            with os.fdopen(descriptor, "w", encoding="latin-1") as file:
                file.write(each.text)
        except (OSError, ValueError) as cause:
            for name in made:
                with suppress(OSError):
                    Path(name).unlink()
            if isinstance(cause, FileExistsError):
                raise KeyFileError(f"{each.name} is there already, and a key is never overwritten") from cause
            raise KeyFileError(f"{each.name} cannot be written: {getattr(cause, 'strerror', '') or cause}") from cause
