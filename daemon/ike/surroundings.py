"""What the protocol core is given from outside: an oracle, secrets, credentials, time, randomness, addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from daemon.ike.messages.payloads import Certificate, CertificateRequest, Identification
from daemon.ike.registries import AuthenticationMethod
from daemon.ike.trust.credentials import PeerKeys, Signer
from policydb.connections import Configuration
from policydb.decision import Decision
from policydb.graph import CompiledAssertion
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

    def session(self, assertions: Sequence[CompiledAssertion]) -> Oracle:
        """The same generation with what one peer's credentials say on top, for its negotiations alone."""
        ...

    def delegates_to(self, principal: str) -> bool:
        """Whether POLICY, through whatever assertions and conditions, names a canonical principal."""
        ...


class Secrets(Protocol):
    """Pre-shared keys and passwords, by the references that the configuration carries; they live outside the store."""

    def preshared_key(self, reference: str) -> bytes | None:
        """The octets of a key or password, or None where there is none."""
        ...


class Credentials(Protocol):
    """Private keys, certificates and public keys (daemon.ike.trust.keyring); they live outside the store."""

    def own(
        self,
        identity: Identification,
        method: AuthenticationMethod,
        requests: Sequence[CertificateRequest],
        now: datetime,
    ) -> Signer | None:
        """With what we prove an identity of ours by a method; None where there is no such key.

        `requests` are the peer's, `now` an aware time.
        """
        ...

    def judge(
        self,
        identity: Identification,
        certificates: Sequence[Certificate],
        method: AuthenticationMethod,
        now: datetime,
    ) -> PeerKeys:
        """The keys that may be those of a peer who calls himself so and sends these certificates."""
        ...

    def subject(self, holder: str) -> bytes | None:
        """The DER name that a certificate of ours has in one line as `holder`; None where there is none."""
        ...

    def requests(self) -> tuple[CertificateRequest, ...]:
        """Which certificates to ask a peer for; none where no CA is trusted."""
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
