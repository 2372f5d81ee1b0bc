"""What is asked: who asks (action authorizers), for what (action attributes), on which scale (compliance values)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_VALUES = ("false", "true")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class RequestError(ValueError):
    """A query that is itself in error (RFC 2704, 4.2): no requester, no values, a reserved or ill-formed name."""


@dataclass(frozen=True, slots=True)
class Request:
    """One query. Everything is latin-1 text; `values` run from _MIN_TRUST to _MAX_TRUST.

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
            if not _NAME.match(name):
                raise RequestError(f"{name!r} is no attribute name: a letter, then letters, digits or _")
