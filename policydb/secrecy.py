"""Keeps passphrases out of whatever is kept or shown: a passphrase appears as its digests only.

Whoever asks seals the asking principals the same way, so a passphrase still meets its licensee.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

PREFIX = "passphrase:"

# From the prefix to the end of its literal or, in a comment, of its line. Sealing never adds or takes a line.
_PASSPHRASE = re.compile(r'passphrase:((?:[^"\\\n]|\\[^\n])*)')
_BROKEN = re.compile(r"passphrase:|passphrase-sha1-hex:[0-9a-f]{40}.", re.IGNORECASE | re.DOTALL)


def digests(passphrase: str) -> tuple[str, str]:
    """The two principals that stand for a passphrase without telling it (isakmpd.policy(5)): MD5, then SHA-1."""
    octets = passphrase.encode("latin-1", "backslashreplace")
    return (
        f"passphrase-md5-hex:{hashlib.md5(octets, usedforsecurity=False).hexdigest()}",
        f"passphrase-sha1-hex:{hashlib.sha1(octets, usedforsecurity=False).hexdigest()}",
    )


def seal(principal: str) -> str:
    """The principal as the store knows it: `passphrase:X` by its SHA-1, any other as it is."""
    return digests(principal.removeprefix(PREFIX))[1] if principal.startswith(PREFIX) else principal


def seal_policy(text: str) -> str:
    """A policy text in which every passphrase, in a literal or a comment, stands as its SHA-1 form; lines stay."""
    return _PASSPHRASE.sub(_sealed, text) if PREFIX in text else text


def _sealed(found: re.Match[str]) -> str:
    # Imported here: asking seals principals only, and needs nothing of the grammar.
    from grammar.literals import unquote

    return digests(unquote(f'"{found[1]}"'))[1]


def escapes_sealing(principal: str) -> bool:
    """Whether a principal of a sealed text still holds a passphrase or a part of one.

    So it is where somebody put it together from pieces, broke it over lines, or misspelt the prefix's case.
    """
    return _BROKEN.match(principal) is not None


def without_passphrases(authorizers: Iterable[str]) -> tuple[str, ...]:
    """Action authorizers without the passphrases, their digests in their place, each once, order kept."""
    kept: dict[str, None] = {}
    for each in authorizers:
        kept.update(dict.fromkeys(digests(each[len(PREFIX) :]) if each.startswith(PREFIX) else (each,)))
    return tuple(kept)


def scrubbed(value: Any) -> Any:  # noqa: ANN401 - any JSON value, and the same shape comes back
    """A JSON value in which every passphrase principal, wherever it stands, has become its digests.

    The passphrases are those that some string of the value names as a whole (`passphrase:...`). As a member of a list
    one becomes both digests; inside another string (an atom's text, _ACTION_AUTHORIZERS) the SHA-1 form.
    """
    # Longest first: one passphrase may be the beginning of another.
    known = sorted({each for each in _strings(value) if each.startswith(PREFIX)}, key=len, reverse=True)
    if not known:
        return value
    names = re.compile("|".join(re.escape(each) for each in known))
    return _mended(value, names)


def _mended(value: Any, names: re.Pattern[str]) -> Any:  # noqa: ANN401 - see scrubbed
    if isinstance(value, str):
        return names.sub(lambda found: digests(found.group()[len(PREFIX) :])[1], value)
    if isinstance(value, list):
        texts = [each for each in value if isinstance(each, str)]
        whole = without_passphrases(texts) if len(texts) == len(value) else value
        return [_mended(each, names) for each in whole]
    if isinstance(value, dict):
        return {_mended(key, names): _mended(each, names) for key, each in value.items()}
    return value


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - see scrubbed
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _strings(each)
