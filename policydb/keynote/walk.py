"""A walk over the part of the delegation graph that the requesters reach, kept so that it can be shown.

It settles principals as policydb.keynote.checker does, but asks a function what an assertion is worth. With the
Conditions as that function it finds what the checker finds; with a cost in its place it finds the cheapest way to
POLICY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from policydb.keynote.checker import Checker, Node, Party, opens
from policydb.keynote.gates import Gate

Worth: TypeAlias = Callable[[Node, int], int]
"""What an assertion passes on when its Licensees are worth a level; at most that level, below 1 is nothing."""


class Visit(NamedTuple):
    """An assertion whose Licensees were satisfied at `level`, at last by `opener` (None: it licenses everybody)."""

    node: Node
    level: int
    worth: int
    opener: str | None


@dataclass(slots=True)
class Walk:
    """`settled`: what each principal is worth, in the order of settling; `via`: the visit that made it so.

    `joint`: some Licensees field needs more members than were there.
    """

    settled: dict[str, int] = field(default_factory=dict)
    via: dict[str, Visit] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    joint: bool = False

    def path(self, principal: str) -> list[Visit]:
        """The visits from `principal` down to a requester, or to an assertion open to all."""
        found: list[Visit] = []
        visit = self.via.get(principal)
        while visit is not None:
            found.append(visit)
            visit = None if visit.opener is None else self.via.get(visit.opener)
        return found


def walk(checker: Checker, requesters: Iterable[Party], top: int, worth: Worth, *, any_member: bool = False) -> Walk:
    """Walks from the requesters, who are worth `top`. `any_member`: one member opens a Licensees field of any kind."""
    result = Walk()
    settled, via, visits = result.settled, result.via, result.visits
    counts: dict[Gate, int] = {}
    opened: set[Node] = set()
    waiting: dict[int, list[tuple[Party, Visit | None]]] = {top: [(each, None) for each in requesters]}
    for node in checker.open_to_all:
        visit = Visit(node, top, min(top, worth(node, top)), None)
        visits.append(visit)
        if visit.worth > 0:
            waiting.setdefault(visit.worth, []).append((node.author, visit))
    while waiting:
        level = max(waiting)
        ready = waiting[level]
        while ready:
            party, came = ready.pop()
            name = party.name
            if name in settled:
                continue
            settled[name] = level
            if came is not None:
                via[name] = came
            for author, gate, _, _, node in checker.edges(party) if party.edges is None else party.edges:
                if any_member:
                    if node in opened:
                        continue
                    opened.add(node)
                elif gate is not None and not opens(gate, counts):
                    continue
                value = min(level, worth(node, level))
                visit = Visit(node, level, value, name)
                visits.append(visit)
                if value > 0 and author.name not in settled:
                    (ready if value == level else waiting.setdefault(value, [])).append((author, visit))
        del waiting[level]
    result.joint = any(left > 0 for left in counts.values())
    return result
