"""Files to a generation of the store: STAGES, each of which adds to what is known and to what is to be said about it.

Every stage runs over whatever the earlier ones left usable, so that one run tells all findings. Only the last one
writes, and only where there is no error: else the old generation stays in force.

An assertion that the store has already is neither parsed nor looked at again; `check_paths` looks at everything.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from grammar.conf import parse_conf
from grammar.errors import Diagnostic
from policydb.collecting import uncollected
from policydb.compiling.compilation import Compilation, File, Findings, Work
from policydb.compiling.sources import SourceKind, SourceText, exposure, read_sources
from policydb.configuration.config import check_keys, resolve
from policydb.configuration.sealing import hide_keys, is_key
from policydb.secrecy import escapes_sealing, seal_policy
from policydb.storage.storefile import StoreError
from policydb.storage.stretches import Stretch, stretches_of
from policydb.watching import Watch, unwatched

if TYPE_CHECKING:  # a check of one language loads neither the other nor the store
    from grammar.keynote import Piece
    from policydb.compiling.recompiling import Changes
    from policydb.keynote.reading import Reader, Reading
    from policydb.storage.store import Source


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
    with uncollected():
        return _through(Work(tuple(paths), Path(store_path), now, watch, author)).compilation()


def check_paths(paths: Iterable[str | Path]) -> Findings:
    """Everything that is to be said about files; nothing is written, and no store is looked at."""
    with uncollected():
        return _through(Work(tuple(paths))).findings()


def _through(work: Work) -> Work:
    """All stages."""
    for stage in STAGES:
        work = stage(work)
    return work


# --- the stages ---------------------------------------------------------------------------------------------------


def _read(work: Work) -> Work:
    """Paths to texts. Passphrases leave the program here: what comes after sees their digests."""
    texts, findings = read_sources(work.paths)
    changes = None if work.store is None or findings else _changes(texts, work.store)
    files: list[File] = []
    for text in texts:
        if changes is not None and text.kind is not SourceKind.POLICY:
            ready = _ready(text, changes)
            files = [*ready, *files] if text.kind is SourceKind.IPSEC else [*files, *ready]
            continue
        if text.kind is SourceKind.IPSEC:
            from policydb.compiling.translating import translated_files  # few have one

            translated, found = translated_files(text)
            files[:0] = translated  # in front: what its commands set has force
            findings += found
            continue
        if text.kind is SourceKind.CONFIGURATION:
            files.append(File(text, hide_keys(text.text)))
            continue
        sealed = seal_policy(text.text)
        if sealed != text.text and text.exposed:
            findings.append(exposure(text))
        files.append(File(replace(text, text=sealed), sealed))
    findings += changes.diagnostics if changes else ()
    return replace(work, files=tuple(files), changes=changes).with_findings(findings)


def _split(work: Work) -> Work:
    """Policies to pieces, an assertion each, and which of them the store does not know."""
    if all(each.source.kind is not SourceKind.POLICY or each.ready for each in work.files):
        return work
    from grammar.keynote import split_assertions

    pieces: dict[str, list[tuple[str, Piece]]] = {}
    stretches: dict[str, tuple[Stretch, ...]] = {}
    for each in work.files:
        if each.source.kind is SourceKind.POLICY and each.ready is None:
            found = [(_digest(piece.text), piece) for piece in split_assertions(each.source.text)]
            pieces[each.source.name] = found
            stretches[each.source.name] = _stretches(each, found) if work.store else ()
    lacking = _lacking(work.store, [each for found in stretches.values() for each in found])
    files = []
    for each in work.files:
        mine = pieces.get(each.source.name, [])
        new = mine if lacking is None else [each for each in mine if each[0] in lacking]
        files.append(replace(each, count=len(mine), stretches=stretches.get(each.source.name, ()), new=tuple(new)))
    return replace(work, files=tuple(files))


def _stretches(file: File, pieces: Sequence[tuple[str, Piece]]) -> tuple[Stretch, ...]:
    """The stretches of a policy, whose pieces these are."""
    if not file.translated:
        return stretches_of((piece.line, digest) for digest, piece in pieces)
    from policydb.storage.publishing import policy_stretches

    return policy_stretches(file.parts)


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
    if any(each.translated for each in files):
        from policydb.compiling.translating import merged

        files = merged(files)
    return replace(work, files=tuple(files)).with_findings(findings)


def _resolve(work: Work) -> Work:
    """Bindings of all configurations together to peers and connections."""
    if work.changes is not None:
        return work
    bindings = [(each.source.name, binding) for each in work.files for binding in each.bindings]
    found = resolve(bindings)
    findings = [*check_keys(bindings), *found.diagnostics]
    if any(each.translated for each in work.files):
        from policydb.compiling.translating import in_words

        findings = in_words(work.files, findings)
    return replace(work, configuration=found.configuration, edges=found.edges).with_findings(findings)


def _lint(work: Work) -> Work:
    """What authors seldom mean, in the assertions that were parsed. Who delegates to whom can be seen in all alone."""
    if not any(map(_usable, work.files)):
        return work
    from policydb.keynote.regex import Patterns
    from policydb.linting.lint import lint_subject
    from policydb.linting.support import Subject, asks_for_ipsec

    findings: list[Diagnostic] = []
    patterns = Patterns()
    for each in work.files:
        name, usable = each.source.name, _usable(each)
        is_ipsec = any(asks_for_ipsec(Subject(reading.draft(), name)) for reading in usable)
        for reading in usable:
            # A draft has no places of its own, but says whether there is anything to be said at all.
            if lint_subject(Subject(reading.draft(), name), patterns, is_ipsec=is_ipsec):
                findings += lint_subject(Subject(reading.exact(), name), patterns, is_ipsec=is_ipsec)
    if work.store is None and not work.findings().has_errors:
        findings += _lint_delegation(work.files)
    return work.with_findings(findings)


def _reader() -> Reader:
    from policydb.keynote.reading import Reader

    return Reader()


def _usable(file: File) -> list[Reading]:
    """What authors wrote; the assertions of an ipsec.conf are nobody's."""
    return [reading for reading in file.readings if reading.compiled is not None and not file.translated]


