"""A policy text into assertions, an assertion into fields: a scan of lines, before any grammar (RFC 2704, 4.1).

Assertions are separated by empty lines. A field starts with its label at the start of a line and goes on over lines
that start with a blank or tab. Lines that start with `#` are comments and belong to whatever they stand in; one that
is indented goes on with a field, so there must be one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from grammar.codes import Code
from grammar.errors import quoted


class Label(StrEnum):
    """The fields of an assertion (RFC 2704, 4.6); compared without regard to case."""

    VERSION = "KeyNote-Version"
    LOCAL_CONSTANTS = "Local-Constants"
    AUTHORIZER = "Authorizer"
    LICENSEES = "Licensees"
    CONDITIONS = "Conditions"
    COMMENT = "Comment"
    SIGNATURE = "Signature"


_LABELS = {each.lower(): each for each in Label}
_CONTENT = re.compile(r"^[ \t]*[^ \t\n#]", re.MULTILINE)
_LABEL = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)([ \t]*):")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_INDENTED_LABEL = re.compile(
    rf"\n[ \t]+({'|'.join(each for each in Label if each is not Label.COMMENT)})[ \t]*:", re.IGNORECASE
)
_BLANK_LINE = re.compile(r"\n[ \t]+\n")
_LONGEST_NAME = 64
"""Longer names are compared with no label: what is so long is no slip of the pen."""


class Piece(NamedTuple):
    """One assertion's text in its source: where it starts, and in which 1-based line. A tuple: files hold thousands."""

    offset: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field: offsets of its label, of the start of its value, and of the end of its value."""

    label: Label
    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong between two offsets, not yet tied to a file."""

    code: Code
    message: str
    start: int
    end: int
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FieldList:
    """The fields of one assertion in the order of the text, and what is wrong with its lines."""

    fields: tuple[Field, ...]
    mistakes: tuple[Mistake, ...]


def split_assertions(text: str) -> list[Piece]:
    """The assertions of a file; pieces of comments and blanks alone are left out."""
    return [piece for piece in split_pieces(text) if _CONTENT.search(piece.text)]


def split_pieces(text: str) -> Iterator[Piece]:
    """What stands between empty lines, each with the newline at its end: assertions, and comments alone.

    Each octet is looked at once, whatever the text: no pattern is tried again at each of a million newlines.
    """
    offset, line = 0, 1
    chunks = text.split("\n\n")
    last = len(chunks) - 1
    for number, chunk in enumerate(chunks):
        content = chunk.lstrip("\n")
        if content:
            gap = len(chunk) - len(content)
            yield Piece(offset + gap, line + gap, content if number == last else content + "\n")
        offset += len(chunk) + 2
        line += chunk.count("\n") + 2


def split_fields(text: str, *, signed: bool = False) -> FieldList:
    """The fields of one assertion; offsets count from the start of `text`.

    What follows the Signature field is no part of the assertion (RFC 2704, 4.6.7). In a credential, which is `signed`,
    it is not looked at. Whoever wrote it into a policy meant it: there it is a mistake.
    """
    labels: list[tuple[Label, int, int]] = []
    mistakes: list[Mistake] = []
    end = len(text)
    blank_line = _BLANK_LINE.search(text)
    for line in _LINE.finditer(text):
        content = line.group().strip(" \t\n")
        if not content:
            continue
        if line.group()[0] in " \t":
            if labels or mistakes:
                continue
        elif content.startswith("#"):
            continue
        if labels and labels[-1][0] is Label.SIGNATURE:
            end = line.start()
            if not signed:
                mistakes.append(_behind_signature(end, end + len(line.group().rstrip(" \t\n"))))
            break
        match = _LABEL.match(text, line.start(), line.end())
        label = _LABELS.get(match[1].lower()) if match and not match[2] else None
        if match is None or label is None:
            mistakes.append(_no_field(match, line.start(), line.start() + len(line.group().rstrip(" \t\n"))))
        elif any(label is earlier for earlier, _, _ in labels):
            mistakes.append(_duplicate(label, match, blank_line))
        else:
            labels.append((label, line.start(), match.end()))
    fields = tuple(_fields(labels, mistakes, end))
    return FieldList(fields, (*mistakes, *(() if signed else _in_comment(text, fields))))


def indented_labels(text: str) -> Iterator[re.Match[str]]:
    """Labels of fields at the start of indented lines, where they begin no field."""
    return _INDENTED_LABEL.finditer(text)


def _in_comment(text: str, fields: tuple[Field, ...]) -> Iterator[Mistake]:
    """Fields that an assertion lacks because they are indented below its Comment: what lacks one allows more."""
    present = {each.label: each for each in fields}
    comment = present.get(Label.COMMENT)
    if comment is None:
        return
    for match in _INDENTED_LABEL.finditer(text, comment.value_start, comment.end):
        label = _LABELS[match[1].lower()]
        if label not in present:
            message = f"{label} is indented below Comment, so it is part of the comment"
            hint = "write the field from the first column on; if it is meant as a comment, put # in front"
            yield Mistake(Code.FIELD_IN_COMMENT, message, match.start(1), match.end(), hint)


def _fields(labels: list[tuple[Label, int, int]], mistakes: list[Mistake], end: int) -> Iterator[Field]:
    """Each field ends where the next one, a line that is wrong, or the assertion starts to be something else."""
    stops = sorted([*(start for _, start, _ in labels), *(each.start for each in mistakes), end])
    for label, start, value_start in labels:
        yield Field(label, start, value_start, stops[bisect_right(stops, start)])


def _no_field(match: re.Match[str] | None, start: int, end: int) -> Mistake:
    if match is None:
        hint = "a field starts with its label at the first column; a line that continues a field starts with a blank"
        return Mistake(Code.STRAY_LINE, "this line is no field and continues none", start, end, hint)
    name = match[1]
    label = _LABELS.get(name.lower())
    if label is not None:
        hint = f"write {label}: without a blank before the colon"
        return Mistake(
            Code.UNKNOWN_LABEL, f"{quoted(name)} must be followed by its colon at once", start, match.end(), hint
        )
    near = get_close_matches(name.lower(), _LABELS, n=1) if len(name) <= _LONGEST_NAME else []
    hint = f"did you mean {_LABELS[near[0]]}:" if near else f"the fields are {', '.join(Label)}"
    return Mistake(Code.UNKNOWN_LABEL, f"{quoted(name)} is no field of KeyNote", start, match.end(), hint)


def _behind_signature(start: int, end: int) -> Mistake:
    message = "the Signature is the last field: this would be no part of the assertion"
    hint = "move it in front of the Signature, or remove the Signature, which a policy does not need"
    return Mistake(Code.BEHIND_SIGNATURE, message, start, end, hint)


def _duplicate(label: Label, match: re.Match[str], blank_line: re.Match[str] | None) -> Mistake:
    hint = "assertions are separated by empty lines"
    if blank_line and blank_line.end() <= match.start():
        hint = "a line of blanks does not separate assertions; make it empty"
    return Mistake(Code.DUPLICATE_FIELD, f"{label} is there twice in one assertion", match.start(), match.end(), hint)
