"""What is asked: who asks (action authorizers), for what (action attributes), on which scale (compliance values)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_VALUES = ("false", "true")


class RequestError(ValueError):
    """A query that is itself in error (RFC 2704, 4.2): no requester, no values, an ill-formed name."""


@dataclass(frozen=True, slots=True)
class Request:
    """One query. Everything is latin-1 text; `values` run from _MIN_TRUST to _MAX_TRUST.

    An attribute whose name starts with _ is reserved (RFC 2704, 4.2.1): it may be there, and is never read.

    Raises RequestError where RFC 2704 leaves nothing to evaluate.
    """

    authorizers: tuple[str, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    values: tuple[str, ...] = DEFAULT_VALUES

    def __post_init__(self) -> None:
        if not self.authorizers:
            raise RequestError("a query needs at least one action authorizer")
        if not self.values:
            raise RequestError("a query needs at least one compliance value")
        for name in self.attributes:
            if not (name.isascii() and name.isidentifier()):
                raise RequestError(f"{name!r} is no attribute name: a letter or _, then letters, digits or _")
