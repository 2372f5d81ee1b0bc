"""Identities: configuration records, ID payloads, printed forms, comparison, and the words that policy gets."""

from __future__ import annotations

from daemon.ike.payloads import Identification
from policydb.connections import Address, Identity


def to_payload(identity: Identity) -> Identification:
    """The ID payload of an identity."""
    raise NotImplementedError


def from_payload(payload: Identification) -> Identity:
    """The identity in an ID payload. Raises InvalidIdInformation."""
    raise NotImplementedError


def of_address(address: Address) -> Identity:
    """The identity of a single address, any protocol and port."""
    raise NotImplementedError


def matches(configured: Identity, received: Identity) -> bool:
    """Same type and value; protocol and port compared where configured (not 0)."""
    raise NotImplementedError


def policy_words(prefix: str, identity: Identity) -> dict[str, str]:
    """`{prefix}_type`, `{prefix}`, `{prefix}_addr_lower`, ... as isakmpd.policy(5) names them."""
    raise NotImplementedError
