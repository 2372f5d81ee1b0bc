"""What a syntax error in a rule of ipsec.conf probably is: another order, an old or a foreign word, a bare key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

_ORDER = (
    ("passive", "dynamic", "active"),
    ("esp", "ah", "ipcomp", "ipip"),
    ("tunnel", "transport"),
    ("proto",),
    ("from", "to"),
    ("local", "peer"),
    ("main", "aggressive"),
    ("quick",),
    ("srcid",),
    ("dstid",),
    ("rsa", "psk"),
    ("tag",),
)
"""The parts of an ike rule as ipsec.conf(5) orders them."""

_RANKS: Mapping[str, int] = {word: rank for rank, words in enumerate(_ORDER) for word in words}

_FOREIGN = frozenset({"conn", "config", "ca", "version", "left", "right"})
"""How lines of other daemons' ipsec.conf begin."""

_OLD = {"life": "lifetime", "skipjack": "aes", "des-cbc": "aes"}
"""Words that ipsec.conf(5) once had."""


def hint_at(words: Sequence[str], place: int) -> str:
    """What to do about the word at `place`, which no rule has there; "" where nothing is known."""
    return next(_guesses(words, place), "")


def _guesses(words: Sequence[str], place: int) -> Iterator[str]:
    met, before = words[place], words[place - 1] if place else ""
    if place == 0 and met in _FOREIGN:
        yield "this is another daemon's language: see policydb import"
    if met in _OLD:
        yield f"did you mean {_OLD[met]}?"
    if before == "group" and met.isdecimal():
        yield f"write grp{met}"
    if before in {"auth", "enc"} and met.isdecimal():
        yield "write a name, as in hmac-sha2-256 or aes-256"
    if words[0] == "ike":
        rank = _RANKS.get(met, len(_ORDER))
        yield from (f"{met} stands before {each}" for each in words[:place] if _RANKS.get(each, -1) > rank)
        if place > 1 and words[place - 2] == "psk" and met not in _RANKS:
            yield 'a key that holds blanks is quoted: psk "..."'
