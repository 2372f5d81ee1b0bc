"""Vendor IDs: what we say we can do in the first two messages of phase 1, and what we understand of the peer's."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Vendor(Enum):
    """A capability that a vendor ID announces; the value is the payload's body."""

    NAT_T_RFC3947 = bytes.fromhex("4a131c81070358455c5728f20e95452f")  # MD5("RFC 3947")
    NAT_T_DRAFT_03 = bytes.fromhex("7d9419a65310ca6f2c179d9215529d56")  # MD5("draft-ietf-ipsec-nat-t-ike-03")
    NAT_T_DRAFT_02 = bytes.fromhex("90cb80913ebb696e086381b5ec427b1f")  # MD5("draft-ietf-ipsec-nat-t-ike-02\n")
    DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")  # RFC 3706 section 5.2; its last two octets are a version

    XAUTH = bytes.fromhex("09002689dfd6b712")  # draft-beaulieu-ike-xauth-02 section 2
    FRAGMENTATION = bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d380000000")  # MD5("FRAGMENTATION"), for main mode


_SIGNIFICANT = {Vendor.DPD: 14, Vendor.FRAGMENTATION: 16}
"""How many octets tell a vendor ID; what follows are versions or flags."""

_WHOLE = {each.value: each for each in Vendor if each not in _SIGNIFICANT}
_PREFIXES = tuple((each.value[:length], each) for each, length in _SIGNIFICANT.items())

NAT_T = (Vendor.NAT_T_RFC3947, Vendor.NAT_T_DRAFT_03, Vendor.NAT_T_DRAFT_02)
"""NAT traversal as we prefer it, best first."""


def recognised(bodies: Iterable[bytes]) -> frozenset[Vendor]:
    """The capabilities among the vendor IDs that a peer sent; anything unknown is ignored (RFC 2408 section 3.16)."""
    found: set[Vendor] = set()
    for body in bodies:
        if body in _WHOLE:
            found.add(_WHOLE[body])
        found.update(each for prefix, each in _PREFIXES if body.startswith(prefix))
    return frozenset(found)


def announced(nat_traversal: bool, fragmentation: bool, xauth: bool = False) -> tuple[Vendor, ...]:
    """What we send in message 1."""
    others = ((Vendor.FRAGMENTATION, fragmentation), (Vendor.XAUTH, xauth))
    return (*(NAT_T if nat_traversal else ()), Vendor.DPD, *(each for each, wanted in others if wanted))


def answered(
    nat_traversal: bool, fragmentation: bool, theirs: frozenset[Vendor], xauth: bool = False
) -> tuple[Vendor, ...]:
    """What we send in message 2: only what the peer can do as well, and of NAT traversal one version.

    So message 2 is never longer than message 1, and a forged message 1 buys nobody an amplified answer.
    """
    ours = announced(nat_traversal, fragmentation, xauth)
    traversal = [each for each in NAT_T if each in ours and each in theirs]
    others = [each for each in ours if each not in NAT_T and each in theirs]
    return *traversal[:1], *others