def _lint_delegation(files: Sequence[File]) -> list[Diagnostic]:
    from policydb.linting.lint import lint_delegation

    if not lint_delegation([(each.source.name, [reading.draft() for reading in _usable(each)]) for each in files]):
        return []
    return lint_delegation([(each.source.name, [reading.exact() for reading in _usable(each)]) for each in files])


def _publish(work: Work) -> Work:
    """The one stage that writes."""
    if work.store is None or work.now is None or work.findings().has_errors:
        return work
    from policydb.storage.configurations import whole
    from policydb.storage.records import encode
    from policydb.storage.store import open_store

    sources = [each.ready or _source(each) for each in work.files]
    configuration = work.changes.configuration if work.changes else whole(encode(work.configuration), work.edges)
    with open_store(work.store) as store:
        publication = store.publish(sources, work.now, configuration, work.watch, work.author)
    return replace(work, generation=publication.generation, published=publication.published)


STAGES = Stages(read=_read, split=_split, parse=_parse, resolve=_resolve, lint=_lint, publish=_publish)
"""In this order."""


# --- tools of the stages ------------------------------------------------------------------------------------------


def _changes(texts: Sequence[SourceText], store: Path) -> Changes | None:
    """What has changed in configurations, where no more has to be looked at."""
    if all(each.kind is SourceKind.POLICY for each in texts):
        return None
    from policydb.compiling.recompiling import changes_of  # a check needs none of it

    return changes_of(texts, store, platform.node())


def _ready(text: SourceText, changes: Changes) -> list[File]:
    """The sources that a configuration came to, an ipsec.conf to two, ready to be published."""
    from policydb.compiling.ipsec_sources import policy_name

    is_rules = text.kind is SourceKind.IPSEC
    files = []
    for name in (text.name, policy_name(text.name)) if is_rules else (text.name,):
        if name in changes.sources:
            found = changes.sources[name]
            source = SourceText(name, SourceKind(found.kind), "", text.exposed)
            files.append(File(source, changes.texts.get(name, ""), translated=is_rules, ready=found))
    return files


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1", "backslashreplace")).hexdigest()


def _lacking(store: Path | None, stretches: Iterable[Stretch]) -> frozenset[str] | None:
    """What has to be parsed; None, everything, where the store cannot be asked, which publishing will then say."""
    if store is None or not store.exists():
        return None
    from policydb.storage.store import open_store

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
    from policydb.keynote.memory import licensees_of

    principals = (compiled.authorizer, *licensees_of(compiled.licensees))
    values = (*principals, *compiled.constants, *(value for _, value in compiled.local_constants))
    if any(escapes_sealing(each) for each in values):
        message = "a passphrase is put together from pieces, broken over lines, or its prefix is in capitals"
        hint = 'write it as one string, "passphrase:...", or as its digest, "passphrase-sha1-hex:..."'
        yield Diagnostic("PD005", message, compiled.place.source, reading.exact().span, hint)


def _source(file: File) -> Source:
    from policydb.storage.publishing import configuration_source, policy_source, sections_in_parts, stored_part
    from policydb.storage.store import Source

    name = file.source.name
    if file.source.kind is SourceKind.POLICY:
        compiled = {each.compiled.digest: each.compiled for each in file.readings if each.compiled is not None}
        if file.translated:
            return policy_source(name, file.parts, file.stretches, compiled)
        digest = _digest(file.source.text)
        return Source(name, str(file.source.kind), digest, file.stretches, compiled, text=file.shown)
    parts = file.parts if file.translated else sections_in_parts(file.source.text, file.shown, file.bindings)
    stored = [(part, stored_part(part, contents, is_rules=file.translated)) for part, contents in parts]
    return configuration_source(name, stored)
