"""The nearest changes: the fewest attributes that, set otherwise, raise the answer; or who else would have to ask.

A best-first search over sets of changes. An assertion that blocks the way to POLICY proposes what would mend it
(policydb.keynote.repairs), a Licensees field that is satisfied in part proposes whom it lacks; sets are tried smallest
first, and only what the checker itself confirms is returned. The search counts assertions visited, never seconds, and
stops at a bound.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice

from grammar.principal import BinaryKey, parse_key
from policydb.decision import Change, Nearest
from policydb.graph import Graph
from policydb.keynote.checker import POLICY, Asking, Checker, Node
from policydb.keynote.memory import licensees_of
from policydb.keynote.programs import Question
from policydb.keynote.repairs import NOTHING, Changes, Proposer
from policydb.keynote.walk import Visit, Walk, walk
from policydb.request import Request

_WANTED = 5  # suggestions
_VISITS = 60_000  # assertions visited in one search
_BLOCKED = 256  # blocked assertions asked for proposals at a time
_ASKED = 1024  # and in one search
_SETS = 120  # change sets tried
_REQUESTERS = 16  # proposals of further requesters at a time
_TOGETHER = 8  # further requesters in one proposal
_OTHERS = 4  # of those whom POLICY licenses: for how many it is looked what else they need
_FAR = 1 << 20
_REQUESTER = ":"  # begins no attribute's name, so with a principal's behind it it stands for one more requester


def nearest_changes(checker: Checker, request: Request, rank: int, reach: Walk) -> tuple[Nearest, ...]:
    """The smallest sets of changes that raise the answer above `rank`, the smallest first.

    `request` is asked by those whom the graph knows (Graph.requesters). `reach` is the walk that any member of a
    Licensees field lets pass (`any_member`), whatever the Conditions.
    """
    search = _Search(checker, request, rank, reach)
    found = list(islice(search.confirmed(), _WANTED))
    # Where nothing that those who ask could say would do, somebody else may do: whom POLICY licenses.
    return tuple(search.told(each) for each in found or islice(search.by_others(), _WANTED))


class _Search:
    def __init__(self, checker: Checker, request: Request, rank: int, reach: Walk) -> None:
        self._checker = checker
        self._request = request
        self._rank = rank
        self._needed = rank + 1
        self._useful = _leading_to_policy(reach)
        self._path = [each.node for each in islice(reach.path(POLICY), _BLOCKED)]
        self._proposer = Proposer(checker.programs, self._needed, _ASKED)
        self._visits = 0
        self._worth: dict[Changes, int] = {}

    def confirmed(self) -> Iterator[Changes]:
        """The sets of changes that the checker bears out, smallest first."""
        order = count()
        whole = self._whole_path()
        waiting: list[tuple[int, bool, int, Changes]] = [(0, False, next(order), NOTHING)]
        if whole:
            waiting.append((len(whole), False, next(order), whole))
        tried: set[Changes] = set()
        enough: list[Changes] = []
        direct: set[Changes] = set()
        while waiting and len(tried) < _SETS and self._visits < _VISITS:
            *_, changes = heapq.heappop(waiting)
            if changes in tried or any(each <= changes for each in enough):
                continue
            tried.add(changes)
            if changes and self._does(changes):
                # What one assertion proposed by itself has nothing needless in it.
                fewer = changes if changes in direct else self._trimmed(changes)
                if fewer not in enough:
                    enough.append(fewer)
                    yield fewer
                continue
            for proposal in self._proposals(changes):
                # A later proposal overrides an earlier one: `@a <= 5` further up the path asks more than `@a <= 9`.
                both = dict(changes) | dict(proposal)
                others = any(name.startswith(_REQUESTER) for name in both)
                heapq.heappush(waiting, (len(both), others, next(order), frozenset(both.items())))
                if not changes:
                    direct.add(proposal)

    def by_others(self) -> Iterator[Changes]:
        """Requesters whom POLICY licenses, itself or through others; alone or with other changes."""
        checker, asked = self._checker, self._request.authorizers
        candidates = [name for name in _below_policy(checker.graph) if name not in asked][:_REQUESTERS]
        alone = [each for each in map(_asking_too, candidates) if self._does(each)]
        yield from alone
        for candidate in () if alone else candidates[:_OTHERS]:
            request = replace(self._request, authorizers=(*asked, candidate))
            parties = checker.asking(request.authorizers).parties
            reach = walk(checker, parties, _FAR, lambda _node, level: level, any_member=True)
            for changes in islice(_Search(checker, request, self._rank, reach).confirmed(), 1):
                yield changes | _asking_too(candidate)

    def told(self, changes: Changes) -> Nearest:
        """A set of changes as it is shown."""
        before = self._request.attributes
        attributes, requesters = _parted(changes)
        return Nearest(
            tuple(Change(name, before.get(name), after) for name, after in attributes.items()),
            self._request.values[self._worth_of(changes)],
            tuple(requesters),
            credential=self._credential_does(attributes, requesters),
        )

    # --- asking the checker -------------------------------------------------------------------------------------------

    def _does(self, changes: Changes) -> bool:
        """Whether the checker answers better with these changes."""
        return self._worth_of(changes) >= self._needed

    def _worth_of(self, changes: Changes) -> int:
        found = self._worth.get(changes)
        if found is None:
            attributes, asking, question = self._changed(changes)
            found = self._worth[changes] = self._checker.rank(attributes.get, question, asking.parties)
        return found

    def _credential_does(self, attributes: Mapping[str, str], requesters: list[str]) -> bool:
        """Whether each further requester may as well sign a credential that licenses one who asks already.

        Such a credential without Conditions makes its author worth _MAX_TRUST, who then is no action authorizer.
        """
        if not requesters or not all(map(_signs, requesters)):
            return False
        checker, request = self._checker, self._request
        asking = checker.asking(request.authorizers)
        question = checker.question(request.values, asking)
        granted = [checker.party(each) for each in requesters]
        get = {**request.attributes, **attributes}.get
        return checker.rank(get, question, (*asking.parties, *granted)) >= self._needed

    def _changed(self, changes: Changes) -> tuple[Mapping[str, str], Asking, Question]:
        attributes, requesters = _parted(changes)
        asking = self._checker.asking((*self._request.authorizers, *requesters))
        question = self._checker.question(self._request.values, asking)
        return {**self._request.attributes, **attributes}, asking, question

    def _trimmed(self, changes: Changes) -> Changes:
        """Without the changes that another one has made needless."""
        for each in sorted(changes):
            if self._does(changes - {each}):
                changes -= {each}
        return changes

    # --- proposals ----------------------------------------------------------------------------------------------------

    def _whole_path(self) -> Changes:
        """The first proposal of every assertion on one way, those nearer to POLICY overriding: mends long chains."""
        attributes, _, question = self._changed(NOTHING)
        merged: dict[str, str] = {}
        for node in reversed(self._path):
            if node.program(attributes.get, question) < self._needed:
                proposals = self._proposer.ask(node.assertion, attributes, question)
                merged.update(dict(proposals[0]) if proposals else {})
        return frozenset(merged.items())

    def _proposals(self, changes: Changes) -> Iterator[Changes]:
        """What may be added to `changes`, which do not do."""
        attributes, asking, question = self._changed(changes)
        get = attributes.get

        def worth(node: Node, _level: int) -> int:
            self._visits += 1
            return node.program(get, question) if node in self._useful else 0

        state = walk(self._checker, asking.parties, question.top, worth)
        for visit in islice(self._blocked(state), _BLOCKED):
            yield from self._proposer.ask(visit.node.assertion, attributes, question) or ()
        yield from islice(self._lacking(state), _REQUESTERS)

    def _blocked(self, state: Walk) -> Iterator[Visit]:
        """Assertions on a way to POLICY whose Licensees are worth enough and whose Conditions are not."""
        for visit in state.visits:
            if (
                visit.worth < self._needed <= visit.level
                and visit.node in self._useful
                and state.settled.get(visit.node.authorizer, 0) < self._needed
            ):
                yield visit

    def _lacking(self, state: Walk) -> Iterator[Changes]:
        """Who would satisfy a Licensees field, or the group of it, of which somebody is there."""
        opened = {visit.node for visit in state.visits if visit.level >= self._needed}
        told: set[str] = set()
        for principal, level in state.settled.items():
            if level < self._needed:
                continue
            for _, gate, _, _, node in self._checker.edges(self._checker.party(principal)):
                if gate is None or node in opened or node not in self._useful:
                    continue
                opened.add(node)
                members = {each for each, gates in node.inputs.items() if gate in gates}
                there = {each for each in node.inputs if state.settled.get(each, 0) >= self._needed}
                short = gate.needed - sum(node.inputs[each].count(gate) for each in members & there)
                lacking = [each for each in node.inputs if each not in there and each not in told]
                told.update(lacking)
                # Members of other groups: an alternative to this one, or what the field needs beside it.
                others = [each for each in lacking if each not in members]
                yield from map(_asking_too, others[:_TOGETHER])
                if 0 < short <= _TOGETHER:
                    group = [each for each in lacking if each in members]
                    for start in range(min(len(group) - short + 1, _REQUESTERS)):
                        yield _asking_too(*group[start : start + short])


def _below_policy(graph: Graph) -> list[str]:
    """Some whom POLICY licenses: first those with whom a delegation ends, for it is there that a credential lacks."""
    seen = {POLICY: None}
    work = deque(seen)
    ends: list[str] = []
    others: list[str] = []
    for _ in range(4 * _REQUESTERS):
        if not work:
            break
        name = work.popleft()
        some = graph.authorized_by(name, 4 * _REQUESTERS)
        (others if some else ends).append(name)
        for below in (each for assertion in some for each in sorted(licensees_of(assertion.licensees))):
            if below not in seen:
                seen[below] = None
                work.append(below)
    return [each for each in (*ends, *others, *work) if each != POLICY]


def _signs(principal: str) -> bool:
    key = parse_key(principal)
    return key is not None and not isinstance(key, BinaryKey)


def _asking_too(*principals: str) -> Changes:
    return frozenset((_REQUESTER + each, each) for each in principals)


def _parted(changes: Changes) -> tuple[dict[str, str], list[str]]:
    """The attributes and the further requesters of a set of changes."""
    attributes = {name: value for name, value in sorted(changes) if not name.startswith(_REQUESTER)}
    return attributes, sorted(value for name, value in changes if name.startswith(_REQUESTER))


def _leading_to_policy(reach: Walk) -> set[Node]:
    """The assertions of a walk that lie on some way to POLICY."""
    # Most principals author one assertion: a list for each would be ten thousand lists in a long chain.
    first: dict[str, Node] = {}
    more: dict[str, list[Node]] = {}
    for visit in reach.visits:
        node = visit.node
        if first.setdefault(node.author.name, node) is not node:
            more.setdefault(node.author.name, []).append(node)
    useful: set[Node] = set()
    seen = {POLICY}
    work = [POLICY]
    while work:
        name = work.pop()
        if name not in first:
            continue
        for node in (first[name], *more.get(name, ())):
            useful.add(node)
            for each in node.inputs:
                if each not in seen:
                    seen.add(each)
                    work.append(each)
    return useful
