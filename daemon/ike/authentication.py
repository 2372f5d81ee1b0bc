"""How the sides of phase 1 prove themselves: a row for each authentication method (RFC 2409 section 5).

A row says how SKEYID is made, and of each side what it must have before it can negotiate the method at all, which
payload carries its proof, how that is made and how it is verified. Main mode and aggressive mode know no method by
name. In hybrid mode (draft-ietf-ipsec-isakmp-hybrid-auth-05) one side signs and the other proves nothing but its user,
after phase 1.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address

from daemon.ike.algorithms import keys, signatures
from daemon.ike.errors import AuthenticationFailed, InvalidHashInformation, InvalidSignature, LocalError, Silent
from daemon.ike.exchange import NegotiationFailed, Role, Tools, known
from daemon.ike.messages.payloads import Certificate, Hash, Identification, Message, Payload, Signature
from daemon.ike.phase1 import Phase1, Phase1Exchange
from daemon.ike.policy import psk_authorizers
from daemon.ike.records import printed
from daemon.ike.registries import AuthenticationMethod, IdType, PayloadType
from daemon.ike.trust import identities
from daemon.ike.trust.credentials import PeerKey, Proof
from policydb.configuration.sealing import secret_reference
from policydb.negotiation import Reason


@dataclass(frozen=True, slots=True)
class Proving:
    """How one side proves itself. `carrier` is the payload that holds the proof: HASH or SIG.

    `doubt`: what is probably wrong where no proof of this side can be read or verified, "" where nobody can guess.

    `equip(exchange, tools)` puts what this side needs into the state; raises NegotiationFailed where it is missing.
    `prove(exchange, identity, value, tools)`: the carrier and what goes with it; `value` is our HASH_I or HASH_R.
    `verify(exchange, identity, message, value, tools)`: what the peer proved; `value` is what its HASH must be.
    Raises InvalidHashInformation, InvalidSignature or AuthenticationFailed; until it returns everything is in doubt.
    """

    carrier: PayloadType
    doubt: str
    equip: Callable[[Phase1Exchange, Tools], Phase1Exchange]
    prove: Callable[[Phase1Exchange, Identification, bytes, Tools], tuple[Payload, ...]]
    verify: Callable[[Phase1Exchange, Identification, Message, bytes, Tools], Proof]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to authenticate: how either side does.

    `skeyid(state, shared)`: SKEYID, both nonces known; `shared` is g^xy.
    `without_power`: SKEYID needs no g^xy, so that a side can prove itself before that is computed.
    `guessable`: who has a proof can try keys against it without asking us again.
    `asked` is the side that has to prove a user besides, by XAUTH under the new ISAKMP SA.
    """

    initiator: Proving
    responder: Proving
    skeyid: Callable[[Phase1, bytes], bytes]
    without_power: bool = False
    guessable: bool = False
    asked: Role | None = None

    def of(self, side: Role) -> Proving:
        """How this side proves itself."""
        return self.initiator if side is Role.INITIATOR else self.responder


# --- pre-shared keys (RFC 2409 section 5.4) -----------------------------------------------------------------------

_KEYS_DIFFER = "probably the pre-shared keys differ"


def _preshared_equip(exchange: Phase1Exchange, tools: Tools) -> Phase1Exchange:
    """The peer section's key; else, where the initiator has said who it is, that of the section named by its identity.

    It has said so in aggressive mode only (isakmpd.conf(5), Initiator-ID).
    """
    peer, claimed = known(exchange.state.peer), exchange.state.remote_id
    references = [peer.secret] if peer.secret is not None else []
    if claimed is not None and exchange.role is Role.RESPONDER:
        name = replace(identities.from_payload(claimed), protocol=0, port=0)
        references.append(secret_reference(str(name)))
    secret = next(filter(None, map(tools.secrets.preshared_key, references)), None)
    if secret is None:
        local = identities.of_address(ip_address(exchange.path.local.address))
        missing = Silent(f'no key found for peer "{peer.name}" or local ID "{peer.identity or local}"')
        raise NegotiationFailed(missing, Reason.NO_SECRET, exchange=exchange)
    return replace(exchange, state=replace(exchange.state, secret=secret))


