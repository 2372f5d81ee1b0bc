"""Policies as text for properties: random nodes rendered, and nodes compared without their places."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass

from hypothesis import strategies as st

from grammar import nodes
from grammar.render import quote

_PLACES = {"span", "text", "signed_text"}


def plain(node: object) -> object:
    """A node as nested tuples, without places in the text and without the text itself."""
    if isinstance(node, tuple):
        return tuple(plain(each) for each in node)
    if is_dataclass(node):
        literal = isinstance(node, nodes.NumberLiteral)
        named = [each.name for each in fields(node) if each.name not in _PLACES or (literal and each.name == "text")]
        return (type(node).__name__, *(plain(getattr(node, name)) for name in named))
    return node


NAMES = ("POLICY", "alice", "bob", "good tunnels", "binary-hex:00ff", 'd"q', "a\\b", "\xe9\n")
_blank = st.sampled_from((" ", "  ", "\t", "\n    ", "\n\t", " # why?\n  ", "\n# at the margin\n  "))
_BLANK_OR_STRING = re.compile(r'("(?:[^"\\]|\\.)*"|(?<=\S) (?=\S))', re.DOTALL)

principal = st.sampled_from(
    [quote(name) for name in NAMES] + ['"over \\\n     lines"', "CONSTANT", '"a" . "b"', '$"CONSTANT"']
)


def _licensees(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def threshold(members: list[str]) -> st.SearchStrategy[str]:
        # Members of a threshold are principals alone (RFC 2704, 4.6.4).
        return st.integers(1, len(members)).map(lambda k: f"{k}-of({','.join(members)})")

    chain = st.tuples(inner, st.sampled_from(("&&", "||")), inner).map(" ".join)
    return chain | inner.map(lambda text: f"({text})") | st.lists(principal, min_size=1, max_size=4).flatmap(threshold)


licensees = st.recursive(principal, _licensees, max_leaves=8)


@st.composite
def spaced(draw: st.DrawFn, text: str) -> str:
    """The text with other white space and comments in the place of the blanks between its tokens."""
    parts = _BLANK_OR_STRING.split(text)
    return "".join(draw(_blank) if each == " " else each for each in parts)
