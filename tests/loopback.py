"""Addresses and UDP ports on loopback of this process's own, so that tests that run side by side do not meet there."""

from __future__ import annotations

import random
import socket
from functools import cache
from itertools import count

_CLAIMS = range(21_000, 21_670)
"""TCP ports; nothing listens on them. Who has bound one has the network and the UDP ports that belong to it."""

_FIRST, _EACH = 22_000, 10
"""Below the ports that Linux gives to sockets that ask for any (ip_local_port_range)."""

_numbers = count()


@cache
def _claim() -> tuple[int, socket.socket]:
    """A number from 0 to 669 that no other process has as long as this one lives, and the socket that holds it."""
    for port in random.SystemRandom().sample(_CLAIMS, len(_CLAIMS)):
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
        else:
            return _CLAIMS.index(port), holder
    raise RuntimeError("670 processes run these tests already")


def own_network() -> str:
    """The first three octets of a network on loopback, with the dot behind them, from 127.10.0. to 127.76.9."""
    number, _ = _claim()
    return f"127.{10 + number // 10}.{number % 10}."


def own_port() -> int:
    """A UDP port that nobody uses; the tenth after it is the same one again."""
    number, _ = _claim()
    return _FIRST + number * _EACH + next(_numbers) % _EACH
