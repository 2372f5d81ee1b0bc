"""The few lines of an isakmpd.conf that its daemon reads by itself: keys, and sections that it has to know at once.

A configuration is compiled, and what was compiled is read from the store. Only what must not enter the store, or must
be known before anything is compiled, is read from the file; to parse all of a long file for that takes too long.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from grammar.conf import joined
from policydb.configuration.sealing import AUTHENTICATION, XAUTH_PASSWORD, XAUTH_USERS

# Headers, and lines whose first word is the tag of a key.
_LINE = re.compile(
    rf"^[ \t]*(?:(?P<header>\[(?P<name>[^\]\n]*)[^\n]*)|(?:{AUTHENTICATION}|{XAUTH_PASSWORD})[ \t=][^\n]*)(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


def excerpt(text: str, sections: Collection[str]) -> str:
    """An isakmpd.conf in which only keys and passwords are left, and these sections (in lower case) as a whole."""
    text = joined(text)
    wanted = {*sections, XAUTH_USERS}
    pieces: list[str] = []
    header = ""
    whole = None  # where a section begins that is taken as a whole
    for line in _LINE.finditer(text):
        if line["header"] is None:
            if whole is None:
                pieces += (header, line[0])
                header = ""
            continue
        if whole is not None:
            pieces.append(text[whole : line.start()])
        header, whole = line[0], line.start() if line["name"].lower() in wanted else None
    if whole is not None:
        pieces.append(text[whole:])
    return "".join(pieces)
