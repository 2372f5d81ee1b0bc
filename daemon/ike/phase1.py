"""What phase 1 gathers, in main mode and in aggressive mode alike, and the octets that a side proves itself with.

A phase 1 under way is an Exchange whose state is a Phase1; which of the two modes it is, its script says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.ike import limits
from daemon.ike.algorithms import dh, keys, signatures
from daemon.ike.exchange import Exchange, Role, Subject, known
from daemon.ike.messages.payloads import CertificateRequest, Identification
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
    """`offer` is the body of the initiator's SA payload, which both HASHes cover (SAi_b), `reply` that of the
    responder's, until it is sent; `proof` is what the peer proved.

    `requests` are the certificates that the peer asks for.

    `first_contact`: we have not met this peer since the start, so we say INITIAL-CONTACT; `told_first_contact`: the
    peer said so, believed only once it has proved who it is.
    """

    peer: Peer | None = None
    secret: bytes = field(default=b"", repr=False)
    offer: bytes = b""
    reply: bytes = b""
    parameters: IkeParameters | None = None
    vendors: frozenset[Vendor] = frozenset()
    version: NatVersion | None = None
    nat: NatFound | None = None
    pair: dh.KeyPair | None = field(default=None, repr=False, compare=False)
    public_i: bytes = b""
    public_r: bytes = b""
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    skeyid: bytes = field(default=b"", repr=False)
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


def octets_kept(exchange: Phase1Exchange) -> int:
    """What an exchange takes of the room for those who have proved nothing (daemon.ike.limits)."""
    state, sent, early = exchange.state, exchange.sent, exchange.early
    asked = sum(limits.SENT_OCTETS + len(each.authority) for each in state.requests)
    spoken = (state.offer, state.reply, state.public_i, state.public_r, state.nonce_i, state.nonce_r)
    named = (each.data for each in (state.local_id, state.remote_id) if each is not None)
    kept = sum(map(len, (*spoken, *named)))
    kept += limits.SENT_OCTETS + len(sent.data) if sent is not None else 0
    kept += limits.SENT_OCTETS + len(early.data) if early is not None else 0
    return limits.EXCHANGE_OCTETS + asked + kept + len(exchange.grievance)


def proof_value(exchange: Phase1Exchange, sender: Role, identity: Identification) -> bytes:
    """HASH_I or HASH_R over the sender's identity (RFC 2409 section 5): sent as it is, or signed.

    A method that is bound to a hash has it made with that one; everything else keeps the negotiated one.
    """
    state = exchange.state
    bound = signatures.bound_hash(state.method)
    compute = keys.hash_i if sender is Role.INITIATOR else keys.hash_r
    spoken = keys.Transcript(
        initiator_cookie=exchange.initiator_cookie,
        responder_cookie=exchange.responder_cookie,
        public_i=state.public_i,
        public_r=state.public_r,
        sa_i=state.offer,
    )
    return compute(keys.ProofKeys(bound or known(state.parameters).hash, state.skeyid), spoken, identity.body)
