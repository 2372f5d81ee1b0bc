"""Files to a generation of the store: STAGES, each of which adds to what is known and to what is to be said about it.

Every stage runs over whatever the earlier ones left usable, so that one run tells all findings. Only the last one
writes, and only where there is no error: else the old generation stays in force.

An assertion that the store has already is neither parsed nor looked at again; `check_paths` looks at everything.
"""

from __future__ import annotations

import gc
import hashlib
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from grammar import nodes
from grammar.conf import parse_conf
from grammar.errors import Diagnostic, Severity
from policydb.config import check_keys, resolve
from policydb.connections import Configuration
from policydb.sealing import escapes_sealing, hide_keys, is_key, seal_policy
from policydb.sources import SourceKind, SourceText, exposure, read_sources
from policydb.storefile import StoreError
from policydb.stretches import Stretch, stretches_of
from policydb.watching import Watch, unwatched

if TYPE_CHECKING:  # a check of one language loads neither the other nor the store
    from grammar.keynote import Piece
    from policydb.parts import Contents, Part
    from policydb.reading import Reader, Reading
    from policydb.recompiling import Changes
    from policydb.store import Source


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
class _File:
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


@dataclass(frozen=True, slots=True)
class Work:
    """What the stages hand on. `store` None: nothing is known and nothing will be published."""

    paths: tuple[str | Path, ...]
    store: Path | None = None
    now: datetime | None = None
    watch: Watch = unwatched
    author: str = ""
    files: tuple[_File, ...] = ()
    changes: Changes | None = None
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
    split: Stage
    parse: Stage
    resolve: Stage
    lint: Stage
    publish: Stage


def compile_paths(
    paths: Iterable[str | Path],
    store_path: str | Path,
    now: datetime,
    watch: Watch = unwatched,
    author: str = "",
) -> Compilation:
    """Compile files into a new generation, or say what is wrong with them. `now` is aware; `watch` sees it go on.

    `author` is who does it, for the list of generations. Raises StoreError where the store itself cannot be used.
    """
    with _uncollected():
        work = Work(tuple(paths), Path(store_path), now, watch, author)
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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing that is made here is garbage before the end: looking for some takes a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# --- the stages ---------------------------------------------------------------------------------------------------


def _read(work: Work) -> Work:
    """Paths to texts. Passphrases leave the program here: what comes after sees their digests."""
    texts, findings = read_sources(work.paths)
    changes = None if work.store is None or findings else _changes(texts, work.store)
    files: list[_File] = []
    for text in texts:
        if changes is not None and text.kind is not SourceKind.POLICY:
            ready = _ready(text, changes)
            files = [*ready, *files] if text.kind is SourceKind.IPSEC else [*files, *ready]
            continue
        if text.kind is SourceKind.IPSEC:
            translated, found = _translated(text)
            files[:0] = translated  # in front: what its commands set has force
            findings += found
            continue
        if text.kind is SourceKind.CONFIGURATION:
            files.append(_File(text, hide_keys(text.text)))
            continue
        sealed = seal_policy(text.text)
        if sealed != text.text and text.exposed:
            findings.append(exposure(text))
        files.append(_File(replace(text, text=sealed), sealed))
    findings += changes.diagnostics if changes else ()
    return replace(work, files=tuple(files), changes=changes).with_findings(findings)


def _split(work: Work) -> Work:
    """Policies to pieces, an assertion each, and which of them the store does not know."""
    if all(each.source.kind is not SourceKind.POLICY or each.ready for each in work.files):
        return work
    from grammar.keynote import split_assertions
    from policydb.publishing import policy_stretches

    pieces: dict[str, list[tuple[str, Piece]]] = {}
    stretches: dict[str, tuple[Stretch, ...]] = {}
    for each in work.files:
        if each.source.kind is SourceKind.POLICY and each.ready is None:
            found = [(_digest(piece.text), piece) for piece in split_assertions(each.source.text)]
            pieces[each.source.name] = found
            passages = [(piece.line, digest) for digest, piece in found]
            cut = policy_stretches(each.parts) if each.translated else stretches_of(passages)
            stretches[each.source.name] = cut
    lacking = _lacking(work.store, [each for found in stretches.values() for each in found])
    files = []
    for each in work.files:
        mine = pieces.get(each.source.name, [])
        new = mine if lacking is None else [each for each in mine if each[0] in lacking]
        files.append(replace(each, count=len(mine), stretches=stretches.get(each.source.name, ()), new=tuple(new)))
    return replace(work, files=tuple(files))