def _preshared_skeyid(state: Phase1, shared: bytes) -> bytes:
    del shared
    return keys.skeyid_preshared(known(state.parameters).hash, state.secret, state.nonce_i, state.nonce_r)


def _preshared_prove(
    exchange: Phase1Exchange, identity: Identification, value: bytes, tools: Tools
) -> tuple[Payload, ...]:
    del exchange, identity, tools
    return (Hash(value),)


def _preshared_verify(
    exchange: Phase1Exchange, identity: Identification, message: Message, value: bytes, tools: Tools
) -> Proof:
    del identity, tools
    _check_hash(message, value, f": {_KEYS_DIFFER}")
    return Proof(psk_authorizers(exchange.state.secret), "pre-shared key")


def _check_hash(message: Message, value: bytes, doubt: str = "") -> None:
    if not hmac.compare_digest(value, message.all(Hash)[0].data):
        raise InvalidHashInformation(f"message_validate_hash: HASH does not verify{doubt}")


# --- signatures (RFC 2409 section 5.1, RFC 4754) ------------------------------------------------------------------

_NOT_ITS_KEY = "probably the peer's key or certificate is not the one it must have here"


def our_identity(exchange: Phase1Exchange, tools: Tools) -> Identification:
    """Who we say that we are: the peer section's ID, else our address. Raises LocalError where it cannot be sent."""
    configured = known(exchange.state.peer).identity
    if configured is not None and configured.type == str(IdType.DER_ASN1_DN):
        subject = tools.credentials.subject(configured.name or "")
        if subject is None:
            raise LocalError(f"no certificate in Cert-directory is of {configured}, which is our ID")
        return Identification(IdType.DER_ASN1_DN, configured.protocol, configured.port, subject)
    return identities.to_payload(configured or identities.of_address(ip_address(exchange.path.local.address)))


def _signature_equip(exchange: Phase1Exchange, tools: Tools, *, method: AuthenticationMethod) -> Phase1Exchange:
    """Nothing is put into the state, but without a key of ours there is no point in beginning."""
    ours = our_identity(exchange, tools)
    if tools.credentials.own(ours, method, (), tools.surroundings.wall_clock()) is None:
        peer = known(exchange.state.peer)
        missing = Silent(f'no private key for {method} found for peer "{peer.name}" or local ID "{printed(ours)}"')
        raise NegotiationFailed(missing, Reason.NO_SECRET, exchange=exchange)
    return exchange


def _signature_skeyid(state: Phase1, shared: bytes) -> bytes:
    return keys.skeyid_signature(known(state.parameters).hash, shared, state.nonce_i, state.nonce_r)


def _signature_prove(
    exchange: Phase1Exchange, identity: Identification, value: bytes, tools: Tools, *, method: AuthenticationMethod
) -> tuple[Payload, ...]:
    now = tools.surroundings.wall_clock()
    signer = known(tools.credentials.own(identity, method, exchange.state.requests, now))
    return (*signer.certificates, Signature(signer.sign(value)))


def _signature_verify(
    exchange: Phase1Exchange,
    identity: Identification,
    message: Message,
    value: bytes,
    tools: Tools,
    *,
    method: AuthenticationMethod,
) -> Proof:
    """Tries the keys that may be the peer's; one that nobody but the peer vouches for must be known to policy."""
    now = tools.surroundings.wall_clock()
    found = tools.credentials.judge(identity, message.all(Certificate), method, now)
    (signature,) = message.all(Signature)
    doubts = list(found.refused)
    for each in found.keys:
        try:
            signatures.verify(method, each.key, value, signature.data)
        except InvalidSignature as error:
            doubts.append(f"{error} ({each.proof.description})")
            continue
        if not each.from_peer or _delegated(exchange, each):
            return replace(each.proof, doubts=tuple(doubts))
        doubts.append("rsa_sig_decode_hash: no policy names the key that the peer's KeyNote credentials license")
    if not found.keys:
        raise AuthenticationFailed("; ".join(("rsa_sig_decode_hash: no public key found", *doubts)))
    raise InvalidSignature("; ".join(doubts))


