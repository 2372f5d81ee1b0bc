"""A wall clock that jumps: nothing ends, begins or is repeated by it; certificates and policy's times of day follow it.

The same life is lived twice, once with a clock that runs and once with one that jumps. What was sent, what the kernels
were told and when, on the monotonic clock, must be the same to the octet.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daemon.capture import Capture
from daemon.ike.events import Captured, Connect, DeleteSas, Endpoint, InstallSas, Output, Record, Send, TearDown
from daemon.ike.events import Path as Way
from policydb.connections import Configuration, General
from policydb.folders import own_file
from policydb.negotiation import Outcome
from policydb.records.decisionlog import DecisionLog
from policydb.storage.history import list_generations
from policydb.storage.snapshot import open_snapshot
from policydb.storage.store import open_store
from tests.daemon.ike import test_signed_phase1 as signed
from tests.daemon.ike.network import BEGIN, EAST, WEST, Node, Pair, Weather, configuration, ike_transform, suite
from tests.daemon.ike.roadwarrior import whole_way
from tests.policydb.records.samples import ACCEPTED
from tests.policydb.stores import assertion, resolved, source
from tests.sizes import sized

DAY, YEARS = timedelta(days=1), timedelta(days=3653)
JUMPS: dict[str, Callable[[float], timedelta]] = {
    "to and fro": lambda at: (YEARS, -YEARS, DAY, -DAY)[int(at) % 4],
    "NTP steps": lambda at: timedelta(seconds=(-0.5, 0.5, -128, 128)[int(at * 50) % 4]),
    "a day ahead": lambda at: DAY if at > 30 else timedelta(0),
    "a day back": lambda at: -DAY if at > 30 else timedelta(0),
    "ten years ahead": lambda at: YEARS if at > 0.02 else timedelta(0),
    "ten years back": lambda at: -YEARS if at > 0.02 else timedelta(0),
    "it stands still": lambda at: timedelta(seconds=-at),
}
LIFE = sized(800, 1500)
"""Seconds: phase 1 and quick mode are renewed, and at the end the last SAs of a lost peer expire."""


def with_clock(node: Node, offset: Callable[[float], timedelta], clock: Callable[[], float]) -> None:
    """A wall clock of its own for a node."""
    core = node.engine._core

    def wall_clock() -> datetime:
        return BEGIN + timedelta(seconds=clock()) + offset(clock())

    core.tools = replace(core.tools, surroundings=replace(core.tools.surroundings, wall_clock=wall_clock))


def side(local: str, remote: str) -> Configuration:
    general = General(dpd_check_interval=50, check_interval=60)
    return configuration(
        local,
        remote,
        initiates=local == EAST,
        transforms=(ike_transform(seconds=400),),
        suites=(suite(seconds=150),),
        general=general,
    )


def plain(weather: Weather) -> Pair:
    return Pair(side(EAST, WEST), side(WEST, EAST), weather=weather, seed=3)


def warrior(weather: Weather) -> Pair:
    return whole_way(weather=weather, seed=3)


SCENES: dict[str, Callable[[Weather], Pair]] = {"two gateways": plain, "XAUTH and mode-config": warrior}


def life(
    scene: Callable[[Weather], Pair], weather: Weather, offset: Callable[[float], timedelta]
) -> list[tuple[float, str, Output]]:
    """All that two nodes do; the west falls silent at the end, so that exchanges, probes and SAs run out."""
    pair = scene(weather)
    told: list[tuple[float, str, Output]] = []
    for node in pair.nodes:
        with_clock(node, offset, lambda: pair.now)
    pair.start().run(LIFE)
    pair.filter = lambda *_: []
    pair.run(LIFE + 600)
    for node in pair.nodes:
        told += [(at, node.address, out) for at, out in node.sent if isinstance(out, Send)]
        told += [(0.0, node.address, out) for out in node.outputs if isinstance(out, InstallSas | DeleteSas)]
    return told


@pytest.mark.full_size
@pytest.mark.parametrize("weather", [Weather(), Weather(0.3, 0.05, 0.02)], ids=["fair", "lossy"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_life_is_the_same_whatever_the_wall_clock_does(scene: str, weather: Weather) -> None:
    expected = life(SCENES[scene], weather, lambda _: timedelta(0))
    assert sum(isinstance(out, InstallSas) for *_, out in expected) >= 2
    for name, offset in list(JUMPS.items())[: sized(2, len(JUMPS))]:
        assert life(SCENES[scene], weather, offset) == expected, name


# --- what follows the wall clock --------------------------------------------------------------------------------------


def test_certificates_count_by_the_wall_clock_at_each_phase_1_and_no_tunnel_ends_by_it() -> None:
    pair = signed.meet(signed.holding(signed.host(EAST)), signed.holding(signed.host(WEST)))
    assert pair.established
    jumped = {"by": timedelta(0)}
    with_clock(pair.west, lambda _: jumped["by"], lambda: pair.now)
    for jump, word in ((YEARS, "expired"), (-YEARS, "not valid before"), (timedelta(0), "")):
        jumped["by"] = jump
        kernel = dict(pair.west.kernel)
        pair.run(pair.now + 40.0)
        assert kernel.items() <= pair.west.kernel.items(), "what stands stays"
        for command in (TearDown("net", 2), TearDown("gateway", 1), Connect("net")):
            pair.do(pair.east, pair.east.engine.command(command, pair.now))
            pair.run(pair.now + 1.0)
        assert pair.established is (not word)
        assert any(word in line for line in pair.west.log)
        if word:
            pair.do(pair.east, pair.east.engine.command(TearDown("gateway", 1), pair.now))


@pytest.mark.parametrize(
    ("jump", "allowed"), [(timedelta(0), True), (DAY, False), (-DAY, False), (timedelta(hours=2), False)]
)
def test_policy_is_told_the_time_of_the_wall_clock(jump: timedelta, allowed: bool) -> None:
    first, last = ((BEGIN + timedelta(minutes=each)).strftime("%Y%m%d%H%M%S") for each in (0, 60))
    policy = f'Authorizer: "POLICY"\nConditions: GMTTimeOfDay >= "{first}" && GMTTimeOfDay <= "{last}";\n'
    pair = Pair(configuration(EAST, WEST, initiates=True))
    pair.west.oracle = signed.Written(policy, configuration(WEST, EAST))  # type: ignore[assignment]
    with_clock(pair.west, lambda _: jump, lambda: pair.now)
    pair.start().run(1.0)
    assert pair.established is allowed
    (record,) = [each.record for each in pair.west.outputs if isinstance(each, Record)][1:2]
    assert record.time.startswith(f"{BEGIN + jump:%Y-%m-%dT%H:%M}")
    assert record.outcome is (Outcome.ACCEPTED if allowed else Outcome.REFUSED)


# --- what is kept -----------------------------------------------------------------------------------------------------


def moments(count: int) -> list[datetime]:
    dice = random.Random(1)
    return [BEGIN + dice.choice((YEARS, -YEARS, DAY, -DAY, timedelta(0))) for _ in range(count)]


def test_the_decision_log_keeps_the_last_records_whatever_time_they_bear(tmp_path: Path) -> None:
    with DecisionLog(tmp_path / "decisions.db", keep=5) as log:
        for number, moment in enumerate(moments(40), 1):
            time = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            assert log.append(replace(ACCEPTED, time=time, detail=f"number {number}")) == number
            kept = [each.detail for each in log.records()]
            assert kept == [f"number {each}" for each in range(number, max(0, number - 5), -1)]
            assert log.records()[0].time == time


def test_the_generation_published_last_is_in_force_whatever_time_it_bears(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    for number, moment in enumerate(moments(12), 1):
        with open_store(path) as store:
            store.publish([source("a.policy", assertion("POLICY", f"k{number}"))], moment, resolved())
        with open_snapshot(path) as snapshot:
            assert snapshot.generation == number
            assert snapshot.licensing(f"k{number}")
    assert sorted(each.number for each in list_generations(path)) == list(range(1, 13))


@pytest.mark.parametrize("seconds", [-1.5, 0.0, 2.0**32 + 5, 2.0**40])
def test_a_capture_goes_on_where_the_clock_is_outside_what_its_format_holds(tmp_path: Path, seconds: float) -> None:
    capture = Capture(own_file(tmp_path / "pcap"), lambda: seconds)
    capture.add(Captured(Way(Endpoint(EAST, 500), Endpoint(WEST, 500)), bytes(28), outbound=True))
    capture.close()
    assert len((tmp_path / "pcap").read_bytes()) > 24 + 16 + 28
