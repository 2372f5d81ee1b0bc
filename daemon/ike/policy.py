"""What policy is told about a negotiation: action attributes and action authorizers (isakmpd.policy(5)).

The words stand in tables, the values follow the manual: of a protocol that is not negotiated the lifetimes are "0", the
SHA-2 hashes of AH go into ah_hash_alg. An attribute that has no value in a negotiation is not set, so that `explain`
shows it missing. What is told of a protocol is what its SA has: the kernel gets the same properties of the same
parameters (daemon.ike.keying). docs/policies.md says what each word means where the manual does not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from daemon.ike.messages.proposals import IpsecProposal
from daemon.ike.messages.transforms import IpsecParameters
from daemon.ike.registries import (
    AhTransform,
    Authentication,
    Encapsulation,
    EspTransform,
    ExchangeType,
    Group,
    Protocol,
)
from daemon.ike.trust.identities import policy_words
from policydb.attributes import APP_DOMAIN, ESP_CIPHERS, NO_LIMIT, zero_padded
from policydb.connections import Address, Identity

PASSPHRASE = "passphrase:"  # noqa: S105 - the prefix of a principal that contains a key, not a key
"""How the principal begins that contains a pre-shared key."""

_PHASE1 = {ExchangeType.ID_PROT: "main", ExchangeType.AGGRESSIVE: "aggressive"}

_PREFIXES = {Protocol.IPSEC_AH: "ah", Protocol.IPSEC_ESP: "esp", Protocol.IPCOMP: "comp"}

_UNLESS_NEGOTIATED = {"present": "no", "ecn": "no", "life_seconds": "0", "life_kbytes": "0"}
"""What each prefix has in any case. ECN_TUNNEL is never accepted, so `ecn` stays "no"."""

_ENCAPSULATIONS = {
    Encapsulation.TUNNEL: "tunnel",
    Encapsulation.TRANSPORT: "transport",
    Encapsulation.UDP_ENCAP_TUNNEL: "udp-encap-tunnel",
    Encapsulation.UDP_ENCAP_TRANSPORT: "transport",
    Encapsulation.UDP_ENCAP_TUNNEL_DRAFT: "udp-encap-tunnel",
    Encapsulation.UDP_ENCAP_TRANSPORT_DRAFT: "transport",
}

_AH_HASHES = {
    AhTransform.MD5: "md5",
    AhTransform.SHA: "sha",
    AhTransform.DES: "des",
    AhTransform.SHA2_256: "sha2-256",
    AhTransform.SHA2_384: "sha2-384",
    AhTransform.SHA2_512: "sha2-512",
    AhTransform.RIPEMD: "ripemd",
}

_AUTHENTICATIONS = {
    Authentication.HMAC_MD5: "hmac-md5",
    Authentication.HMAC_SHA: "hmac-sha",
    Authentication.DES_MAC: "des-mac",
    Authentication.KPDK: "kpdk",
    Authentication.HMAC_SHA2_256: "hmac-sha2-256",
    Authentication.HMAC_SHA2_384: "hmac-sha2-384",
    Authentication.HMAC_SHA2_512: "hmac-sha2-512",
    Authentication.HMAC_RIPEMD: "hmac-ripemd",
}


@dataclass(frozen=True, slots=True)
class NegotiationFacts:
    """One proposal in its negotiation.

    `initiator`: we began this quick mode. `remote_id` is the peer's phase 1 identity; the filters are the quick mode
    identities seen from here, the negotiation addresses where none were exchanged. `now` is aware.
    """

    initiator: bool
    phase1_exchange: ExchangeType
    phase1_group: Group
    proposal: IpsecProposal
    remote_id: Identity
    remote_filter: Identity
    local_filter: Identity
    remote_address: Address
    local_address: Address
    now: datetime


def action_attributes(facts: NegotiationFacts) -> dict[str, str]:
    """Every attribute of isakmpd.policy(5) that these facts give a value; names are those of policydb.attributes."""
    remote, local = zero_padded(facts.remote_address), zero_padded(facts.local_address)
    attributes = {
        "app_domain": APP_DOMAIN,
        "doi": "ipsec",
        "initiator": _yes_no(facts.initiator),
        "phase_1": _PHASE1[facts.phase1_exchange],
        "phase1_group_desc": str(int(facts.phase1_group)),
        "pfs": _yes_no(facts.proposal.group is not None),
        "remote_negotiation_address": remote,
        "local_negotiation_address": local,
        "remote_ike_address": remote,
        "local_ike_address": local,
        "GMTTimeOfDay": _digits(facts.now.astimezone(UTC)),
        "LocalTimeOfDay": _digits(facts.now.astimezone()),
        **policy_words("remote_id", facts.remote_id),
        **policy_words("remote_filter", facts.remote_filter),
        **policy_words("local_filter", facts.local_filter),
    }
    for prefix in _PREFIXES.values():
        attributes |= {f"{prefix}_{name}": value for name, value in _UNLESS_NEGOTIATED.items()}
    for each in facts.proposal.protocols:
        prefix = _PREFIXES[each.protocol]
        attributes |= {f"{prefix}_{name}": value for name, value in _protocol_words(each).items()}
    return attributes


def _protocol_words(negotiated: IpsecParameters) -> dict[str, str]:
    """One protocol's attributes without their prefix."""
    words = {
        "present": "yes",
        "encapsulation": _ENCAPSULATIONS[negotiated.encapsulation],
        "life_kbytes": NO_LIMIT,
    }
    if isinstance(negotiated.transform, EspTransform):
        words["enc_alg"] = ESP_CIPHERS[str(negotiated.transform)]
    else:
        words["hash_alg"] = _AH_HASHES[negotiated.transform]
    if negotiated.authentication is not None:
        words["auth_alg"] = _AUTHENTICATIONS[negotiated.authentication]
    numbers = {
        "group_desc": negotiated.group,
        "key_length": negotiated.key_bits,
        "life_seconds": negotiated.seconds,
        "life_kbytes": negotiated.life_kilobytes,
    }
    return words | {name: str(int(number)) for name, number in numbers.items() if number is not None}


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _digits(moment: datetime) -> str:
    """YYYYMMDDHHmmSS, so that string order is the order in time."""
    return moment.strftime("%Y%m%d%H%M%S")


def psk_authorizers(key: bytes) -> tuple[str, str, str]:
    """The principals of a pre-shared key, the first of which is the secret itself: never log them."""
    md5 = hashlib.md5(key, usedforsecurity=False).hexdigest()
    sha1 = hashlib.sha1(key, usedforsecurity=False).hexdigest()
    return f"{PASSPHRASE}{key.decode('latin-1')}", f"passphrase-md5-hex:{md5}", f"passphrase-sha1-hex:{sha1}"


def user_authorizer(user: str) -> str:
    """The principal of a user whom XAUTH has proved."""
    return f"user:{user}"
