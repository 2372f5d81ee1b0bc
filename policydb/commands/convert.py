"""The command `import`: another daemon's configuration converted, and every setting accounted for."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from grammar.errors import GrammarError
from policydb.commands.support import BAD, NO, YES, Unusable, decoded, read_text, show_findings, shown
from policydb.importers.conversion import Imported, Kind, Text, convert
from policydb.importers.ledger import Entry, Outcome

_COLOURS = {Outcome.LEFT: "yellow", Outcome.NEEDLESS: None}


def run_import(
    kind: str, path: str, secrets: str | None, folder: str | None, *, force: bool, local: str | None, form: str
) -> int:
    """Convert, write or print the two files, and list what was not carried; 1 where anything was left."""
    given = None if secrets is None else Text(secrets, read_text(secrets))
    try:
        imported = convert(Kind(kind), Text(path, read_text(path)), given, local)
    except GrammarError as problem:
        show_findings(problem.diagnostics, {})  # without the lines: they may hold secrets
        return BAD
    files = {"isakmpd.conf": imported.configuration, "isakmpd.policy": imported.policy}
    if folder is not None:
        _write(Path(folder), files, force=force)
    if form == "json":
        click.echo(json.dumps(_as_json(imported, {} if folder else files), indent=2))
    else:
        if folder is None:
            click.echo("\n".join(f"==> {name} <==\n{decoded(text)}" for name, text in files.items()), nl=False)
        _tell(imported, folder)
    return NO if imported.count(Outcome.LEFT) else YES


def _tell(imported: Imported, folder: str | None) -> None:
    """What was not carried, line by line, and a summary, on standard error."""
    for each in imported.entries:
        if each.outcome is not Outcome.CARRIED:
            verdict = click.style(f"{each.outcome}", fg=_COLOURS[each.outcome])
            place = f"{each.source}:{each.span.line}:{each.span.column}"
            click.echo(f"{place}: {verdict}: {_plain(each.setting)}: {_plain(each.reason)}", err=True)
    counts = ", ".join(f"{imported.count(each)} {each}" for each in Outcome)
    into = f"; isakmpd.conf and isakmpd.policy are in {folder}" if folder else ""
    click.echo(f"settings: {counts}{into}", err=True)


def _plain(text: str) -> str:
    """A text of the input as it may reach a terminal."""
    return "".join(each if each.isprintable() else "?" for each in shown(text))


def _as_json(imported: Imported, files: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {str(each): imported.count(each) for each in Outcome}
    told["settings"] = [_entry(each) for each in imported.entries]
    return told | ({"files": dict(files)} if files else {})


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "source": entry.source,
        "line": entry.span.line,
        "column": entry.span.column,
        "setting": entry.setting,
        "outcome": str(entry.outcome),
        "reason": entry.reason,
    }


def _write(folder: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write the files, readable by their owner alone; none is overwritten unless forced. Raises Unusable."""
    present = [str(folder / name) for name in files if (folder / name).exists() or (folder / name).is_symlink()]
    if present and not force:
        raise Unusable(f"{' and '.join(present)} would be overwritten", "give another folder, or --force")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in files.items():
            _place(folder, name, text.encode("latin-1"), force=force)
    except FileExistsError as problem:
        raise Unusable(f"{problem.filename2 or folder} exists", "give another folder, or --force") from None
    except OSError as problem:
        raise Unusable(f"{folder}: {problem.strerror}", "give a folder that you can write") from None


def _place(folder: Path, name: str, data: bytes, *, force: bool) -> None:
    """One file, whole or not at all. mkstemp makes it with mode 0600, and link() never overwrites."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if force:
            Path(temporary).replace(folder / name)
        else:
            (folder / name).hardlink_to(temporary)
    finally:
        Path(temporary).unlink(missing_ok=True)
