"""Offered transforms held against configured ones: every attribute that the configuration does not accept, in words."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.ike.registries import Protocol, Registry
from daemon.ike.transforms import (
    DEFAULT_LIFE_SECONDS,
    IkeParameters,
    IpsecParameters,
    ike_key_lengths,
    ipsec_key_lengths,
)
from policydb.connections import ANY, IkeTransform, Interval, IpsecTransform, Lifetime
from policydb.negotiation import Comparison, Difference


def compare_ike(offered: IkeParameters, configured: IkeTransform) -> Comparison:
    """A phase 1 offer against a configured transform: every attribute that the configuration does not accept."""
    any_length = configured.encryption == ANY and configured.key_length is None
    found = [
        _word("encryption", offered.encryption, configured.encryption),
        None if any_length else _length(offered.key_length, ike_key_lengths(configured)),
        _word("hash", offered.hash, configured.hash),
        _word("authentication", offered.authentication, configured.authentication),
        _word("group", offered.group, configured.group),
        *_lives(offered, configured.lifetimes),
    ]
    return Comparison(str(offered), configured.name, tuple(each for each in found if each))


def compare_ipsec(offered: IpsecParameters, configured: IpsecTransform) -> Comparison:
    """A phase 2 offer against a configured transform; in UDP or not is the path's business, not the configuration's."""
    found = [
        _word(
            "encryption" if offered.protocol == Protocol.IPSEC_ESP else "hash",
            offered.transform,
            configured.transform_id,
        ),
        _length(offered.key_length, ipsec_key_lengths(configured)),
        _word("authentication", offered.authentication, configured.authentication),
        _word("encapsulation", offered.mode, configured.encapsulation),
        _word("group", offered.group, configured.group),
        *_lives(offered, configured.lifetimes),
    ]
    return Comparison(str(offered), configured.name, tuple(each for each in found if each))


def _word(attribute: str, offered: Registry | None, configured: str | None) -> Difference | None:
    text = None if offered is None else str(offered)
    return None if configured in (text, ANY) else Difference(attribute, text, configured)


def _length(offered: int | None, configured: Interval | None) -> Difference | None:
    if (offered is None and configured is None) or (configured is not None and offered in configured):
        return None
    return Difference("key length", _text(offered), _text(configured))


def _lives(offered: IkeParameters | IpsecParameters, configured: Iterable[Lifetime]) -> Iterable[Difference | None]:
    seconds = DEFAULT_LIFE_SECONDS if offered.life_seconds is None else offered.life_seconds
    values = {"SECONDS": seconds, "KILOBYTES": offered.life_kilobytes}
    for life in configured:
        value = values[life.type]
        if life.duration is not None and value not in life.duration:
            yield Difference(f"life {life.type.lower()}", _text(value), _text(life.duration))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
