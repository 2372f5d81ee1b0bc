"""A decision with its reasons: the way that held or failed, its atoms, what became of each assertion, what would do.

The same programs run as in the checker; only who looks at them is new. Work is bounded by what the requesters reach.
Nothing that is told holds a passphrase: principals and texts are sealed on their way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice

from policydb.decision import AssertionReport, AssertionStatus, Atom, Change, Decision, Delegation, Nearest, Step
from policydb.graph import CompiledAssertion, Graph
from policydb.keynote.checker import POLICY, Checker, Node
from policydb.keynote.gates import group
from policydb.keynote.memory import licensees_of
from policydb.keynote.nearest import nearest_changes
from policydb.keynote.repairs import Proposer
from policydb.keynote.trace import trace
from policydb.keynote.walk import Visit, Walk, walk
from policydb.request import Request
from policydb.secrecy import PREFIX, seal, seal_policy

_FAR = 1 << 20  # where the walk by cost starts; a longer way than that is not told apart
_UNMENDABLE = 50  # what an assertion costs that no proposal mends
_ASKED = 256  # assertions asked what would mend them
_TRACED = 200  # assertions traced for their atoms
_TOLD = 2_000  # assertions listed that somebody reached
_UNREACHED = 100  # assertions listed that nobody reached
_LICENSED = 5  # principals told
_AROUND = 40  # delegations kept for drawing


def explain(graph: Graph, request: Request, checker: Checker | None = None) -> Decision:
    """The decision on `request`. Whoever has a Checker for `graph` passes it, to save time. Raises RequestError."""
    return _Explanation(checker or Checker(graph), request).decision()


def assess(graph: Graph, request: Request, checker: Checker | None = None) -> tuple[str, tuple[AssertionReport, ...]]:
    """The value and each assertion's part in it, without the rest of an explanation. Raises RequestError."""
    explanation = _Explanation(checker or Checker(graph), request)
    return explanation.value, explanation.reports


