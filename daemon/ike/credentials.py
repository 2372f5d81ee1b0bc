"""What a peer proved about itself in phase 1, in the terms of policy."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Proof:
    """Who asks in the quick modes of an ISAKMP SA (isakmpd.policy(5), action authorizers).

    `authorizers` may hold the pre-shared key: never log them; `description` is for logs.
    """

    authorizers: tuple[str, ...] = field(repr=False)
    description: str
