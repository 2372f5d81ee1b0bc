"""A generation of the store with what one peer's credentials say on top of it: the oracle of an ISAKMP SA.

isakmpd.policy(5), 3.5 and 3.6: the assertions learnt in phase 1 count for every quick mode below it, and for no other
peer's. The generation itself stays as it is; its programs are shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from policydb.decision import Decision
from policydb.graph import CompiledAssertion, Graph
from policydb.keynote.checker import POLICY, Checker
from policydb.keynote.memory import Overlay
from policydb.request import Request

if TYPE_CHECKING:  # as in policydb.storage.snapshot
    from policydb.connections import Configuration

_MOST_PRINCIPALS = 10_000


class Stored(Graph, Protocol):
    """What a session lies on: a Snapshot."""

    @property
    def configuration(self) -> Configuration:
        """What the generation's isakmpd.conf files say."""
        ...

    @property
    def checker(self) -> Checker:
        """The checker over the graph."""
        ...


class Session:
    """An oracle (daemon.ike.surroundings.Oracle): a snapshot and the assertions of one session."""

    def __init__(self, below: Stored, assertions: Sequence[CompiledAssertion]) -> None:
        self._below = below
        self._assertions = tuple(assertions)
        self._graph = Overlay(below, self._assertions)
        self._checker = Checker(self._graph, below.checker.programs)

    @property
    def generation(self) -> int:
        """The generation below."""
        return self._below.generation

    @property
    def configuration(self) -> Configuration:
        """That of the generation below."""
        return self._below.configuration

    def allows(self, request: Request) -> bool:
        """Whether policy and session together answer _MAX_TRUST. Raises RequestError."""
        return self._checker.decide(request) == request.values[-1]

    def explain(self, request: Request) -> Decision:
        """The same answer with its reasons; assertions of the session are told by the source that they came from."""
        # Imported here: a bare decision gives no reasons.
        from policydb.keynote.explain import explain

        return explain(self._graph, request, self._checker)

    def delegates_to(self, principal: str) -> bool:
        """Whether POLICY, through whatever assertions and conditions, names a canonical principal."""
        return delegates(self._graph, principal)

    def session(self, assertions: Sequence[CompiledAssertion]) -> Session:
        """The same with more assertions."""
        return Session(self._below, (*self._assertions, *assertions)) if assertions else self


def delegates(graph: Graph, principal: str) -> bool:
    """Whether a chain of assertions leads from POLICY to a canonical principal by name; what licenses all does not."""
    seen = {principal}
    work = [principal]
    while work and len(seen) <= _MOST_PRINCIPALS:
        for each in graph.licensing(work.pop()):
            if each.authorizer == POLICY:
                return True
            if each.authorizer not in seen:
                seen.add(each.authorizer)
                work.append(each.authorizer)
    return False
