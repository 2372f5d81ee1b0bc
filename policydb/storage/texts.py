"""What a source said, for people to compare: without secrets, and in blocks of lines that versions of a file share.

A block ends where a stretch of assertions does (policydb.storage.stretches), or behind a line whose checksum says so: a
change makes one or two new blocks, wherever it is. Nothing is decided by these texts: what was compiled is in other
tables.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from policydb.configuration.vocabulary import EVERY_TAG
from policydb.connections import address_in

LONGEST = 2_048
"""Lines in a block at most."""

_LAST = 0xFF  # a block ends behind one line in 256, as checksums go; never behind an empty one, whose checksum is 0

# Whoever hides a key puts an asterisk for each octet of it; here even the length is nobody's business.
_HIDDEN = re.compile(r"\*{2,}")
_BLANK = "********"

# A line of isakmpd.conf with those that continue it: blanks and comment signs, what may be a tag, the rest.
_LINE = re.compile(r"^([ \t#;]*)([^\n=]*)((?:\\\r?\n|[^\n])*)", re.MULTILINE)


class Block(NamedTuple):
    """Some lines; `digest` is SHA-256 over them."""

    digest: str
    text: str


def without_lengths(hidden: str) -> str:
    """A text in which keys are hidden by asterisks, with as many asterisks for each, however long it is."""
    return _HIDDEN.sub(_BLANK, hidden)


def of_configuration(hidden: str) -> str:
    """An isakmpd.conf in which keys are hidden, as it may be kept: with its lines, but no values of unknown tags.

    Whoever misspells Authentication badly enough writes a key where nobody looks for one
    (policydb.configuration.config.is_kept). So it is in lines that are commented out; comments in words are kept as
    they are.
    """
    return without_lengths(_LINE.sub(_kept, hidden))


def _kept(found: re.Match[str]) -> str:
    head, tag, rest = found.groups()
    name = tag.strip()
    if name.startswith("[") or (head.strip() and len(name.split()) > 1):
        return found[0]  # a header, or words
    if rest.startswith("=") and not (name.lower() in EVERY_TAG or address_in(name)):
        return f"{head}{tag}={_blank(rest[1:])}"
    if name and not rest and not head.strip():
        return f"{head}{_blank(tag)}"  # neither binding nor comment
    return found[0]


def _blank(value: str) -> str:
    """A value that is not kept; the lines on which it is continued stay."""
    return _BLANK + "\n" * value.count("\n") if value.strip() else value


def blocks_of(text: str, starts: Sequence[int] = ()) -> Iterator[Block]:
    """A text (latin-1 octets) cut into blocks; joined they are the text again, and "" has none.

    `starts` are the lines, counted from 1, where stretches begin; without them, lines' checksums say where to cut.
    """
    lines = text.encode("latin-1", "backslashreplace").split(b"\n")
    ends = [each - 1 for each in starts] or [
        number for number, checksum in enumerate(map(zlib.crc32, lines), 1) if checksum & _LAST == _LAST
    ]
    first = 0
    for end in (*ends, len(lines)):
        while first < end:
            until = min(first + LONGEST, end)
            found = b"\n".join(lines[first:until]) + (b"" if until == len(lines) else b"\n")
            if found:
                yield Block(hashlib.sha256(found).hexdigest(), found.decode("latin-1"))
            first = until
