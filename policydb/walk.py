"""A walk over the part of the delegation graph that the requesters reach, kept so that it can be shown.

It settles principals as policydb.checker does, but asks a function what an assertion is worth. With the Conditions as
that function it finds what the checker finds; with a cost in its place it finds the cheapest way to POLICY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from policydb.checker import Checker, Node, opens
from policydb.gates import Gate

Worth: TypeAlias = Callable[[Node, int], int]
"""What an assertion passes on when its Licensees are worth a level; at most that level, below 1 is nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    """An assertion whose Licensees were satisfied at `level`, at last by `opener` (None: it licenses everybody)."""

    node: Node
    level: int
    worth: int
    opener: str | None


@dataclass(slots=True)
class Walk:
    """`settled`: what each principal is worth, in the order of settling; `via`: the visit that made it so."""

    settled: dict[str, int] = field(default_factory=dict)
    via: dict[str, Visit] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)

    def path(self, principal: str) -> list[Visit]:
        """The visits from `principal` down to a requester, or to an assertion open to all."""
        found: list[Visit] = []
        visit = self.via.get(principal)
        while visit is not None:
            found.append(visit)
            visit = None if visit.opener is None else self.via.get(visit.opener)
        return found


def walk(checker: Checker, requesters: Iterable[str], top: int, worth: Worth, any_member: bool = False) -> Walk:
    """Walks from the requesters, who are worth `top`. `any_member`: one member opens a Licensees field of any kind."""
    result = Walk()
    counts: dict[Gate, int] = {}
    opened: set[Node] = set()
    waiting: dict[int, list[tuple[str, Visit | None]]] = {top: [(each, None) for each in requesters]}
    for node in checker.open_to_all:
        _visit(result, waiting, Visit(node, top, min(top, worth(node, top)), None))
    while waiting:
        level = max(waiting)
        ready = waiting[level]
        while ready:
            principal, visit = ready.pop()
            if principal in result.settled:
                continue
            result.settled[principal] = level
            if visit is not None:
                result.via[principal] = visit
            for node, gate in checker.edges(principal):
                if any_member:
                    if node in opened:
                        continue
                    opened.add(node)
                elif gate is not None and not opens(gate, counts):
                    continue
                _visit(result, waiting, Visit(node, level, min(level, worth(node, level)), principal))
        del waiting[level]
    return result


def _visit(result: Walk, waiting: dict[int, list[tuple[str, Visit | None]]], visit: Visit) -> None:
    result.visits.append(visit)
    if visit.worth > 0 and visit.node.authorizer not in result.settled:
        waiting.setdefault(visit.worth, []).append((visit.node.authorizer, visit))
