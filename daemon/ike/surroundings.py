"""What the protocol core is given from outside: the oracle it asks, secrets, time, randomness, addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from policydb.connections import Configuration
from policydb.decision import Decision
from policydb.request import Request


class Oracle(Protocol):
    """One immutable generation of policy and configuration."""

    @property
    def generation(self) -> int:
        """The generation that answers; every record names it."""
        ...

    @property
    def configuration(self) -> Configuration:
        """Peers and connections, resolved."""
        ...

    def allows(self, request: Request) -> bool:
        """Whether policy answers _MAX_TRUST. Costs microseconds."""
        ...

    def explain(self, request: Request) -> Decision:
        """The same answer with its reasons and, on a refusal, the nearest changes. Costs milliseconds."""
        ...


class Secrets(Protocol):
    """Pre-shared keys, by the reference that a Peer carries, and users' passwords; they live outside the store."""

    def preshared_key(self, reference: str) -> bytes | None:
        """The key's octets, or None where there is none."""
        ...

    def xauth_password(self, user: str) -> bytes | None:
        """The password of a user of [XAUTH-users], or None; `user` is latin-1 text of whatever octets came."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line decides. `key_log` and `capture` ask for KeyMaterial and Captured outputs.

    `passive` is -S: nothing is initiated until FIFO `M active`, and no DELETE is sent at shutdown.
    """

    ike_port: int = 500
    nat_port: int = 4500
    nat_traversal: bool = True
    key_log: bool = False
    capture: bool = False
    passive: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The outside world as functions.

    `random(n)` gives n unpredictable octets; `wall_clock()` an aware UTC time, for logs, records and policy only;
    `local_address(remote)` the address from which this host would reach `remote`.
    """

    random: Callable[[int], bytes]
    wall_clock: Callable[[], datetime]
    local_address: Callable[[str], str]
