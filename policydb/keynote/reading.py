"""Pieces of policy texts to compiled assertions, each shape parsed once.

The first assertions of a shape are parsed; the others of the same shape get what came of it, with their own literals.
Whatever is unusual is parsed, so that findings are always those of the parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grammar import nodes
from grammar.errors import Diagnostic, GrammarError
from grammar.keynote import Piece, parse_piece
from grammar.layouts import Layout, contents, lay_out
from grammar.principal import PrincipalError
from policydb.graph import CompiledAssertion
from policydb.keynote.conditions import compile_assertion
from policydb.keynote.templates import NoTemplateError, Template, make_template

MOST_SHAPES = 4_096
"""Shapes remembered; when there are more, all are forgotten, so that no text makes the memory grow without end."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a piece: `compiled` unless it was dropped, and the parser's findings.

    `node` or, for another one of a known shape, `template` and `literals` are what its nodes are had from.
    """

    piece: Piece
    source: str
    compiled: CompiledAssertion | None
    diagnostics: tuple[Diagnostic, ...] = ()
    node: nodes.Assertion | None = None
    template: Template | None = None
    literals: Sequence[str] = ()

    def draft(self) -> nodes.Assertion:
        """The nodes of a piece that was not dropped, cheaply: places and comments may be wrong, nothing else is."""
        return self.exact() if self.template is None else self.template.draft(self.literals)

    def exact(self) -> nodes.Assertion:
        """The nodes of a piece that was not dropped, as the parser makes them."""
        if self.node is not None:
            return self.node
        (node,) = parse_piece(self.piece, self.source).assertions
        return node


class Reader:
    """Reads pieces and remembers their shapes; one for as many sources as there are."""

    def __init__(self) -> None:
        self._templates: dict[str, Template | None] = {}
        self._seen: set[str] = set()

    def read(self, piece: Piece, digest: str, source: str) -> Reading:
        """What came of a piece of a source. `digest` is SHA-256 over its text."""
        layout = lay_out(piece.text)
        template = None if layout is None else self._template(layout)
        if layout is None or template is None:
            return _parsed(piece, source)
        literals = contents(layout)
        try:
            compiled = template.compiled(piece, digest, source, layout, literals)
        except PrincipalError:
            return _parsed(piece, source)
        return Reading(piece, source, compiled, template=template, literals=literals)

    def _template(self, layout: Layout) -> Template | None:
        """The template of a shape, made when the shape is met for the second time: most texts have one of their own."""
        shape = layout.shape
        if shape in self._templates:
            return self._templates[shape]
        if shape not in self._seen:
            if len(self._seen) >= MOST_SHAPES:
                self._seen.clear()
                self._templates.clear()
            self._seen.add(shape)
            return None
        try:
            made = make_template(layout)
        except NoTemplateError:
            made = None
        self._templates[shape] = made
        return made


def _parsed(piece: Piece, source: str) -> Reading:
    parsed = parse_piece(piece, source)
    if not parsed.assertions:
        return Reading(piece, source, None, parsed.diagnostics)
    (node,) = parsed.assertions
    try:
        compiled = compile_assertion(node, source)
    except GrammarError as error:
        return Reading(piece, source, None, (*parsed.warnings, *error.diagnostics))
    return Reading(piece, source, compiled, parsed.warnings, node)
