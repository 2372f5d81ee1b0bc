"""Compiled assertions, and the delegation graph that the checker walks: what a store keeps and what a query needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from policydb.decision import AssertionReport, Place

Principals: TypeAlias = "str | tuple[str | int | Principals, ...]"
"""A Licensees field: a canonical principal, ("and", ...), ("or", ...), ("of", k, ...), or () for an empty field."""


@dataclass(frozen=True, slots=True)
class CompiledAssertion:
    """An assertion ready to be evaluated and to be stored; nothing in it is executable.

    `licensees` None: no such field (_MAX_TRUST). `shape` is the Conditions program with its constants lifted out, as
    canonical JSON text, equal for all assertions that differ in constants only; None: no such field. `constants` are
    what was lifted, in the order of their numbers; `spans` are the places of the shape's atoms: (start, end) in `text`.
    `local_constants` shadow the action attributes. `place` is where `text` starts.
    """

    digest: str
    place: Place
    authorizer: str
    licensees: Principals | None
    shape: str | None
    constants: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    local_constants: tuple[tuple[str, str], ...]
    text: str


class Graph(Protocol):
    """The assertions of one generation, found from either end of a delegation."""

    @property
    def generation(self) -> int:
        """The store generation that answers; 0 for one that was never stored."""
        ...

    def requesters(self, authorizers: tuple[str, ...]) -> tuple[str, ...]:
        """Those who ask, by the names under which this graph knows them."""
        ...

    def licensing(self, principal: str) -> Sequence[CompiledAssertion]:
        """Assertions whose Licensees field names the canonical principal."""
        ...

    def open_to_all(self) -> Sequence[CompiledAssertion]:
        """Assertions without a Licensees field."""
        ...

    def authorized_by(self, principal: str, limit: int | None = None) -> Sequence[CompiledAssertion]:
        """Assertions whose Authorizer is the canonical principal; `limit`: no more than that, any of them."""
        ...

    def ignored(self) -> Sequence[AssertionReport]:
        """Assertions that were dropped, each with its reason (syntax, signature)."""
        ...
