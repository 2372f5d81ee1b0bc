"""Two engines on an imaginary wire, stopped wherever a test wants; everything deterministic.

Each has a kernel that always says yes and an oracle that allows all, so that what decides is the protocol alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_address
from random import Random

from daemon.ike.engine import Engine
from daemon.ike.events import (
    AllocateSpi,
    Connect,
    DeleteSas,
    Endpoint,
    Installed,
    InstallSas,
    LogLine,
    Output,
    Path,
    Record,
    Send,
    SpiAllocated,
)
from daemon.ike.surroundings import Oracle, Settings, Surroundings
from policydb.connections import (
    Configuration,
    Connection,
    General,
    Identity,
    IkeTransform,
    Interval,
    IpsecProtocol,
    IpsecTransform,
    Lifetime,
    Peer,
    Suite,
)
from policydb.decision import Decision
from policydb.graph import CompiledAssertion
from policydb.negotiation import NegotiationRecord
from policydb.request import Request

EAST, WEST = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
CONNECTION = "tunnel"
MESSAGES = 9
"""Six of main mode, three of quick mode."""

_LIFE = (Lifetime("SECONDS", Interval(3600, 60, 86400)),)


@dataclass(frozen=True, slots=True)
class Algorithms:
    """What the two agree on; isakmpd.conf's words. `proof`: octets of main mode's ID and HASH, in whole blocks."""

    encryption: str
    hash: str
    group: str
    esp: str
    esp_hash: str
    key_length: Interval | None
    proof: int


MODERN = Algorithms("AES_CBC", "SHA2_256", "ECP_256", "AES", "HMAC_SHA2_256", Interval(256, 256, 256), 64)
OLD = Algorithms("3DES_CBC", "MD5", "MODP_1024", "3DES", "HMAC_MD5", None, 48)


def _configuration(chosen: Algorithms, peer: Endpoint, ours: str, theirs: str) -> Configuration:
    ike = IkeTransform("ike", chosen.encryption, chosen.hash, "PRE_SHARED", chosen.group, chosen.key_length, _LIFE)
    esp = IpsecTransform("esp", chosen.esp, "TUNNEL", chosen.esp_hash, chosen.group, chosen.key_length, _LIFE)
    suite = Suite("suite", (IpsecProtocol("protocol", "IPSEC_ESP", (esp,)),))
    names = {name: Identity("FQDN", name=f"{name}.example.org") for name in (ours, theirs)}
    networks = {
        "east": Identity("IPV4_ADDR_SUBNET", network=IPv4Network("10.1.0.0/16")),
        "west": Identity("IPV4_ADDR_SUBNET", network=IPv4Network("10.2.0.0/16")),
    }
    section = Peer(
        theirs,
        (ike,),
        address=ip_address(peer.address),
        identity=names[ours],
        remote_identity=names[theirs],
        secret=theirs,
    )
    return Configuration(
        General(verbose=True),
        {theirs: section},
        {ip_address(peer.address): theirs},
        connections={CONNECTION: Connection(CONNECTION, theirs, (suite,), networks[ours], networks[theirs])},
    )


@dataclass(frozen=True, slots=True)
class AllowAll:
    """An oracle whose policy is: yes."""

    configuration: Configuration
    generation: int = 1

    def allows(self, request: Request) -> bool:
        """Yes."""
        return bool(request.values)

    def explain(self, request: Request) -> Decision:
        """Yes, without reasons."""
        return Decision(request.values[-1], True, 1, request.authorizers)

    def session(self, assertions: Sequence[CompiledAssertion]) -> AllowAll:  # noqa: ARG002
        """The same."""
        return self

    def delegates_to(self, principal: str) -> bool:
        """No."""
        return not principal


@dataclass(frozen=True, slots=True)
class OneSecret:
    """The same pre-shared key for everybody."""

    def preshared_key(self, reference: str) -> bytes | None:
        """The key."""
        return b"secret of " + b"both" if reference else None


@dataclass(slots=True)
class Node:
    """One engine with what it has said and done so far. `now` is its clock."""

    engine: Engine
    here: Endpoint
    there: Endpoint
    now: float = 100.0
    sent: list[Send] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    records: list[NegotiationRecord] = field(default_factory=list)
    installed: set[int] = field(default_factory=set)
    last_spi: int = 0

    def receive(self, data: bytes, *, encapsulated: bool = False) -> list[Output]:
        """Give it a datagram from its peer; all outputs of the turn, and of the turns that the kernel's answers are."""
        path = Path(self.here, self.there, encapsulated)
        return self._carry_out(self.engine.receive_datagram(data, path, self.now))

    def start(self, oracle: Oracle) -> None:
        """Its first generation."""
        self._carry_out(self.engine.reconfigure(oracle, OneSecret(), self.now))

    def connect(self) -> None:
        """FIFO `c tunnel`."""
        self._carry_out(self.engine.command(Connect(CONNECTION), self.now))

    def pass_time(self, seconds: float) -> None:
        """Let its timers fire, each when it is due."""
        end = self.now + seconds
        while (deadline := self.engine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self._carry_out(self.engine.handle_timer(self.now))
        self.now = end

    def _carry_out(self, outputs: Sequence[Output]) -> list[Output]:
        done: list[Output] = []
        waiting = list(outputs)
        while waiting:
            output = waiting.pop(0)
            done.append(output)
            match output:
                case Send():
                    self.sent.append(output)
                case LogLine():
                    self.lines.append(output)
                case Record():
                    self.records.append(output.record)
                case AllocateSpi():
                    self.last_spi += 1
                    waiting += self.engine.result(output.token, SpiAllocated(self.last_spi), self.now)
                case InstallSas():
                    self.installed |= {each.spi for each in output.sas}
                    waiting += self.engine.result(output.token, Installed(), self.now)
                case DeleteSas():
                    self.installed -= {spi for _, _, spi in output.sas}
        return done


@dataclass(slots=True)
class Pair:
    """East, who initiates, and West, who answers. `spoken` are all datagrams in order; `delivered` of them arrived."""

    east: Node
    west: Node
    chosen: Algorithms
    delivered: int = 0
    spoken: list[Send] = field(default_factory=list)

    def node(self, side: str) -> Node:
        """By name."""
        return self.east if side == "east" else self.west

    def connect(self) -> None:
        """East brings the tunnel up: the first message is on the wire."""
        self.east.connect()
        self._listen()

    def deliver(self) -> None:
        """The oldest datagram on the wire arrives."""
        sent = self.spoken[self.delivered]
        self.delivered += 1
        receiver = self.east if sent.path.remote == EAST else self.west
        receiver.receive(sent.data, encapsulated=sent.path.encapsulated)
        self._listen()

    def finish(self) -> bool:
        """Deliver everything; whether both ends have the same tunnel then."""
        while self.delivered < len(self.spoken):
            self.deliver()
        return bool(self.east.installed) and self.east.installed == self.west.installed

    def hush(self) -> None:
        """Whatever the nodes have said meanwhile is not part of the conversation."""
        self.east.sent.clear()
        self.west.sent.clear()

    def _listen(self) -> None:
        self.spoken += self.east.sent + self.west.sent
        self.hush()


def converse(delivered: int, chosen: Algorithms = MODERN, seed: int = 1) -> Pair:
    """East connects and `delivered` messages arrive; the next one, if there is any, is on the wire."""
    east = _node(chosen, EAST, WEST, ("east", "west"), 2 * seed)
    west = _node(chosen, WEST, EAST, ("west", "east"), 2 * seed + 1)
    pair = Pair(east, west, chosen)
    pair.connect()
    while pair.delivered < delivered:
        pair.deliver()
    return pair


def _node(chosen: Algorithms, here: Endpoint, there: Endpoint, names: tuple[str, str], seed: int) -> Node:
    random = Random(seed)
    surroundings = Surroundings(
        random.randbytes, lambda: datetime(2026, 1, 1, tzinfo=UTC), lambda remote: here.address if remote else ""
    )
    oracle = AllowAll(_configuration(chosen, there, *names))
    node = Node(Engine(oracle, OneSecret(), Settings(), surroundings), here, there, last_spi=0x1000 * seed)
    node.start(oracle)
    return node