class _Explanation:
    """What is to be said of one decision, each part worked out when it is asked for."""

    def __init__(self, checker: Checker, request: Request) -> None:
        asking = checker.asking(request.authorizers)
        self._checker = checker
        self._request = replace(request, authorizers=asking.listed)
        self._question = checker.question(request.values, asking)
        self._parties = asking.parties
        self._ranks: dict[Node, int] = {}
        self._walk = walk(checker, self._parties, self._question.top, self._conditions)
        self._rank = self._walk.settled.get(POLICY, 0)
        self._allowed = request.values[self._rank] == request.values[-1]
        # An answer below _MAX_TRUST is explained by what keeps it from the next higher value.
        self._needed = self._rank if self._allowed else self._rank + 1
        self._proposer = Proposer(checker.programs, self._needed, _ASKED)
        self._worth = {each.node: each for each in self._walk.visits}

    @property
    def value(self) -> str:
        """The compliance value."""
        return self._request.values[self._rank]

    def decision(self) -> Decision:
        """Everything put together."""
        way = self._path
        granted = () if self._allowed or not self._rank else self._walk.path(POLICY)
        return Decision(
            value=self.value,
            allowed=self._allowed,
            generation=self._checker.graph.generation,
            authorizers=_sealed(self._request.authorizers),
            path=tuple([self._step(each, self._needed) for each in way]),
            atoms=tuple([atom for atoms in self._traced.values() for atom in atoms]),
            nearest=self._nearest(),
            assertions=self.reports,
            values=self._request.values,
            licensed=() if way and way[0].node.authorizer == POLICY else self._licensed(),
            granted=tuple([self._step(each, self._rank) for each in granted]),
            around=tuple(islice(self._around(), _AROUND)),
        )

    def _conditions(self, node: Node, _level: int) -> int:
        rank = self._ranks.get(node)
        if rank is None:
            rank = self._ranks[node] = node.program(self._request.attributes.get, self._question)
        return rank

    @cached_property
    def _reach(self) -> Walk:
        """Whoever could lead on if Conditions held and fellow licensees agreed."""
        if self._allowed:
            return self._walk
        if not self._hoped.joint:
            return self._hoped
        return walk(self._checker, self._parties, _FAR, lambda _node, level: level, any_member=True)

    # --- the path -------------------------------------------------------------------------------------------------

    @cached_property
    def _hoped(self) -> Walk:
        """Whoever could lead on if Conditions held, the ways that cost the fewest changes first."""
        return walk(self._checker, self._parties, _FAR, self._hope)

    @cached_property
    def _path(self) -> list[Visit]:
        """From POLICY to a requester: the way that held, else the cheapest that failed, else the longest."""
        if self._allowed:
            return self._walk.path(POLICY)
        if POLICY in self._reach.settled:
            hoped = self._hoped
            # What fellow licensees would have to grant is told where nothing mends the ways that need none.
            if hoped.joint and hoped.settled.get(POLICY, 0) <= _FAR - _UNMENDABLE:
                wide = walk(self._checker, self._parties, _FAR, self._hope, any_member=True)
                hoped = max(hoped, wide, key=lambda each: each.settled.get(POLICY, 0))
            return hoped.path(POLICY)
        # Settling goes outward, so who is settled last has one of the longest ways behind him.
        last = list(self._reach.settled)[-_UNREACHED:]
        return max((self._reach.path(each) for each in last), key=len, default=[])

    def _hope(self, node: Node, level: int) -> int:
        """What is left of `level` once this assertion's Conditions have been mended, a step for each change."""
        if self._conditions(node, level) >= self._needed:
            return level
        proposals = self._proposer.ask(node.assertion, self._request.attributes, self._question)
        if proposals is None:
            return level - 1
        return level - (len(proposals[0]) if proposals else _UNMENDABLE)

    def _step(self, visit: Visit, needed: int) -> Step:
        values = self._request.values
        seen = self._worth.get(visit.node)
        licensees = 0 if seen is None else seen.level
        conditions = self._conditions(visit.node, 0)
        return Step(
            place=visit.node.assertion.place,
            authorizer=seal(visit.node.authorizer),
            licensees=_sealed(visit.node.licensees),
            conditions_value=values[conditions],
            licensees_value=values[licensees],
            held=min(conditions, licensees) >= needed,
        )

    @cached_property
    def _traced(self) -> dict[Node, tuple[Atom, ...]]:
        """The atoms of the assertions on the path, then of the others whose Conditions were evaluated."""
        nodes = dict.fromkeys([*(each.node for each in self._path), *self._worth])
        return {node: self._atoms(node) for node in islice(nodes, _TRACED)}

    def _atoms(self, node: Node) -> tuple[Atom, ...]:
        _, atoms = trace(self._checker.programs, node.assertion, self._request)
        return tuple([_sealed_atom(each) for each in atoms])

    # --- the assertions -------------------------------------------------------------------------------------------

    @cached_property
    def reports(self) -> tuple[AssertionReport, ...]:
        """Each assertion's part: those reached, some of those that lead to POLICY and were not, those ignored."""
        reports = [self._report(node) for node in islice(self._reached, _TOLD)]
        reports.extend(
            AssertionReport(each.place, AssertionStatus.UNREACHED, "nobody who asked reaches its Licensees")
            for each in self._unreached
        )
        return (*reports, *self._checker.graph.ignored())

    def _report(self, node: Node) -> AssertionReport:
        """The part of an assertion that somebody reached; on the path that failed it has to pass on enough."""
        place = node.assertion.place
        visit = self._worth.get(node)
        if visit is None:
            return AssertionReport(place, AssertionStatus.FAILED, self._lacking(node))
        if visit.worth > 0 and (visit.worth >= self._needed or node not in self._on_path):
            return AssertionReport(place, AssertionStatus.USED)
        return AssertionReport(place, AssertionStatus.FAILED, _failure(self._traced.get(node, ())))

    @cached_property
    def _on_path(self) -> set[Node]:
        return {each.node for each in self._path}

    @cached_property
    def _reached(self) -> list[Node]:
        return list(dict.fromkeys([*(each.node for each in self._reach.visits), *self._worth]))

    def _lacking(self, node: Node) -> str:
        """Why the Licensees are worth nothing although somebody among them may be."""
        missing = list(islice((each for each in node.inputs if each not in self._walk.settled), _LICENSED + 1))
        named = ", ".join(_sealed(missing[:_LICENSED])) + (", ..." if len(missing) > _LICENSED else "")
        return f"its Licensees are not satisfied: not authorized are {named}"

    @cached_property
    def _unreached(self) -> list[CompiledAssertion]:
        """Assertions that lead to POLICY and that nobody reached, a bounded number of them."""
        digests = {each.assertion.digest for each in self._reached}
        found: list[CompiledAssertion] = []
        seen = {POLICY}
        work = [POLICY]
        looked = 0
        while work and len(found) < _UNREACHED and looked < _UNREACHED:
            looked += 1
            for assertion in self._checker.graph.authorized_by(work.pop(), _UNREACHED - len(found)):
                if assertion.digest not in digests:
                    digests.add(assertion.digest)
                    found.append(assertion)
                new = [each for each in licensees_of(assertion.licensees) if each not in seen]
                seen.update(new)
                work.extend(new)
        return found

    def _licensed(self) -> tuple[str, ...]:
        """Some whom POLICY licenses itself."""
        some = self._checker.graph.authorized_by(POLICY, _LICENSED)
        found = dict.fromkeys(each for assertion in some for each in sorted(licensees_of(assertion.licensees)))
        return _sealed(islice(found, _LICENSED))

    def _nearest(self) -> tuple[Nearest, ...]:
        if self._allowed:
            return ()
        return tuple(map(_sealed_nearest, nearest_changes(self._checker, self._request, self._rank, self._reach)))

    def _around(self) -> Iterator[Delegation]:
        """The delegations to draw: the path, then what was reached, then what leads to POLICY and was not."""
        for node in dict.fromkeys([*(each.node for each in self._path), *self._reached]):
            report = self._report(node)
            yield _delegation(node.assertion, report.status, report.reason, deciding=node in self._on_path)
        for assertion in self._unreached:
            yield _delegation(assertion, AssertionStatus.UNREACHED, "", deciding=False)


