"""A policy text laid out in one way, for `policydb fmt`; what it means does not change, nor does any signature.

Assertions that are signed or that cannot be used stay as they are, octet by octet, and so does whatever has a comment
where no layout but its author's would do. The others: one field below the other, in their order; long expressions
broken in front of their operators; one clause or constant a line. Comments stay where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grammar import nodes
from grammar.fields import Field, Label, split_fields
from grammar.keynote import Dropped, parse_policy
from grammar.names import bracket_depth, phrase
from grammar.phrases import INDENT, indented, lines
from grammar.remarks import Item, Remarks, read_remarks
from grammar.render import DEEPEST, WIDTH, Renderer, nesting

_BLANKS = " \t\n"
_PIECE = re.compile(r"[^\n]+(?:\n[^\n]+)*\n?")
_ENDS = {Label.CONDITIONS: ";", Label.LOCAL_CONSTANTS: '"'}


@dataclass(frozen=True, slots=True)
class Formatted:
    """The text, and the assertions that stay as they are because they cannot be used."""

    text: str
    dropped: tuple[Dropped, ...]


def format_policy(text: str, source: str) -> Formatted:
    """The policy `text` laid out; `source` names it in diagnostics. What is formatted already comes back as it is."""
    parsed = parse_policy(text, source, signed=True)
    whole: tuple[nodes.Assertion | Dropped, ...] = (*parsed.assertions, *parsed.dropped)
    known = {each.span.start: each for each in whole}
    pieces = []
    for found in _PIECE.finditer(text):
        match known.get(found.start()):
            case nodes.Assertion(signature=None) as assertion:
                pieces.append(_text(_assertion(assertion)))
            case None:
                pieces.append(_text(_written(found[0])))
            case _:
                pieces.append(found[0])
    return Formatted("\n".join([each for each in pieces if each]), parsed.dropped)


def _text(found: Iterable[str]) -> str:
    return "".join([f"{each}\n" for each in found])


def _written(text: str) -> list[str]:
    """The lines of a text as they are, without lines of blanks and blanks at their ends."""
    return [line.rstrip(_BLANKS) for line in text.split("\n") if line.strip(_BLANKS)]


def _shifted(found: Sequence[str]) -> list[str]:
    """The lines moved, as one, to where continued lines start."""
    margin = min([len(line) - len(line.lstrip(_BLANKS)) for line in found], default=0)
    return indented(line[margin:] for line in found)


# --- assertions and fields ----------------------------------------------------------------------------------------


def _assertion(assertion: nodes.Assertion) -> list[str]:
    text = assertion.text
    fields = split_fields(text, signed=True).fields
    found = [line.lstrip(_BLANKS) for line in _written(text[: fields[0].start])]
    for field in fields:
        found += _field(field, text[field.value_start : field.end], assertion)
    return found


def _field(field: Field, value: str, assertion: nodes.Assertion) -> list[str]:
    label = f"{field.label}:"
    if field.label is Label.COMMENT:  # free text, whatever looks like a comment in it
        return f"{label} {value.strip(_BLANKS)}".rstrip(_BLANKS).split("\n")
    remarks = read_remarks(value, _ENDS.get(field.label, ""))
    if not remarks.items:
        found = [label]
    elif field.label is Label.CONDITIONS:
        found = _conditions(label, value, remarks, assertion.conditions)
    elif field.label is Label.LOCAL_CONSTANTS:
        found = _constants(label, value, remarks, assertion.constants)
    else:
        found = _names(label, value, remarks)
    return [*found, *(INDENT + comment if is_indented else comment for comment, is_indented in remarks.below)]


def _labelled(label: str, body: Sequence[str]) -> list[str]:
    """The body behind the label where it is one line that fits, else below it."""
    if len(body) == 1 and len(label) + 1 + len(body[0]) <= WIDTH:
        return [f"{label} {body[0]}"]
    return [label, *indented(body)]


def _as_written(label: str, value: str, remarks: Remarks) -> list[str]:
    """A field's items in their author's lines."""
    last = remarks.items[-1]
    text = value[: last.end]
    found = _written(text)
    if text.lstrip(" \t").startswith("\n"):
        found = [label, *_shifted(found)]
    else:
        found = [f"{label} {found[0].lstrip(_BLANKS)}", *_shifted(found[1:])]
    return _with_remark(found, last)


def _with_remark(found: list[str], item: Item) -> list[str]:
    """The lines of an item with the comment that stood behind it."""
    return [*found[:-1], f"{found[-1]}  {item.behind}"] if item.behind else found


# --- one function for each kind of value --------------------------------------------------------------------------


def _names(label: str, value: str, remarks: Remarks) -> list[str]:
    """Authorizer, Licensees and KeyNote-Version."""
    (item,) = remarks.items
    text = value[item.start : item.end]
    if item.above or item.commented or bracket_depth(text) > DEEPEST:
        return _as_written(label, value, remarks)
    whole = phrase(text)
    if isinstance(whole, str):  # nothing to break: a line of its own would not help
        return _with_remark([f"{label} {whole}"], item)
    found = lines(whole, WIDTH - len(label) - 1)
    return _with_remark(_labelled(label, found if len(found) == 1 else lines(whole, WIDTH - len(INDENT))), item)


def _constants(label: str, value: str, remarks: Remarks, constants: Sequence[nodes.Constant]) -> list[str]:
    if any(each.commented for each in remarks.items):
        return _as_written(label, value, remarks)
    body: list[str] = []
    for item, constant in zip(remarks.items, constants, strict=True):
        (literal,) = item.literals
        body += [*item.above, *_with_remark([f"{constant.name} = {literal}"], item)]
    return _labelled(label, body)


def _conditions(label: str, value: str, remarks: Remarks, program: nodes.Program | None) -> list[str]:
    if program is None or nesting(program) > DEEPEST:  # nobody writes that by hand
        return _as_written(label, value, remarks)
    return _labelled(label, _program(value, program, remarks.items, WIDTH - len(INDENT)))


def _program(value: str, program: nodes.Program, items: Sequence[Item], width: int) -> list[str]:
    """The clauses, each with its comments. `items` are theirs, in the same order."""
    body: list[str] = []
    for item, clause in zip(items, program.clauses, strict=True):
        if item.commented:
            first, *rest = _written(value[item.start : item.end])
            found = [first, *_shifted(rest)]
        else:
            found = _clause(value, clause, item, width)
        body += [*item.above, *_with_remark(found, item)]
    return body


def _clause(value: str, clause: nodes.Clause, item: Item, width: int) -> list[str]:
    literals = iter(item.literals)

    def block(inner: nodes.Program, room: int) -> list[str]:
        return [*_program(value, inner, item.block, room), *item.below]

    return Renderer(lambda _: next(literals)).clause(clause, width, block)
