"""Texts with a few mistakes in them, drawn by lot."""

from __future__ import annotations

import random

_PIECES = (
    "=",
    "[",
    "]",
    ",",
    ":",
    "\\\n",
    "\n",
    "\0",
    "ANY",
    "-1",
    "0x",
    "99999999999999999999",
    "::",
    "\xff",
    "/",
    " ",
)


def mutated(text: str, chance: random.Random) -> str:
    """One to six cuts, copies, swaps and insertions anywhere in the text."""
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.randint(0, 12))
        source = chance.randrange(len(text) + 1)
        middle = chance.choice(("", chance.choice(_PIECES), text[source : source + 40], chr(chance.randrange(256))))
        text = text[:start] + middle + text[chance.choice((start, end)) :]
    return text
