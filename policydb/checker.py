"""The compliance value of a request: a least fixed point, found from the requesters outward (keynote.md 1.4).

PCV(p) is _MAX_TRUST for a requester, else the greatest value of p's assertions; an assertion is worth the lesser of
its Conditions and its Licensees; the answer is PCV("POLICY"). All three operations only pass values on or lower them,
so settling principals from the greatest value to the least settles each one for good (Knuth's generalisation of
Dijkstra's algorithm): every assertion is looked at once, cycles need no care, and work is linear in what the
requesters reach. Conditions run once the Licensees are worth something, and only while the authorizer is not settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from grammar.principal import PrincipalError, canonical
from policydb.gates import Gate, wire
from policydb.graph import CompiledAssertion, Graph
from policydb.programs import Program, Programs, Question, Scale
from policydb.request import Request, RequestError

POLICY = "POLICY"

_STRANGERS = 10_000  # principals that nobody licenses, remembered up to this many
_SCALES = 256


class Node:
    """An assertion in a checker: its program bound, its gates wired."""

    __slots__ = ("assertion", "authorizer", "inputs", "program")

    def __init__(self, assertion: CompiledAssertion, program: Program) -> None:
        self.assertion = assertion
        self.authorizer = assertion.authorizer
        self.program = program
        self.inputs = {} if assertion.licensees is None else wire(assertion.licensees)


Edge: TypeAlias = "tuple[Node, Gate | None]"


class _Run:
    """One decision on its way: who is settled, how far each gate has opened, who waits with which rank."""

    __slots__ = ("counts", "get", "question", "settled", "waiting")

    def __init__(self, request: Request, question: Question) -> None:
        self.get = request.attributes.get
        self.question = question
        self.settled: set[str] = set()
        self.counts: dict[Gate, int] = {}
        self.waiting: dict[int, list[str]] = {}

    def wait(self, principal: str, rank: int) -> None:
        """`principal` is worth at least `rank`, once all who are worth more are settled."""
        if rank:
            self.waiting.setdefault(rank, []).append(principal)


class Checker:
    """Decides requests on one graph, which must not change; remembers what it has prepared. Threads may share it."""

    def __init__(self, graph: Graph, programs: Programs | None = None) -> None:
        self.graph = graph
        self.programs = Programs() if programs is None else programs
        self._nodes: dict[str, Node] = {}
        self._edges: dict[str, tuple[Edge, ...]] = {}
        self._strangers: set[str] = set()
        self._scales: dict[tuple[str, ...], Scale] = {}
        self.open_to_all = self._distinct(graph.open_to_all())

    def decide(self, request: Request) -> str:
        """The compliance value. Raises RequestError where a requester is a key that cannot be decoded."""
        values = request.values
        scale = self._scales.get(values) or self._new_scale(values)
        run = _Run(request, Question(scale, request.authorizers, self.programs.patterns))
        level = scale.top
        ready = requesters(request.authorizers)
        for node in self.open_to_all:
            run.wait(node.authorizer, node.program(run.get, run.question))
        ready.extend(run.waiting.pop(level, ()))
        while level:
            if self._settle(level, ready, run):
                return values[level]
            level = max(run.waiting, default=0)
            ready = run.waiting.pop(level, [])
        return values[0]

    def _settle(self, level: int, ready: list[str], run: _Run) -> bool:
        """Settles every principal worth `level`; is POLICY one of them? Those worth less are left waiting."""
        known, settled, counts, get, question = self._edges, run.settled, run.counts, run.get, run.question
        while ready:
            principal = ready.pop()
            if principal in settled:
                continue
            if principal == POLICY:
                return True
            settled.add(principal)
            for node, gate in known.get(principal) or self.edges(principal):
                if (gate is not None and not opens(gate, counts)) or node.authorizer in settled:
                    continue
                rank = node.program(get, question)
                if rank >= level:
                    if node.authorizer == POLICY:
                        return True
                    ready.append(node.authorizer)
                else:
                    run.wait(node.authorizer, rank)
        return False

    def edges(self, principal: str) -> tuple[Edge, ...]:
        """The assertions that name `principal` as licensee, each with the gate that this opens a step further."""
        found = self._edges.get(principal)
        if found is not None:
            return found
        if principal in self._strangers:
            return ()
        edges: list[Edge] = []
        for node in self._distinct(self.graph.licensing(principal)):
            edges.extend((node, gate) for gate in node.inputs.get(principal, ()))
        if edges:
            self._edges[principal] = tuple(edges)
        else:
            # Requesters are anybody's choice: those who match nothing must not fill the memory.
            if len(self._strangers) >= _STRANGERS:
                self._strangers.clear()
            self._strangers.add(principal)
        return tuple(edges)

    def _new_scale(self, values: tuple[str, ...]) -> Scale:
        scale = Scale(values)
        if len(self._scales) >= _SCALES:
            self._scales.clear()
        self._scales[values] = scale
        return scale

    def _distinct(self, assertions: Iterable[CompiledAssertion]) -> tuple[Node, ...]:
        """The nodes of assertions; two with one text are one, or its licensees would count twice in a gate."""
        return tuple(dict.fromkeys(self._node(each) for each in assertions))

    def _node(self, assertion: CompiledAssertion) -> Node:
        node = self._nodes.get(assertion.digest)
        if node is None:
            node = self._nodes.setdefault(assertion.digest, Node(assertion, self.programs.bind(assertion)))
        return node


def decide(graph: Graph, request: Request) -> str:
    """One decision on `graph`; who asks again keeps a Checker. Raises RequestError."""
    return Checker(graph).decide(request)


def requesters(authorizers: Iterable[str]) -> list[str]:
    """The canonical principals who ask. Raises RequestError for a key that cannot be decoded."""
    try:
        return [canonical(each) for each in authorizers]
    except PrincipalError as error:
        raise RequestError(f"an action authorizer is no principal: {error}") from error


def opens(gate: Gate | None, counts: dict[Gate, int]) -> bool:
    """Counts one more member of `gate`; does the whole Licensees field open with it?"""
    while gate is not None:
        left = counts.get(gate, gate.needed) - 1
        counts[gate] = left
        if left:
            return False
        gate = gate.parent
    return True
