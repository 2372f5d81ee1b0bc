"""Lints of delegation: who licenses whom, over all assertions of all files together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from grammar import nodes
from grammar.errors import Diagnostic
from policydb.keynote.checker import POLICY
from policydb.linting.support import PREFIX, Subject, Suggestions, asks_for_ipsec, shown

Sources: TypeAlias = "Sequence[tuple[str, Sequence[nodes.Assertion]]]"
"""The assertions of each source, with its name."""

_MOST_CIRCLES = 20  # that are told in one run
_LONGEST_CIRCLE = 6  # names that are shown of one


def lint_delegation(sources: Sources) -> list[Diagnostic]:
    """Delegation that leads nowhere, goes in circles or is never used; in the order of the sources and their texts."""
    grants = [Subject(each, source) for source, assertions in sources for each in assertions]
    found = [*_dangling(grants), *_circles(grants), *_unused(grants), *_near_names(grants)]
    order = {source: position for position, (source, _) in enumerate(sources)}
    return sorted(found, key=lambda each: (order[each.source], each.span.start, each.code))


def repeated_members(subject: Subject) -> Iterator[Diagnostic]:
    """Members that a threshold counts twice (RFC 2704 section 5.3 counts with multiplicity)."""
    for threshold in subject.all(nodes.Threshold):
        seen: set[str] = set()
        for member in threshold.members:
            if isinstance(member, nodes.Principal) and member.name in seen:
                message = f"{shown(member.name)} is named twice and counts twice: alone it is two of the {threshold.k}"
                yield subject.warning("KN115", message, member.span, "name each member once")
            elif isinstance(member, nodes.Principal):
                seen.add(member.name)


def _dangling(grants: Sequence[Subject]) -> Iterator[Diagnostic]:
    """In policies for IPsec: names that are no principal of a peer, and in whose name nothing is said."""
    if not any(asks_for_ipsec(each) for each in grants):
        return
    speaking = {each.authorizer for each in grants}
    suggestions = Suggestions(sorted(speaking - {POLICY}))
    for grant in grants:
        for name, principal in {each.name: each for each in reversed(grant.licensees)}.items():
            if not name or name in speaking or name == POLICY or PREFIX.match(name):
                continue
            message = f"no peer asks as {shown(name)}, and no assertion is by it: this licenses nobody"
            hint = suggestions.hint(name, "peers ask as passphrase-sha1-hex:..., DN:... or a key")
            yield grant.warning("KN116", message, principal.span, hint)


def _circles(grants: Sequence[Subject]) -> Iterator[Diagnostic]:
    delegates: dict[str, dict[str, None]] = {}
    for grant in grants:
        delegates.setdefault(grant.authorizer, {}).update(dict.fromkeys(each.name for each in grant.licensees))
    for _ in range(_MOST_CIRCLES):
        circle = _circle(delegates)
        if not circle:
            return
        after = dict(zip(circle, (*circle[1:], circle[0]), strict=True))
        grant, licensee = next(
            (grant, each) for grant in grants for each in grant.licensees if after.get(grant.authorizer) == each.name
        )
        start = circle.index(grant.authorizer)
        names = [shown(each) for each in (*circle[start:], *circle[: start + 1])]
        if len(names) > _LONGEST_CIRCLE:
            names[_LONGEST_CIRCLE // 2 : -_LONGEST_CIRCLE // 2] = ["..."]
        message = f"delegation goes round in a circle, {' -> '.join(names)}: it grants nothing that was not granted"
        yield grant.warning("KN117", message, licensee.span, "remove the delegation that leads back")
        for name in circle:
            delegates.pop(name, None)


def _circle(delegates: Mapping[str, Mapping[str, None]]) -> list[str]:
    """The members of one circle, each of which delegates to the next; none where there is no circle."""
    try:
        TopologicalSorter(delegates).prepare()
    except CycleError as cycle:
        # graphlib names predecessors first, and what we gave as those are the licensees.
        found: list[str] = cycle.args[1]
        return found[:0:-1]
    return []


def _unused(grants: Sequence[Subject]) -> Iterator[Diagnostic]:
    """Assertions by whom no delegation from POLICY reaches; signed ones may be meant for another policy."""
    delegates: dict[str, list[str]] = {}
    for grant in grants:
        delegates.setdefault(grant.authorizer, []).extend(each.name for each in grant.licensees)
    if POLICY not in delegates:
        return
    reached = {POLICY}
    waiting = [POLICY]
    while waiting:
        fresh = set(delegates.get(waiting.pop(), ())) - reached
        reached |= fresh
        waiting += fresh
    suggestions = Suggestions(sorted(reached - {POLICY}))
    for grant in grants:
        if grant.authorizer in reached or grant.assertion.signature is not None:
            continue
        message = f"nothing that POLICY says leads to {shown(grant.authorizer)}: this assertion is never used"
        hint = suggestions.hint(grant.authorizer, "name it in the Licensees of an assertion that is used")
        yield grant.warning("KN118", message, grant.assertion.authorizer.span, hint)


def _near_names(grants: Sequence[Subject]) -> Iterator[Diagnostic]:
    """Names that differ in the case of letters only. A passphrase may well differ from another in that."""
    first: dict[str, tuple[str, str]] = {POLICY.lower(): (POLICY, "the root of all trust")}
    told: set[str] = set()
    for grant in grants:
        for principal in (grant.assertion.authorizer, *grant.licensees):
            name = principal.name
            if name.startswith("passphrase"):
                continue
            other, where = first.setdefault(name.lower(), (name, f"{grant.source}:{principal.span.line}"))
            if other != name and name not in told:
                told.add(name)
                message = f"{shown(name)} is not {shown(other)} ({where}): case counts in names"
                yield grant.warning("KN114", message, principal.span, f"write {shown(other)}, if that is meant")
