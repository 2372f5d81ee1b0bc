"""The trees of Authorizer, Licensees and Signature into names and licensee nodes (RFC 2704, 4.6.3, 4.6.4, 4.6.7).

Local-Constants are put in here, so that what comes out depends on no attribute: a name that no constant defines is
the empty string, as an undefined attribute is (RFC 2704, 4.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from lark import Token

from grammar.codes import Code
from grammar.errors import quoted
from grammar.findings import Findings
from grammar.literals import unquote
from grammar.nodes import Every, Licensees, Nobody, Principal, Some, Span, Threshold
from grammar.principal import PrincipalError, canonical
from grammar.trees import MAX_NESTING, Node, extent, fold

_POLICY = "POLICY"
"""The principal that stands for whoever wrote the policy (RFC 2704, 4.6.2)."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A string, or licensees, or neither where an error was reported; with its extent and depth."""

    text: str | None
    licensees: Licensees | None
    start: int
    end: int
    depth: int = 1


def build_name(tree: Node, offset: int, constants: Mapping[str, str], findings: Findings) -> str | None:
    """The value of a string expression; None if there were errors, which are then in `findings`."""
    builder = _Builder(offset, constants, findings)
    return fold(tree, builder.actions()).text


def build_principal(name: str, span: Span, findings: Findings) -> Principal | None:
    """The principal of a name; None if it is a key that cannot be decoded, which is then in `findings`."""
    try:
        return Principal(span, canonical(name))
    except PrincipalError as error:
        findings.error(Code.BAD_KEY, str(error), span, "the text before the colon says how the key is encoded")
        return None


def build_licensees(tree: Node, offset: int, constants: Mapping[str, str], findings: Findings) -> Licensees | None:
    """The licensees that `tree` holds; None if there were errors, which are then in `findings`."""
    builder = _Builder(offset, constants, findings)
    return fold(tree, builder.actions()).licensees


class _Builder:
    """One action for each rule of the grammar."""

    def __init__(self, offset: int, constants: Mapping[str, str], findings: Findings) -> None:
        self._offset = offset
        self._constants = constants
        self._findings = findings

    def actions(self) -> Mapping[str, Callable[[Node, list[_Part | Token]], _Part]]:
        """What each production of the grammar, by its name there, is made into."""
        return {
            "string": self._string,
            "attribute": self._attribute,
            "dereference": self._dereference,
            "joined": self._joined,
            "threshold": self._threshold,
            "every": self._junction,
            "some": self._junction,
            "name": self._whole_name,
            "licensees": self._whole_licensees,
        }

    def _span(self, start: int, end: int) -> Span:
        return self._findings.span(self._offset + start, self._offset + end)

    def _string(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        return _Part(unquote(cast("Token", parts[0])), None, *extent(tree))

    def _attribute(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        return self._constant(str(parts[0]), tree, tree)

    def _dereference(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        part = cast("_Part", parts[0])
        if not self._is_text(part):
            return self._wrong(tree)
        return self._constant(cast("str", part.text), tree, tree)

    def _constant(self, name: str, at: Node, tree: Node) -> _Part:
        value = self._constants.get(name)
        if value is None and name.upper() == _POLICY:
            message = f"{name} without quotes is the name of a constant, and no local constant has it"
            self._findings.error(Code.UNQUOTED_POLICY, message, self._span(*extent(at)), f'write "{_POLICY}"')
        elif value is None and name:
            hint = "a principal is a string in quotes, or a name that Local-Constants defines"
            message = f"{quoted(name)} is no local constant: the empty principal is meant"
            self._findings.warning(Code.UNKNOWN_CONSTANT, message, self._span(*extent(at)), hint)
        return _Part(value or "", None, *extent(tree))

    def _joined(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        operands = cast("list[_Part]", parts)
        texts = [self._is_text(each) for each in operands]
        if not all(texts):
            return self._wrong(tree)
        return _Part("".join(cast("str", each.text) for each in operands), None, *extent(tree))

    def _is_text(self, part: _Part) -> bool:
        """Whether the part is a string; says so if it is a licensee expression."""
        if part.licensees is not None:
            hint = "&&, || and K-of join principals, not parts of a name"
            span = self._span(part.start, part.end)
            self._findings.error(Code.NOT_A_STRING, "a single principal is needed here", span, hint)
        return part.text is not None

    def _wrong(self, tree: Node) -> _Part:
        return _Part(None, None, *extent(tree))

    def _licensee(self, part: _Part) -> Licensees | None:
        if part.text is None:
            return part.licensees
        return build_principal(part.text, self._span(part.start, part.end), self._findings)

    def _threshold(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        token, members = cast("Token", parts[0]), cast("list[_Part]", parts[1:])
        texts = [self._is_text(each) for each in members]
        if not all(texts):
            return self._wrong(tree)
        principals = [self._licensee(each) for each in members]
        if None in principals:
            return self._wrong(tree)
        digits = token.removesuffix("-of")
        span = self._span(*extent(tree))
        # A huge K is compared by its length first: converting it could cost more than the whole text.
        if len(digits) > len(str(len(members))) or int(digits) > len(members):
            message = f"{len(members)} {'member' if len(members) == 1 else 'members'}, and more are asked for"
            self._findings.error(Code.THRESHOLD_TOO_LARGE, message, span, "K-of needs K members or more")
            return self._wrong(tree)
        node = Threshold(span, int(digits), tuple(cast("list[Licensees]", principals)))
        return _Part(None, node, *extent(tree), 2)

    def _junction(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        members = cast("list[_Part]", parts)
        operands = [self._licensee(each) for each in members]
        if None in operands:
            return self._wrong(tree)
        span = self._span(*extent(tree))
        depth = max(each.depth for each in members) + 1
        if depth > MAX_NESTING:
            hint = "split the licensees over several assertions"
            self._findings.error(Code.TOO_DEEP, f"nested more than {MAX_NESTING} levels deep", span, hint)
            return self._wrong(tree)
        licensees = tuple(cast("list[Licensees]", operands))
        node = Every(span, licensees) if tree.data == "every" else Some(span, licensees)
        return _Part(None, node, *extent(tree), depth)

    def _whole_name(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        part = cast("_Part", parts[0])
        return part if self._is_text(part) else self._wrong(tree)

    def _whole_licensees(self, tree: Node, parts: list[_Part | Token]) -> _Part:
        if not parts:
            return _Part(None, Nobody(self._span(0, 0)), *extent(tree))
        part = cast("_Part", parts[0])
        return _Part(None, self._licensee(part), part.start, part.end)
