"""Two engines joined by a simulated network with a virtual clock: what all protocol tests run on.

The network loses, duplicates, delays and so reorders datagrams as a seeded generator says, and can put a NAT before
either end. Kernels are in memory. Nothing sleeps: `run` moves the clock from one event to the next.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Any

from daemon.ike.engine import Engine
from daemon.ike.events import (
    AllocateSpi,
    DeleteSas,
    Endpoint,
    Installed,
    InstallSas,
    KernelFailed,
    LastUse,
    LastUsed,
    LogLine,
    MoveSas,
    Outcome,
    Output,
    Path,
    Record,
    SecurityAssociation,
    Send,
    SendKeepalive,
    SpiAllocated,
)
from daemon.ike.reports import census
from daemon.ike.surroundings import Credentials, Settings, Surroundings
from policydb.connections import (
    Configuration,
    Connection,
    General,
    Identity,
    IkeTransform,
    Interval,
    IpsecProtocol,
    IpsecTransform,
    IsakmpdSteps,
    Lifetime,
    Peer,
    Suite,
)
from policydb.decision import Decision
from policydb.graph import CompiledAssertion
from policydb.negotiation import NegotiationRecord
from policydb.request import Request

EAST, WEST = "192.0.2.1", "192.0.2.2"
EAST_NET, WEST_NET = IPv4Network("10.1.0.0/24"), IPv4Network("10.2.0.0/24")
SECRET = b"a secret that both ends know"
LATENCY = 0.01
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


# --- what an engine is given --------------------------------------------------------------------------------------


def ike_transform(
    *,
    encryption: str = "AES_CBC",
    bits: int | None = 128,
    digest: str = "SHA2_256",
    group: str = "ECP_256",
    authentication: str = "PRE_SHARED",
    seconds: int = 3600,
) -> IkeTransform:
    """An ISAKMP-transform section."""
    return IkeTransform(
        name=f"{encryption}-{bits}-{digest}-{group}",
        encryption=encryption,
        hash=digest,
        authentication=authentication,
        group=group,
        key_length=Interval(bits, bits, bits) if bits else None,
        lifetimes=(Lifetime("SECONDS", Interval(seconds, 60, 86400)),),
    )


def suite(
    *,
    cipher: str = "AES",
    bits: int | None = 128,
    authentication: str | None = "HMAC_SHA2_256",
    group: str | None = None,
    seconds: int = 1200,
    replay_window: int = 16,
) -> Suite:
    """An IPsec-suite section with one ESP protocol and one transform."""
    name = f"{cipher}-{bits}-{authentication}-{group}"
    transform = IpsecTransform(
        name=f"{name}-XF",
        transform_id=cipher,
        encapsulation="TUNNEL",
        authentication=authentication,
        group=group,
        key_length=Interval(bits, bits, bits) if bits else None,
        lifetimes=(Lifetime("SECONDS", Interval(seconds, 60, 86400)),),
    )
    return Suite(f"{name}-SUITE", (IpsecProtocol(name, "IPSEC_ESP", (transform,), replay_window),))


def subnet(network: IPv4Network) -> Identity:
    """An IPsec-ID section of a subnet."""
    return Identity("IPV4_ADDR_SUBNET", network=network)


def configuration(
    local: str,
    remote: str,
    *,
    transforms: tuple[IkeTransform, ...] = (ike_transform(),),
    suites: tuple[Suite, ...] = (suite(),),
    initiates: bool = False,
    peer: Mapping[str, Any] | None = None,
    connection: Mapping[str, Any] | None = None,
    general: General | None = None,
) -> Configuration:
    """One peer and one connection "net" between the two subnets; `peer` and `connection` override fields.

    Nothing is repeated in the first seven seconds, so that what is seen was sent once. test_lossy_links is
    about the schedule that nobody has asked for.
    """
    mine, theirs = (EAST_NET, WEST_NET) if local == EAST else (WEST_NET, EAST_NET)
    section = Peer("gateway", transforms, address=ip_address(remote), secret="gateway", schedule=IsakmpdSteps())
    net = Connection("net", "gateway", suites, subnet(mine), subnet(theirs), initiates=initiates)
    return Configuration(
        general=general or General(schedule=IsakmpdSteps()),
        peers={"gateway": replace(section, **(peer or {}))},
        peers_by_address={ip_address(remote): "gateway"},
        connections={"net": replace(net, **(connection or {}))},
    )


@dataclass
class FakeOracle:
    """A policy that is a function; it counts what it was asked."""

    configuration: Configuration
    policy: Callable[[Request], bool] = lambda _: True
    generation: int = 1
    asked: list[Request] = field(default_factory=list)
    explained: list[Request] = field(default_factory=list)
    learnt: list[CompiledAssertion] = field(default_factory=list)
    delegates: frozenset[str] = frozenset()

    def allows(self, request: Request) -> bool:
        self.asked.append(request)
        return self.policy(request)

    def session(self, assertions: Sequence[CompiledAssertion]) -> FakeOracle:
        self.learnt += assertions
        return self

    def delegates_to(self, principal: str) -> bool:
        return principal in self.delegates

    def explain(self, request: Request) -> Decision:
        self.explained.append(request)
        allowed = self.policy(request)
        return Decision("true" if allowed else "false", allowed, self.generation, request.authorizers)


@dataclass
class FakeSecrets:
    """Pre-shared keys by reference."""

    keys: Mapping[str, bytes]

    def preshared_key(self, reference: str) -> bytes | None:
        return self.keys.get(reference)


# --- one end ------------------------------------------------------------------------------------------------------


class Node:
    """An engine with its kernel and everything it said. Once `unanswered` is a list, the kernel keeps silent.

    Then it does nothing either; once `done` is a dictionary it does, and what it would answer is in there by token.
    """

    def __init__(
        self,
        address: str,
        oracle: FakeOracle,
        clock: Callable[[], float],
        *,
        seed: int,
        secret: bytes,
        settings: Settings | None,
        credentials: Credentials | None = None,
    ) -> None:
        self.address = address
        self.oracle = oracle
        self.secrets = FakeSecrets({"gateway": secret})
        self.settings = settings or Settings(capture=True, key_log=True)
        self._clock = clock
        self._dice = random.Random(seed)
        surroundings = Surroundings(
            random=self._dice.randbytes,
            wall_clock=lambda: BEGIN + timedelta(seconds=clock()),
            local_address=lambda _: address,
        )
        self.engine = Engine(oracle, self.secrets, self.settings, surroundings, credentials)
        self.outputs: list[Output] = []
        self.kernel: dict[tuple[str, str, int], SecurityAssociation] = {}
        self.spis: set[tuple[str, str, int]] = set()
        self.refuse: type[AllocateSpi | InstallSas] | None = None
        self.unanswered: list[AllocateSpi | InstallSas | LastUse] | None = None
        self.done: dict[int, Outcome] | None = None
        self.last_used: Outcome = LastUsed(None)
        self.sent: list[tuple[float, Send | SendKeepalive]] = []

    def carry_out(self, outputs: list[Output]) -> list[Send | SendKeepalive]:
        """Be the loop: answer the engine's questions, return what goes on the wire."""
        wire: list[Send | SendKeepalive] = []
        queue = list(outputs)
        while queue:
            output = queue.pop(0)
            self.outputs.append(output)
            if isinstance(output, Send | SendKeepalive):
                wire.append(output)
                self.sent.append((self._clock(), output))
            elif isinstance(output, AllocateSpi | InstallSas | LastUse) and self.unanswered is not None:
                self.unanswered.append(output)
                if self.done is not None:
                    self.done[output.token] = self._kernel(output)
            elif isinstance(output, AllocateSpi | InstallSas | LastUse):
                queue.extend(self.engine.result(output.token, self._kernel(output), self._clock()))
            elif isinstance(output, MoveSas):
                for key, sa in output.moves:
                    self.kernel[(sa.protocol, sa.destination, sa.spi)] = replace(self.kernel.pop(key), **_place(sa))
            elif isinstance(output, DeleteSas):
                for key in output.sas:
                    self.kernel.pop(key, None)
                    self.spis.discard(key)
        return wire

    def _kernel(self, request: AllocateSpi | InstallSas | LastUse) -> Outcome:
        if isinstance(request, LastUse):
            return self.last_used
        if self.refuse is type(request):
            return KernelFailed("no room")
        if isinstance(request, AllocateSpi):
            spi = self._dice.randrange(256, 1 << 32)
            self.spis.add((request.protocol, request.local, spi))
            return SpiAllocated(spi, request.protocol, request.local)
        made = {(sa.protocol, sa.destination, sa.spi): sa for sa in request.sas}
        if made.keys() & self.kernel.keys():
            return KernelFailed("there is such an SA")
        self.kernel |= made
        return Installed()

    @property
    def records(self) -> list[NegotiationRecord]:
        return [each.record for each in self.outputs if isinstance(each, Record)]

    @property
    def log(self) -> list[str]:
        return [each.text for each in self.outputs if isinstance(each, LogLine) and each.level == 0]

    def all(self, kind: type) -> list[Output]:
        return [each for each in self.outputs if isinstance(each, kind)]

    def census(self) -> dict[str, int]:
        return census(self.engine._core)

    def phase(self, number: int) -> list[str]:
        return [each.name for each in self.engine.report(self._clock()).sas if each.phase == number]


