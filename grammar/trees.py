"""The Lark parser of KeyNote's fields, and a walk over its trees that does not recurse on their depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import TypeAlias, TypeVar

from lark import Lark, Token, Tree

Value = TypeVar("Value")
Node: TypeAlias = Tree[Token]
Action: TypeAlias = Callable[[Node, "list[Value | Token]"], Value]

STARTS = ("version", "constants", "name", "licensees", "program")

MAX_NESTING = 500
"""How deep nodes may lie in each other, so that whoever walks them may recurse. Parentheses leave no nodes."""

MAX_BRACKETS = 10_000
"""How deep parentheses and braces may lie in each other; more would cost the parser more than any policy is worth."""

MAX_WORDS = 100_000
"""How many words and signs Conditions may have, and Local-Constants: each costs the parser some 5 kB. Nobody writes
25,000 comparisons in one assertion; a program spreads them over several. Licensees may list as many as there are."""


@cache
def keynote_parser() -> Lark:
    """The parser of grammar/keynote.lark, built when the first text is parsed."""
    grammar = files("grammar").joinpath("keynote.lark").read_text(encoding="ascii")
    return Lark(grammar, parser="lalr", start=list(STARTS), propagate_positions=True, maybe_placeholders=False)


def fold(tree: Node, actions: Mapping[str, Action[Value]]) -> Value:
    """Reduces a tree from its leaves: each rule's action gets the rule's tree and the values of its children."""
    done: dict[int, Value] = {}
    for each in tree.iter_subtrees():
        parts = [done.pop(id(child)) if isinstance(child, Tree) else child for child in each.children]
        done[id(each)] = actions[each.data](each, parts)
    return done[id(tree)]


def extent(tree: Node) -> tuple[int, int]:
    """Start and end of a tree's text with the parentheses around it; (0, 0) for an empty one."""
    meta = tree.meta
    if meta.empty:
        return 0, 0
    return getattr(meta, "container_start_pos", meta.start_pos), getattr(meta, "container_end_pos", meta.end_pos)


def inner_extent(tree: Node) -> tuple[int, int]:
    """Start and end of a tree's text without the parentheses around it; (0, 0) for an empty one."""
    return (0, 0) if tree.meta.empty else (tree.meta.start_pos, tree.meta.end_pos)
