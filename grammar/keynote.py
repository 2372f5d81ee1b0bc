"""KeyNote text to assertions (RFC 2704): text -> assertions -> fields -> trees -> nodes.

Every field of every assertion is read, whatever is wrong with the others, so that one run tells all errors. An
assertion with an error is dropped alone (RFC 2704, 5.3: it must not take part, and must not harm the others).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from lark import Token, UnexpectedInput

from grammar.codes import Code
from grammar.conditions import build_program
from grammar.errors import Diagnostic, GrammarError, Severity
from grammar.fields import Field, Label, Mistake, Piece, split_assertions, split_fields
from grammar.findings import Findings
from grammar.licensees import build_licensees, build_name, build_principal
from grammar.lines import LineIndex
from grammar.literals import unquote
from grammar.mistakes import explain, too_deep, too_large
from grammar.nodes import Assertion, Constant, Licensees, Nobody, Principal, Program, Signature, Span
from grammar.trees import Node, keynote_parser

__all__ = ["Dropped", "ParsedPolicy", "Piece", "parse_assertion", "parse_piece", "parse_policy", "split_assertions"]


_BLANKS = " \t\n"


@dataclass(frozen=True, slots=True)
class Dropped:
    """An assertion that cannot be used: its place, its own text, and why."""

    span: Span
    text: str
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class ParsedPolicy:
    """What a policy text holds. `warnings` belong to assertions that are used all the same."""

    assertions: tuple[Assertion, ...]
    dropped: tuple[Dropped, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All errors and warnings, in the order of the text."""
        found = [*self.warnings, *(each for dropped in self.dropped for each in dropped.diagnostics)]
        return tuple(sorted(found, key=_position))


def _position(diagnostic: Diagnostic) -> tuple[int, int]:
    return diagnostic.span.start, diagnostic.span.end


def parse_policy(text: str, source: str, *, signed: bool = False) -> ParsedPolicy:
    """All assertions of a text in which empty lines separate them. `source` names the text in diagnostics.

    `signed`: they are credentials, in which what stands behind the Signature does not count (RFC 2704, 4.6.7).
    """
    assertions: list[Assertion] = []
    dropped: list[Dropped] = []
    warnings: list[Diagnostic] = []
    for piece in split_assertions(text):
        parsed = parse_piece(piece, source, signed=signed)
        assertions += parsed.assertions
        dropped += parsed.dropped
        warnings += parsed.warnings
    return ParsedPolicy(tuple(assertions), tuple(dropped), tuple(warnings))


def parse_piece(piece: Piece, source: str, *, signed: bool = False) -> ParsedPolicy:
    """The one assertion of a piece that split_assertions() found, used or dropped; places are those in the source."""
    index = LineIndex(piece.text, piece.offset, piece.line)
    findings = Findings(source, index)
    assertion = _Reader(piece.text, piece.offset, findings, signed=signed).assertion()
    if assertion is not None:
        return ParsedPolicy((assertion,), (), tuple(findings.found))
    span = index.span(piece.offset, piece.offset + len(piece.text))
    return ParsedPolicy((), (Dropped(span, piece.text, tuple(sorted(findings.found, key=_position))),))


def parse_assertion(text: str, source: str, *, signed: bool = False) -> Assertion:
    """The one assertion that `text` holds; `signed` as in parse_policy().

    Raises GrammarError with all its diagnostics; also where the text holds none, or more than one.
    """
    index = LineIndex(text)
    findings = Findings(source, index)
    pieces = split_assertions(text)
    if not pieces:
        findings.error(Code.NOT_ONE_ASSERTION, "there is no assertion in this text", index.span(0, len(text)))
        raise GrammarError(findings.found)
    for (_, _, _), (offset, _, piece) in pairwise(pieces):
        hint = "an assertion holds no empty line"
        span = index.span(offset, offset + len(piece))
        findings.error(Code.NOT_ONE_ASSERTION, "a second assertion starts here", span, hint)
    offset, _, piece = pieces[0]
    assertion = _Reader(piece, offset, findings, signed=signed).assertion()
    if assertion is None:
        raise GrammarError(sorted(findings.found, key=_position))
    return assertion


