"""Delegation graphs in memory: one of assertions at hand, and one that adds a session's credentials to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policydb.decision import AssertionReport
from policydb.graph import CompiledAssertion, Graph, Principals


def licensees_of(licensees: Principals | None) -> frozenset[str]:
    """The principals that a Licensees field names."""
    found: set[str] = set()
    work: list[Principals] = [] if licensees is None else [licensees]
    while work:
        item = work.pop()
        if isinstance(item, str):
            found.add(item)
        elif item:
            # A tuple starts with its operator: "and", "or", or "of" and a number.
            work.extend(each for each in item[2 if item[0] == "of" else 1 :] if not isinstance(each, int))
    return frozenset(found)


class MemoryGraph:
    """A graph over `assertions`, indexed once; it never changes."""

    def __init__(
        self, assertions: Iterable[CompiledAssertion], ignored: Iterable[AssertionReport] = (), generation: int = 0
    ) -> None:
        self._generation = generation
        self._ignored = tuple(ignored)
        self._licensing: dict[str, list[CompiledAssertion]] = {}
        self._authorized: dict[str, list[CompiledAssertion]] = {}
        self._open: list[CompiledAssertion] = []
        self._assertions = tuple(assertions)
        for each in self._assertions:
            self._authorized.setdefault(each.authorizer, []).append(each)
            if each.licensees is None:
                self._open.append(each)
            for principal in licensees_of(each.licensees):
                self._licensing.setdefault(principal, []).append(each)

    @property
    def generation(self) -> int:
        """The store generation; 0 for a graph that was never stored."""
        return self._generation

    @property
    def assertions(self) -> tuple[CompiledAssertion, ...]:
        """All of them, in the order given."""
        return self._assertions

    def requesters(self, authorizers: tuple[str, ...]) -> tuple[str, ...]:
        """Everybody is known by the name that texts give."""
        return authorizers

    def licensing(self, principal: str) -> Sequence[CompiledAssertion]:
        """Assertions whose Licensees field names the canonical principal."""
        return self._licensing.get(principal, ())

    def open_to_all(self) -> Sequence[CompiledAssertion]:
        """Assertions without a Licensees field."""
        return self._open

    def authorized_by(self, principal: str, limit: int | None = None) -> Sequence[CompiledAssertion]:
        """Assertions whose Authorizer is the canonical principal; `limit`: no more than that, any of them."""
        return self._authorized.get(principal, ())[:limit]

    def ignored(self) -> Sequence[AssertionReport]:
        """Assertions that were dropped, each with its reason."""
        return self._ignored


class Overlay:
    """`graph` and, on top of it, the credentials of one session; `graph` itself stays as it is."""

    def __init__(
        self, graph: Graph, assertions: Iterable[CompiledAssertion], ignored: Iterable[AssertionReport] = ()
    ) -> None:
        self._below = graph
        self._above = MemoryGraph(assertions, ignored)

    @property
    def generation(self) -> int:
        """The generation of the graph below."""
        return self._below.generation

    def requesters(self, authorizers: tuple[str, ...]) -> tuple[str, ...]:
        """Those who ask, by the names that the credentials give them and by those that the graph below does."""
        return tuple(dict.fromkeys((*authorizers, *self._below.requesters(authorizers))))

    def licensing(self, principal: str) -> Sequence[CompiledAssertion]:
        """Assertions whose Licensees field names the canonical principal."""
        return (*self._below.licensing(principal), *self._above.licensing(principal))

    def open_to_all(self) -> Sequence[CompiledAssertion]:
        """Assertions without a Licensees field."""
        return (*self._below.open_to_all(), *self._above.open_to_all())

    def authorized_by(self, principal: str, limit: int | None = None) -> Sequence[CompiledAssertion]:
        """Assertions whose Authorizer is the canonical principal; `limit`: no more than that, any of them."""
        found = (*self._below.authorized_by(principal, limit), *self._above.authorized_by(principal, limit))
        return found[:limit]

    def ignored(self) -> Sequence[AssertionReport]:
        """Assertions that were dropped, each with its reason."""
        return (*self._below.ignored(), *self._above.ignored())
