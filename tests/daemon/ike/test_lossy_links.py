"""Two engines on a network that loses 30 % each way, duplicates 5 % and reorders: docs/decisions/0008-lossy-links.md.

`make test` runs 40 seeds, `make faults` 400, `make lossy` (or LOSSY_SEEDS=10000) as many as the figure is for. Each
is a whole life up to its budget: phase 1 and quick mode stand on both sides, and nothing else is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import quantiles

import pytest

from daemon.ike.surroundings import Settings
from policydb.connections import Backoff, Configuration, General
from tests.daemon.ike.network import EAST, WEST, Pair, Weather, configuration
from tests.daemon.ike.roadwarrior import whole_way
from tests.sizes import sized

SEEDS = int(os.environ.get("LOSSY_SEEDS", sized(40, 400)))
SLICES = 8
"""Pieces that pytest-xdist may run side by side."""

LOSSY = Backoff(tries=15, timeout=0.5, base=1.5, limit=4.0)
"""Sixteen sends over fifty seconds: the tags that docs/isakmpd.conf.md recommends."""

WEATHER = Weather(loss=0.3, duplication=0.05, lateness=0.02)
BUDGET = 300.0
"""Seconds: two rounds of Exchange-max-time and the connection checker's interval between them."""


@dataclass(frozen=True)
class Scene:
    """By which exchange, and who begins: east always."""

    name: str
    exchange: str = "ID_PROT"
    west: bool = False
    warrior: bool = False


SCENES = (
    Scene("main mode, one side begins"),
    Scene("main mode, both sides begin", west=True),
    Scene("aggressive mode, one side begins", "AGGRESSIVE"),
    Scene("aggressive mode, both sides begin", "AGGRESSIVE", west=True),
    Scene("main mode, XAUTH, mode-config", warrior=True),
)


def lossy(local: str, remote: str, scene: Scene, *, initiates: bool) -> Configuration:
    """A gateway whose peer has the tags for lossy links."""
    peer = {"backoff": LOSSY, "exchange": scene.exchange}
    return configuration(local, remote, initiates=initiates, peer=peer, general=General(accept_aggressive_psk=True))


def pair(scene: Scene, seed: int) -> Pair:
    settings = (Settings(), Settings())
    if scene.warrior:
        made = whole_way(settings=settings, weather=WEATHER, seed=seed)
        for node in made.nodes:
            section = node.oracle.configuration
            peers = {name: replace(each, backoff=LOSSY) for name, each in section.peers.items()}
            node.oracle.configuration = replace(section, peers=peers)
        return made.start()
    sides = lossy(EAST, WEST, scene, initiates=True), lossy(WEST, EAST, scene, initiates=scene.west)
    return Pair(*sides, settings=settings, weather=WEATHER, seed=seed).start()


def cookies(pair: Pair) -> list[set[bytes]]:
    return [{each.cookies for each in node.engine._core.sas.isakmp} for node in pair.nodes]


def time_to_stand(pair: Pair) -> float | None:
    """When both sides first held the same IPsec SAs, to the half second; None: not within the budget."""
    while pair.now < BUDGET:
        pair.run(pair.now + 0.5)
        if pair.established:
            return pair.now
    return None


def left_behind(pair: Pair) -> list[str]:
    """What is wrong at the end of the budget."""
    wrong = []
    if not pair.established:
        wrong.append("the sides hold different IPsec SAs")
    if len({frozenset(each) for each in cookies(pair)}) != 1:
        wrong.append("the sides hold different ISAKMP SAs")
    for node in pair.nodes:
        census = node.census()
        if census["exchanges"] or census["tokens"] or census["half-open"]:
            wrong.append(f"{node.address} is left with {census}")
        held = {key for sa in node.engine._core.sas.ipsec for key in sa.keys}
        if held != set(node.kernel):
            wrong.append(f"{node.address}: table and kernel differ")
        if {key for key in node.spis if key not in node.kernel}:
            wrong.append(f"{node.address}: SPIs are left")
    return wrong


def failures(scene: Scene, seeds: range, times: list[float]) -> Iterator[tuple[int, object]]:
    for seed in seeds:
        made = pair(scene, seed)
        at = time_to_stand(made)
        if at is not None:
            times.append(at)
        made.run(BUDGET)
        wrong = left_behind(made)
        if at is None or wrong:
            yield seed, wrong or "never stood"


@pytest.mark.full_size
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("piece", range(SLICES))
def test_every_seed_ends_with_the_same_sas_on_both_sides_and_nothing_else(scene: Scene, piece: int) -> None:
    times: list[float] = []
    assert list(failures(scene, range(piece, SEEDS, SLICES), times)) == []
    cuts = quantiles(times, n=100)
    print(f"{scene.name}: {len(times)} seeds, p50 {cuts[49]:.1f} s, p99 {cuts[98]:.1f} s, worst {max(times):.1f} s")
