"""Reloads between any two events of a negotiation: each SA is what the generation allows that its exchange began with.

ARCHITECTURE.md: exchanges that run keep the generation they began with. The events are datagrams, SPIs, installations
and timers, one at a time and in an order that a seed decides; a reload of either side stands between any two of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from itertools import product

import pytest

from daemon.ike.events import AllocateSpi, InstallSas, Send
from daemon.ike.quick import QuickMode
from policydb.connections import Configuration, General, Identity
from policydb.negotiation import Outcome
from policydb.request import Request
from tests.daemon.ike.network import (
    EAST,
    SECRET,
    WEST,
    FakeOracle,
    FakeSecrets,
    Node,
    Pair,
    configuration,
    ike_transform,
    suite,
)
from tests.daemon.ike.test_engine import check_books
from tests.sizes import sized

SEEDS = sized(250, 4000)
SLICES = 4
EVENTS = 60
ALL = frozenset({128, 256})
ELSEWHERE = "192.0.2.77"
LONG = 86000
"""Seconds of each SA: none ends while it is looked at."""


@dataclass(frozen=True)
class Wanted:
    """What a generation says: key lengths that policy allows, those of the connection, and who is there."""

    name: str
    allowed: frozenset[int] = ALL
    suites: tuple[int, ...] = (128, 256)
    connection: bool = True
    peer: bool = True
    moved: bool = False
    changed: dict[str, object] = field(default_factory=dict)
    key: bytes = SECRET
    keynote: bool = True

    def allows(self, bits: int, connection: str, proved: bytes = SECRET) -> bool:
        """Whether an SA with this key length, and for the connection or (with "") for none, may stand: by reading.

        `proved` is the pre-shared key of its phase 1.
        """
        if not self.peer or self.changed or self.key != proved:
            return False  # nobody has proved what is asked for now
        there = self.connection and not self.moved
        if connection and not there:
            return False
        if not connection and (there or not self.keynote):
            return False
        return (bits in self.suites or not connection) and (bits in self.allowed or not self.keynote)


BEGINNING = Wanted("the beginning")
CHANGES = (
    BEGINNING,
    Wanted("policy refuses", allowed=frozenset()),
    Wanted("policy wants 256 bits", allowed=frozenset({256})),
    Wanted("the connection wants 256 bits", suites=(256,)),
    Wanted("policy and connection disagree", allowed=frozenset({128}), suites=(256,)),
    Wanted("the connection is gone", connection=False),
    Wanted("the peer is gone", peer=False),
    Wanted("the connection has another peer", moved=True),
    Wanted("the peer is elsewhere", changed={"address": ip_address(ELSEWHERE)}),
    Wanted("the peer is to be somebody else", changed={"remote_identity": Identity("FQDN", name="else")}),
    Wanted("the peer has another key", key=b"another secret"),
    Wanted("no policy, and the peer has another key", key=b"another secret", keynote=False),
    Wanted("no policy, and the connection is gone", connection=False, keynote=False),
    Wanted("no policy, and the connection has another peer", moved=True, keynote=False),
    Wanted("no policy, and the connection wants 256 bits", suites=(256,), keynote=False),
)


def configured(wanted: Wanted, local: str, remote: str, *, initiates: bool) -> Configuration:
    suites = tuple(suite(bits=bits, seconds=LONG) for bits in wanted.suites)
    general = General(use_keynote=wanted.keynote, check_interval=20)
    transforms = (ike_transform(seconds=LONG),)
    made = configuration(
        local,
        remote,
        transforms=transforms,
        suites=suites,
        initiates=initiates,
        general=general,
        peer=wanted.changed,
    )
    if "address" in wanted.changed:
        made = replace(made, peers_by_address={ip_address(ELSEWHERE): "gateway"})
    if wanted.moved:
        other = replace(made.peers["gateway"], name="other", address=ip_address(ELSEWHERE))
        net = replace(made.connections["net"], peer="other")
        peers_by_address = {**made.peers_by_address, ip_address(ELSEWHERE): "other"}
        made = replace(
            made, peers={**made.peers, "other": other}, peers_by_address=peers_by_address, connections={"net": net}
        )
    if not wanted.peer:
        return replace(made, peers={}, peers_by_address={}, connections={})
    return made if wanted.connection else replace(made, connections={})


def oracle(wanted: Wanted, number: int, node: Node, *, initiates: bool) -> FakeOracle:
    def policy(request: Request) -> bool:
        values = dict(request.attributes)
        return int(values["esp_key_length"] or 0) in wanted.allowed

    other = WEST if node.address == EAST else EAST
    return FakeOracle(configured(wanted, node.address, other, initiates=initiates), policy, generation=number)


class Race:
    """A pair whose events come one by one, and what each quick mode began with."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.both = bool(self.dice.getrandbits(1))
        self.pair = Pair(seed=seed)
        self.current: dict[str, Wanted] = {}
        self.began: dict[tuple[str, int], tuple[Wanted, int, bytes]] = {}
        self.number = 0
        self.installed: list[tuple[str, int, str, Wanted, bytes]] = []
        self._seen = {EAST: 0, WEST: 0}
        for node in self.pair.nodes:
            node.unanswered, node.done = [], {}
            self.reload(node, BEGINNING)

    def reload(self, node: Node, wanted: Wanted, *, settled: bool = False) -> None:
        self.number += 1
        self.current[node.address] = wanted
        initiates = not settled and (node is self.pair.east or self.both)
        node.secrets = FakeSecrets({"gateway": wanted.key})
        node.oracle = oracle(wanted, self.number, node, initiates=initiates)
        self.pair.do(node, node.engine.reconfigure(node.oracle, node.secrets, self.pair.now))
        self.look()

    def step(self) -> None:
        """One event: an answer of a kernel, a datagram, or, where there is neither, the next timer."""
        pair = self.pair
        asked = [node for node in pair.nodes if node.unanswered]
        flying = len(pair._flying)
        if not asked and not flying:
            pair.run(pair._next() or pair.now)
        elif self.dice.randrange(len(asked) + flying) < len(asked):
            self._answer(self.dice.choice(asked))
        else:
            pair.run(max(pair.now, pair._flying[0][0]))
        self.look()

    def _answer(self, node: Node) -> None:
        assert node.unanswered
        assert node.done is not None
        token = node.unanswered.pop(0).token
        self.pair.do(node, node.engine.result(token, node.done.pop(token), self.pair.now))

    def look(self) -> None:
        """What has begun, and what has been asked of the kernels, since the last event."""
        check_books(self.pair)
        for node in self.pair.nodes:
            core = node.engine._core
            for exchange in core.exchanges:
                if isinstance(exchange.state, QuickMode):
                    proved = exchange.state.isakmp.authorizers[0].removeprefix("passphrase:").encode()
                    began = self.current[node.address], node.oracle.generation, proved
                    self.began.setdefault((node.address, exchange.number), began)
            outputs, self._seen[node.address] = node.outputs[self._seen[node.address] :], len(node.outputs)
            for output in outputs:
                if isinstance(output, InstallSas):
                    self._judge(node, output)

    def _judge(self, node: Node, output: InstallSas) -> None:
        wanted, _, proved = self.began[node.address, node.engine._core.awaited[output.token].owner]
        assert {sa.inbound for sa in output.sas} == {True, False}
        for sa in output.sas:
            self.installed.append((node.address, 8 * len(sa.encryption_key), sa.connection, wanted, proved))

    def settle(self) -> None:
        """Nothing is begun any more, and everything under way comes to its end."""
        for node in self.pair.nodes:
            self.reload(node, BEGINNING, settled=True)
        pair, end = self.pair, self.pair.now + 400
        while pair._flying or any(node.unanswered for node in pair.nodes) or (pair._next() or end) < end:
            self.step()


