"""What is offered held against what is configured: every attribute that the configuration does not accept, in words.

The negotiation core compares what a peer sent, `policydb explain --peer` what somebody typed; both end here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policydb.connections import ANY, IkeTransform, Interval, IpsecTransform, Lifetime
from policydb.negotiation import Difference

DEFAULT_LIFE_SECONDS = 28800
"""The life of an SA whose negotiation named none (RFC 2407 section 4.5)."""

LONGEST_LIFE = (1 << 31) - 1
"""The longest life of an SA, in seconds or kilobytes: above it policy's integers end (docs/departures.md)."""

_ONLY_BY_NAME = frozenset({"MODP_768", "HYBRID_INIT_RSA", "HYBRID_RESP_RSA"})
"""What ANY does not stand for: a group broken while one waits, which a man in the middle would choose for both; and to
let in who has no key."""

_DEFAULT_AES_BITS = Interval(128, 128, 128)


@dataclass(frozen=True, slots=True)
class Offer:
    """One offered transform. Words are those of isakmpd.conf(5), None where absent; `key_length` in bits.

    `encapsulation` is of phase 2 only. Without `seconds` the lifetime is the default of RFC 2407.
    """

    encryption: str
    hash: str | None
    authentication: str | None
    group: str | None
    key_length: int | None = None
    seconds: int | None = None
    kilobytes: int | None = None
    encapsulation: str | None = None


def ike_differences(offer: Offer, configured: IkeTransform) -> tuple[Difference, ...]:
    """A phase 1 offer against a configured transform; none: it is accepted."""
    any_length = configured.encryption == ANY and configured.key_length is None
    found = (
        _word("encryption", offer.encryption, configured.encryption),
        None if any_length else _length(offer.key_length, ike_key_lengths(configured)),
        _word("hash", offer.hash, configured.hash),
        _word("authentication", offer.authentication, configured.authentication),
        _word("group", offer.group, configured.group),
        *_lives(offer, configured.lifetimes),
    )
    return tuple(each for each in found if each)


def ipsec_differences(protocol_id: str, offer: Offer, configured: IpsecTransform) -> tuple[Difference, ...]:
    """A phase 2 offer, its TRANSFORM_ID in `encryption`, against a configured transform of the protocol."""
    found = (
        _word("encryption" if protocol_id == "IPSEC_ESP" else "hash", offer.encryption, configured.transform_id),
        _length(offer.key_length, ipsec_key_lengths(configured)),
        _word("authentication", offer.authentication, configured.authentication),
        _word("encapsulation", offer.encapsulation, configured.encapsulation),
        _word("group", offer.group, configured.group),
        *_lives(offer, configured.lifetimes),
    )
    return tuple(each for each in found if each)


def ike_key_lengths(configured: IkeTransform) -> Interval | None:
    """KEY_LENGTH, which AES never does without (RFC 3602 section 5.3): 128 where the configuration says nothing."""
    return configured.key_length or (_DEFAULT_AES_BITS if configured.encryption == "AES_CBC" else None)


def ipsec_key_lengths(configured: IpsecTransform) -> Interval | None:
    """KEY_LENGTH of phase 2, likewise (RFC 3602 section 5.3)."""
    return configured.key_length or (_DEFAULT_AES_BITS if configured.transform_id.startswith("AES") else None)


def _word(attribute: str, offered: str | None, configured: str | None) -> Difference | None:
    accepted = configured == offered or (configured == ANY and offered not in _ONLY_BY_NAME)
    return None if accepted else Difference(attribute, offered, configured)


def _length(offered: int | None, configured: Interval | None) -> Difference | None:
    if (offered is None and configured is None) or (configured is not None and offered in configured):
        return None
    return Difference("key length", _text(offered), _text(configured))


def _lives(offer: Offer, configured: Iterable[Lifetime]) -> Iterator[Difference]:
    seconds = DEFAULT_LIFE_SECONDS if offer.seconds is None else offer.seconds
    values = {"SECONDS": seconds, "KILOBYTES": offer.kilobytes}
    for life in configured:
        value = values[life.type]
        if life.duration is not None and value not in life.duration:
            yield Difference(f"life {life.type.lower()}", _text(value), _text(life.duration))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
