"""Offered transforms held against configured ones: a peer's, in the words of policydb.configuration.comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daemon.ike.messages.transforms import IkeParameters, IpsecParameters
from daemon.ike.registries import Registry
from policydb.configuration.comparison import Offer, ike_differences, ipsec_differences
from policydb.connections import IkeTransform, IpsecTransform
from policydb.negotiation import Comparison


def compare_ike(offered: IkeParameters, configured: Iterable[IkeTransform]) -> Iterator[Comparison]:
    """A phase 1 offer against configured transforms: of each every attribute that the configuration does not accept."""
    text = str(offered)
    offer = Offer(
        encryption=str(offered.encryption),
        hash=str(offered.hash),
        authentication=str(offered.authentication),
        group=str(offered.group),
        key_length=offered.key_length,
        seconds=offered.life_seconds,
        kilobytes=offered.life_kilobytes,
    )
    for each in configured:
        yield Comparison(text, each.name, ike_differences(offer, each))


def compare_ipsec(offered: IpsecParameters, configured: Iterable[IpsecTransform]) -> Iterator[Comparison]:
    """A phase 2 offer against configured transforms; in UDP or not is the path's business, not the configuration's."""
    text, protocol = str(offered), str(offered.protocol)
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
    for each in configured:
        yield Comparison(text, each.name, ipsec_differences(protocol, offer, each))


def _word(value: Registry | None) -> str | None:
    return None if value is None else str(value)
