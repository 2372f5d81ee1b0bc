"""ipsec.conf in a compile: its files as configurations that are read already, and its policy."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace

from grammar.errors import Diagnostic
from policydb.compiling.compilation import File
from policydb.compiling.ipsec_sources import compile_ipsec, policy_name, with_lists
from policydb.compiling.sources import SourceKind, SourceText, read_included
from policydb.ipsec.words import in_words_of_rules


def translated_files(source: SourceText) -> tuple[list[File], tuple[Diagnostic, ...]]:
    """An ipsec.conf as configurations that are read already, one a file, and a policy; and its findings."""
    found = compile_ipsec(source.text, source.name, read_included, platform.node())
    files = [
        File(
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
        files.append(File(policy, found.policy, translated=True, parts=found.parts[source.name]))
    return files, found.diagnostics


def in_words(files: Sequence[File], findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Findings, those about rules of an ipsec.conf in its words. Sections that nothing refers to nobody wrote there."""
    ruled = {each.source.name for each in files if each.translated}
    said = [each for each in findings if each.source not in ruled or each.code != "CF109"]
    return [in_words_of_rules(each) if each.source in ruled else each for each in said]


def merged(files: Sequence[File]) -> list[File]:
    """The files, those that come of an ipsec.conf with their lists behind those of isakmpd.conf."""
    others = [binding for each in files if not each.translated for binding in each.bindings]
    return [replace(each, bindings=with_lists(each.bindings, others)) if each.translated else each for each in files]
