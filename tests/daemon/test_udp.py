"""daemon/udp.py: real sockets on loopback; the non-ESP marker of RFC 3948 and the local address of each datagram."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import Iterator
from datetime import datetime

import pytest

from daemon.ike.errors import LocalError
from daemon.ike.events import Endpoint, Path
from daemon.log import Levels, Log, StderrSink
from daemon.udp import RECEIVE_BUFFER, Ports, TransportError, Transports, wildcards
from tests.loopback import own_port

ANYWHERE = "0.0.0.0"  # noqa: S104 - what is tested


@pytest.fixture
def transports() -> Iterator[Transports]:
    opened = Transports(Log(StderrSink(io.StringIO(), datetime.now), Levels()))
    yield opened
    opened.close()


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(60)
        yield made


def free_ports() -> Ports:
    return Ports(own_port(), own_port())


def endpoint(of: socket.socket) -> Endpoint:
    address, port = of.getsockname()[:2]
    return Endpoint(address, port)


def receive(
    transports: Transports, datagrams: list[tuple[bytes, tuple[str, int]]], peer: socket.socket
) -> list[tuple[bytes, Path]]:
    """Send the datagrams from `peer`, then one more that ends the wait."""
    got: list[tuple[bytes, Path]] = []

    async def serve() -> None:
        done = asyncio.Event()

        def take(data: bytes, path: Path) -> None:
            if data == b"last":
                done.set()
            else:
                got.append((data, path))

        transports.start(take)
        for data, to in datagrams:
            peer.sendto(data, to)
        peer.sendto(b"last", ("127.0.0.1", transports.endpoints()[0].port))
        await asyncio.wait_for(done.wait(), 60)
        await asyncio.sleep(0.05)
        transports.stop()

    asyncio.run(serve())
    return got


def test_on_the_ike_port_octets_arrive_as_they_are(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    transports.open(["127.0.0.1"], ports)
    got = receive(transports, [(bytes(4) + b"x", ("127.0.0.1", ports.ike))], peer)
    assert got == [(bytes(4) + b"x", Path(Endpoint("127.0.0.1", ports.ike), endpoint(peer)))]


def test_on_the_nat_port_the_marker_goes_and_all_else_is_dropped(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    assert ports.nat is not None
    transports.open(["127.0.0.1"], ports)
    esp, keepalive, short, ike = b"\0\0\1\0" + bytes(40), b"\xff", b"\0\0", bytes(4) + b"ISAKMP"
    there = ("127.0.0.1", ports.nat)
    got = receive(transports, [(each, there) for each in (esp, keepalive, short, b"", ike)], peer)
    assert got == [(b"ISAKMP", Path(Endpoint("127.0.0.1", ports.nat), endpoint(peer), encapsulated=True))]


def test_a_wildcard_socket_tells_and_keeps_the_local_address(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    transports.open([ANYWHERE], ports)
    got = receive(transports, [(b"x", ("127.0.0.5", ports.ike))], peer)
    assert got[0][1].local == Endpoint("127.0.0.5", ports.ike)

    async def answer() -> None:
        transports.send(got[0][1], b"answer")

    asyncio.run(answer())
    assert peer.recvfrom(100) == (b"answer", ("127.0.0.5", ports.ike))


def test_ipv6_tells_the_local_address_as_well(transports: Transports) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        try:
            peer.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on this machine")
        ports = free_ports()
        transports.open(["::"], ports)
        got: list[Path] = []

        async def serve() -> None:
            transports.start(lambda _, path: got.append(path))
            peer.sendto(b"x", ("::1", ports.ike))
            while not got:
                await asyncio.sleep(0.01)
            transports.send(got[0], b"answer")

        asyncio.run(asyncio.wait_for(serve(), 60))
        peer.settimeout(60)
        assert got[0] == Path(Endpoint("::1", ports.ike), endpoint(peer))
        assert peer.recvfrom(100)[0] == b"answer"


def test_what_is_sent_from_the_nat_port_carries_the_marker_but_for_keepalives(
    transports: Transports, peer: socket.socket
) -> None:
    ports = free_ports()
    assert ports.nat is not None
    transports.open(["127.0.0.1"], ports)
    path = Path(Endpoint("127.0.0.1", ports.nat), endpoint(peer), encapsulated=True)

    async def send() -> None:
        transports.send(path, b"ISAKMP", priority=True)
        transports.send_keepalive(path)
        await transports.flush(1)

    asyncio.run(send())
    assert peer.recvfrom(100) == (bytes(4) + b"ISAKMP", ("127.0.0.1", ports.nat))
    assert peer.recvfrom(100)[0] == b"\xff"


def test_what_cannot_be_sent_is_dropped_and_the_next_goes_out(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    transports.open(["127.0.0.1"], ports)
    good = Path(Endpoint("127.0.0.1", ports.ike), endpoint(peer))

    async def send() -> None:
        transports.send(Path(good.local, Endpoint("192.0.2.1", 500)), b"from loopback to nowhere")
        transports.send(Path(good.local, Endpoint("::1", 500)), b"no socket of this family")
        transports.send(good, bytes(70_000))
        transports.send(good, b"good")

    asyncio.run(send())
    assert peer.recvfrom(100)[0] == b"good"


def test_what_comes_while_we_compute_is_kept_by_the_kernel(transports: Transports) -> None:
    """As much as it allows anybody who asks: the margin of a flood."""
    transports.open(["127.0.0.1"], free_ports())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        allowed = other.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert {each.raw.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for each in transports._sockets} == {allowed}


def test_a_port_that_is_taken_is_named_and_never_shared(transports: Transports, peer: socket.socket) -> None:
    with pytest.raises(TransportError, match=rf"cannot listen on 127\.0\.0\.1:{endpoint(peer).port}.*-p and -N"):
        transports.open(["127.0.0.1"], Ports(endpoint(peer).port, None))


def test_what_stays_is_kept_and_what_goes_is_read_no_more(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    assert transports.open(("127.0.0.1", "127.0.0.2"), ports)
    kept = [each.raw for each in transports._sockets if each.local.address == "127.0.0.1"]
    assert transports.open(("127.0.0.3", "127.0.0.1"), ports)
    assert {each.address for each in transports.endpoints()} == {"127.0.0.1", "127.0.0.3"}
    assert [each.raw for each in transports._sockets if each.local.address == "127.0.0.1"] == kept
    asked = [(each, (address, ports.ike)) for each, address in ((b"two", "127.0.0.2"), (b"three", "127.0.0.3"))]
    assert [data for data, _ in receive(transports, [*asked, (b"one", ("127.0.0.1", ports.ike))], peer)] == [
        b"three",
        b"one",
    ]
    assert not transports.open(("127.0.0.3", "127.0.0.1"), ports)


def test_from_everywhere_to_one_address_and_back(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    for addresses in ((ANYWHERE,), ("127.0.0.1",), (ANYWHERE,)):
        assert transports.open(addresses, ports)
        assert {each.address for each in transports.endpoints()} == set(addresses)
        got = receive(transports, [(b"hello", ("127.0.0.1", ports.ike))], peer)
        assert [(data, path.local.address) for data, path in got] == [(b"hello", "127.0.0.1")]
        transports.release()


def test_what_goes_is_sent_from_until_it_is_released(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    transports.open(("127.0.0.2",), ports)
    transports.open(("127.0.0.1",), ports)
    path = Path(Endpoint("127.0.0.2", ports.ike), endpoint(peer), encapsulated=False)

    async def say(word: bytes) -> None:
        transports.send(path, word)

    asyncio.run(say(b"goodbye"))
    assert peer.recvfrom(100) == (b"goodbye", ("127.0.0.2", ports.ike))
    transports.release()
    asyncio.run(say(b"nobody there"))
    path = Path(Endpoint("127.0.0.1", ports.ike), endpoint(peer), encapsulated=False)
    asyncio.run(say(b"here"))
    assert peer.recvfrom(100) == (b"here", ("127.0.0.1", ports.ike))
    with pytest.raises(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", ports.ike))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", ports.ike))


def test_an_address_that_cannot_be_had_changes_nothing(transports: Transports, peer: socket.socket) -> None:
    ports = free_ports()
    transports.open(("127.0.0.1",), ports)
    before = transports.endpoints()
    with pytest.raises(TransportError, match=r"cannot listen on 192\.0\.2\.77"):
        transports.open(("127.0.0.1", "127.0.0.5", "192.0.2.77"), ports)
    with pytest.raises(TransportError, match="no address to listen on"):
        transports.open((), ports)
    assert transports.endpoints() == before
    assert receive(transports, [(b"still", ("127.0.0.1", ports.ike))], peer)[0][0] == b"still"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.5", ports.ike))


def test_nobody_else_can_bind_what_is_kept(transports: Transports) -> None:
    """Not even who says that he would share it."""
    ports = free_ports()
    for addresses in (("127.0.0.1",), (ANYWHERE,)):
        transports.open(addresses, ports)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", ports.ike))


def test_nothing_to_listen_on_is_an_error(transports: Transports) -> None:
    with pytest.raises(TransportError, match="no address to listen on"):
        transports.open([], free_ports())


def test_without_nat_traversal_its_port_is_not_opened(transports: Transports) -> None:
    ports = Ports(free_ports().ike, None)
    transports.open(["127.0.0.1"], ports)
    assert transports.endpoints() == (Endpoint("127.0.0.1", ports.ike),)


def test_the_local_address_is_where_a_remote_is_reached_from(transports: Transports) -> None:
    assert transports.local_address("127.0.0.1") == "127.0.0.1"
    with pytest.raises(LocalError):
        transports.local_address("255.255.255.255")


def test_the_local_address_is_one_that_is_listened_on(transports: Transports) -> None:
    transports.open(["127.0.0.3"], free_ports())
    assert transports.local_address("127.0.0.1") == "127.0.0.3"


@pytest.mark.parametrize(
    ("ipv4", "ipv6", "expected"),
    [
        (False, False, (ANYWHERE, "::")),
        (True, True, (ANYWHERE, "::")),
        (True, False, (ANYWHERE,)),
        (False, True, ("::",)),
    ],
)
def test_both_families_are_used_unless_one_is_chosen(ipv4: bool, ipv6: bool, expected: tuple[str, ...]) -> None:
    assert wildcards(ipv4=ipv4, ipv6=ipv6) == expected
