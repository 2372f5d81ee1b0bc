"""UDP sockets: the IKE port, the NAT-T port with its non-ESP marker, and which local address a datagram came to.

Without addresses to listen on there is one wildcard socket per family and port, and IP_PKTINFO tells (and sets) the
local address; otherwise one socket per address and port. At a reload the sockets that stay are not touched; those that
go are still sent from for a moment, so that peers hear of it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from daemon.ike.errors import LocalError
from daemon.ike.events import Endpoint, Path
from daemon.log import Log

NON_ESP_MARKER = bytes(4)
"""Stands before IKE on the NAT-T port (RFC 3948 section 2.2); ESP has its SPI there, never zero."""

KEEPALIVE = b"\xff"
LARGEST_DATAGRAM = 65535
RECEIVE_BUFFER = 2**20
"""Octets that the kernel is asked to keep for us while we compute; it may allow less (net.core.rmem_max).

Some 1,300 short messages, half a second of a flood: with its usual 200 kB a flood pushes out what others send.
"""
QUEUE_LIMIT = 1024
"""Datagrams that wait for a full socket; more are dropped, as the network might: retransmission mends it."""

_BURST = 32  # datagrams read from one socket before the others have their turn
_IP_PKTINFO = 8  # ip(7); the socket module of Python 3.11 does not name it
_IN_PKTINFO = struct.Struct("=I4s4s")
_IN6_PKTINFO = struct.Struct("=16sI")

Receive = Callable[[bytes, Path], None]


class TransportError(Exception):
    """A socket cannot be had; the text says which and what might mend it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The UDP ports to listen on; `nat` None: no NAT traversal (-T)."""

    ike: int
    nat: int | None


class _Socket:
    """One bound socket with its two queues of datagrams that did not fit into the kernel's."""

    def __init__(self, address: str, port: int, *, encapsulated: bool, shared: bool) -> None:
        self.asked = address, port
        self.encapsulated = encapsulated
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.wildcard = ip_address(address).is_unspecified
        self.urgent: deque[tuple[Path, bytes]] = deque()
        self.waiting: deque[tuple[Path, bytes]] = deque()
        self.raw = socket.socket(self.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self.share(shared)
            self._configure()
            self.raw.bind((address, port))
        except OSError:
            self.raw.close()
            raise
        # Port 0 (tests) becomes the one that the kernel chose.
        self.local = Endpoint(address, self.raw.getsockname()[1])

    def share(self, wanted: bool) -> None:
        """Whether another socket that says the same may be bound to this port, on all addresses or on one of them."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, wanted)

    def _configure(self) -> None:
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if self.family == socket.AF_INET6:
            self.raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self.raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            self.raw.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def receive(self) -> tuple[bytes, Path]:
        """The next datagram as it came. Raises BlockingIOError where there is none."""
        data, ancillary, _, source = self.raw.recvmsg(LARGEST_DATAGRAM, 64)
        local = Endpoint(self._destination(ancillary), self.local.port)
        remote = Endpoint(source[0].partition("%")[0], source[1])
        return data, Path(local, remote, self.encapsulated)

    def _destination(self, ancillary: Iterable[tuple[int, int, bytes]]) -> str:
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
                return socket.inet_ntop(socket.AF_INET, _IN_PKTINFO.unpack(data)[2])
            if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                return socket.inet_ntop(socket.AF_INET6, _IN6_PKTINFO.unpack(data)[0])
        return self.local.address

    def transmit(self, path: Path, data: bytes) -> None:
        """One datagram from path.local to path.remote. Raises OSError, BlockingIOError where the socket is full."""
        ancillary: list[tuple[int, int, bytes]] = []
        if self.wildcard and not ip_address(path.local.address).is_unspecified:
            packed = socket.inet_pton(self.family, path.local.address)
            if self.family == socket.AF_INET6:
                ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _IN6_PKTINFO.pack(packed, 0))]
            else:
                # ipi_spec_dst is the source address of what is sent, ip(7).
                ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, _IN_PKTINFO.pack(0, packed, bytes(4)))]
        self.raw.sendmsg([data], ancillary, 0, (path.remote.address, path.remote.port))


class Transports:
    """All sockets of the daemon. `receive` gets each IKE message without its marker, and the path it came on."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._sockets: list[_Socket] = []
        self._leaving: list[_Socket] = []
        self._wanted: list[tuple[str, int, bool]] = []
        self._receive: Receive | None = None

    def open(self, addresses: Sequence[str], ports: Ports) -> bool:
        """Bind every address to every port, keeping what is bound already; whether anything is other than before.

        Raises TransportError, and then everything is as before. What is bound and not wanted is read no more, and
        closed by `release`.
        """
        wanted = [(each, ports.ike, False) for each in addresses]
        if ports.nat is not None:
            wanted += [(each, ports.nat, True) for each in addresses]
        if wanted and wanted == self._wanted:
            return False
        known = {each.asked: each for each in (*self._leaving, *self._sockets)}
        found: list[_Socket] = []
        # From all addresses to one of them, or back, two sockets have to bear each other, for this moment alone.
        for each in known.values():
            each.share(True)
        try:
            for address, port, encapsulated in dict.fromkeys(wanted):
                opened = known.get((address, port)) or self._open(address, port, encapsulated, shared=bool(known))
                found += [opened] if opened else []
            self._check(found)
        except TransportError:
            for each in found:
                if each.asked not in known:
                    each.raw.close()
            raise
        finally:
            for each in known.values():
                each.share(False)
        for each in found:
            each.share(False)
        self._wanted = wanted
        return self._use(found)

    def _check(self, sockets: Sequence[_Socket]) -> None:
        if not sockets:
            raise TransportError("no address to listen on is left: see --listen, -4, -6 and [General]:Listen-on")

    def _open(self, address: str, port: int, encapsulated: bool, *, shared: bool) -> _Socket | None:
        try:
            opened = _Socket(address, port, encapsulated=encapsulated, shared=shared)
        except OSError as error:
            if error.errno == errno.EAFNOSUPPORT and ip_address(address).is_unspecified:
                self._log.notice(f"udp: this host has no {'IPv6' if ':' in address else 'IPv4'}; going on without")
                return None
            raise TransportError(f"cannot listen on {Endpoint(address, port)}: {_explain(error)}") from error
        self._log.debug("Trpt", 20, f"udp: listening on {opened.local}")
        return opened

    def _use(self, sockets: list[_Socket]) -> bool:
        """Read these from now on, and those no more that are not among them."""
        before, self._sockets = self._sockets, sockets
        gone = [each for each in before if each not in sockets]
        if self._receive is not None:
            for each in gone:
                asyncio.get_running_loop().remove_reader(each.raw)
            self.start(self._receive)
        leaving = [each for each in (*self._leaving, *gone) if each not in sockets]
        everywhere = {(each.family, each.encapsulated) for each in sockets if each.wildcard}
        # What a socket for all addresses takes over must not be kept from it for a moment.
        self._leaving = [each for each in leaving if (each.family, each.encapsulated) in everywhere]
        self.release()
        self._leaving = [each for each in leaving if (each.family, each.encapsulated) not in everywhere]
        return before != sockets

    def start(self, receive: Receive) -> None:
        """Begin to read; must be called inside the running event loop."""
        self._receive = receive
        for each in self._sockets:
            asyncio.get_running_loop().add_reader(each.raw, self._readable, each)

    def release(self) -> None:
        """Close what is not listened on any more."""
        for each in self._leaving:
            if each.urgent or each.waiting:
                asyncio.get_running_loop().remove_writer(each.raw)
            each.raw.close()
        self._leaving.clear()

    def stop(self) -> None:
        """Read no more."""
        self._receive = None
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each.raw)

    def close(self) -> None:
        """Close every socket."""
        for each in (*self._sockets, *self._leaving):
            each.raw.close()
        self._sockets, self._leaving, self._wanted = [], [], []

    def endpoints(self) -> tuple[Endpoint, ...]:
        """What is listened on, for the report."""
        return tuple(each.local for each in self._sockets)

    def send(self, path: Path, data: bytes, *, priority: bool = False) -> None:
        """Send an IKE message, behind the marker where `path` is encapsulated."""
        self._dispatch(path, (NON_ESP_MARKER if path.encapsulated else b"") + data, priority=priority)

    def send_keepalive(self, path: Path) -> None:
        """Send a NAT-keepalive, which has no marker (RFC 3948 section 2.3)."""
        self._dispatch(path, KEEPALIVE, priority=False)

    def local_address(self, remote: str) -> str:
        """The address from which this host would reach `remote`. Raises LocalError where there is no way."""
        family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        bound = [each.local.address for each in self._sockets if each.family == family and not each.wildcard]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((remote, 9))
                routed = str(probe.getsockname()[0]).partition("%")[0]
            except OSError as error:
                raise LocalError(f"no way to {remote}: {error.strerror or error}") from error
        # Bound to chosen addresses, nothing can leave from another one, whatever the route says.
        return routed if not bound or routed in bound else bound[0]

    async def flush(self, seconds: float) -> None:
        """Wait until the priority queues are empty, at most so long."""
        ends = asyncio.get_running_loop().time() + seconds
        while any(each.urgent for each in self._sockets) and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.01)

    def _readable(self, source: _Socket) -> None:
        for _ in range(_BURST):
            try:
                data, path = source.receive()
            except BlockingIOError:
                return
            except OSError as error:
                self._log.debug("Trpt", 10, f"udp: {source.local}: {os.strerror(error.errno or 0)}")
                return
            self._deliver(data, path)

    def _deliver(self, data: bytes, path: Path) -> None:
        if path.encapsulated:
            if not data.startswith(NON_ESP_MARKER):
                return  # a keepalive, or ESP in UDP: the kernel's business
            data = data[len(NON_ESP_MARKER) :]
        if self._receive is not None:
            self._receive(data, path)

    def _dispatch(self, path: Path, data: bytes, *, priority: bool) -> None:
        chosen = self._socket_for(path)
        if chosen is None:
            self._log.debug("Trpt", 10, f"udp: no socket to send from {path.local} to {path.remote}")
            return
        queue = chosen.urgent if priority else chosen.waiting
        idle = not chosen.urgent and not chosen.waiting
        if len(queue) < QUEUE_LIMIT:
            queue.append((path, data))
        self._writable(chosen)
        if idle and (chosen.urgent or chosen.waiting):
            asyncio.get_running_loop().add_writer(chosen.raw, self._writable, chosen)

    def _writable(self, chosen: _Socket) -> None:
        while queue := chosen.urgent or chosen.waiting:
            path, data = queue[0]
            try:
                chosen.transmit(path, data)
            except BlockingIOError:
                return
            except OSError as error:
                self._log.debug("Trpt", 10, f"udp: {path.local} to {path.remote}: {error.strerror or error}")
            queue.popleft()
        asyncio.get_running_loop().remove_writer(chosen.raw)

    def _socket_for(self, path: Path) -> _Socket | None:
        family = socket.AF_INET6 if ":" in path.remote.address else socket.AF_INET
        fitting = [
            each
            for each in (*self._sockets, *self._leaving)
            if each.family == family
            and each.encapsulated == path.encapsulated
            and (each.wildcard or each.local.address == path.local.address)
        ]
        return fitting[0] if fitting else None


def wildcards(*, ipv4: bool, ipv6: bool) -> tuple[str, ...]:
    """The addresses that mean all: of the families of -4 and -6, of both where neither or both are given."""
    families = (("0.0.0.0", ipv4 or not ipv6), ("::", ipv6 or not ipv4))  # noqa: S104 - a VPN gateway listens everywhere
    return tuple(address for address, wanted in families if wanted)


def _explain(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.errno == errno.EACCES:
        return f"{text}: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose others with -p and -N"
    if error.errno == errno.EADDRINUSE:
        return f"{text}: is another IKE daemon running? Choose other ports with -p and -N"
    return text