def _parse(work: Work) -> Work:
    """Texts to what they say: bindings of configurations, and the new assertions of policies, compiled."""
    reader: Reader | None = None
    files, findings = [], list[Diagnostic]()
    for each in work.files:
        name = each.source.name
        if each.ready is not None:
            files.append(each)
        elif each.source.kind is SourceKind.CONFIGURATION:
            conf = parse_conf(each.source.text, name)
            files.append(replace(each, bindings=(*each.bindings, *conf.bindings)))
            findings += conf.diagnostics
            if each.source.exposed and any(is_key(binding) for binding in files[-1].bindings):
                findings.append(exposure(each.source))
        else:
            reader = reader or _reader()
            readings = tuple(reader.read(piece, digest, name) for digest, piece in work.watch("parsing", each.new))
            files.append(replace(each, readings=readings))
            findings += (finding for reading in readings for finding in (*reading.diagnostics, *_unsealed(reading)))
    return replace(work, files=_merged(files)).with_findings(findings)


def _resolve(work: Work) -> Work:
    """Bindings of all configurations together to peers and connections."""
    if work.changes is not None:
        return work
    bindings = [(each.source.name, binding) for each in work.files for binding in each.bindings]
    found = resolve(bindings)
    findings = _worded(work.files, (*check_keys(bindings), *found.diagnostics))
    return replace(work, configuration=found.configuration).with_findings(findings)


def _lint(work: Work) -> Work:
    """What authors seldom mean, in the assertions that were parsed. Who delegates to whom can be seen in all alone."""
    if not any(map(_usable, work.files)):
        return work
    from policydb.lint import lint_subject
    from policydb.lint_support import Subject, asks_for_ipsec
    from policydb.regex import Patterns

    findings: list[Diagnostic] = []
    patterns = Patterns()
    for each in work.files:
        name, usable = each.source.name, _usable(each)
        is_ipsec = any(asks_for_ipsec(Subject(reading.draft(), name)) for reading in usable)
        for reading in usable:
            # A draft has no places of its own, but says whether there is anything to be said at all.
            if lint_subject(Subject(reading.draft(), name), patterns, is_ipsec=is_ipsec):
                findings += lint_subject(Subject(reading.exact(), name), patterns, is_ipsec=is_ipsec)
    if work.store is None and not _findings(work).has_errors:
        findings += _lint_delegation(work.files)
    return work.with_findings(findings)


def _reader() -> Reader:
    from policydb.reading import Reader

    return Reader()


def _usable(file: _File) -> list[Reading]:
    """What authors wrote; the assertions of an ipsec.conf are nobody's."""
    return [reading for reading in file.readings if reading.compiled is not None and not file.translated]


def _lint_delegation(files: Sequence[_File]) -> list[Diagnostic]:
    from policydb.lint import lint_delegation

    if not lint_delegation([(each.source.name, [reading.draft() for reading in _usable(each)]) for each in files]):
        return []
    return lint_delegation([(each.source.name, [reading.exact() for reading in _usable(each)]) for each in files])


def _publish(work: Work) -> Work:
    """The one stage that writes."""
    if work.store is None or work.now is None or _findings(work).has_errors:
        return work
    from policydb.store import open_store

    with open_store(work.store) as store:
        publication = store.publish(
            [each.ready or _source(each) for each in work.files], work.now, work.watch, work.author
        )
    return replace(work, generation=publication.generation, published=publication.published)


STAGES = Stages(read=_read, split=_split, parse=_parse, resolve=_resolve, lint=_lint, publish=_publish)
"""In this order."""


# --- ipsec.conf ---------------------------------------------------------------------------------------------------


def _translated(source: SourceText) -> tuple[list[_File], tuple[Diagnostic, ...]]:
    """An ipsec.conf as configurations that are read already, one a file, and a policy; and its findings."""
    from policydb.ipsec_sources import compile_ipsec  # few have one
    from policydb.publishing import policy_name

    found = compile_ipsec(source.text, source.name, lambda name: Path(name).read_text("latin-1"), platform.node())
    files = [
        _File(
            SourceText(name, SourceKind.CONFIGURATION, "", source.exposed),
            found.texts[name],
            bindings=found.bindings[name],
            translated=True,
            parts=found.parts[name],
        )
        for name in found.texts
    ]
    if found.policy:
        policy = SourceText(policy_name(source.name), SourceKind.POLICY, found.policy)
        files.append(_File(policy, found.policy, translated=True, parts=found.parts[source.name]))
    return files, found.diagnostics


def _changes(texts: Sequence[SourceText], store: Path) -> Changes | None:
    """What has changed in configurations, where no more has to be looked at."""
    if all(each.kind is SourceKind.POLICY for each in texts):
        return None
    from policydb.recompiling import changes_of  # a check needs none of it

    return changes_of(texts, store, platform.node())


