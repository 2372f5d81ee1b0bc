"""A NAT before the peer, as far as UDP goes: a process that passes datagrams on under an address and ports of its own.

Behind it the peer sees our address, before it we see the NAT's. The two faces are namespaces of their own, so that the
same address can be ours and, on the peer's side, the NAT's.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from functools import partial

from tests.interop.namespaces import inside

PORTS = (500, 4500)
LARGEST = 65535


class Relay:
    """`listen` is the address that the peer believes to be ours, `public` the NAT's own, `target` really ours."""

    def __init__(self, inner: str, outer: str, listen: str, public: str, target: str) -> None:
        self._outer, self._public, self._target = outer, public, target
        self._selector = selectors.DefaultSelector()
        self._mapped: dict[tuple[tuple[str, int], int], socket.socket] = {}
        for port in PORTS:
            with inside(inner):
                ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                ear.bind((listen, port))
            self._on(ear, partial(self._outward, ear, port))

    def _on(self, ear: socket.socket, act: Callable[[], None]) -> None:
        self._selector.register(ear, selectors.EVENT_READ, act)

    def _outward(self, ear: socket.socket, port: int) -> None:
        data, source = ear.recvfrom(LARGEST)
        mouth = self._mapped.get((source, port))
        if mouth is None:
            with inside(self._outer):
                mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                mouth.bind((self._public, 0))
            self._mapped[source, port] = mouth
            self._on(mouth, partial(self._inward, mouth, ear, source))
        mouth.sendto(data, (self._target, port))

    def _inward(self, mouth: socket.socket, ear: socket.socket, source: tuple[str, int]) -> None:
        ear.sendto(mouth.recv(LARGEST), source)

    def run(self) -> None:
        """Until the process is ended."""
        while True:
            for key, _ in self._selector.select():
                key.data()


def serve(inner: str, outer: str, listen: str, public: str, target: str) -> None:
    """Be the NAT."""
    Relay(inner, outer, listen, public, target).run()
