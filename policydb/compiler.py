"""Files to a generation of the store: STAGES, each of which adds to what is known and to what is to be said about it.

Every stage runs over whatever the earlier ones left usable, so that one run tells all findings. Only the last one
writes, and only where there is no error: else the old generation stays in force.

An assertion that the store has already is neither parsed nor looked at again; `check_paths` looks at everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from grammar import nodes
from grammar.conf import parse_conf
from grammar.errors import Diagnostic, GrammarError, Severity
from grammar.keynote import parse_policy, split_assertions
from policydb.conditions import compile_assertion
from policydb.config import check_keys, is_kept, resolve
from policydb.connections import Configuration
from policydb.graph import CompiledAssertion
from policydb.lint import lint_delegation, lint_policy
from policydb.memory import licensees_of
from policydb.sealing import escapes_sealing, hide_keys, is_key, seal_bindings, seal_policy
from policydb.sources import SourceKind, SourceText, exposure, read_sources
from policydb.store import Passage, Setting, Source, open_store
from policydb.storefile import StoreError


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
class _Piece:
    """An assertion's text in its policy: where it starts, and SHA-256 over it, by which the store knows it."""

    offset: int
    line: int
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class _File:
    """One file on its way: `pieces` of a policy, of which `assertions` were parsed and `compiled`, or `bindings`."""

    source: SourceText
    shown: str
    pieces: tuple[_Piece, ...] = ()
    assertions: tuple[nodes.Assertion, ...] = ()
    compiled: Mapping[str, CompiledAssertion] = field(default_factory=dict)
    bindings: tuple[nodes.Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """What the stages hand on. `store` None: nothing is known and nothing will be published."""

    paths: tuple[str | Path, ...]
    store: Path | None = None
    now: datetime | None = None
    files: tuple[_File, ...] = ()
    configuration: Configuration = field(default_factory=Configuration)
    diagnostics: tuple[Diagnostic, ...] = ()
    generation: int | None = None
    published: bool = False

    def with_findings(self, found: Iterable[Diagnostic]) -> Work:
        """The same with more to be said."""
        return replace(self, diagnostics=(*self.diagnostics, *found))


Stage: TypeAlias = Callable[[Work], Work]


class Stages(NamedTuple):
    """The way of a file into the store."""

    read: Stage
    parse: Stage
    compile: Stage
    resolve: Stage
    lint: Stage
    publish: Stage


def compile_paths(paths: Iterable[str | Path], store_path: str | Path, now: datetime) -> Compilation:
    """Compile files into a new generation, or say what is wrong with them. `now` is aware.

    Raises StoreError where the store itself cannot be used.
    """
    work = Work(tuple(paths), Path(store_path), now)
    for stage in STAGES:
        work = stage(work)
    findings = _findings(work)
    return Compilation(work.generation, work.published, findings.diagnostics, findings.sources, _counts(work))


def check_paths(paths: Iterable[str | Path]) -> Findings:
    """Everything that is to be said about files; nothing is written, and no store is looked at."""
    work = Work(tuple(paths))
    for stage in STAGES:
        work = stage(work)
    return _findings(work)


# --- the stages ---------------------------------------------------------------------------------------------------


def _read(work: Work) -> Work:
    """Paths to texts. Passphrases leave the program here: what comes after sees their digests."""
    texts, findings = read_sources(work.paths)
    files = []
    for text in texts:
        if text.kind is SourceKind.CONFIGURATION:
            files.append(_File(text, hide_keys(text.text)))
            continue
        sealed = seal_policy(text.text)
        if sealed != text.text and text.exposed:
            findings.append(exposure(text))
        files.append(_File(replace(text, text=sealed), sealed))
    return replace(work, files=tuple(files)).with_findings(findings)


def _parse(work: Work) -> Work:
    """Texts to nodes: bindings of configurations, and those assertions of policies that the store does not know."""
    pieces = {each.source.name: _pieces(each.source) for each in work.files}
    known = _known(work.store, (piece.digest for found in pieces.values() for piece in found))
    files, findings = [], list[Diagnostic]()
    for each in work.files:
        name = each.source.name
        if each.source.kind is SourceKind.CONFIGURATION:
            conf = parse_conf(each.source.text, name)
            files.append(replace(each, bindings=conf.bindings))
            findings += conf.diagnostics
            if each.source.exposed and any(is_key(binding) for binding in conf.bindings):
                findings.append(exposure(each.source))
        else:
            policy = parse_policy(_without(each.source.text, pieces[name], known), name)
            files.append(replace(each, pieces=pieces[name], assertions=policy.assertions))
            findings += policy.diagnostics
    return replace(work, files=tuple(files)).with_findings(findings)


def _compile(work: Work) -> Work:
    """Nodes of assertions to their compiled form."""
    files, findings = [], list[Diagnostic]()
    for each in work.files:
        compiled = {}
        for assertion in each.assertions:
            try:
                made = compile_assertion(assertion, each.source.name)
            except GrammarError as error:
                findings += error.diagnostics
                continue
            compiled[made.digest] = made
            findings += _unsealed(made, assertion.span)
        files.append(replace(each, compiled=compiled))
    return replace(work, files=tuple(files)).with_findings(findings)


def _resolve(work: Work) -> Work:
    """Bindings of all configurations together to peers and connections."""
    bindings = [(each.source.name, binding) for each in work.files for binding in each.bindings]
    found = resolve(bindings)
    return replace(work, configuration=found.configuration).with_findings((*check_keys(bindings), *found.diagnostics))


def _lint(work: Work) -> Work:
    """What authors seldom mean, in the assertions that were parsed. Who delegates to whom can be seen in all alone."""
    found = [finding for each in work.files for finding in lint_policy(each.assertions, each.source.name)]
    if work.store is None and not _findings(work).has_errors:
        found += lint_delegation([(each.source.name, each.assertions) for each in work.files])
    return work.with_findings(found)


def _publish(work: Work) -> Work:
    """The one stage that writes."""
    if work.store is None or work.now is None or _findings(work).has_errors:
        return work
    with open_store(work.store) as store:
        publication = store.publish([_source(each) for each in work.files], work.now)
    return replace(work, generation=publication.generation, published=publication.published)


STAGES = Stages(read=_read, parse=_parse, compile=_compile, resolve=_resolve, lint=_lint, publish=_publish)
"""In this order."""


# --- tools of the stages ------------------------------------------------------------------------------------------


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1", "backslashreplace")).hexdigest()


def _pieces(source: SourceText) -> tuple[_Piece, ...]:
    """The assertions of a policy, unparsed; nothing of a configuration."""
    if source.kind is SourceKind.CONFIGURATION:
        return ()
    return tuple(_Piece(offset, line, text, _digest(text)) for offset, line, text in split_assertions(source.text))


def _known(store: Path | None, digests: Iterable[str]) -> frozenset[str]:
    """The digests that the store has; none where it cannot be asked, which publishing will then say."""
    if store is None or not store.exists():
        return frozenset()
    try:
        with open_store(store) as opened:
            return opened.known(digests)
    except StoreError:
        return frozenset()


def _without(text: str, pieces: Iterable[_Piece], known: Collection[str]) -> str:
    """The text with its known assertions blanked: the others stay at their offsets, and in their lines."""
    if not known:
        return text
    parts: list[str] = []
    end = 0
    skipped = False
    for piece in pieces:
        if piece.digest in known:
            skipped = True
            continue
        gap = text[end : piece.offset]
        parts += (_blanked(gap, first=end == 0) if skipped else gap, piece.text)
        end, skipped = piece.offset + len(piece.text), False
    return "".join(parts)


def _blanked(gap: str, *, first: bool) -> str:
    """As many characters and as many newlines, with an empty line at each end where an assertion stands."""
    newlines = gap.count("\n")
    blanks = " " * (len(gap) - newlines)
    return blanks + "\n" * newlines if first else "\n" + blanks + "\n" * (newlines - 1)


def _unsealed(compiled: CompiledAssertion, span: nodes.Span) -> Iterable[Diagnostic]:
    """An error if a passphrase would enter the store in the clear."""
    principals = (compiled.authorizer, *licensees_of(compiled.licensees))
    values = (*principals, *compiled.constants, *(value for _, value in compiled.local_constants))
    if any(escapes_sealing(each) for each in values):
        message = "a passphrase is put together from pieces, broken over lines, or its prefix is in capitals"
        hint = 'write it as one string, "passphrase:...", or as its digest, "passphrase-sha1-hex:..."'
        yield Diagnostic("PD005", message, compiled.place.source, span, hint)


def _source(file: _File) -> Source:
    name, kind = file.source.name, str(file.source.kind)
    if file.source.kind is SourceKind.POLICY:
        passages = tuple(Passage(each.digest, each.line, file.compiled.get(each.digest)) for each in file.pieces)
        return Source(name, kind, _digest(file.source.text), passages)
    settings = tuple(
        Setting(each.span.line, each.section, each.tag, each.value)
        for each in seal_bindings(file.bindings)
        if is_kept(each)
    )
    kept = json.dumps([(each.line, each.section, each.tag, each.value) for each in settings])
    return Source(name, kind, _digest(kept), settings=settings)


def _findings(work: Work) -> Findings:
    order = {each.source.name: position for position, each in enumerate(work.files)}
    ranked = sorted(
        dict.fromkeys(work.diagnostics),
        key=lambda each: (order.get(each.source, -1), each.span.line, each.span.start, each.code),
    )
    sources = {each.source: "" for each in ranked} | {each.source.name: each.shown for each in work.files}
    return Findings(tuple(ranked), sources)


def _counts(work: Work) -> dict[str, int]:
    written = {binding.section.lower() for each in work.files for binding in each.bindings}
    return {
        "files": len(work.files),
        "assertions": sum(len(each.pieces) for each in work.files),
        "parsed": sum(len(each.assertions) for each in work.files),
        "bindings": sum(len(each.bindings) for each in work.files),
        "peers": sum(name.lower() in written for name in work.configuration.peers),
        "connections": len(work.configuration.connections),
    }
