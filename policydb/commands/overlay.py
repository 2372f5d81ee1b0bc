"""The command `overlay`: what FIFO commands have changed on the generation in force, from the daemon's own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from policydb.commands.support import NO, YES, Unusable, shown, unreadable
from policydb.compiling.sources import read_included
from policydb.configuration.overlay import Difference, Overlay, OverlayError, from_text, to_json

_HINT = "the daemon writes overlay.json into its state directory; name that with --state DIR"


def show(path: Path, form: str) -> int:
    """Print the overlay of a file: exit code 0 where there is one, 1 where nothing was changed (no file either)."""
    overlay = _read(path)
    if form == "json":
        click.echo(json.dumps(to_json(overlay) if overlay else None, indent=2))
    elif overlay is None:
        click.echo(f"no overlay: there is no {path}")
    else:
        for line in _lines(overlay):
            click.echo(shown(line))
    return YES if overlay and overlay.differences else NO


def _read(path: Path) -> Overlay | None:
    """None: the daemon has no overlay, or is not there. Raises Unusable."""
    try:
        return from_text(read_included(str(path)))  # what is no regular file is not waited for
    except FileNotFoundError as problem:
        if path.parent.is_dir():
            return None
        raise unreadable(str(path), problem) from None
    except OSError as problem:
        raise unreadable(str(path), problem) from None
    except OverlayError:
        raise Unusable(f"{path}: this is no overlay that isakmpd wrote", _HINT) from None


def _lines(overlay: Overlay) -> Iterator[str]:
    count = len(overlay.differences)
    state = "" if overlay.in_force else ", not all of it in force yet"
    yield f"FIFO changes on generation {overlay.generation}: {count} tag{'' if count == 1 else 's'}{state}"
    for _, group in groupby(overlay.differences, key=lambda each: each.section.lower()):
        changes = list(group)
        yield f"[{changes[0].section}]"
        for each in changes:
            yield from _signed(each)
    yield from overlay.findings


def _signed(change: Difference) -> Iterator[str]:
    for sign, value in (("-", change.before), ("+", change.after)):
        if value is not None:
            yield f"{sign} {change.tag}={value}"
