"""A store that grew by edits, held against one that was made of the same files at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from grammar.errors import Diagnostic, Severity
from policydb.compiling.compilation import Compilation
from policydb.compiling.compiler import compile_paths
from policydb.request import Request
from policydb.storage.history import compare
from policydb.storage.snapshot import Snapshot, open_snapshot
from tests.policydb.compiling.edits import INCLUDED

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING = "nothing.policy"
"""Generation 1 of every store here: what its texts are compared with."""

PRINCIPALS = ("POLICY", "k1", "k2", "k3")
REQUESTS = tuple(
    Request(asking, {"x": value, "y": value, "app_domain": "IPsec policy", "esp_present": "yes"})
    for asking in (("k1",), ("k3",), ("k2", "k3"), ("passphrase:word",), ("passphrase:192.0.2.1",))
    for value in ("0", "3")
)


class Published(NamedTuple):
    """What a compile came to, the texts that it compiled, and the warnings that are to be had about them."""

    compilation: Compilation
    texts: Mapping[str, str]
    warnings: frozenset[Diagnostic]


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """The files, readable by their owner alone; gives the paths that are named to the compiler."""
    for path in folder.glob("*.conf"):
        path.unlink()
    for name, text in texts.items():
        (folder / name).touch(0o600)
        (folder / name).write_text(text.replace("@FOLDER@", str(folder)), "latin-1")
    return [folder / name for name in texts if name != INCLUDED]


def publish(folder: Path, store: str, texts: Mapping[str, str]) -> Published:
    """Compile the files into a store, which gets its first generation here if it is new."""
    path = folder / store
    if not path.exists():
        nothing = folder / NOTHING
        nothing.write_text('Authorizer: "nobody"\nLicensees: "nobody"\n')
        compile_paths([nothing], path, NOW)
    compilation = compile_paths(write(folder, texts), path, NOW)
    return Published(compilation, texts, frozenset(_of(compilation, Severity.WARNING)))


def check(folder: Path, store: str, texts: Mapping[str, str], before: Published | None = None) -> Published:
    """Compile the files into the store; what that comes to is what a new store comes to. `before` is the last good one.

    Raises AssertionError.
    """
    grown = publish(folder, store, texts)
    new = folder / "fresh.db"
    fresh = publish(folder, new.name, texts)
    try:
        assert _of(grown.compilation, Severity.ERROR) == _of(fresh.compilation, Severity.ERROR)
        assert (grown.compilation.generation is None) == (fresh.compilation.generation is None)
        _check_warnings(grown, fresh, before)
        if grown.compilation.generation is None or fresh.compilation.generation is None:
            return grown
        assert {**grown.compilation.counts, "parsed": 0} == {**fresh.compilation.counts, "parsed": 0}
        with ExitStack() as stack:
            here = stack.enter_context(open_snapshot(folder / store))
            there = stack.enter_context(open_snapshot(new))
            _check_snapshots(here, there)
        assert _kept(folder / store, grown) == _kept(new, fresh)
    finally:
        for path in folder.glob("fresh.db*"):
            path.unlink()
    return grown._replace(warnings=fresh.warnings)


def _of(compilation: Compilation, severity: Severity) -> set[Diagnostic]:
    return {finding for finding in compilation.diagnostics if finding.severity is severity}


_PLACE = re.compile(r"\b(lines?) [0-9]+")


def _said(finding: Diagnostic) -> tuple[str, str, str]:
    """A finding without its place, which an edit elsewhere may move."""
    return finding.code, finding.source, _PLACE.sub(r"\1", finding.message)


def _check_warnings(grown: Published, fresh: Published, before: Published | None) -> None:
    """No warning is made up; what is to be said about a line that is new is said, unless it was to be said before."""
    assert grown.warnings <= fresh.warnings
    if before is None or not grown.compilation.published:
        return
    known = {line for text in before.texts.values() for line in text.split("\n")}
    said = set(map(_said, before.warnings))
    for warning in fresh.warnings - grown.warnings:
        lines = grown.texts.get(Path(warning.source).name, "").split("\n")
        line = lines[warning.span.line - 1] if warning.span.line <= len(lines) else ""
        assert line in known or _said(warning) in said, warning


def _check_snapshots(here: Snapshot, there: Snapshot) -> None:
    """Records, bindings, assertions and decisions."""
    one, other = here.configuration, there.configuration
    assert one == other
    assert [c.name for c in one.connections.values() if c.answers] == [
        c.name for c in other.connections.values() if c.answers
    ]
    assert here.bindings() == there.bindings()
    for principal in PRINCIPALS:
        assert list(here.authorized_by(principal)) == list(there.authorized_by(principal))
    assert [here.decide(each) for each in REQUESTS] == [there.decide(each) for each in REQUESTS]
    for request in REQUESTS[:2]:
        mine, theirs = here.explain(request), there.explain(request)
        assert (mine.assertions, mine.nearest) == (theirs.assertions, theirs.nearest)


_HEAD = re.compile(r"\tgeneration [0-9]+$")


def _kept(store: Path, published: Published) -> list[tuple[str, str, list[str]]]:
    """The texts that the store keeps, as `policydb diff` shows them beside generation 1."""
    changes = compare(store, 1, published.compilation.generation).changes
    return [(each.name, each.kind, [_HEAD.sub("", line) for line in each.lines]) for each in changes]
