"""What policy is told about a negotiation: action attributes and action authorizers (isakmpd.policy(5))."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.ike.proposals import IpsecProposal
from daemon.ike.registries import ExchangeType, Group
from policydb.connections import Address, Identity


@dataclass(frozen=True, slots=True)
class NegotiationFacts:
    """One proposal in its negotiation. `initiator`: we began this quick mode; `now` is aware."""

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
    """Every attribute of the vocabulary that these facts give a value."""
    raise NotImplementedError


def psk_authorizers(key: bytes) -> tuple[str, str, str]:
    """The principals of a pre-shared key: `passphrase:`, `passphrase-md5-hex:`, `passphrase-sha1-hex:`."""
    raise NotImplementedError