def wrongs(race: Race) -> Iterator[str]:
    """What must not be, once everything has come to its end."""
    for address, bits, connection, wanted, proved in race.installed:
        if not wanted.allows(bits, connection, proved):
            yield f"{address}: {bits} bits for {connection or 'no connection'} under {wanted.name!r}"
    generations = {number for _, number, _ in race.began.values()}
    for node in race.pair.nodes:
        census = node.census()
        if census["exchanges"] or census["tokens"] or census["half-open"]:
            yield f"{node.address} is left with {census}"
        if {key for sa in node.engine._core.sas.ipsec for key in sa.keys} != set(node.kernel):
            yield f"{node.address}: table and kernel differ"
        if node.spis - set(node.kernel):
            yield f"{node.address}: SPIs are left"
        for record in node.records:
            for question in record.questions:
                if record.outcome is Outcome.ACCEPTED and question.decision.generation not in generations:
                    yield f"{node.address}: a record of generation {question.decision.generation}"
    if set(race.pair.east.kernel) != set(race.pair.west.kernel):
        yield "one side holds what the other does not"


def run(seed: int) -> Race:
    """One or two reloads, of either side or of both, at points that the seed decides."""
    race = Race(seed)
    plan = list(product(range(24), CHANGES[1:], (0, 1, 2)))
    at, wanted, side = plan[seed % len(plan)]
    second = race.dice.randrange(at, 40), race.dice.choice(CHANGES), race.dice.randrange(3)
    for number in range(EVENTS):
        for when, change, who in ((at, wanted, side), second):
            if number == when:
                for node in race.pair.nodes[who : who + 1] or race.pair.nodes:
                    race.reload(node, change)
        race.step()
    race.settle()
    return race


@pytest.mark.full_size
@pytest.mark.parametrize("piece", range(SLICES))
def test_every_sa_is_what_the_generation_allows_that_its_quick_mode_began_with(piece: int) -> None:
    found, installed = {}, 0
    for seed in range(piece, SEEDS, SLICES):
        # 719 is a prime: a part of the seeds is spread over all points, changes and sides.
        race = run(seed * 719)
        installed += len(race.installed)
        if wrong := list(wrongs(race)):
            found[seed * 719] = wrong
    assert found == {}
    assert installed > SEEDS / SLICES


def test_what_is_looked_for_would_be_found() -> None:
    """The reading that SAs are held against says no where it must."""
    refusing = {wanted.name for wanted in CHANGES if not wanted.allows(128, "net")}
    assert refusing == {each.name for each in CHANGES} - {"the beginning"}
    assert [each.name for each in CHANGES if each.allows(128, "")] == [
        "the connection is gone",
        "the connection has another peer",
    ]
    race = run(0)
    race.installed.append((EAST, 128, "net", CHANGES[1], SECRET))
    assert list(wrongs(race)) == [f"{EAST}: 128 bits for net under 'policy refuses'"]


def test_reloads_stand_between_all_kinds_of_events() -> None:
    kinds: set[type] = set()
    race = Race(0)
    for _ in range(EVENTS):
        kinds |= {type(each) for node in race.pair.nodes for each in node.unanswered or ()}
        kinds |= {Send for _ in race.pair._flying}
        race.step()
    assert kinds >= {Send, AllocateSpi, InstallSas}
