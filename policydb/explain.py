"""A decision with its reasons: the way that held or failed, its atoms, what became of each assertion, what would do.

The same programs run as in the checker; only who looks at them is new. Work is bounded by what the requesters reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from policydb.checker import POLICY, Checker, Node, requesters
from policydb.decision import AssertionReport, AssertionStatus, Atom, Decision, Place, Step
from policydb.graph import Graph
from policydb.memory import licensees_of
from policydb.nearest import nearest_changes
from policydb.programs import Question, Scale
from policydb.repairs import Proposer
from policydb.request import Request
from policydb.trace import trace
from policydb.walk import Visit, Walk, walk

_FAR = 1 << 20  # where the walk by cost starts; a longer way than that is not told apart
_UNMENDABLE = 50  # what an assertion costs that no proposal mends
_ASKED = 256  # assertions asked what would mend them
_TRACED = 200  # assertions traced for their atoms
_UNREACHED = 100  # assertions listed that nobody reached
_LICENSED = 5  # principals told


def explain(graph: Graph, request: Request, checker: Checker | None = None) -> Decision:
    """The decision on `request`. Whoever has a Checker for `graph` passes it, to save time. Raises RequestError."""
    return _Explanation(checker or Checker(graph), request).decision()


class _Explanation:
    def __init__(self, checker: Checker, request: Request) -> None:
        self._checker = checker
        self._request = request
        self._scale = Scale(request.values)
        self._question = Question(self._scale, request.authorizers, checker.programs.patterns)
        self._value = checker.decide(request)
        self._rank = self._scale.rank(self._value, 0)
        self._allowed = self._rank == self._scale.rank(request.values[-1], 0)
        # An answer below _MAX_TRUST is explained by what keeps it from the next higher value.
        self._needed = self._rank if self._allowed else self._rank + 1
        self._ranks: dict[Node, int] = {}
        self._proposer = Proposer(checker.programs, self._needed, _ASKED)
        self._asking = requesters(request.authorizers)
        self._walk = walk(checker, self._asking, self._scale.top, self._conditions)
        self._worth = {each.node: each for each in self._walk.visits}

    def decision(self) -> Decision:
        """Everything put together."""
        request = self._request
        reach = self._walk
        if not self._allowed:
            reach = walk(self._checker, self._asking, _FAR, lambda _node, level: level, any_member=True)
        path = self._path(reach)
        traced = {each.node: self._traced(each.node) for each in path[:_TRACED]}
        return Decision(
            value=self._value,
            allowed=self._allowed,
            generation=self._checker.graph.generation,
            authorizers=request.authorizers,
            path=tuple(self._step(each) for each in path),
            atoms=tuple(atom for atoms in traced.values() for atom in atoms),
            nearest=() if self._allowed else nearest_changes(self._checker, request, self._value, reach),
            assertions=(*self._reports(reach, path, traced), *self._checker.graph.ignored()),
            values=request.values,
            licensed=() if path and path[0].node.authorizer == POLICY else self._licensed(),
        )

    def _conditions(self, node: Node, _level: int) -> int:
        rank = self._ranks.get(node)
        if rank is None:
            rank = self._ranks[node] = node.program(self._request.attributes.get, self._question)
        return rank

    # --- the path -------------------------------------------------------------------------------------------------

    def _path(self, reach: Walk) -> list[Visit]:
        """From POLICY to a requester: the way that held, else the cheapest that failed, else the longest."""
        if self._allowed:
            return self._walk.path(POLICY)
        hoped = walk(self._checker, self._asking, _FAR, self._hope)
        if POLICY not in hoped.settled:
            hoped = walk(self._checker, self._asking, _FAR, self._hope, any_member=True)
        if POLICY in hoped.settled:
            return hoped.path(POLICY)
        # Settling goes outward, so who is settled last has one of the longest ways behind him.
        return max((hoped.path(each) for each in list(reach.settled)[-_UNREACHED:]), key=len, default=[])

    def _hope(self, node: Node, level: int) -> int:
        """What is left of `level` once this assertion's Conditions have been mended, a step for each change."""
        if self._conditions(node, level) >= self._needed:
            return level
        proposals = self._proposer.ask(node.assertion, self._request.attributes, self._question)
        if proposals is None:
            return level - 1
        return level - (len(proposals[0]) if proposals else _UNMENDABLE)

    def _step(self, visit: Visit) -> Step:
        assertion = visit.node.assertion
        values = self._request.values
        seen = self._worth.get(visit.node)
        licensees = 0 if seen is None else seen.level
        conditions = self._conditions(visit.node, 0)
        return Step(
            place=assertion.place,
            authorizer=assertion.authorizer,
            licensees=tuple(visit.node.inputs),
            conditions_value=values[conditions],
            licensees_value=values[licensees],
            held=min(conditions, licensees) >= self._needed,
        )

    def _traced(self, node: Node) -> tuple[Atom, ...]:
        return trace(self._checker.programs, node.assertion, self._request)[1]

    # --- the assertions -------------------------------------------------------------------------------------------

    def _reports(
        self, reach: Walk, path: Sequence[Visit], traced: dict[Node, tuple[Atom, ...]]
    ) -> list[AssertionReport]:
        on_path = {each.node for each in path}
        reports: list[AssertionReport] = []
        nodes = dict.fromkeys([*(each.node for each in reach.visits), *self._worth])
        for node in nodes:
            visit = self._worth.get(node)
            place = node.assertion.place
            if visit is None:
                reports.append(AssertionReport(place, AssertionStatus.FAILED, self._lacking(node)))
            elif visit.worth > 0 and (node not in on_path or visit.worth >= self._needed):
                reports.append(AssertionReport(place, AssertionStatus.USED))
            else:
                reports.append(AssertionReport(place, AssertionStatus.FAILED, _failure(traced.get(node, ()))))
        reports.extend(
            AssertionReport(place, AssertionStatus.UNREACHED, "nobody who asked reaches its Licensees")
            for place in self._unreached(set(nodes))
        )
        return reports

    def _lacking(self, node: Node) -> str:
        """Why the Licensees are worth nothing although somebody among them may be."""
        missing = [each for each in node.inputs if each not in self._walk.settled]
        named = ", ".join(missing[:_LICENSED]) + (", ..." if len(missing) > _LICENSED else "")
        return f"its Licensees are not satisfied: not authorized are {named}"

    def _unreached(self, reached: set[Node]) -> Iterable[Place]:
        """Where assertions stand that lead to POLICY and that nobody reached, a bounded number of them."""
        digests = {each.assertion.digest for each in reached}
        seen = {POLICY}
        work = [POLICY]
        told = 0
        while work and told < _UNREACHED:
            for assertion in islice(self._checker.graph.authorized_by(work.pop()), _UNREACHED - told):
                if assertion.digest not in digests:
                    digests.add(assertion.digest)
                    told += 1
                    yield assertion.place
                found = [each for each in licensees_of(assertion.licensees) if each not in seen]
                seen.update(found)
                work.extend(found)

    def _licensed(self) -> tuple[str, ...]:
        """Some whom POLICY licenses itself."""
        some = islice(self._checker.graph.authorized_by(POLICY), _LICENSED)
        found = dict.fromkeys(each for assertion in some for each in sorted(licensees_of(assertion.licensees)))
        return tuple(islice(found, _LICENSED))


def _failure(atoms: Sequence[Atom]) -> str:
    """Why Conditions are worth too little, in a line: the last atom that was evaluated and did not hold."""
    for atom in reversed(atoms):
        if not atom.result:
            return f"{atom.text}: {atom.error}" if atom.error else f"{atom.text} is false"
    return "no clause of its Conditions holds"
