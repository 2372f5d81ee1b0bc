"""The commands `fmt` and `lint`: policies laid out in one way; the warnings alone."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path

import click

from grammar.errors import Severity
from grammar.format import format_policy
from policydb.commands.compile_files import as_json
from policydb.commands.support import BAD, NO, YES, Unusable, show_findings, shown
from policydb.compiling.compiler import check_paths
from policydb.compiling.sources import STANDARD_INPUT, SourceKind, SourceText, read_sources


def format_files(paths: Sequence[str], *, check: bool, diff: bool, write: bool) -> int:
    """Lay out every policy; print the result, or its differences, or write it; with `check`, name what differs."""
    texts, findings = read_sources(paths)
    show_findings(findings, {})
    unusable = bool(findings)
    differ = False
    for source in texts:
        if source.kind is not SourceKind.POLICY:
            if source.name not in paths:
                continue  # one of the files of a folder
            raise Unusable(f"{source.name}: only policies are formatted, and this is a configuration")
        formatted = format_policy(source.text, source.name)
        bad = [each for dropped in formatted.dropped for each in dropped.diagnostics]
        show_findings(bad, {source.name: source.text})
        unusable = unusable or bool(bad)
        changed = formatted.text != source.text
        differ = differ or changed
        if check and changed:
            click.echo(f"{source.name} is not formatted", err=diff)
        if diff:
            _print(_difference(source, formatted.text))
        if write and changed:
            _write(source.name, formatted.text)
        if not (check or diff or write):
            _print(formatted.text)
    if unusable:
        return BAD
    return NO if check and differ else YES


def lint(paths: Sequence[str], form: str) -> int:
    """Print the warnings; files with errors are not looked at as a whole, which the exit code says."""
    findings = check_paths(paths)
    warnings = [each for each in findings.diagnostics if each.severity is Severity.WARNING]
    errors = len(findings.diagnostics) - len(warnings)
    if form == "json":
        told = {"errors": errors, "warnings": len(warnings), "diagnostics": as_json(warnings)}
        click.echo(json.dumps(told, indent=2))
    else:
        show_findings(warnings, findings.sources)
        if errors:
            click.echo(f"{errors} error{'s' if errors > 1 else ''}: policydb check shows them", err=True)
    if errors:
        return BAD
    return NO if warnings else YES


def _difference(source: SourceText, text: str) -> str:
    found = unified_diff(_lines(source.text), _lines(text), source.name, f"{source.name} (formatted)", lineterm="")
    return "".join([f"{line}\n" for line in found])


def _lines(text: str) -> list[str]:
    # Split at newlines alone: the other characters that splitlines() knows are text here.
    found = text.split("\n")
    if found[-1]:
        found[-1] += "\n\\ No newline at end of file"
    else:
        found.pop()
    return found


def _print(text: str) -> None:
    """To a terminal as a person may read it; into a file or a pipe octet by octet, for it is to be a policy there."""
    click.echo(shown(text) if sys.stdout.isatty() else text.encode("latin-1"), nl=False)


def _write(name: str, text: str) -> None:
    """Put the text in the file's place at once or not at all, with the mode and the owner it had."""
    if name == STANDARD_INPUT:
        raise Unusable("standard input cannot be written to", "leave out -w to print the result")
    path = Path(os.path.realpath(name))
    try:
        was = path.stat()
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("latin-1"))
                file.flush()
                os.fsync(file.fileno())
            if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(temporary, was.st_uid, was.st_gid)
            Path(temporary).chmod(was.st_mode)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise Unusable(f"{name}: cannot be written: {problem.strerror}") from None
