"""What phase 1 gathers, in main mode and in aggressive mode alike, and the octets that a side proves itself with.

A phase 1 under way is an Exchange whose state is a Phase1; which of the two modes it is, its script says.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from daemon.ike.algorithms import dh, keys, signatures
from daemon.ike.exchange import Exchange, Role, Subject, known
from daemon.ike.messages.payloads import CertificateRequest, Identification, SaPayload
from daemon.ike.messages.proposals import IkeParameters
from daemon.ike.messages.vendor import Vendor
from daemon.ike.natt import NatFound, NatVersion
from daemon.ike.records import printed
from daemon.ike.registries import AuthenticationMethod
from daemon.ike.trust.credentials import Proof
from policydb.connections import Peer

NONCE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Phase1:
    """`offer` is the initiator's SA payload, whose body both HASHes cover (SAi_b); `proof` is what the peer proved.

    `requests` are the certificates that the peer asks for.

    `first_contact`: we have not met this peer since the start, so we say INITIAL-CONTACT; `told_first_contact`: the
    peer said so, believed only once it has proved who it is.
    """

    peer: Peer | None = None
    secret: bytes = field(default=b"", repr=False)
    offer: SaPayload | None = None
    reply: SaPayload | None = None
    parameters: IkeParameters | None = None
    vendors: frozenset[Vendor] = frozenset()
    version: NatVersion | None = None
    nat: NatFound | None = None
    pair: dh.KeyPair | None = field(default=None, repr=False, compare=False)
    public_i: bytes = b""
    public_r: bytes = b""
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    keys: keys.Phase1Keys | None = field(default=None, repr=False)
    local_id: Identification | None = None
    remote_id: Identification | None = None
    proof: Proof | None = None
    requests: tuple[CertificateRequest, ...] = ()
    first_contact: bool = False
    told_first_contact: bool = False

    @property
    def method(self) -> AuthenticationMethod:
        """How both sides prove themselves: part of the transform agreed on."""
        return known(self.parameters).authentication

    def subject(self) -> Subject:
        """For records and logs."""
        return Subject(
            peer_name=self.peer.name if self.peer else "",
            local_id=printed(self.local_id),
            remote_id=printed(self.remote_id),
        )


Phase1Exchange = Exchange[Phase1]


def cookies(exchange: Phase1Exchange) -> bytes:
    """CKY-I | CKY-R."""
    return exchange.initiator_cookie + exchange.responder_cookie


def proof_value(exchange: Phase1Exchange, sender: Role, identity: Identification) -> bytes:
    """HASH_I or HASH_R over the sender's identity (RFC 2409 section 5): sent as it is, or signed.

    A method that is bound to a hash has it made with that one; everything else keeps the negotiated one.
    """
    state = exchange.state
    derived = known(state.keys)
    bound = signatures.bound_hash(state.method)
    compute = keys.hash_i if sender is Role.INITIATOR else keys.hash_r
    spoken = keys.Transcript(
        initiator_cookie=exchange.initiator_cookie,
        responder_cookie=exchange.responder_cookie,
        public_i=state.public_i,
        public_r=state.public_r,
        sa_i=known(state.offer).body,
    )
    return compute(replace(derived, hash=bound) if bound else derived, spoken, identity.body)
