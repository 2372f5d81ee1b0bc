"""A NAT before one side, as far as UDP goes: a process that passes datagrams on under an address and ports of its own.

From outside, the side behind it has the NAT's address: what that side begins comes from ports that the NAT chose, and
what comes to the NAT's own ports 500 and 4500 is forwarded to that side. The NAT's two faces are namespaces of their
own, so that an address of the outside can stand on the inner face too.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from functools import partial

from tests.interop.namespaces import inside

PORTS = (500, 4500)
LARGEST = 65535

Endpoint = tuple[str, int]


def _bound(namespace: str, endpoint: Endpoint) -> socket.socket:
    with inside(namespace):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(endpoint)
    return made


class Router:
    """`remote` is the other side's address, `public` the NAT's own, `private` that of the side behind the NAT."""

    def __init__(self, inner: str, outer: str, remote: str, public: str, private: str) -> None:
        self._selector = selectors.DefaultSelector()
        for port in PORTS:
            self._listen(_bound(inner, (remote, port)), (remote, port), lambda _: _bound(outer, (public, 0)))
            self._listen(_bound(outer, (public, port)), (private, port), partial(_bound, inner))

    def _listen(self, ear: socket.socket, target: Endpoint, mouth_for: Callable[[Endpoint], socket.socket]) -> None:
        """Pass on to `target` what `ear` hears, and back what is answered: each source gets a mouth of its own."""
        self._on(ear, partial(self._pass, ear, target, mouth_for, {}))

    def _on(self, ear: socket.socket, act: Callable[[], None]) -> None:
        self._selector.register(ear, selectors.EVENT_READ, act)

    def _pass(
        self,
        ear: socket.socket,
        target: Endpoint,
        mouth_for: Callable[[Endpoint], socket.socket],
        mouths: dict[Endpoint, socket.socket],
    ) -> None:
        data, source = ear.recvfrom(LARGEST)
        if source not in mouths:
            mouths[source] = mouth = mouth_for(source)
            self._on(mouth, partial(self._back, mouth, ear, source))
        mouths[source].sendto(data, target)

    def _back(self, mouth: socket.socket, ear: socket.socket, source: Endpoint) -> None:
        ear.sendto(mouth.recv(LARGEST), source)

    def run(self) -> None:
        """Until the process is ended."""
        while True:
            for key, _ in self._selector.select():
                key.data()


def serve(inner: str, outer: str, remote: str, public: str, private: str) -> None:
    """Be the NAT."""
    Router(inner, outer, remote, public, private).run()