def _delegated(exchange: Phase1Exchange, key: PeerKey) -> bool:
    (name,) = key.proof.authorizers
    return exchange.oracle.session(key.proof.credentials).delegates_to(name)


def _signing(method: AuthenticationMethod) -> Proving:
    return Proving(
        carrier=PayloadType.SIG,
        doubt=_NOT_ITS_KEY,
        equip=partial(_signature_equip, method=method),
        prove=partial(_signature_prove, method=method),
        verify=partial(_signature_verify, method=method),
    )


def _signed(method: AuthenticationMethod) -> Method:
    return Method(initiator=_signing(method), responder=_signing(method), skeyid=_signature_skeyid)


# --- nothing but the exchange itself (hybrid mode, section 3.2) ---------------------------------------------------


def _nobody_equip(exchange: Phase1Exchange, tools: Tools) -> Phase1Exchange:
    del tools
    return exchange


def _nobody_verify(
    exchange: Phase1Exchange, identity: Identification, message: Message, value: bytes, tools: Tools
) -> Proof:
    """HASH shows that one and the same peer has spoken all along, and not who it is: no authorizer."""
    del exchange, identity, tools
    _check_hash(message, value)
    return Proof((), "nothing so far: its user has to be")


_NOBODY = Proving(
    carrier=PayloadType.HASH, doubt="", equip=_nobody_equip, prove=_preshared_prove, verify=_nobody_verify
)


# --- the table ----------------------------------------------------------------------------------------------------

_PRESHARED = Proving(
    carrier=PayloadType.HASH,
    doubt=_KEYS_DIFFER,
    equip=_preshared_equip,
    prove=_preshared_prove,
    verify=_preshared_verify,
)

_PLAIN: Mapping[AuthenticationMethod, Method] = {
    AuthenticationMethod.PRE_SHARED: Method(
        _PRESHARED, _PRESHARED, skeyid=_preshared_skeyid, without_power=True, guessable=True
    ),
    **{each: _signed(each) for each in (AuthenticationMethod.RSA_SIG, *signatures.ECDSA)},
}

_WITH_XAUTH: Mapping[AuthenticationMethod, tuple[AuthenticationMethod, Role]] = {
    AuthenticationMethod.XAUTH_INIT_PRE_SHARED: (AuthenticationMethod.PRE_SHARED, Role.INITIATOR),
    AuthenticationMethod.XAUTH_RESP_PRE_SHARED: (AuthenticationMethod.PRE_SHARED, Role.RESPONDER),
    AuthenticationMethod.XAUTH_INIT_RSA: (AuthenticationMethod.RSA_SIG, Role.INITIATOR),
    AuthenticationMethod.XAUTH_RESP_RSA: (AuthenticationMethod.RSA_SIG, Role.RESPONDER),
}
"""In phase 1 itself they are what they are made of (draft-beaulieu-ike-xauth-02 section 7)."""

_RSA = _signing(AuthenticationMethod.RSA_SIG)
_HYBRID: Mapping[AuthenticationMethod, Method] = {
    AuthenticationMethod.HYBRID_INIT_RSA: Method(_NOBODY, _RSA, skeyid=_signature_skeyid, asked=Role.INITIATOR),
    AuthenticationMethod.HYBRID_RESP_RSA: Method(_RSA, _NOBODY, skeyid=_signature_skeyid, asked=Role.RESPONDER),
}
"""Whom they name is asked for a user, and the other side signs."""

METHODS: Mapping[AuthenticationMethod, Method] = {
    **_PLAIN,
    **_HYBRID,
    **{method: replace(_PLAIN[plain], asked=asked) for method, (plain, asked) in _WITH_XAUTH.items()},
}

CARRIERS = frozenset({PayloadType.HASH, PayloadType.SIG})
"""The payloads that a proof may travel in; which of them, the method says (RFC 2409 section 5: HASH or SIG)."""