class _Reader:
    """Reads one assertion; offsets in its text plus `offset` are offsets into the source."""

    def __init__(self, text: str, offset: int, findings: Findings, *, signed: bool) -> None:
        self._text = text
        self._offset = offset
        self._findings = findings
        self._parser = keynote_parser()
        listed = split_fields(text, signed=signed) if self._is_text() else None
        self._fields = {each.label: each for each in listed.fields} if listed else {}
        for each in listed.mistakes if listed else ():
            self._report(each, 0)

    def assertion(self) -> Assertion | None:
        """The assertion, or None: then the findings hold an error."""
        if self._fields:
            self._check_order()
        constants = self._constants()
        known = {each.name: each.value for each in constants}
        self._version()
        authorizer = self._authorizer(known)
        licensees = self._licensees(known)
        conditions = self._conditions()
        signature = self._signature(known)
        if authorizer is None or any(each.severity is Severity.ERROR for each in self._findings.found):
            return None
        span = self._findings.span(self._offset, self._offset + len(self._text))
        comment = self._fields.get(Label.COMMENT)
        text = self._value(comment).strip(_BLANKS) if comment else ""
        return Assertion(span, self._text, authorizer, licensees, constants, conditions, text, signature)

    # --- the text and its fields ----------------------------------------------------------------------------------

    def _is_text(self) -> bool:
        """Whether the characters are those of an assertion; reports the first that is not (RFC 2704, 4.1)."""
        nul, carriage_return = self._text.find("\0"), self._text.find("\r")
        if nul >= 0:
            self._report(Mistake(Code.NUL, "an assertion is text and holds no NUL", nul, nul + 1), 0)
        if carriage_return >= 0:
            hint = "convert the file to plain newlines, as in: tr -d '\\r' < old > new"
            message = "a carriage return is no white space of KeyNote"
            place = carriage_return, carriage_return + 1
            self._report(Mistake(Code.CARRIAGE_RETURN, message, *place, hint), 0)
        return nul < 0 and carriage_return < 0

    def _report(self, mistake: Mistake, base: int) -> None:
        start = self._offset + base
        span = self._findings.span(start + mistake.start, start + mistake.end)
        self._findings.error(mistake.code, mistake.message, span, mistake.hint)

    def _span(self, start: int, end: int) -> Span:
        return self._findings.span(self._offset + start, self._offset + end)

    def _value(self, field: Field) -> str:
        return self._text[field.value_start : field.end]

    def _value_span(self, field: Field) -> Span:
        """The place of a field's value without the white space around it; of its label if there is no value."""
        value = self._value(field)
        if not value.strip(_BLANKS):
            return self._span(field.start, field.value_start)
        start = field.value_start + len(value) - len(value.lstrip(_BLANKS))
        return self._span(start, field.value_start + len(value.rstrip(_BLANKS)))

    def _check_order(self) -> None:
        first = min(self._fields.values(), key=lambda each: each.start)
        if Label.AUTHORIZER not in self._fields:
            hint = "empty lines separate assertions: is there one inside this assertion?"
            span = self._span(first.start, first.value_start)
            self._findings.error(Code.NO_AUTHORIZER, "this assertion has no Authorizer", span, hint)
        version = self._fields.get(Label.VERSION)
        if version is not None and first is not version:
            span = self._span(version.start, version.value_start)
            self._findings.error(Code.VERSION_NOT_FIRST, "KeyNote-Version must be the first field", span)

    def _tree(self, label: Label, start: str) -> tuple[Field, Node] | None:
        """A field's tree; None if the field is missing, or does not parse, which is then reported."""
        field = self._fields.get(label)
        if field is None:
            return None
        value = self._value(field)
        bounded = label in {Label.CONDITIONS, Label.LOCAL_CONSTANTS}
        if refused := too_deep(value) or (too_large(value) if bounded else None):
            self._report(refused, field.value_start)
            return None
        try:
            return field, self._parser.parse(value, start=start)
        except UnexpectedInput as error:
            mistake = explain(start, value, error)
        if mistake.code is Code.MISSING_OPERAND and not _uncommented(value):
            message = f"{label} needs a value"
            span = self._span(field.start, field.value_start)
            self._findings.error(Code.EMPTY_FIELD, message, span)
        else:
            self._report(mistake, field.value_start)
        return None

    # --- one method for each kind of field ------------------------------------------------------------------------

    def _version(self) -> None:
        parsed = self._tree(Label.VERSION, "version")
        if parsed is None:
            return
        field, tree = parsed
        token = cast("Token", tree.children[0])
        if (unquote(token) if tree.data == "string" else token) != "2":
            hint = "write KeyNote-Version: 2"
            self._findings.error(Code.VERSION, "only version 2 of KeyNote exists", self._value_span(field), hint)

    def _constants(self) -> tuple[Constant, ...]:
        parsed = self._tree(Label.LOCAL_CONSTANTS, "constants")
        found: dict[str, Constant] = {}
        for each in cast("list[Node]", parsed[1].children) if parsed else []:
            name, value = cast("list[Token]", each.children)
            start = cast("Field", parsed and parsed[0]).value_start
            span = self._span(start + (name.start_pos or 0), start + (value.end_pos or 0))
            if name.startswith("_"):
                message = f"{name} is reserved: names with _ in front belong to KeyNote"
                self._findings.error(Code.RESERVED_CONSTANT, message, span)
            if name in found:
                hint = f"the first definition is in line {found[name].span.line}"
                self._findings.error(Code.DUPLICATE_CONSTANT, f"{name} is defined twice", span, hint)
            found.setdefault(str(name), Constant(span, str(name), unquote(value)))
        return tuple(found.values())

    def _authorizer(self, constants: Mapping[str, str]) -> Principal | None:
        parsed = self._tree(Label.AUTHORIZER, "name")
        if parsed is None:
            return None
        field, tree = parsed
        name = build_name(tree, self._offset + field.value_start, constants, self._findings)
        return None if name is None else build_principal(name, self._value_span(field), self._findings)

    def _licensees(self, constants: Mapping[str, str]) -> Licensees | None:
        parsed = self._tree(Label.LICENSEES, "licensees")
        if parsed is None:
            return None
        field, tree = parsed
        if not tree.children:
            return Nobody(self._value_span(field))
        return build_licensees(tree, self._offset + field.value_start, constants, self._findings)

    def _conditions(self) -> Program | None:
        parsed = self._tree(Label.CONDITIONS, "program")
        if parsed is None:
            return None
        field, tree = parsed
        if not tree.children:
            return Program(self._value_span(field), ())
        return build_program(tree, self._offset + field.value_start, self._findings)

    def _signature(self, constants: Mapping[str, str]) -> Signature | None:
        parsed = self._tree(Label.SIGNATURE, "name")
        if parsed is None:
            return None
        field, tree = parsed
        value = build_name(tree, self._offset + field.value_start, constants, self._findings)
        first = min(each.start for each in self._fields.values())
        signed = self._text[first : field.start]
        return None if value is None else Signature(self._value_span(field), value, signed)


def _uncommented(value: str) -> str:
    lines = (each.partition("#")[0] for each in value.split("\n"))
    return "".join(lines).strip(_BLANKS)
