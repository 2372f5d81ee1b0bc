"""The compliance value of a request: a least fixed point, found from the requesters outward (keynote.md 1.4).

PCV(p) is _MAX_TRUST for a requester, else the greatest value of p's assertions; an assertion is worth the lesser of
its Conditions and its Licensees; the answer is PCV("POLICY"). All three operations only pass values on or lower them,
so settling principals from the greatest value to the least settles each one for good (Knuth's generalisation of
Dijkstra's algorithm): every assertion is looked at once, cycles need no care, and work is linear in what the
requesters reach. Conditions run once the Licensees are worth something, and only while the authorizer is not settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from grammar.principal import PrincipalError, canonical
from policydb.graph import CompiledAssertion, Graph
from policydb.keynote.gates import Gate, wire
from policydb.keynote.programs import Constants, Function, Get, Programs, Question, Scale
from policydb.request import Request, RequestError

POLICY = "POLICY"

_STRANGERS = 10_000  # principals that nobody licenses, remembered up to this many
_SCALES = 256
_ASKINGS = 1024  # lists of requesters remembered, and how long one may be
_ASKING = 16


class Party:
    """A principal in a checker. `edges`: None until somebody asks whom the principal leads to."""

    __slots__ = ("edges", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.edges: tuple[Edge, ...] | None = None


class Node:
    """An assertion in a checker: its function and constants at hand, its gates wired."""

    __slots__ = ("_licensees", "assertion", "author", "constants", "function", "inputs")

    def __init__(self, assertion: CompiledAssertion, author: Party, function: Function, constants: Constants) -> None:
        self.assertion = assertion
        self.author = author
        self.function = function
        self.constants = constants
        self.inputs = {} if assertion.licensees is None else wire(assertion.licensees)
        self._licensees: tuple[str, ...] | None = None

    @property
    def authorizer(self) -> str:
        """Who speaks."""
        return self.author.name

    @property
    def licensees(self) -> tuple[str, ...]:
        """Who is named as licensee, each once."""
        if self._licensees is None:
            self._licensees = tuple(self.inputs)
        return self._licensees

    def program(self, get: Get, question: Question) -> int:
        """What the Conditions are worth."""
        return self.function(get, question, self.constants)


Edge: TypeAlias = "tuple[Party, Gate | None, Function, Constants, Node]"
"""One way on from a principal: whose assertion licenses it, the gate that this opens a step further, the Conditions."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Those who ask: as `_ACTION_AUTHORIZERS` lists them, and as parties."""

    listed: tuple[str, ...]
    parties: tuple[Party, ...]


class Checker:
    """Decides requests on one graph, which must not change; remembers what it has prepared. Threads may share it."""

    def __init__(self, graph: Graph, programs: Programs | None = None) -> None:
        self.graph = graph
        self.programs = Programs() if programs is None else programs
        self._policy = Party(POLICY)
        self._parties: dict[str, Party] = {POLICY: self._policy}
        self._nodes: dict[str, Node] = {}
        self._strangers: dict[str, Party] = {}
        self._scales: dict[tuple[str, ...], Scale] = {}
        self._askings: dict[tuple[str, ...], Asking] = {}
        self.open_to_all = self._distinct(graph.open_to_all())

    def decide(self, request: Request) -> str:
        """The compliance value. Raises RequestError where a requester is a key that cannot be decoded."""
        values = request.values
        asking = self._askings.get(request.authorizers) or self.asking(request.authorizers)
        question = self.question(values, asking)
        return values[self.rank(request.attributes.get, question, asking.parties)]

    def question(self, values: tuple[str, ...], asking: Asking) -> Question:
        """What running programs see of a query beside its attributes."""
        scale = self._scales.get(values) or self._new_scale(values)
        return Question(scale, asking.listed, self.programs.patterns)

    def rank(self, get: Get, question: Question, requesters: Iterable[Party]) -> int:
        """The compliance value as its index, where `requesters` are worth _MAX_TRUST."""
        level, policy = question.top, self._policy
        ready = list(requesters)
        waiting: dict[int, list[Party]] = {}  # worth so much once all who are worth more are settled
        for node in self.open_to_all:
            waiting.setdefault(node.program(get, question), []).append(node.author)
        ready.extend(waiting.pop(level, ()))
        settled: set[Party] = set()
        counts: dict[Gate, int] = {}
        while level:
            while ready:
                party = ready.pop()
                if party is policy:
                    return level
                if party in settled:
                    continue
                settled.add(party)
                edges = party.edges
                for author, gate, function, constants, _ in self.edges(party) if edges is None else edges:
                    if (gate is not None and not opens(gate, counts)) or author in settled:
                        continue
                    rank = function(get, question, constants)
                    if rank >= level:
                        ready.append(author)
                    elif rank:
                        waiting.setdefault(rank, []).append(author)
            level = max(waiting, default=0)
            ready = waiting.pop(level, [])
        return 0

    # --- what is remembered -------------------------------------------------------------------------------------------

    def asking(self, authorizers: tuple[str, ...]) -> Asking:
        """Those who ask. Raises RequestError for a key that cannot be decoded."""
        listed = self.graph.requesters(authorizers)
        found = Asking(listed, tuple([self.party(each) for each in requesters(listed)]))
        if len(authorizers) <= _ASKING:
            if len(self._askings) >= _ASKINGS:
                self._askings.clear()
            self._askings[authorizers] = found
        return found

    def party(self, principal: str) -> Party:
        """The party of a canonical principal."""
        found = self._parties.get(principal) or self._strangers.get(principal)
        if found is not None:
            return found
        party = Party(principal)
        if self.edges(party):
            return self._parties.setdefault(principal, party)
        # Requesters are anybody's choice: those who match nothing must not fill the memory.
        if len(self._strangers) >= _STRANGERS:
            self._strangers.clear()
        self._strangers[principal] = party
        return party

    def edges(self, party: Party) -> tuple[Edge, ...]:
        """The assertions that name a principal as licensee, each as a way on."""
        if party.edges is None:
            name = party.name
            party.edges = tuple(
                [
                    (node.author, gate, node.function, node.constants, node)
                    for node in self._distinct(self.graph.licensing(name))
                    for gate in node.inputs.get(name, ())
                ]
            )
        return party.edges

    def _new_scale(self, values: tuple[str, ...]) -> Scale:
        scale = Scale(values)
        if len(self._scales) >= _SCALES:
            self._scales.clear()
        self._scales[values] = scale
        return scale

    def _distinct(self, assertions: Sequence[CompiledAssertion]) -> tuple[Node, ...]:
        """The nodes of assertions; two with one text are one, or its licensees would count twice in a gate."""
        return tuple(dict.fromkeys([self._node(each) for each in assertions]))

    def _node(self, assertion: CompiledAssertion) -> Node:
        node = self._nodes.get(assertion.digest)
        if node is None:
            name = assertion.authorizer
            author = self._parties.get(name) or self._parties.setdefault(name, Party(name))
            made = Node(assertion, author, *self.programs.prepare(assertion))
            # Of two threads that make one at once, both go on with the first.
            node = self._nodes.setdefault(assertion.digest, made)
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
