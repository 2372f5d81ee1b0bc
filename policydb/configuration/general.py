"""[General] of isakmpd.conf(5) to its record, and what peers may set for themselves in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policydb.configuration.sections import Section
from policydb.configuration.vocabulary import RETRANSMIT_TAGS, WEAK_SIGNATURES, YES_OR_NO
from policydb.connections import DEFAULT_SCHEDULE, Backoff, General, IsakmpdSteps, Schedule, address_in

LEAST_FRAGMENT = 576
"""The smallest Fragment-size in octets: what every IPv4 host takes in one piece (RFC 1122 section 3.3.2)."""

_DENIAL = re.compile(r"no|none|never|off|false|0|disabled?|", re.IGNORECASE)
_LOG_LEVEL = re.compile(r"(?:A|10|[0-9])=[0-9]{1,2}")  # isakmpd(8), -D


def general_settings(section: Section, keynote: Section) -> General:
    """What [General] says, and of [KeyNote] what counts for all."""
    for tag in ("Default-phase-1-lifetime", "Default-phase-2-lifetime"):
        section.interval(tag)
    default = General()
    return General(
        check_interval=section.number("Check-interval", default.check_interval, least=1),
        exchange_max_time=section.number("Exchange-max-time", default.exchange_max_time, least=1),
        schedule=schedule_of(section, default.schedule),
        dpd_check_interval=section.number("DPD-check-interval", default.dpd_check_interval),
        fragment_size=_fragment_size(section, default.fragment_size),
        nat_t_keepalive=section.number("NAT-T-Keepalive", default.nat_t_keepalive, least=1),
        use_keynote=section.word("Use-Keynote", YES_OR_NO, default="yes") != "no",
        delete_sas=_deletes_sas(section),
        verbose=section.get("Logverbose") is not None,
        log_levels=tuple(_log_levels(section)),
        listen_on=tuple(_listen_on(section)),
        policy_file=section.text("Policy-file", default.policy_file),
        accept_aggressive_psk=section.word("Accept-aggressive-psk", YES_OR_NO, default="no") == "yes",
        accept_weak_signatures=keynote.word("Accept-weak-signatures", WEAK_SIGNATURES, default="no") == "yes",
    )


def _fragment_size(section: Section, default: int) -> int:
    size = section.number("Fragment-size", default, most=65507)
    if 0 < size < LEAST_FRAGMENT:
        section.error("CF205", f"Fragment-size is 0 or {LEAST_FRAGMENT} at least", section.get("Fragment-size"))
    return size


def _deletes_sas(section: Section) -> bool:
    """Delete-SAs: a text that begins with `no` says no, and any other one says yes (isakmpd.conf(5))."""
    text = section.text("Delete-SAs", "yes")
    counts = "no" if text.startswith("no") else "yes"
    if not text.lower().startswith(counts):
        section.warn("CF116", f"Delete-SAs={text} counts as {counts}", section.get("Delete-SAs"), "write yes or no")
    return counts == "yes"


def is_switched_on(text: str | None) -> bool:
    """What a tag says that switches something on by being there, whatever its value (isakmpd.conf(5)).

    We take a value that can only be meant as no at its word.
    """
    return text is not None and _DENIAL.fullmatch(text) is None


def check_certificates(section: Section) -> None:
    """[X509-certificates]: a tag that is there to say no says yes to isakmpd(8), so it must be made plain."""
    accepted = section.get("Accept-self-signed")
    if accepted is not None and not is_switched_on(accepted.text):
        message = f"Accept-self-signed is switched on by being there, and {accepted.text!r} reads as if it were off"
        section.error("CF203", message, accepted, "leave the line out to refuse self-signed certificates, or write yes")


def _listen_on(section: Section) -> Iterator[str]:
    """The addresses of Listen-on. What is none is said here, for the daemon passes over it."""
    for member in section.members("Listen-on"):
        if address_in(member.text) is None:
            message = f"Listen-on has {member.text!r}, which is no IP address and is not listened on"
            section.warn("CF102", message, member, "names and interfaces are not looked up")
        yield member.text


def schedule_of(section: Section, inherited: Schedule) -> Schedule:
    """How [General] or a peer wants messages repeated; a peer that says nothing about it is treated as in [General].

    The Retransmit- tags go before Retransmits, which asks for isakmpd's own rule. Of the former those that a peer
    leaves out are as in [General], or as they are by default.
    """
    written = section.get("Retransmits")
    named = next((tag for tag in RETRANSMIT_TAGS if section.get(tag)), None)
    steps = IsakmpdSteps(section.number("Retransmits", IsakmpdSteps().tries, most=100)) if written else None
    if named is None:
        return steps or inherited
    if written:
        section.warn("CF102", f"Retransmits is not used beside {named}", written, "keep one of the two")
    default = inherited if isinstance(inherited, Backoff) else DEFAULT_SCHEDULE
    return Backoff(
        tries=section.number("Retransmit-tries", default.tries, most=100),
        timeout=section.decimal("Retransmit-timeout", default.timeout, least=0.1, most=60.0),
        base=section.decimal("Retransmit-base", default.base, least=1.0, most=10.0),
        limit=section.decimal("Retransmit-limit", default.limit, least=0.0, most=3600.0),
        jitter=section.number("Retransmit-jitter", default.jitter, most=50),
    )


def _log_levels(section: Section) -> Iterator[str]:
    """The members of Loglevel that say something; the others are skipped, as isakmpd(8) does."""
    for member in section.members("Loglevel"):
        if _LOG_LEVEL.fullmatch(member.text):
            yield member.text
        else:
            hint = "write CLASS=LEVEL, as in 3=50, or A=50 for all classes"
            section.warn("CF105", f"Loglevel knows no {member.text!r}", member, hint)
