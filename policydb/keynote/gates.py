"""Licensees fields as counting gates: a gate opens when enough of its members have, whatever their order.

`a && b` needs both members, `a || b` one, `K-of` K of them, with multiplicity (RFC 2704 section 4.6.2). A gate counts
down while principals are settled from the greatest value to the least, so the member that opens it carries its value.
"""

from __future__ import annotations

from dataclasses import dataclass

from policydb.graph import Principals


@dataclass(slots=True, eq=False)
class Gate:
    """Opens after `needed` of its members; `parent` is the gate it is a member of, None for the whole field."""

    needed: int
    parent: Gate | None = None


def wire(licensees: Principals) -> dict[str, list[Gate | None]]:
    """For each principal the gates it is a member of, one entry per occurrence; [None] where it is the whole field.

    A field that nobody can satisfy names no principal.
    """
    inputs: dict[str, list[Gate | None]] = {}
    work: list[tuple[Principals, Gate | None]] = [(licensees, None)]
    while work:
        item, parent = work.pop()
        if isinstance(item, str):
            inputs.setdefault(item, []).append(parent)
        elif item:
            needed, members = group(item)
            gate = Gate(needed, parent)
            work.extend((each, gate) for each in reversed(members))
    return inputs


def group(item: tuple[str | int | Principals, ...]) -> tuple[int, list[Principals]]:
    """How many members of an "and", "or" or "of" are needed, and the members."""
    if item[0] == "of":
        needed, members = item[1], item[2:]
    else:
        members = item[1:]
        needed = len(members) if item[0] == "and" else 1
    return (needed if isinstance(needed, int) else 1), [each for each in members if not isinstance(each, int)]
