"""What the sides of phase 1 have to prove themselves with, and what a peer has proved, in the terms of policy."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.ike.algorithms import signatures
from daemon.ike.algorithms.signatures import PrivateKey, PublicKey
from daemon.ike.messages.payloads import Certificate
from daemon.ike.registries import AuthenticationMethod
from policydb.graph import CompiledAssertion


@dataclass(frozen=True, slots=True)
class Proof:
    """Who asks in the quick modes of an ISAKMP SA (isakmpd.policy(5), action authorizers).

    `authorizers` may hold the pre-shared key: never log them; `description` is for logs. `credentials` are what the
    peer's certificates and credentials say, which counts in its quick modes and for nobody else. `doubts` are what was
    passed over on the way to the proof, for logs too.
    """

    authorizers: tuple[str, ...] = field(repr=False)
    description: str
    credentials: tuple[CompiledAssertion, ...] = field(default=(), repr=False)
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerKey:
    """A public key that may be the peer's, and what its signature proves.

    `from_peer`: nothing of ours vouches for the key, only credentials that the peer sent. It counts if policy
    delegates to it by name (policydb.keynote.session): else anybody could make a key and write a credential for it.
    """

    key: PublicKey = field(repr=False)
    proof: Proof
    from_peer: bool = False


@dataclass(frozen=True, slots=True)
class PeerKeys:
    """The keys to try a signature with, in order, and why others that were there are not among them."""

    keys: tuple[PeerKey, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signer:
    """Our key for one method of authentication, and the CERT payloads that go with its signatures."""

    method: AuthenticationMethod
    key: PrivateKey = field(repr=False)
    certificates: tuple[Certificate, ...] = ()

    def sign(self, value: bytes) -> bytes:
        """The signature over HASH_I or HASH_R. Raises LocalError."""
        return signatures.sign(self.method, self.key, value)
