"""A row of the matrix: what both sides are configured to, who begins, and what must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tests.interop.bed import LEFT, RIGHT, Bed, Side
from tests.interop.gateway import Isakmpd
from tests.interop.settings import SECRET, Settings, psk_licensee


class Begins(StrEnum):
    """Who begins, and so our role."""

    OURS = "initiator"
    THEIRS = "responder"


class Nat(StrEnum):
    """Who is behind a NAT."""

    NOBODY = "nobody"
    INITIATOR = "initiator"
    BOTH = "both"


class Peer(Protocol):
    """What a row needs of another daemon; its connection is `t`."""

    def initiate(self, seconds: int = 15, child: str = "c") -> None:
        """Bring a child up; raises BedError with the peer's words where that fails."""
        ...

    def terminate(self) -> None:
        """Take everything down, with DELETEs."""
        ...

    def kill(self) -> None:
        """End it at once, so that nobody is told."""
        ...

    def start(self) -> None:
        """Start it again; it knows nothing of what was."""
        ...

    def rekey(self, phase: int) -> None:
        """Renew its SA of a phase now."""
        ...

    def spis(self) -> frozenset[frozenset[str]]:
        """The pairs of SPIs of all tunnels in place, as eight hex digits each."""
        ...

    def log(self) -> str:
        """What it has logged so far."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """A row under way."""

    bed: Bed
    row: Scenario
    begins: Begins
    ours: Isakmpd
    theirs: Peer


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel that must come up: our connection, the peer's child, and fields that our two SAs must have.

    The lengths of their keys are given in bits, as `encryption_bits`.
    """

    sas: Mapping[str, object] = field(default_factory=dict)
    ours: str = "t"
    theirs: str = "c"


@dataclass(frozen=True, slots=True)
class Refusal:
    """No tunnel: by role, the reason in our decision log and a part of the peer's log."""

    words: Mapping[Begins, tuple[str, str]]


Check = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row. `when` lays over `settings` what only one role needs. `after` holds once the tunnels are proven.

    `kernel`: the peer's kernel must have ESP, so that the row runs in the guest.
    `credentials`: the kind of certificates that both sides have. `licensees` and `condition` make our policy.
    """

    peer: str
    name: str
    about: str
    settings: Settings = field(default_factory=Settings)
    when: Mapping[Begins, Settings] = field(default_factory=dict)
    begins: tuple[Begins, ...] = (Begins.OURS, Begins.THEIRS)
    holds: tuple[Tunnel, ...] | Refusal = (Tunnel(),)
    after: tuple[Check, ...] = ()
    kernel: bool = False
    nat: Nat = Nat.NOBODY
    credentials: str = ""
    licensees: tuple[str, ...] = (psk_licensee(SECRET),)
    condition: str = 'esp_present == "yes"'

    def told(self, begins: Begins) -> Settings:
        """What both sides are configured to in this role."""
        return self.settings | self.when.get(begins, Settings())

    def natted(self, begins: Begins) -> tuple[Side, ...]:
        """The sides that are behind a NAT in this role."""
        initiator = LEFT if begins is Begins.OURS else RIGHT
        return {Nat.NOBODY: (), Nat.INITIATOR: (initiator,), Nat.BOTH: (LEFT, RIGHT)}[self.nat]
