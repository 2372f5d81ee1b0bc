"""Diffie-Hellman for every group, behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from daemon.ike.registries import Group

Random = Callable[[int], bytes]


class KeyPair(Protocol):
    """Our side of one exchange."""

    @property
    def public(self) -> bytes:
        """The public value, padded to the group's length; x | y for ECP."""
        ...

    def shared(self, peer: bytes) -> bytes:
        """g^xy, padded to the group's length; x alone for ECP. Raises InvalidKeyInformation for a bad value."""
        ...


GROUPS: frozenset[Group]
"""The groups that can be negotiated."""


def generate(group: Group, random: Random) -> KeyPair:
    """A fresh key pair. Raises LocalError for a group outside GROUPS."""
    raise NotImplementedError
