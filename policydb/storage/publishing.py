"""Files that were compiled, as the store takes them: cut into parts, digests of all of them, nothing secret left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from grammar.keynote import split_assertions
from grammar.nodes import Binding
from policydb.configuration.config import is_kept
from policydb.configuration.sealing import seal_bindings
from policydb.graph import CompiledAssertion
from policydb.storage.parts import Contents, Part, parts_of_sections
from policydb.storage.section_rows import encode_sections
from policydb.storage.store import CONFIGURATION, POLICY, Source, StoredPart
from policydb.storage.stretches import Stretch, stretch
from policydb.storage.texts import Block, of_configuration, without_lengths


def sections_in_parts(text: str, shown: str, bindings: Sequence[Binding]) -> list[tuple[Part, Contents]]:
    """An isakmpd.conf that was parsed, its bindings dealt out to its parts. `shown` is the text without its keys."""
    found = []
    place = 0
    for part in parts_of_sections(text):
        first = place
        while place < len(bindings) and bindings[place].span.start < part.end:
            place += 1
        contents = Contents(tuple(bindings[first:place]), of_configuration(shown[part.start : part.end]))
        found.append((part, contents))
    return found


def configuration_source(name: str, parts: Iterable[tuple[Part, StoredPart | None]]) -> Source:
    """An isakmpd.conf, an ipsec.conf, or a file that this one includes; None: the store has the part already."""
    stretches, stored = [], dict[str, StoredPart]()
    for part, kept in parts:
        digest = part.digest
        if kept is not None:
            if not digest or kept.is_partial:
                # A tag that nobody knows may be a misspelt Authentication: then the text leaves no trace, not even
                # this; what is kept of it does.
                digest = _digest(*(f"{each}" for each in kept.sections), kept.policy or "", kept.text)
            stored[digest] = kept
        stretches.append(Stretch(part.line, digest, ()))
    blocks = tuple(Block(each.digest, stored[each.digest].text if each.digest in stored else "") for each in stretches)
    known = _digest(*(f"{each.line} {each.digest}" for each in stretches))
    return Source(name, CONFIGURATION, known, tuple(stretches), parts=stored, blocks=blocks)


def stored_part(part: Part, contents: Contents, *, is_rules: bool) -> StoredPart:
    """A part as the store keeps it."""
    kept = [each for each in seal_bindings(contents.bindings) if is_kept(each)]
    sections = encode_sections(kept, part.line, joined=is_rules)
    passages = policy_stretch(1, contents)
    text = without_lengths(contents.text)
    policy = passages.digest if passages else None
    partial = len(kept) < len(contents.bindings)
    return StoredPart(sections, len(contents.bindings), text, policy, policy_lines(contents), partial)


def policy_text(contents: Contents) -> str:
    """The assertions of a part, an empty line behind each."""
    return "".join(f"{each}\n" for each in contents.assertions)


def policy_lines(contents: Contents) -> int:
    """How many lines that text has."""
    return policy_text(contents).count("\n")


def policy_stretches(parts: Sequence[tuple[Part, Contents]]) -> tuple[Stretch, ...]:
    """The assertions of an ipsec.conf, a stretch for each part that has any."""
    found = []
    line = 1
    for _, contents in parts:
        one = policy_stretch(line, contents)
        if one is not None:
            found.append(one)
        line += policy_lines(contents)
    return tuple(found)


def policy_stretch(line: int, contents: Contents) -> Stretch | None:
    """The assertions of a part as a stretch that starts in `line`; None where there are none."""
    pieces = split_assertions(policy_text(contents))
    passages = [(piece.line - 1, digest_of(piece.text)) for piece in pieces]
    return stretch(line, passages) if passages else None


def policy_source(
    name: str,
    parts: Sequence[tuple[Part, Contents]],
    stretches: tuple[Stretch, ...],
    compiled: Mapping[str, CompiledAssertion],
) -> Source:
    """The assertions of an ipsec.conf, which are in these stretches."""
    texts = [policy_text(contents) for _, contents in parts if contents.assertions]
    blocks = tuple(Block(each.digest, text) for each, text in zip(stretches, texts, strict=True))
    return policy_of_stretches(name, stretches, blocks, compiled)


def policy_of_stretches(
    name: str, stretches: tuple[Stretch, ...], blocks: tuple[Block, ...], compiled: Mapping[str, CompiledAssertion]
) -> Source:
    """Likewise, of stretches that the store may have."""
    known = _digest(*(f"{each.line} {each.digest}" for each in stretches))
    return Source(name, POLICY, known, stretches, compiled, blocks=blocks)


def digest_of(text: str) -> str:
    """What an assertion is known by: SHA-256 over its octets."""
    return hashlib.sha256(text.encode("latin-1", "backslashreplace")).hexdigest()


def _digest(*told: str) -> str:
    return digest_of("\0".join(told))
