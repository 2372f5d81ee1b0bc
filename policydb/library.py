"""The engine for programs that embed it: a policy of texts, or a store with a session's credentials, to be asked.

Texts hold octets: a character is a latin-1 octet. A Policy never changes, holds no global state and may be shared by
threads. A compiled store is asked in the same way: policydb.storage.snapshot.Snapshot has the same methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policydb.decision import AssertionReport, Decision
from policydb.graph import Graph
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.checker import Checker
from policydb.keynote.explain import explain
from policydb.request import Request


class Policy:
    """Assertions that can be asked. Made by read_policy() or with_credentials()."""

    def __init__(self, graph: Graph) -> None:
        self._checker = Checker(graph)

    @property
    def generation(self) -> int:
        """The generation of the store below, 0 where there is none."""
        return self._checker.graph.generation

    @property
    def ignored(self) -> Sequence[AssertionReport]:
        """The assertions that do not count, each with its place and the reason."""
        return self._checker.graph.ignored()

    def decide(self, request: Request) -> str:
        """The compliance value. Raises RequestError."""
        return self._checker.decide(request)

    def allows(self, request: Request) -> bool:
        """Whether the compliance value is the highest. Raises RequestError."""
        return self.decide(request) == request.values[-1]

    def explain(self, request: Request) -> Decision:
        """The compliance value with its reasons and, on a refusal, the nearest changes. Raises RequestError."""
        return explain(self._checker.graph, request, self._checker)


def read_policy(*texts: str, credentials: Iterable[str] = (), accept_weak: bool = False) -> Policy:
    """A policy of texts, each of several trusted assertions, and of credentials, whose signatures have to verify.

    An assertion in error does not count, alone; Policy.ignored tells it. `accept_weak`: signatures that use MD5 or
    SHA-1 count too (policydb.keynote.credentials).
    """
    files = [Text(f"policy {number}", text) for number, text in enumerate(texts, start=1)]
    return Policy(assemble(files=files, credentials=_named(credentials), accept_weak=accept_weak).graph())


def with_credentials(below: Graph, credentials: Iterable[str], *, accept_weak: bool = False) -> Policy:
    """What `below`, a Snapshot for one, and a session's credentials say together; `below` stays as it is."""
    return Policy(assemble(credentials=_named(credentials), accept_weak=accept_weak).over(below))


def _named(credentials: Iterable[str]) -> list[Text]:
    return [Text(f"credential {number}", text) for number, text in enumerate(credentials, start=1)]
