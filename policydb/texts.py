"""What a source said, for people to read and compare: kept in blocks of lines that versions of a file share.

A block ends behind a line whose checksum says so, so a change makes one or two new blocks, wherever it is. Nothing is
decided by these texts: what was compiled stands in other tables.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 2_048
"""Lines in a block at most."""

_LAST = 0xFF  # a block ends behind one line in 256, as checksums go; never behind an empty one, whose checksum is 0

# Whoever hides a key puts an asterisk for each octet of it; here even the length is nobody's business.
_HIDDEN = re.compile(r"\*{2,}")
_BLANK = "********"


class Block(NamedTuple):
    """Some lines; `digest` is SHA-256 over them."""

    digest: str
    text: str


def without_lengths(hidden: str) -> str:
    """A text in which keys are hidden by asterisks, with as many asterisks for each, however long it is."""
    return _HIDDEN.sub(_BLANK, hidden)


def blocks_of(text: str) -> Iterator[Block]:
    """A text (latin-1 octets) cut into blocks; joined they are the text again. One of "" has none."""
    octets = text.encode("latin-1", "backslashreplace")
    lines = octets.split(b"\n")
    last = len(lines) - 1
    first = 0
    for number, checksum in enumerate(map(zlib.crc32, lines)):
        if checksum & _LAST == _LAST or number == last or number - first + 1 == LONGEST:
            end = b"" if number == last else b"\n"
            found = b"\n".join(lines[first : number + 1]) + end
            if found:
                yield Block(hashlib.sha256(found).hexdigest(), found.decode("latin-1"))
            first = number + 1
