"""A compile on its way: what its stages hand on, and what is told of it in the end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from grammar import nodes
from grammar.errors import Diagnostic, Severity
from policydb.compiling.sources import SourceKind, SourceText
from policydb.configuration.sections import Edge
from policydb.connections import Configuration
from policydb.watching import Watch, unwatched

if TYPE_CHECKING:  # a check of one language loads neither the other nor the store
    from grammar.keynote import Piece
    from policydb.compiling.recompiling import Changes
    from policydb.keynote.reading import Reading
    from policydb.storage.parts import Contents, Part
    from policydb.storage.store import Source
    from policydb.storage.stretches import Stretch


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be said about files; `sources` are their texts by name, as they may be shown: without secrets."""

    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]

    @property
    def has_errors(self) -> bool:
        """Whether something keeps the files from being published."""
        return any(each.severity is Severity.ERROR for each in self.diagnostics)


@dataclass(frozen=True, slots=True)
class Compilation:
    """What came of compiling. `generation` is the one in force now, None after errors; `published`: it is new.

    `counts`: files, assertions, parsed (of these, the ones that were new), bindings, peers (built-in ones left out),
    connections.
    """

    generation: int | None
    published: bool
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, str]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class File:
    """One file on its way: `bindings` of a configuration, or a policy.

    Of a policy there are the stretches in which the store keeps it, the pieces that it does not know, each with the
    digest of its text, and what came of these. `translated`: it comes of an ipsec.conf, bindings or policy, in `parts`.
    `ready`: only what has changed in it was looked at, and nothing is left to be done.
    """

    source: SourceText
    shown: str
    count: int = 0
    stretches: tuple[Stretch, ...] = ()
    new: tuple[tuple[str, Piece], ...] = ()
    readings: tuple[Reading, ...] = ()
    bindings: tuple[nodes.Binding, ...] = ()
    translated: bool = False
    parts: tuple[tuple[Part, Contents], ...] = ()
    ready: Source | None = None

    @property
    def settings(self) -> int:
        """How many bindings a file has; what rules of two parts say counts twice."""
        if self.source.kind is SourceKind.POLICY:
            return 0
        return sum(len(each.bindings) for _, each in self.parts) if self.parts else len(self.bindings)


@dataclass(frozen=True, slots=True)
class Work:
    """What the stages hand on. `store` None: nothing is known and nothing will be published."""

    paths: tuple[str | Path, ...]
    store: Path | None = None
    now: datetime | None = None
    watch: Watch = unwatched
    author: str = ""
    files: tuple[File, ...] = ()
    changes: Changes | None = None
    configuration: Configuration = field(default_factory=Configuration)
    edges: Collection[Edge] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    generation: int | None = None
    published: bool = False

    def with_findings(self, found: Iterable[Diagnostic]) -> Work:
        """The same with more to be said."""
        return replace(self, diagnostics=(*self.diagnostics, *found))

    def findings(self) -> Findings:
        """Everything that is to be said so far, in the order of the files."""
        order = {each.source.name: position for position, each in enumerate(self.files)}
        ranked = sorted(
            dict.fromkeys(self.diagnostics),
            key=lambda each: (order.get(each.source, -1), each.span.line, each.span.start, each.code),
        )
        sources = {each.source: "" for each in ranked} | {each.source.name: each.shown for each in self.files}
        return Findings(tuple(ranked), sources)

    def compilation(self) -> Compilation:
        """What came of it."""
        findings = self.findings()
        return Compilation(self.generation, self.published, findings.diagnostics, findings.sources, self._counts())

    def _counts(self) -> dict[str, int]:
        told = self.changes.counts if self.changes else {}
        written = {binding.section.lower() for each in self.files for binding in each.bindings}
        return {
            "files": sum(not (each.translated and each.source.kind is SourceKind.POLICY) for each in self.files),
            "assertions": sum(each.count for each in self.files) + told.get("assertions", 0),
            "parsed": sum(each.compiled is not None for file in self.files for each in file.readings)
            + sum(len(each.ready.compiled) for each in self.files if each.ready),
            "bindings": sum(each.settings for each in self.files),
            "peers": sum(name.lower() in written for name in self.configuration.peers),
            "connections": len(self.configuration.connections),
            **{name: count for name, count in told.items() if name != "assertions"},
        }
