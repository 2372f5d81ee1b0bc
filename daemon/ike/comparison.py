"""Offered transforms held against configured ones: what a peer sent, in the words of policydb.comparison."""

from __future__ import annotations

from daemon.ike.registries import Registry
from daemon.ike.transforms import IkeParameters, IpsecParameters
from policydb.comparison import Offer, ike_differences, ipsec_differences
from policydb.connections import IkeTransform, IpsecTransform
from policydb.negotiation import Comparison


def compare_ike(offered: IkeParameters, configured: IkeTransform) -> Comparison:
    """A phase 1 offer against a configured transform: every attribute that the configuration does not accept."""
    offer = Offer(
        encryption=str(offered.encryption),
        hash=str(offered.hash),
        authentication=str(offered.authentication),
        group=str(offered.group),
        key_length=offered.key_length,
        seconds=offered.life_seconds,
        kilobytes=offered.life_kilobytes,
    )
    return Comparison(str(offered), configured.name, ike_differences(offer, configured))


def compare_ipsec(offered: IpsecParameters, configured: IpsecTransform) -> Comparison:
    """A phase 2 offer against a configured transform; in UDP or not is the path's business, not the configuration's."""
    offer = Offer(
        encryption=str(offered.transform),
        hash=None,
        authentication=_word(offered.authentication),
        group=_word(offered.group),
        key_length=offered.key_length,
        seconds=offered.life_seconds,
        kilobytes=offered.life_kilobytes,
        encapsulation=str(offered.mode),
    )
    return Comparison(str(offered), configured.name, ipsec_differences(str(offered.protocol), offer, configured))


def _word(value: Registry | None) -> str | None:
    return None if value is None else str(value)