def _delegation(assertion: CompiledAssertion, status: AssertionStatus, reason: str, *, deciding: bool) -> Delegation:
    licensees = assertion.licensees
    needed = 1 if licensees is None or isinstance(licensees, str) or not licensees else group(licensees)[0]
    named = () if licensees is None else _sealed(sorted(licensees_of(licensees)))
    return Delegation(
        assertion.place,
        seal(assertion.authorizer),
        named,
        needed,
        status,
        deciding,
        everybody=licensees is None,
        reason=reason,
    )


def _failure(atoms: Sequence[Atom]) -> str:
    """Why Conditions are worth too little, in a line: the last atom that was evaluated and did not hold."""
    for atom in reversed(atoms):
        if not atom.result:
            return f"{atom.text}: {atom.error}" if atom.error else f"{atom.text} is false"
    return "no clause of its Conditions holds"


# --- no passphrase leaves -----------------------------------------------------------------------------------------


def _sealed(principals: Iterable[str]) -> tuple[str, ...]:
    names = principals if isinstance(principals, tuple) else tuple(principals)
    for each in names:
        if each.startswith(PREFIX):
            return tuple(dict.fromkeys(map(seal, names)))
    return names


def _sealed_atom(atom: Atom) -> Atom:
    # The texts of the source line and of the sides are looked through together: a passphrase is rare.
    if PREFIX not in f"{atom.source_line}\n{atom.text}\n{atom.left}\n{atom.right}":
        return atom
    return replace(
        atom,
        text=seal_policy(atom.text),
        left=seal_policy(atom.left),
        right=seal_policy(atom.right),
        source_line=seal_policy(atom.source_line),
    )


def _sealed_nearest(near: Nearest) -> Nearest:
    changes = tuple(
        [
            Change(each.attribute, None if each.before is None else seal_policy(each.before), seal_policy(each.after))
            for each in near.changes
        ]
    )
    return replace(near, changes=changes, requesters=_sealed(near.requesters))
