"""The command `explain --peer`: which peer section and which connection an incoming negotiation would get, and why.

An address or a network among the identities is traffic (phase 2), a name is who somebody is (phase 1). An offer is the
name of a transform or suite, of the configuration or predefined.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import click

from policydb.commands.peer_options import PeerQuestion
from policydb.commands.support import NO, YES, Unusable, of_store, shown
from policydb.configuration.predefined import main_mode_names, suite_names
from policydb.configuration.sections import Book, instead
from policydb.configuration.selection import Candidate, Incoming, Selection, select
from policydb.configuration.transforms import ike_transform, suite
from policydb.configuration.vocabulary import Kind
from policydb.connections import Configuration, Identity, IkeTransform, IsakmpdSteps, Schedule, Suite, address_in
from policydb.keynote.shapes import ShapeError
from policydb.negotiation import Comparison, Difference
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.storefile import StoreError


def explain_peer(question: PeerQuestion, store: str, form: str) -> int:
    """Print every candidate with the first field that differs; YES if all that was asked fits."""
    try:
        with open_snapshot(store) as snapshot:
            asked = _incoming(question)
            configuration = _configuration(snapshot, asked, question.offers)
            transforms, suites = _offers(configuration, question.offers)
            incoming = replace(asked, transforms=transforms, suites=suites)
            selection = select(configuration, incoming)
            generation = snapshot.generation
    except StoreError as problem:
        raise of_store(problem, "policydb compile isakmpd.conf makes a store; --store FILE names one") from None
    except ShapeError as problem:
        raise Unusable(str(problem), "compile again") from None
    if form == "json":
        click.echo(json.dumps({"generation": generation, **_as_json(incoming, selection)}, indent=2))
    else:
        click.echo(shown("\n".join(_lines(incoming, selection))))
    return YES if selection.found else NO


# --- what was typed -----------------------------------------------------------------------------------------------


def _configuration(snapshot: Snapshot, asked: Incoming, offers: Sequence[str]) -> Configuration:
    """As much of the configuration as the question may concern."""
    remote = asked.traffic[1].traffic if asked.traffic else None
    is_host = remote is not None and remote.is_one_address and remote.first_address == asked.address
    if offers or is_host:
        # A transform of that name may be that of any peer; any connection that is for its two hosts may be meant.
        return snapshot.configuration
    return snapshot.around(asked.address, asked.traffic[1] if asked.traffic else None)


def _incoming(question: PeerQuestion) -> Incoming:
    """The question without its offers."""
    try:
        source = ip_address(question.address)
    except ValueError:
        raise Unusable(
            f"--peer {question.address}: no IP address", "names are not looked up: give the number"
        ) from None
    local_id, local = _sorted("--local-id", question.local_ids)
    remote_id, remote = _sorted("--remote-id", question.remote_ids)
    if (local is None) is not (remote is None):
        given, other = ("--remote-id", "--local-id") if local is None else ("--local-id", "--remote-id")
        raise Unusable(f"{given} names traffic, and {other} does not", f"add {other} with the network or host there")
    if local is None or remote is None:
        return Incoming(source, local_id, remote_id)
    if problem := _between_none(local, remote):
        raise Unusable(f"--local-id {local}, --remote-id {remote}: {problem}", "a peer that asks for it is refused")
    return Incoming(source, local_id, remote_id, (local, remote))


def _between_none(local: Identity, remote: Identity) -> str:
    """Why no packet goes between two ends, as the daemon finds it; "" where some may."""
    if local.unspecified or remote.unspecified:
        return "the unspecified address is that of no host"
    return "they name two protocols" if len({local.protocol, remote.protocol} - {0}) > 1 else ""


def _sorted(option: str, typed: Sequence[str]) -> tuple[Identity | None, Identity | None]:
    """The identity of phase 1 and the traffic of phase 2 that an option gives; one of each at most."""
    identities = [_identity(option, each) for each in typed]
    names = [each for each in identities if each.name is not None]
    traffic = [each for each in identities if each.name is None]
    if len(names) > 1 or len(traffic) > 1:
        raise Unusable(f"{option} is given twice for one thing", "give one name and one address or network at most")
    return names[0] if names else None, traffic[0] if traffic else None


def _identity(option: str, typed: str) -> Identity:
    """ADDRESS, NETWORK/LENGTH, ADDRESS-ADDRESS, user@name or name; behind traffic ,PROTOCOL[,PORT] in numbers."""
    value, *numbers = typed.split(",")
    if not typed or len(numbers) > 2 or not all(each.isdecimal() and len(each) <= 5 for each in numbers):
        raise Unusable(f"{option} {typed!r}: no identity", "write ADDRESS, NETWORK/BITS, NAME or USER@NAME")
    protocol, port = [*map(int, numbers), 0, 0][:2]
    lower, _, upper = value.partition("-")
    first, last = address_in(lower), address_in(upper)
    if first is not None and last is not None and first.version == last.version and int(first) <= int(last):
        return Identity(f"IPV{first.version}_RANGE", address=first, upper=last, protocol=protocol, port=port)
    try:
        network = ip_network(value)
    except ValueError:
        if "/" in value or numbers:
            message = f"{option} {typed}: no network, or with bits outside its mask"
            raise Unusable(message, "write it as 10.1.0.0/16, or 10.1.0.0/16,6,22 for TCP port 22") from None
        return Identity("USER_FQDN" if "@" in value else "FQDN", name=value)
    family = f"IPV{network.version}_ADDR"
    if "/" in value:
        return Identity(f"{family}_SUBNET", network=network, protocol=protocol, port=port)
    return Identity(family, address=network.network_address, protocol=protocol, port=port)


def _offers(configuration: Configuration, names: Iterable[str]) -> tuple[tuple[IkeTransform, ...], tuple[Suite, ...]]:
    """The offers by name: those of the configuration first, then predefined ones."""
    transforms = {each.name.lower(): each for peer in configuration.peers.values() for each in peer.transforms}
    suites = {each.name.lower(): each for one in configuration.connections.values() for each in one.suites}
    book = Book(())
    offered_transforms: list[IkeTransform] = []
    offered_suites: list[Suite] = []
    for name in names:
        lower = name.lower()
        if lower not in transforms and lower not in suites:
            if book.exists(name) and name.upper().endswith("-SUITE"):
                if found := suite(book.open(name, Kind.SUITE)):
                    suites[lower] = found
            elif book.exists(name) and (made := ike_transform(book.open(name, Kind.IKE_TRANSFORM))):
                transforms[lower] = made
        if lower in transforms:
            offered_transforms.append(transforms[lower])
        elif lower in suites:
            offered_suites.append(suites[lower])
        else:
            names_known = [each.name for each in transforms.values()] + [each.name for each in suites.values()]
            hint = instead(name, (*names_known, *main_mode_names(), *suite_names()))
            near = hint if hint.startswith("did you mean") else "give a name such as AES-256-SHA2-256-GRP14"
            raise Unusable(f"--offer {name}: no such transform or suite", near)
    return tuple(offered_transforms), tuple(offered_suites)


# --- what is told -------------------------------------------------------------------------------------------------


def _lines(incoming: Incoming, selection: Selection) -> Iterator[str]:
    """The answer for people."""
    yield f"peer at {incoming.address}"
    for each in selection.peers:
        named = f" = {each.name}" if each.name else ""
        yield f"  {each.where}{named} -> {_verdict(each, 'not reached: an entry above is taken')}"
    if selection.schedule is None:
        return
    yield f"  {_repeated(selection.schedule)}"
    yield from _compared("phase 1 offers", incoming.transforms, selection.transforms)
    if incoming.traffic is None:
        yield "connections of this peer (--local-id and --remote-id with traffic choose one)"
    else:
        yield f"connection for {incoming.traffic[0]} here, {incoming.traffic[1]} there"
    for each in selection.connections:
        other = "may answer" if incoming.traffic is None else "would match; one above is taken"
        yield f"  {each.where} -> {_verdict(each, other)}"
    if not selection.connections:
        yield "  this peer has none"
    if incoming.traffic and not any(each.chosen for each in selection.connections):
        alone = not any(each.binds for each in selection.connections)
        decides = "policy alone decides" if alone else "policy decides, and the suites of those that bind must agree"
        yield f"  none is taken: with Use-Keynote {decides}, without it the peer is refused"
    yield from _compared("phase 2 offers", incoming.suites, selection.suites)


def _repeated(schedule: Schedule) -> str:
    if not schedule.tries:
        return "a message without an answer is not sent again"
    if isinstance(schedule, IsakmpdSteps):
        then = "then 2 s longer each time"
    else:
        then = f"then {schedule.base:g} times as long" + (f", {schedule.limit:g} s at most" if schedule.limit else "")
    return f"a message without an answer is sent again {schedule.tries} times: after {schedule.wait(1):g} s, {then}"


def _verdict(candidate: Candidate, otherwise: str) -> str:
    if candidate.chosen:
        return "chosen"
    verdict = f"no: {_difference(candidate.difference)}" if candidate.difference else otherwise
    return f"{verdict}; its suites bind this traffic" if candidate.binds else verdict


def _difference(difference: Difference) -> str:
    attribute, offered, configured = difference.attribute, difference.offered, difference.configured
    if attribute == "tag":
        return "there is no such tag"
    if attribute == "section":
        return f"[Phase 1] names {offered or 'nobody'} for this address, not {configured}"
    return f"{attribute} {configured or 'none'} differs from {offered or 'none'}"


def _compared(title: str, offered: Sequence[object], held: Sequence[Comparison]) -> Iterator[str]:
    if not offered:
        return
    yield title
    for each in held:
        told = "; ".join(map(_difference, each.differences)) or "chosen"
        yield f"  {each.offered} with {each.configured} -> {'no: ' if each.differences else ''}{told}"
    if not held:
        yield "  nothing is configured to compare them with"


def _as_json(incoming: Incoming, selection: Selection) -> dict[str, Any]:
    return {
        "address": str(incoming.address),
        "found": selection.found,
        "peers": [_candidate(each) for each in selection.peers],
        "connections": [{**_candidate(each), "binds": each.binds} for each in selection.connections],
        "repeats": _schedule(selection.schedule) if selection.schedule else None,
        "phase_1_offers": [_comparison(each) for each in selection.transforms],
        "phase_2_offers": [_comparison(each) for each in selection.suites],
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    waits = [round(schedule.wait(sends), 3) for sends in range(1, schedule.tries + 1)]
    return {"tries": schedule.tries, "waits": waits, "jitter": schedule.jitter}


def _candidate(candidate: Candidate) -> dict[str, Any]:
    difference = _parts(candidate.difference) if candidate.difference else None
    return {"where": candidate.where, "name": candidate.name, "chosen": candidate.chosen, "difference": difference}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    differences = [_parts(each) for each in comparison.differences]
    return {"offered": comparison.offered, "configured": comparison.configured, "differences": differences}


def _parts(difference: Difference) -> dict[str, str | None]:
    parts = (difference.attribute, difference.offered, difference.configured)
    return dict(zip(("attribute", "offered", "configured"), parts, strict=True))
