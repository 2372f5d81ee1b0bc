"""The commands `generations`, `diff` and `rollback`: what was published, how it differs, and going back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from grammar.errors import visible
from policydb.commands.support import NO, YES, Unusable, of_store, shown, who
from policydb.storage.history import Comparison, SourceChange, Status, compare, list_generations, roll_back
from policydb.storage.schema import Generation
from policydb.storage.storefile import StoreError

_COLOURS = {"-": "red", "+": "green", "@": "cyan"}


def generations(store: str, form: str) -> int:
    """Print every generation of the store, oldest first."""
    try:
        listed = list_generations(store)
    except StoreError as problem:
        raise of_store(problem) from None
    newest = listed[-1].number if listed else None
    if form == "json":
        click.echo(json.dumps([_as_json(each, newest) for each in listed], indent=2))
        return YES
    for each in listed:
        mark = "in force" if each.number == newest else ""
        names = ", ".join(visible(one.name) for one in each.sources)
        restored = f"  (those of generation {each.restores})" if each.restores else ""
        when, author = visible(each.published), visible(each.author) or "-"
        click.echo(f"{each.number:>6}  {when}  {mark:<8}  {author:<10}  {names}{restored}")
    return YES


def _as_json(generation: Generation, newest: int | None) -> dict[str, Any]:
    return {
        "generation": generation.number,
        "published": generation.published,
        "author": generation.author or None,
        "restores": generation.restores,
        "in_force": generation.number == newest,
        "sources": [{"name": one.name, "kind": one.kind, "digest": one.digest} for one in generation.sources],
    }


def diff(before: int, after: int | None, store: str, form: str) -> int:
    """Print how the sources of two generations differ: exit code 0 where they do not, 1 where they do."""
    try:
        comparison = compare(store, before, after)
    except StoreError as problem:
        raise of_store(problem) from None
    if form == "json":
        click.echo(json.dumps(_comparison_as_json(comparison), indent=2))
    else:
        for line in _lines(comparison):
            click.echo(click.style(_plain(line), fg=_COLOURS.get(line[:1])))
    return YES if comparison.same else NO


def _plain(line: str) -> str:
    """A line of a source as a terminal may get it, its tabs kept."""
    return "\t".join(map(visible, line.split("\t")))


def _lines(comparison: Comparison) -> Iterator[str]:
    for each in comparison.changes:
        yield from each.lines or (_without_lines(each),)
    if comparison.reordered:
        yield "the sources stand in another order"


def _without_lines(change: SourceChange) -> str:
    if change.status is Status.CHANGED:
        return f"{change.name}: the text without its secrets is the same, but not what it was compiled to"
    return f"{change.name}: {change.status}, and empty"


def _comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    changes = [
        {"name": each.name, "kind": each.kind, "status": str(each.status), "diff": list(map(shown, each.lines))}
        for each in comparison.changes
    ]
    return {
        "before": comparison.before,
        "after": comparison.after,
        "same": comparison.same,
        "reordered": comparison.reordered,
        "sources": changes,
    }


def rollback(wanted: int | None, store: str, form: str) -> int:
    """Publish the sources of a generation again, by default of the one before that in force; print what came of it."""
    try:
        listed = list_generations(store)
        if not listed or (wanted is None and len(listed) == 1):
            message = f"{store} holds {'one generation only' if listed else 'no generation yet'}"
            raise Unusable(message, "there is nothing to go back to")
        number = listed[-2].number if wanted is None else wanted
        publication = roll_back(store, number, datetime.now(UTC), who())
    except StoreError as problem:
        raise of_store(problem) from None
    if form == "json":
        told = {"published": publication.published, "generation": publication.generation, "restores": number}
        click.echo(json.dumps(told, indent=2))
    elif publication.published:
        click.echo(f"published generation {publication.generation} in {store}: the sources of generation {number}")
    else:
        stays = f"generation {publication.generation} stays in force in {store}"
        click.echo(f"nothing has changed; {stays}: it has the sources of generation {number}")
    return YES
