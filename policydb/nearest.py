"""The nearest changes: the fewest attributes that, set otherwise, raise the answer; or one more requester who would.

A best-first search over sets of changes. An assertion that blocks the way to POLICY proposes what would mend it
(policydb.repairs); sets are tried smallest first, and only what the checker itself confirms is returned. The search
counts assertions visited, never seconds, and stops at a bound.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count, islice

from policydb.checker import POLICY, Checker, Node, requesters
from policydb.decision import Change, Nearest
from policydb.programs import Question, Scale
from policydb.repairs import NOTHING, Changes, Proposer
from policydb.request import Request
from policydb.walk import Visit, Walk, walk

_WANTED = 5  # suggestions
_VISITS = 60_000  # assertions visited in one search
_BLOCKED = 256  # blocked assertions asked for proposals at a time
_ASKED = 1024  # and in one search
_SETS = 120  # change sets tried
_REQUESTERS = 16  # further requesters proposed at a time
_REQUESTER = ""  # no attribute is called that, so it stands for one more requester in a set of changes


def nearest_changes(checker: Checker, request: Request, value: str, reach: Walk) -> tuple[Nearest, ...]:
    """The smallest sets of changes that raise the answer above `value`, the smallest first.

    `reach` is the walk that any member of a Licensees field lets pass (`any_member`), whatever the Conditions.
    """
    return tuple(islice(_Search(checker, request, value, reach).confirmed(), _WANTED))


class _Search:
    def __init__(self, checker: Checker, request: Request, value: str, reach: Walk) -> None:
        self._checker = checker
        self._request = request
        self._scale = Scale(request.values)
        self._needed = self._scale.rank(value, 0) + 1
        self._useful = _leading_to_policy(reach)
        self._path = [each.node for each in islice(reach.path(POLICY), _BLOCKED)]
        self._proposer = Proposer(checker.programs, self._needed, _ASKED)
        self._visits = 0

    def confirmed(self) -> Iterator[Nearest]:
        """The suggestions that the checker bears out, smallest first."""
        order = count()
        whole = self._whole_path()
        waiting: list[tuple[int, bool, int, Changes]] = [
            (0, False, next(order), NOTHING),
            (len(whole), False, next(order), whole),
        ]
        tried: set[Changes] = set()
        enough: list[Changes] = []
        direct: set[Changes] = set()
        while waiting and len(tried) < _SETS and self._visits < _VISITS:
            *_, changes = heapq.heappop(waiting)
            if changes in tried or any(each <= changes for each in enough):
                continue
            tried.add(changes)
            request = self._changed(changes)
            if self._does(changes):
                # What one assertion proposed by itself has nothing needless in it.
                fewer = changes if changes in direct else self._trimmed(changes)
                if fewer not in enough:
                    enough.append(fewer)
                    yield self._near(fewer)
                continue
            state = self._walk(request)
            for proposal in self._proposals(request, state):
                # A later proposal overrides an earlier one: `@a <= 5` further up the path asks more than `@a <= 9`.
                both = dict(changes) | dict(proposal)
                heapq.heappush(waiting, (len(both), _REQUESTER in both, next(order), frozenset(both.items())))
                if not changes:
                    direct.add(proposal)

    def _whole_path(self) -> Changes:
        """The first proposal of every assertion on one way, those nearer to POLICY overriding: mends long chains."""
        question = self._question(self._request)
        get = self._request.attributes.get
        merged: dict[str, str] = {}
        for node in reversed(self._path):
            if node.program(get, question) < self._needed:
                proposals = self._proposer.ask(node.assertion, self._request.attributes, question)
                merged.update(dict(proposals[0]) if proposals else {})
        return frozenset(merged.items())

    def _does(self, changes: Changes) -> bool:
        """Whether the checker answers better with these changes."""
        return self._scale.rank(self._checker.decide(self._changed(changes)), 0) >= self._needed

    def _trimmed(self, changes: Changes) -> Changes:
        """Without the changes that another one has made needless."""
        for each in sorted(changes):
            if self._does(changes - {each}):
                changes -= {each}
        return changes

    def _walk(self, request: Request) -> Walk:
        question = self._question(request)
        get = request.attributes.get

        def worth(node: Node, _level: int) -> int:
            self._visits += 1
            return node.program(get, question) if node in self._useful else 0

        return walk(self._checker, requesters(request.authorizers), self._scale.top, worth)

    def _question(self, request: Request) -> Question:
        return Question(self._scale, request.authorizers, self._checker.programs.patterns)

    def _proposals(self, request: Request, state: Walk) -> Iterator[Changes]:
        question = self._question(request)
        for visit in islice(self._blocked(state), _BLOCKED):
            yield from self._proposer.ask(visit.node.assertion, request.attributes, question) or ()
        for principal in islice(self._lacking(state), _REQUESTERS):
            yield frozenset([(_REQUESTER, principal)])

    def _blocked(self, state: Walk) -> Iterator[Visit]:
        """Assertions on a way to POLICY whose Licensees are worth enough and whose Conditions are not."""
        for visit in state.visits:
            if (
                visit.worth < self._needed <= visit.level
                and visit.node in self._useful
                and state.settled.get(visit.node.authorizer, 0) < self._needed
            ):
                yield visit

    def _lacking(self, state: Walk) -> Iterator[str]:
        """Who would take a Licensees field further that is satisfied in part."""
        opened = {each.node for each in state.visits}
        told: set[str] = set()
        for principal in state.settled:
            for node, _ in self._checker.edges(principal):
                if node in self._useful and node not in opened:
                    opened.add(node)
                    lacking = [each for each in node.inputs if each not in state.settled and each not in told]
                    told.update(lacking)
                    yield from lacking

    def _changed(self, changes: Changes) -> Request:
        attributes = dict(changes)
        requester = attributes.pop(_REQUESTER, None)
        return replace(
            self._request,
            attributes={**self._request.attributes, **attributes},
            authorizers=self._request.authorizers + (() if requester is None else (requester,)),
        )

    def _near(self, changes: Changes) -> Nearest:
        before = self._request.attributes
        attributes = dict(sorted(changes))
        requester = attributes.pop(_REQUESTER, None)
        told = tuple(Change(name, before.get(name), after) for name, after in attributes.items())
        return Nearest(told, self._checker.decide(self._changed(changes)), requester)


def _leading_to_policy(reach: Walk) -> dict[Node, None]:
    """The assertions of a walk that lie on some way to POLICY, in the order of the walk."""
    by_authorizer: dict[str, list[Node]] = {}
    for visit in reach.visits:
        by_authorizer.setdefault(visit.node.authorizer, []).append(visit.node)
    useful: set[Node] = set()
    seen = {POLICY}
    work = [POLICY]
    while work:
        for node in by_authorizer.get(work.pop(), ()):
            if node not in useful:
                useful.add(node)
                found = [each for each in node.inputs if each not in seen]
                seen.update(found)
                work.extend(found)
    return dict.fromkeys(_in_order(reach.visits, useful))


def _in_order(visits: Iterable[Visit], useful: set[Node]) -> Iterator[Node]:
    return (each.node for each in visits if each.node in useful)
