"""How the sides of phase 1 prove themselves: a row for each authentication method (RFC 2409 section 5).

A row says what a side must have before it can negotiate the method at all, how SKEYID is made, which payload carries
the proof, how it is made and how it is verified. Main mode and aggressive mode know no method by name.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from daemon.ike import identities, keys
from daemon.ike.credentials import Proof
from daemon.ike.errors import InvalidHashInformation, Silent
from daemon.ike.exchange import NegotiationFailed, Role, Tools, known
from daemon.ike.payloads import Hash, Identification, Message, Payload
from daemon.ike.phase1 import Phase1, Phase1Exchange
from daemon.ike.policy import psk_authorizers
from daemon.ike.registries import AuthenticationMethod, PayloadType
from policydb.negotiation import Reason
from policydb.sealing import secret_reference


@dataclass(frozen=True, slots=True)
class Method:
    """One way to authenticate. `carrier` is the payload that holds the proof: HASH or SIG.

    `guessable`: who has a proof can try keys against it without asking us again; `doubt`: what is probably wrong where
    no proof can be read or verified.

    `equip(exchange, tools)` puts what the method needs into the state; raises NegotiationFailed where it is missing.
    `skeyid(state, shared)`: SKEYID, both nonces known; `shared` is g^xy.
    `prove(exchange, identity, value, tools)`: the carrier and what goes with it; `value` is our HASH_I or HASH_R.
    `verify(exchange, identity, message, value, tools)`: what the peer proved; `value` is what its HASH must be.
    Raises InvalidHashInformation, InvalidSignature or AuthenticationFailed; until it returns everything is in doubt.
    `asked` is the side that has to prove a user besides, by XAUTH under the new ISAKMP SA.
    """

    carrier: PayloadType
    guessable: bool
    doubt: str
    equip: Callable[[Phase1Exchange, Tools], Phase1Exchange]
    skeyid: Callable[[Phase1, bytes], bytes]
    prove: Callable[[Phase1Exchange, Identification, bytes, Tools], tuple[Payload, ...]]
    verify: Callable[[Phase1Exchange, Identification, Message, bytes, Tools], Proof]
    asked: Role | None = None


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
    if not hmac.compare_digest(value, message.all(Hash)[0].data):
        raise InvalidHashInformation(f"message_validate_hash: HASH does not verify: {_KEYS_DIFFER}")
    return Proof(psk_authorizers(exchange.state.secret), "pre-shared key")


# --- the table ----------------------------------------------------------------------------------------------------

_PLAIN: Mapping[AuthenticationMethod, Method] = {
    AuthenticationMethod.PRE_SHARED: Method(
        carrier=PayloadType.HASH,
        guessable=True,
        doubt=_KEYS_DIFFER,
        equip=_preshared_equip,
        skeyid=_preshared_skeyid,
        prove=_preshared_prove,
        verify=_preshared_verify,
    ),
}

_WITH_XAUTH: Mapping[AuthenticationMethod, tuple[AuthenticationMethod, Role]] = {
    AuthenticationMethod.XAUTH_INIT_PRE_SHARED: (AuthenticationMethod.PRE_SHARED, Role.INITIATOR),
    AuthenticationMethod.XAUTH_RESP_PRE_SHARED: (AuthenticationMethod.PRE_SHARED, Role.RESPONDER),
}
"""In phase 1 itself they are what they are made of (draft-beaulieu-ike-xauth-02 section 7)."""

METHODS: Mapping[AuthenticationMethod, Method] = {
    **_PLAIN,
    **{method: replace(_PLAIN[plain], asked=asked) for method, (plain, asked) in _WITH_XAUTH.items()},
}

CARRIERS = frozenset({PayloadType.HASH, PayloadType.SIG})
"""The payloads that a proof may travel in; which of them, the method says (RFC 2409 section 5: HASH or SIG)."""