def _place(sa: SecurityAssociation) -> dict[str, Any]:
    return {"source": sa.source, "destination": sa.destination, "udp_ports": sa.udp_ports}


# --- the network --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weather:
    """What the network does to datagrams: probabilities, and the most that one may be late, in seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    lateness: float = 0.0


@dataclass
class Nat:
    """A source NAT before one end: its ports are mapped to others at a public address."""

    public: str
    base: int = 40000
    mapped: dict[Endpoint, Endpoint] = field(default_factory=dict)

    def outward(self, source: Endpoint) -> Endpoint:
        return self.mapped.setdefault(source, Endpoint(self.public, self.base + len(self.mapped)))

    def inward(self, destination: Endpoint) -> Endpoint | None:
        return next((inner for inner, outer in self.mapped.items() if outer == destination), None)

    def forget(self) -> None:
        """The NAT restarts: every mapping gets a new port."""
        self.base += 1000
        self.mapped.clear()


Datagram = tuple[Path, bytes]


class Pair:
    """East and west. `filter` sees (source node's address, path, data) and returns what is delivered instead."""

    def __init__(
        self,
        east: Configuration | None = None,
        west: Configuration | None = None,
        *,
        policies: tuple[Callable[[Request], bool], Callable[[Request], bool]] = (lambda _: True, lambda _: True),
        secrets: tuple[bytes, bytes] = (SECRET, SECRET),
        settings: tuple[Settings | None, Settings | None] = (None, None),
        credentials: tuple[Credentials | None, Credentials | None] = (None, None),
        weather: Weather | None = None,
        nats: Mapping[str, Nat] | None = None,
        seed: int = 1,
    ) -> None:
        self.now = 0.0
        self.weather = weather or Weather()
        self.nats = dict(nats or {})
        self.filter: Callable[[str, Path, bytes], list[bytes]] = lambda _source, _path, data: [data]
        self._dice = random.Random(seed)
        self.others: list[Node] = []
        self._flying: list[tuple[float, int, Datagram]] = []
        self._count = 0
        east = east or configuration(EAST, WEST)
        west = west or configuration(WEST, EAST)
        self.east, self.west = (
            Node(
                address,
                FakeOracle(section, policy),
                lambda: self.now,
                seed=2 * seed + side,
                secret=key,
                settings=chosen,
                credentials=held,
            )
            for side, (address, section, policy, key, chosen, held) in enumerate(
                zip((EAST, WEST), (east, west), policies, secrets, settings, credentials, strict=True)
            )
        )

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self.east, self.west, *self.others

    def start(self) -> Pair:
        """Both daemons start."""
        for node in self.nodes:
            self.do(node, node.engine.reconfigure(node.oracle, node.secrets, self.now))
        return self

    def do(self, node: Node, outputs: list[Output]) -> None:
        """Carry out what a verb returned."""
        for output in node.carry_out(outputs):
            if isinstance(output, Send):
                for data in self.filter(node.address, output.path, output.data):
                    self._launch(output.path, data)
            elif node.address in self.nats:
                self.nats[node.address].outward(output.path.local)

    def _launch(self, path: Path, data: bytes) -> None:
        copies = 0 if self._dice.random() < self.weather.loss else 1
        copies += self._dice.random() < self.weather.duplication
        for _ in range(copies):
            self._count += 1
            due = self.now + LATENCY + self._dice.random() * self.weather.lateness
            heapq.heappush(self._flying, (due, self._count, (path, data)))

    def inject(self, node: Node, data: bytes, path: Path) -> None:
        """A datagram from anywhere reaches a node at once; `path` as the node sees it."""
        self.do(node, node.engine.receive_datagram(data, path, self.now))

    def _deliver(self, path: Path, data: bytes) -> None:
        """From the sender's path to the receiver's, through the NATs."""
        source, destination = path.local, path.remote
        if source.address in self.nats:
            source = self.nats[source.address].outward(source)
        for inside, nat in self.nats.items():
            if destination.address == nat.public and nat.public != inside:
                inner = nat.inward(destination)
                if inner is None:
                    return
                destination = inner
        for node in self.nodes:
            if node.address == destination.address:
                self.inject(node, data, Path(destination, source, path.encapsulated))

    def run(self, until: float) -> Pair:
        """Let everything happen up to this time."""
        while (due := self._next()) is not None and due <= until:
            self.now = max(self.now, due)
            if self._flying and self._flying[0][0] <= self.now:
                self._deliver(*heapq.heappop(self._flying)[2])
                continue
            for node in self.nodes:
                deadline = node.engine.next_deadline()
                if deadline is not None and deadline <= self.now:
                    self.do(node, node.engine.handle_timer(self.now))
        self.now = until
        return self

    def _next(self) -> float | None:
        deadlines = [each for node in self.nodes if (each := node.engine.next_deadline()) is not None]
        if self._flying:
            deadlines.append(self._flying[0][0])
        return min(deadlines, default=None)

    @property
    def established(self) -> bool:
        """Whether both ends hold the same IPsec SAs."""
        return (
            bool(self.east.kernel)
            and all(
                replace(_shared(sa), inbound=not sa.inbound) == _shared(self.west.kernel[key])
                for key, sa in self.east.kernel.items()
                if key in self.west.kernel
            )
            and set(self.east.kernel) == set(self.west.kernel)
        )


def _shared(sa: SecurityAssociation) -> SecurityAssociation:
    """An SA without what each end decides for itself."""
    return replace(sa, connection="", acquire=None, nat_original="", soft_seconds=0, soft_kilobytes=0, replay_window=1)


def connected(east: Configuration | None = None, west: Configuration | None = None, *, seed: int = 1) -> Pair:
    """A pair in which east initiated the connection "net", one second later."""
    return Pair(east or configuration(EAST, WEST, initiates=True), west, seed=seed).start().run(1.0)


def host(address: str) -> Identity:
    """An identity of one IPv4 address."""
    return Identity("IPV4_ADDR", address=IPv4Address(address))
