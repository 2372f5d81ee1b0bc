"""Takes pre-shared keys out of whatever is to be kept or shown: a passphrase appears as its digests only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

PREFIX = "passphrase:"


def digests(passphrase: str) -> tuple[str, str]:
    """The two principals that stand for a passphrase without telling it (isakmpd.policy(5)): MD5, then SHA-1."""
    octets = passphrase.encode("latin-1", "backslashreplace")
    return (
        f"passphrase-md5-hex:{hashlib.md5(octets, usedforsecurity=False).hexdigest()}",
        f"passphrase-sha1-hex:{hashlib.sha1(octets, usedforsecurity=False).hexdigest()}",
    )


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
