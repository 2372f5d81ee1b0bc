"""Texts -> a delegation graph: who is trusted, who must prove it, and what became of the rest.

A policy is one trusted assertion, a file several of them, a credential what a stranger sent. What a stranger says
counts if its authorizer's signature verifies (RFC 2704 section 4.6.7), and never in the name of POLICY; a signature
in a trusted assertion is not looked at. So whether one is needed never depends on whether one is there. One bad
assertion is dropped alone, with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grammar.errors import Diagnostic, GrammarError, Severity
from grammar.keynote import ParsedPolicy, Piece, parse_assertion, parse_piece, parse_policy, split_assertions
from grammar.nodes import Assertion
from policydb.decision import AssertionReport, AssertionStatus, Place
from policydb.graph import CompiledAssertion, Graph
from policydb.keynote.checker import POLICY
from policydb.keynote.conditions import compile_assertion
from policydb.keynote.credentials import CredentialError, verify
from policydb.keynote.memory import MemoryGraph, Overlay

MAX_CREDENTIAL = 2**16
"""Octets; none longer fits a CERT payload (RFC 2408 section 3.9). A stranger's longer assertion is not even parsed."""


@dataclass(frozen=True, slots=True)
class Text:
    """A source text (latin-1: one character is one octet) and the name by which messages call it."""

    source: str
    text: str


@dataclass(slots=True)
class Assembly:
    """Assertions that count, reports of those that do not, and every finding of the parser.

    `accept_weak`: whether weak signatures of credentials count (policydb.keynote.credentials).
    """

    accept_weak: bool = False
    assertions: list[CompiledAssertion] = field(default_factory=list)
    ignored: list[AssertionReport] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def add_policy(self, text: Text) -> None:
        """One trusted assertion."""
        try:
            self._compile(parse_assertion(text.text, text.source), text.source)
        except GrammarError as error:
            self._refuse(error, Place(text.source, 1))

    def add_file(self, text: Text) -> None:
        """Trusted assertions, separated by blank lines."""
        for assertion in self._parsed(text):
            self._compile(assertion, text.source)

    def add_credential(self, text: Text) -> None:
        """What a stranger sent: of its assertions each counts that is itself signed by its authorizer."""
        self.add_pieces(text.source, split_assertions(self._bounded(text).text))

    def add_pieces(self, source: str, pieces: Iterable[Piece]) -> None:
        """The same of a text that was split already."""
        for piece in pieces:
            for assertion in self._taken(parse_piece(piece, source, signed=True), source):
                self._add_signed(assertion, source)

    def _add_signed(self, assertion: Assertion, source: str) -> None:
        place = Place(source, assertion.span.line, assertion.span.column)
        if assertion.authorizer.name == POLICY:
            self._ignore(place, "only local policy may speak for POLICY")
            return
        try:
            verify(assertion, accept_weak=self.accept_weak)
        except CredentialError as error:
            self._ignore(place, str(error))
        else:
            self._compile(assertion, source)

    def graph(self, generation: int = 0) -> MemoryGraph:
        """What has been added, as a graph of its own."""
        return MemoryGraph(self.assertions, self.ignored, generation)

    def over(self, graph: Graph) -> Overlay:
        """What has been added, on top of `graph`."""
        return Overlay(graph, self.assertions, self.ignored)

    def _bounded(self, text: Text) -> Text:
        """The text with empty lines in the place of assertions that are too long, which are reported."""
        if len(text.text) <= MAX_CREDENTIAL:
            return text
        parts: list[str] = []
        end = 0
        for offset, line, piece in split_assertions(text.text):
            if len(piece) > MAX_CREDENTIAL:
                self._ignore(Place(text.source, line), f"it is longer than {MAX_CREDENTIAL} octets")
                parts += (text.text[end:offset], "\n" * piece.count("\n"))
                end = offset + len(piece)
        return Text(text.source, "".join((*parts, text.text[end:])))

    def _parsed(self, text: Text) -> tuple[Assertion, ...]:
        """The assertions of a text that parse; the others are reported."""
        return self._taken(parse_policy(text.text, text.source), text.source)

    def _taken(self, parsed: ParsedPolicy, source: str) -> tuple[Assertion, ...]:
        self.diagnostics.extend(parsed.diagnostics)
        for dropped in parsed.dropped:
            self._ignore(Place(source, dropped.span.line, dropped.span.column), first_error(dropped.diagnostics))
        return parsed.assertions

    def _compile(self, assertion: Assertion, source: str) -> None:
        try:
            self.assertions.append(compile_assertion(assertion, source))
        except GrammarError as error:
            self._refuse(error, Place(source, assertion.span.line, assertion.span.column))

    def _refuse(self, error: GrammarError, place: Place) -> None:
        self.diagnostics.extend(error.diagnostics)
        self._ignore(place, first_error(error.diagnostics))

    def _ignore(self, place: Place, reason: str) -> None:
        self.ignored.append(AssertionReport(place, AssertionStatus.IGNORED, reason))


def first_error(diagnostics: Sequence[Diagnostic]) -> str:
    """The first error, in a line."""
    errors = [each for each in diagnostics if each.severity is Severity.ERROR]
    first = (errors or list(diagnostics))[0]
    return f"{first.message} [{first.code}] at {first.span.line}:{first.span.column}"


def assemble(
    policies: Iterable[Text] = (),
    files: Iterable[Text] = (),
    credentials: Iterable[Text] = (),
    *,
    accept_weak: bool = False,
) -> Assembly:
    """Everything of one question, in one go."""
    assembly = Assembly(accept_weak)
    for text in policies:
        assembly.add_policy(text)
    for text in files:
        assembly.add_file(text)
    for text in credentials:
        assembly.add_credential(text)
    return assembly
