"""What nobody reads: sections that nothing refers to, and tags that their kind of section does not know."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from grammar.errors import Severity
from policydb.configuration.sealing import AUTHENTICATION, means_key
from policydb.configuration.sections import Book, Mark, Value, instead
from policydb.configuration.vocabulary import EVERY_TAG, MODE_CONFIG_NAME, TAGS, Kind

_OPEN_KINDS = frozenset({Kind.PHASE_1, Kind.XAUTH_USERS})
"""Their tags are names."""


def doubt_unread(book: Book) -> None:
    """Warn about sections that nothing refers to, and about tags that their section's kind does not know."""
    for lower, written in book.written.items():
        kinds = book.kinds.get(lower) or _kinds_by_look(lower, written.values)
        if not _OPEN_KINDS.isdisjoint(kinds):
            continue
        if not kinds:
            near = instead(written.name, ("General", "Phase 1", "Phase 2", "KeyNote", "X509-certificates"))
            hint = near if near.startswith("did you mean") else "is a reference to it misspelt?"
            book.report("CF109", f"nothing refers to [{written.name}]", written.header, hint, Severity.WARNING)
            if near == hint:
                continue
        known = _known_tags(frozenset(kinds))
        for tag, (source, binding) in written.tags.items():
            if tag not in known:
                message = f"{' or '.join(sorted(kinds)) or 'a section'} knows no tag {binding.tag}"
                meant = means_key(tag) and AUTHENTICATION in known
                hint = "did you mean Authentication?" if meant else instead(binding.tag, known.values())
                book.report("CF105", message, Mark(source, binding.span), hint, Severity.WARNING)


@cache
def _known_tags(kinds: frozenset[Kind]) -> Mapping[str, str]:
    """The tags that sections of any of these kinds know, in lower case, as they are written; of no kind, every tag."""
    return EVERY_TAG if not kinds else {tag: name for kind in kinds for tag, name in TAGS[kind].items()}


def _kinds_by_look(lower: str, values: Mapping[str, Value]) -> set[Kind]:
    """Sections that are found by an identity of the peer, which no other section names."""
    if MODE_CONFIG_NAME.match(lower):
        return {Kind.MODE_CONFIG}
    return {Kind.INITIATOR_ID} if AUTHENTICATION in values else set()
