"""How whoever waits for a long piece of work sees it go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Watch(Protocol):
    """Hands on what a stage works through; `doing` says in a word what it does with it."""

    def __call__(self, doing: str, items: Sequence[Item], /) -> Iterable[Item]:
        """The items, as they are taken."""
        ...


def unwatched(_doing: str, items: Sequence[Item], /) -> Iterable[Item]:
    """Nobody watches."""
    return items
