"""Nothing leaks: after any sequence of events and the end of both daemons every table, timer and token is empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike.events import (
    Acquire,
    AllocateSpi,
    Connect,
    Endpoint,
    Expired,
    InstallSas,
    KernelFailed,
    LastUsed,
    PeerMoved,
    Reinitialize,
    SetMode,
    Shutdown,
    TearDown,
)
from daemon.ike.events import Path as FlightPath
from policydb.connections import Configuration, General, OnDemand
from tests.daemon.ike.network import (
    EAST,
    EAST_NET,
    WEST,
    WEST_NET,
    Nat,
    Node,
    Pair,
    Weather,
    configuration,
    host,
    ike_transform,
    subnet,
    suite,
)
from tests.sizes import sized

PUBLIC = "198.51.100.1"
EXAMPLES = sized(10, 600)
GENERAL = General(check_interval=30, dpd_check_interval=40, fragment_size=576, accept_aggressive_psk=True)


def side(local: str, remote: str, exchange: str, *, initiates: bool) -> Configuration:
    """Short lifetimes, probes, fragments, and a peer for what the kernel asks for."""
    made = configuration(
        local,
        remote,
        initiates=initiates,
        transforms=(ike_transform(seconds=400),),
        suites=(suite(seconds=150),),
        peer={"exchange": exchange},
        general=GENERAL,
    )
    named = replace(made.peers["gateway"], name=f"peer-{remote}")
    template = OnDemand("ID_PROT", (ike_transform(),), (suite(seconds=150),))
    return replace(made, peers={**made.peers, named.name: named}, on_demand=template)


SIDES = st.integers(0, 1)
EVENTS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.005, 0.015, 1.0, 20.0, 70.0, 140.0, 450.0])),
    st.tuples(st.just("weather"), st.sampled_from([Weather(), Weather(0.3, 0.05, 0.02), Weather(loss=1.0)])),
    st.tuples(
        st.just("command"),
        SIDES,
        st.sampled_from(
            [
                *(Connect("net"), TearDown("net"), TearDown(None), TearDown("gateway", 1), TearDown("Connection-1")),
                *(SetMode(passive=True), SetMode(passive=False), Reinitialize()),
            ]
        ),
    ),
    st.tuples(st.just("acquire"), SIDES, st.sampled_from(["net", "host"])),
    st.tuples(st.just("expired"), SIDES, st.integers(0, 5), st.booleans(), st.sampled_from([None, 0, 9])),
    st.tuples(st.just("moved"), SIDES, st.integers(0, 5)),
    st.tuples(st.just("nat forgets")),
    st.tuples(st.just("kernel"), SIDES, st.sampled_from([None, AllocateSpi, InstallSas])),
    st.tuples(st.just("silent kernel"), SIDES, st.booleans()),
    st.tuples(st.just("last use"), SIDES, st.sampled_from([LastUsed(None), LastUsed(1.0), KernelFailed("no")])),
    st.tuples(st.just("replay"), SIDES, st.integers(0, 10_000)),
    st.tuples(st.just("reload"), SIDES),
)


def act(pair: Pair, event: tuple[Any, ...], seen: list[tuple[FlightPath, bytes]]) -> None:
    kind, *rest = event
    if kind == "wait":
        pair.run(pair.now + rest[0])
    elif kind == "weather":
        pair.weather = rest[0]
    elif kind == "nat forgets":
        for nat in pair.nats.values():
            nat.forget()
    elif kind == "silent kernel":
        pair.nodes[rest[0]].unanswered = [] if rest[1] else None
    else:
        node = pair.nodes[rest[0]]
        on_node(pair, node, kind, rest[1:], seen)


def on_node(pair: Pair, node: Node, kind: str, rest: list[Any], seen: list[tuple[FlightPath, bytes]]) -> None:
    match kind, rest:
        case "command", [command]:
            pair.do(node, node.engine.command(command, pair.now))
        case "acquire", [flow]:
            mine, theirs = (EAST_NET, WEST_NET) if node is pair.east else (WEST_NET, EAST_NET)
            selector = subnet(mine) if flow == "net" else host(node.address)
            remote = next(iter(node.oracle.configuration.peers_by_address))
            wish = Acquire(5, "", str(remote), selector, subnet(theirs))
            pair.do(node, node.engine.upcall(wish, pair.now))
        case "expired", [which, hard, octets] if node.kernel:
            protocol, destination, spi = sorted(node.kernel)[which % len(node.kernel)]
            pair.do(node, node.engine.upcall(Expired(protocol, destination, spi, hard, octets), pair.now))
        case "moved", [which] if node.kernel:
            protocol, destination, spi = sorted(node.kernel)[which % len(node.kernel)]
            there = Endpoint(PUBLIC, 45000 + which)
            pair.do(node, node.engine.upcall(PeerMoved(protocol, destination, spi, there), pair.now))
        case "kernel", [refused]:
            node.refuse = refused
        case "last use", [answer]:
            node.last_used = answer
        case "replay", [which] if seen:
            path, data = seen[which % len(seen)]
            pair.inject(node, data, path)
        case "reload", []:
            pair.do(node, node.engine.reconfigure(node.oracle, node.secrets, pair.now))


def check(node: Node) -> None:
    """What must hold at any time: table, kernel, timers and sections tell the same story."""
    core = node.engine._core
    held = {key for sa in core.sas.ipsec for key in sa.keys}
    installing = {
        (sa.protocol, sa.destination, sa.spi) for each in core.exchanges for sa in getattr(each.state, "sas", ())
    }
    assert set(node.kernel) <= held | installing
    assert set(core.sas._by_key) == held
    owners = {each.number for each in (*core.exchanges, *core.sas.isakmp, *core.sas.ipsec)} | {0}
    assert {key.owner for key in core.timers.armed()} <= owners
    assert {each.owner for each in core.awaited.values()} <= owners
    names = {each.name for each in (*core.sas.ipsec, *core.exchanges)}
    names |= {name for each in core.exchanges for name in each.waiting}
    assert set(core.dynamic.connections) <= names


@settings(max_examples=EXAMPLES)
@given(
    st.lists(EVENTS, max_size=20),
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from(["ID_PROT", "AGGRESSIVE"]),
    st.booleans(),
)
def test_whatever_happens_nothing_is_left_in_the_end(
    events: list[tuple[Any, ...]], seed: int, nat: bool, exchange: str, both: bool
) -> None:
    pair = Pair(
        side(EAST, WEST, exchange, initiates=True),
        side(WEST, PUBLIC if nat else EAST, exchange, initiates=both),
        nats={EAST: Nat(PUBLIC)} if nat else {},
        seed=seed,
    )
    seen: list[tuple[FlightPath, bytes]] = []

    def remember(_source: str, path: FlightPath, data: bytes) -> list[bytes]:
        seen.append((replace(path, local=path.remote, remote=path.local), data))
        return [data]

    pair.filter = remember
    pair.start()
    for event in events:
        act(pair, event, seen)
        for node in pair.nodes:
            check(node)
    for node in pair.nodes:
        pair.do(node, node.engine.command(Shutdown(), pair.now))
    pair.run(pair.now + 1.0)
    for node in pair.nodes:
        assert not any(node.census().values()), node.census()
        assert not node.kernel
        assert not node.spis or node.unanswered is not None
        assert not node.engine._core.dynamic.peers
        assert node.engine.next_deadline() is None
