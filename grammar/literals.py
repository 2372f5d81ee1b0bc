"""What a string literal stands for (RFC 2704, 4.3)."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(\n[ \t\n]*|[0-3][0-7]{2}|0[0-7]|.)", re.DOTALL)
_NAMED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def unquote(literal: str) -> str:
    """The value of a literal that is given with its quotes.

    `\\0o`, `\\0oo` and `\\ooo` are octal octets; NUL cannot be written, so `\\0`, `\\00` and `\\000` are their digits.
    """
    body = literal[1:-1]
    return _ESCAPE.sub(_replacement, body) if "\\" in body else body


def _replacement(match: re.Match[str]) -> str:
    escape = match[1]
    if escape[0] == "\n":
        return ""
    if len(escape) > 1:
        return chr(int(escape, 8)) if escape.strip("0") else escape
    return _NAMED.get(escape, escape)
