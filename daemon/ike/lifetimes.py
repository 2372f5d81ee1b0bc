"""RESPONDER-LIFETIME (RFC 2407 section 4.6.3.1): how long a responder keeps an SA, where that is shorter than offered.

Heeded where a HASH covers it: in message 2 of quick mode and in protected informational messages; not in message 6 of
main mode, whose HASH covers the identity alone. A lifetime is only ever shortened by it, and not below a minute. Sent
in message 2 for what the offer leaves open: then our configured lifetime counts and not the DOI's eight hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from daemon.ike.errors import PayloadMalformed
from daemon.ike.messages.comparison import compare_ipsec
from daemon.ike.messages.parser import parse_attributes
from daemon.ike.messages.payloads import DataAttribute, Notify, encode_attributes
from daemon.ike.messages.proposals import IpsecParameters, IpsecProposal
from daemon.ike.messages.wire import Reader
from daemon.ike.registries import IpsecAttribute, LifeType, Notification, Protocol
from policydb.configuration.comparison import LONGEST_LIFE
from policydb.connections import Suite

LEAST_SECONDS = 60
"""Nobody makes us renew more often than that."""


def told(notify: Notify) -> Mapping[LifeType, int]:
    """The lifetimes in a notification, by type. Raises PayloadMalformed."""
    lives: dict[LifeType, int] = {}
    kind: LifeType | None = None
    for each in parse_attributes(Reader(notify.data, "RESPONDER_LIFETIME")):
        number = each.number
        if each.type == IpsecAttribute.SA_LIFE_TYPE and kind is None and number is not None:
            kind = LifeType(number)
        elif each.type == IpsecAttribute.SA_LIFE_DURATION and kind is not None and number:
            if number <= LONGEST_LIFE:  # what is more shortens nothing
                lives[kind] = number
            kind = None
        else:
            raise PayloadMalformed(f"RESPONDER_LIFETIME: attribute {each.type} with value {number}")
    return lives


def shorter(ours: int | None, theirs: int | None, least: int) -> int | None:
    """The shorter of two lifetimes; theirs counts as `least` at least, None is none."""
    if theirs is None:
        return ours
    return max(theirs, least) if ours is None else min(ours, max(theirs, least))


def heeded(proposal: IpsecProposal, notes: Iterable[Notify]) -> IpsecProposal:
    """What message 2 took, with the lifetimes that its notifications say. Raises PayloadMalformed."""
    protocols = list(proposal.protocols)
    for notify in notes:
        if notify.type is not Notification.RESPONDER_LIFETIME:
            continue
        lives = told(notify)
        for position, each in enumerate(protocols):
            if (each.protocol, each.spi) == (notify.protocol, notify.spi):
                protocols[position] = replace(
                    each,
                    life_seconds=shorter(each.seconds, lives.get(LifeType.SECONDS), LEAST_SECONDS),
                    life_kilobytes=shorter(each.life_kilobytes, lives.get(LifeType.KILOBYTES), 1),
                )
    return replace(proposal, protocols=tuple(protocols))


def filled_in(proposal: IpsecProposal, suite: Suite | None) -> tuple[IpsecProposal, Mapping[Protocol, int]]:
    """A proposal with the seconds that its SAs will have, and those of them that are ours and not the offer's.

    Ours count where the offer has none and ours are fewer than the default.
    """
    added: dict[Protocol, int] = {}
    for parameters in proposal.protocols:
        ours = _configured(suite, parameters)
        if parameters.life_seconds is None and ours is not None and ours < parameters.seconds:
            added[parameters.protocol] = ours
    protocols = tuple(
        replace(parameters, life_seconds=added.get(parameters.protocol, parameters.seconds))
        for parameters in proposal.protocols
    )
    return replace(proposal, protocols=protocols), added


def _configured(suite: Suite | None, parameters: IpsecParameters) -> int | None:
    """The seconds of the transform of ours that accepts the offered one."""
    for protocol in suite.protocols if suite else ():
        if protocol.protocol_id != str(parameters.protocol):
            continue
        held = zip(protocol.transforms, compare_ipsec(parameters, protocol.transforms), strict=True)
        accepting = (transform for transform, comparison in held if not comparison.differences)
        for life in next((transform.lifetimes for transform in accepting), ()):
            if life.type == "SECONDS" and life.duration is not None:
                return life.duration.offer
    return None


def announcements(added: Mapping[Protocol, int], spis: Mapping[Protocol, bytes]) -> tuple[Notify, ...]:
    """The notifications of message 2 for lifetimes that we filled in; each names our inbound SPI."""
    return tuple(
        Notify(Notification.RESPONDER_LIFETIME, protocol, spis[protocol], encode_attributes(_attributes(seconds)))
        for protocol, seconds in added.items()
    )


def _attributes(seconds: int) -> tuple[DataAttribute, ...]:
    return (
        DataAttribute(IpsecAttribute.SA_LIFE_TYPE, LifeType.SECONDS),
        DataAttribute.of(IpsecAttribute.SA_LIFE_DURATION, seconds),
    )
