"""What the lints share: an assertion as they look at it, and which identifiers are of a known kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from grammar import nodes
from grammar.errors import Diagnostic, Severity, shortened
from grammar.principal import KEY_PREFIXES
from policydb.attributes import APP_DOMAIN, suggest

_Node = TypeVar("_Node")

# The fields of a node that hold nodes, the last one of the text first.
_INNER: Mapping[type, tuple[str, ...]] = {
    nodes.Program: ("clauses",),
    nodes.Clause: ("result", "test"),
    nodes.Comparison: ("right", "left"),
    nodes.Arithmetic: ("right", "left"),
    nodes.Threshold: ("members",),
    **dict.fromkeys((nodes.AllOf, nodes.AnyOf, nodes.Concatenation, nodes.Every, nodes.Some), ("operands",)),
    **dict.fromkeys((nodes.Not, nodes.Dereference, nodes.NumberOf, nodes.Negation), ("operand",)),
}

# Compared in any case of letters; RFC 2792 section 3 knows the last three, and nothing here reads them.
KEY_ALGORITHMS = (*KEY_PREFIXES, "elgamal-hex", "elgamal-base64", "pgp")
# isakmpd.policy(5): plain strings to KeyNote, so compared letter by letter.
DIGEST_DIGITS = {"passphrase-md5-hex": 32, "passphrase-sha1-hex": 40}
USER = "user"  # ours: whom XAUTH has proved, in lower case (docs/isakmpd.conf.md)
EXACT_PREFIXES = ("passphrase", *DIGEST_DIGITS, "DN", USER)
PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9-]*):(.*)\Z", re.DOTALL)

_MOST_SUGGESTIONS = 50
_MOST_NAMES = 1000


class Subject:
    """An assertion as the lints look at it: its source, its constants, its nodes by their kind."""

    __slots__ = ("_nodes", "assertion", "constants", "source")

    def __init__(self, assertion: nodes.Assertion, source: str) -> None:
        self.assertion = assertion
        self.source = source
        self.constants = {each.name: each.value for each in assertion.constants}
        self._nodes = nodes_by_kind((assertion.conditions, assertion.licensees))

    @property
    def authorizer(self) -> str:
        """Who says it."""
        return self.assertion.authorizer.name

    @property
    def licensees(self) -> Sequence[nodes.Principal]:
        """Whom its Licensees field names, in the order of the text."""
        return self.all(nodes.Principal)

    def all(self, kind: type[_Node]) -> Sequence[_Node]:
        """Every node of that kind in Conditions and Licensees, in the order of the text."""
        return self._nodes.get(kind, ())

    def warning(self, code: str, message: str, span: nodes.Span, hint: str = "") -> Diagnostic:
        """A finding in this assertion."""
        return Diagnostic(code, shortened(message), self.source, span, shortened(hint), Severity.WARNING)


def nodes_by_kind(root: object) -> Mapping[type, list[Any]]:
    """All nodes below a node or a tuple of nodes; with a list of its own, for they may nest as deep as they like."""
    found: dict[type, list[Any]] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is tuple:
            waiting += reversed(cast("tuple[object, ...]", node))
        elif node is not None:
            found.setdefault(kind, []).append(node)
            for name in _INNER.get(kind, ()):
                waiting.append(getattr(node, name))
    return found


def attribute_and_literal(comparison: nodes.Comparison) -> Iterator[tuple[nodes.Attribute, nodes.StringLiteral]]:
    """The two sides where one is a bare attribute and the other a text, whichever way round."""
    for one, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
        if isinstance(one, nodes.Attribute) and isinstance(other, nodes.StringLiteral):
            yield one, other


def asks_for_ipsec(subject: Subject) -> bool:
    """Whether app_domain is compared with "IPsec policy" in whatever case: a misspelt case is a finding itself."""
    return any(
        attribute.name == "app_domain" and literal.value.lower() == APP_DOMAIN.lower()
        for comparison in subject.all(nodes.Comparison)
        for attribute, literal in attribute_and_literal(comparison)
    )


class Suggestions:
    """What was meant in the place of a word; only for the first few words, since each is compared with all names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._left = _MOST_SUGGESTIONS if len(self._names) <= _MOST_NAMES else 0

    def hint(self, word: str, otherwise: str) -> str:
        """A question, or `otherwise` where nothing is near."""
        meant = None
        if self._left and self._names:
            self._left -= 1
            meant = suggest(word, self._names)
        return f"did you mean {shown(meant)}?" if meant else otherwise


def shown(name: str) -> str:
    """A principal as messages show it."""
    return f'"{name}"' if len(name) <= 50 else f'"{name[:47]}..."'
