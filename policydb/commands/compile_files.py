"""The commands `compile` and `check`: what was published or found, said to people or to programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from grammar.errors import Diagnostic, Severity
from policydb.commands.support import BAD, YES, decoded, of_store, show_findings, who
from policydb.compiling.compilation import Compilation
from policydb.compiling.compiler import check_paths, compile_paths
from policydb.storage.storefile import StoreError
from policydb.streams import unguarded
from policydb.watching import Item

_MANY = 1_000
"""Items from which on a progress bar is worth its line."""


def publish(paths: Sequence[str], store: str, form: str) -> int:
    """Compile into the store and print what was published, or every error and that nothing was."""
    try:
        compilation = compile_paths(paths, store, datetime.now(UTC), _progress, who())
    except StoreError as problem:
        raise of_store(problem) from None
    in_force = _in_force(store) if compilation.generation is None else compilation.generation
    if form == "json":
        told = {
            "published": compilation.published,
            "generation": in_force,
            "counts": dict(compilation.counts),
            "diagnostics": as_json(compilation.diagnostics),
        }
        click.echo(json.dumps(told, indent=2))
    else:
        show_findings(compilation.diagnostics, compilation.sources)
        _tell(compilation, store, in_force)
    return BAD if compilation.generation is None else YES


def _progress(doing: str, items: Sequence[Item], /) -> Iterable[Item]:
    """A progress bar over many items where somebody looks at a terminal; else nothing."""
    if len(items) < _MANY or not sys.stderr.isatty():
        return items
    return _with_bar(doing, items)


def _with_bar(doing: str, items: Sequence[Item]) -> Iterator[Item]:
    steps = len(items) // 100
    with (
        unguarded(sys.stderr) as terminal,
        click.progressbar(items, label=f"{doing:<8}", file=terminal, update_min_steps=steps) as bar,
    ):
        yield from bar


def check(paths: Sequence[str], form: str) -> int:
    """Print every finding; errors make the exit code 2."""
    findings = check_paths(paths)
    errors = sum(each.severity is Severity.ERROR for each in findings.diagnostics)
    warnings = len(findings.diagnostics) - errors
    if form == "json":
        told = {"errors": errors, "warnings": warnings, "diagnostics": as_json(findings.diagnostics)}
        click.echo(json.dumps(told, indent=2))
    else:
        show_findings(findings.diagnostics, findings.sources)
        clean = not findings.diagnostics
        click.echo("no findings" if clean else f"{_number(errors, 'error')}, {_number(warnings, 'warning')}")
    return BAD if errors else YES


def _tell(compilation: Compilation, store: str, in_force: int | None) -> None:
    if compilation.generation is None:
        errors = sum(each.severity is Severity.ERROR for each in compilation.diagnostics)
        stays = f"generation {in_force} stays in force" if in_force else f"{store} holds no generation yet"
        click.echo(f"{_number(errors, 'error')}: nothing published; {stays}", err=True)
        return
    verb = "published" if compilation.published else "nothing has changed;"
    state = "" if compilation.published else " stays in force"
    click.echo(f"{verb} generation {compilation.generation}{state} in {store}: {_counted(compilation.counts)}")


def _counted(counts: Mapping[str, int]) -> str:
    parts = [_number(counts["files"], "file"), f"{_number(counts['assertions'], 'assertion')} ({counts['parsed']} new)"]
    if counts["bindings"]:
        parts += [_number(counts[each], each.removesuffix("s")) for each in ("peers", "connections")]
    return ", ".join(parts)


def _in_force(store: str) -> int | None:
    """The newest generation; None where there is none to be read."""
    from policydb.storage.history import list_generations  # a check looks at no store

    try:
        listed = list_generations(store)
    except StoreError:
        return None
    return listed[-1].number if listed else None


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def as_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Findings as programs read them."""
    return [
        {
            "source": each.source,
            "line": each.span.line,
            "column": each.span.column,
            "severity": str(each.severity),
            "code": str(each.code),
            "message": decoded(each.message),
            "hint": decoded(each.hint),
        }
        for each in diagnostics
    ]