def _ready(text: SourceText, changes: Changes) -> list[_File]:
    """The sources that a configuration came to, an ipsec.conf to two, ready to be published."""
    from policydb.publishing import policy_name

    files = []
    for name in (text.name, policy_name(text.name)):
        if name in changes.sources and (name == text.name or text.kind is SourceKind.IPSEC):
            kind = SourceKind(changes.sources[name].kind)
            source = SourceText(name, kind, "", text.exposed)
            translated = text.kind is SourceKind.IPSEC
            files.append(_File(source, changes.texts.get(name, ""), translated=translated, ready=changes.sources[name]))
    return files


def _worded(files: Sequence[_File], findings: Sequence[Diagnostic]) -> Iterable[Diagnostic]:
    """Findings, those about rules of an ipsec.conf in its words."""
    ruled = {each.source.name for each in files if each.translated}
    if not ruled:
        return findings
    from policydb.ipsec_words import in_words_of_rules

    return [in_words_of_rules(each) if each.source in ruled else each for each in findings]


def _merged(files: Sequence[_File]) -> tuple[_File, ...]:
    """The files, those that come of an ipsec.conf with their lists behind those of isakmpd.conf."""
    if not any(each.translated for each in files):
        return tuple(files)
    from policydb.ipsec_sources import with_lists

    others = [binding for each in files if not each.translated for binding in each.bindings]
    return tuple(
        replace(each, bindings=with_lists(each.bindings, others)) if each.translated else each for each in files
    )


# --- tools of the stages ------------------------------------------------------------------------------------------


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1", "backslashreplace")).hexdigest()


def _lacking(store: Path | None, stretches: Iterable[Stretch]) -> frozenset[str] | None:
    """What has to be parsed; None, everything, where the store cannot be asked, which publishing will then say."""
    if store is None or not store.exists():
        return None
    from policydb.store import open_store

    try:
        with open_store(store) as opened:
            return opened.lacking(stretches)
    except StoreError:
        return None


def _unsealed(reading: Reading) -> Iterable[Diagnostic]:
    """An error if a passphrase would enter the store in the clear."""
    compiled = reading.compiled
    if compiled is None:
        return
    from policydb.memory import licensees_of

    principals = (compiled.authorizer, *licensees_of(compiled.licensees))
    values = (*principals, *compiled.constants, *(value for _, value in compiled.local_constants))
    if any(escapes_sealing(each) for each in values):
        message = "a passphrase is put together from pieces, broken over lines, or its prefix is in capitals"
        hint = 'write it as one string, "passphrase:...", or as its digest, "passphrase-sha1-hex:..."'
        yield Diagnostic("PD005", message, compiled.place.source, reading.exact().span, hint)


def _source(file: _File) -> Source:
    from policydb.publishing import policy_source, rules_source, sections_in_parts, sections_source
    from policydb.store import Source

    if file.source.kind is SourceKind.POLICY:
        compiled = {each.compiled.digest: each.compiled for each in file.readings if each.compiled is not None}
        if file.translated:
            return policy_source(file.source.name, file.parts, file.stretches, compiled)
        digest = _digest(file.source.text)
        return Source(file.source.name, str(file.source.kind), digest, file.stretches, compiled, text=file.shown)
    if file.translated:
        return rules_source(file.source.name, file.parts)
    return sections_source(file.source.name, sections_in_parts(file.source.text, file.shown, file.bindings))


def _findings(work: Work) -> Findings:
    order = {each.source.name: position for position, each in enumerate(work.files)}
    ranked = sorted(
        dict.fromkeys(work.diagnostics),
        key=lambda each: (order.get(each.source, -1), each.span.line, each.span.start, each.code),
    )
    sources = {each.source: "" for each in ranked} | {each.source.name: each.shown for each in work.files}
    return Findings(tuple(ranked), sources)


def _count(file: _File) -> int:
    """How many bindings a file has; what rules of two parts say counts twice."""
    if file.source.kind is SourceKind.POLICY:
        return 0
    return sum(len(each.bindings) for _, each in file.parts) if file.parts else len(file.bindings)


def _counts(work: Work) -> dict[str, int]:
    told = work.changes.counts if work.changes else {}
    written = {binding.section.lower() for each in work.files for binding in each.bindings}
    return {
        "files": sum(not (each.translated and each.source.kind is SourceKind.POLICY) for each in work.files),
        "assertions": sum(each.count for each in work.files) + told.get("assertions", 0),
        "parsed": sum(each.compiled is not None for file in work.files for each in file.readings)
        + sum(len(each.ready.compiled) for each in work.files if each.ready),
        "bindings": sum(map(_count, work.files)),
        "peers": sum(name.lower() in written for name in work.configuration.peers),
        "connections": len(work.configuration.connections),
        **{name: count for name, count in told.items() if name != "assertions"},
    }
