"""What the six scenarios cost: compiling each policy, a first and a repeated decision, the reasons of a refusal.

Times are CPU seconds of this process, medians of several runs, so that a busy machine changes them little. Clocks are
the caller's: `clock` is time.process_time or what stands in for it in a test.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tabulate import tabulate

from policydb.commands.bench import BenchError, Clock, compile_quietly, once, repeat, shown_time
from policydb.request import Request
from policydb.storage.snapshot import Snapshot, open_snapshot
from tests.bench.scenarios import SCENARIOS, Scenario

SIZES = (10, 100, 1_000, 10_000, 100_000)

_ROUNDS = 5
_CHANGED = "esp_enc_alg"  # set otherwise, every assertion of a scenario refuses

_C_LIBRARY: Mapping[str, tuple[tuple[float | None, float | None], ...]] = {
    "flat": ((18.9, 2.9), (110.4, 39.4), (2_420, 967.1), (153_050, 32_860), (None, None)),
    "miss": ((33.8, 15.5), (238.1, 161.6), (3_940, 2_070), (526_510, 305_980), (None, None)),
    "flat1": ((18.3, 3.6), (87.2, 45.1), (3_340, 3_020), (274_190, 268_120), (48_480_000, 47_760_000)),
    "creds3": ((24.1, 5.0), (87.5, 5.5), (1_310, 19.7), (268_140, 368), (499_000_000, 75_500)),
    "chain": ((36.6, 15.8), (247.2, 165.6), (3_310, 2_030), (370_150, 98_280), (None, None)),
    # From 10,000 on the list is longer than the C library's parser can take, and its answer is wrong.
    "kofn": ((19.0, 3.5), (116.0, 64.3), (6_100, 5_700), (None, None), (None, None)),
}

_REPEATED = ("flat", "creds3")
_MANY = ("flat", "creds3", "chain")  # of N assertions, each compiled for the first time
_LINEAR = ("chain", "kofn", "flat1")
_MOST_REPEATED = 6e-6  # seconds; this and the following: issue 3
_MOST_EACH = 1e-6
_MOST_FIRST = 20e-3
_MOST_EXPLAINED = 150e-3
_MOST_COMPILED = ((10_000, 2.0), (100_000, 20.0))
_MOST_CHANGED = 60e-3
_LARGEST = 100_000
_EXPLAINED = 10_000  # the largest size whose refusals are explained
_FROM = 100  # below, what every decision costs is more than what its assertions cost
_STARTS = 5


def of_c_library(scenario: str, size: int) -> tuple[float | None, float | None]:
    """What the C library takes for a first and for a repeated query, in seconds; None: no answer in two minutes."""
    if size not in SIZES:
        return None, None
    first, repeated = _C_LIBRARY[scenario][SIZES.index(size)]
    return (None if first is None else first / 1e6), (None if repeated is None else repeated / 1e6)


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario at one size; seconds. `explained` None: refusals of this size are not explained."""

    scenario: str
    size: int
    compiled: float
    first: float
    repeated: float
    explained: float | None


def measure(scenario: Scenario, size: int, folder: Path, clock: Clock) -> Row:
    """One scenario at one size, in stores that are made in `folder`. Raises BenchError."""
    compiled, store = _store(scenario, size, folder, clock)
    request = scenario.request(size)
    wanted = request.values[-1 if scenario.allowed else 0]
    firsts = []
    for _ in range(3):
        begun = clock()
        with open_snapshot(store) as cold:
            answer = cold.decide(request)
            firsts.append(clock() - begun)
        if answer != wanted:
            raise BenchError(f"{scenario.name} of {size}: the answer is {answer}, not {wanted}")
    with open_snapshot(store) as snapshot:
        repeated = repeat(lambda: snapshot.allows(request), clock)
        explained = _explained(snapshot, scenario.request(size, **{_CHANGED: "des"}), size, clock)
    return Row(scenario.name, size, compiled, median(firsts), repeated, explained)


def measure_change(size: int, folder: Path, clock: Clock) -> float | None:
    """Seconds from one changed assertion of `flat` to a published generation; None where that was not measured."""
    policy, store = folder / f"flat-{size}.policy", folder / f"flat-{size}.db"
    if not policy.exists():
        return None
    text = policy.read_text(encoding="latin-1")
    found = []
    for number in range(_ROUNDS):
        policy.write_text(text.replace(f'"k{size // 2}"', f'"another{number}"', 1), encoding="latin-1")
        found.append(once(lambda: compile_quietly([str(policy)], store), clock))
    return median(found)


def _explained(snapshot: Snapshot, request: Request, size: int, clock: Clock) -> float | None:
    if size > _EXPLAINED:
        return None
    if snapshot.allows(request):
        raise BenchError(f"{request.attributes[_CHANGED]} is not refused")
    return repeat(lambda: snapshot.explain(request), clock, rounds=3)


def _store(scenario: Scenario, size: int, folder: Path, clock: Clock) -> tuple[float, Path]:
    """The compiled policy of a scenario; two that ask one policy share it."""
    name = SCENARIOS["flat"].name if scenario.name == "miss" else scenario.name
    store = folder / f"{name}-{size}.db"
    if store.exists():
        return 0.0, store
    policy = folder / f"{name}-{size}.policy"
    policy.touch(0o600)
    policy.write_text(scenario.policy(size), encoding="latin-1")
    return once(lambda: compile_quietly([str(policy)], store), clock), store


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, what it is to reach, and what was measured; all in seconds."""

    name: str
    most: float
    measured: float

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.measured <= self.most


def figures(rows: Sequence[Row], changed: float | None = None) -> Iterator[Figure]:
    """What is to be reached, as far as the rows tell; `changed`: seconds of a recompilation."""
    repeated = [each.repeated for each in rows if each.scenario in _REPEATED]
    if repeated:
        yield Figure("repeated decision, creds3 and flat, loaded snapshot, the slowest", _MOST_REPEATED, max(repeated))
    linear = [each.repeated / each.size for each in rows if each.scenario in _LINEAR and each.size >= _FROM]
    if linear:
        name = "chain, kofn, flat1: repeated decision per assertion or member, the slowest"
        yield Figure(name, _MOST_EACH, max(linear))
    first = [each.first for each in rows if each.size == _LARGEST and each.scenario in ("flat", "miss", "creds3")]
    if first:
        yield Figure(f"first decision, cold store of {_LARGEST:,} assertions, the slowest", _MOST_FIRST, max(first))
    for size, most in _MOST_COMPILED:
        compiled = [each.compiled for each in rows if each.size == size and each.scenario in _MANY]
        if any(compiled):
            yield Figure(f"compile {size:,} distinct assertions, the slowest", most, max(compiled))
    if changed is not None:
        yield Figure(f"one changed assertion of {_EXPLAINED:,}, recompiled and published", _MOST_CHANGED, changed)
    explained = [each.explained for each in rows if each.size == _EXPLAINED and each.explained is not None]
    if explained:
        name = f"explain of a refusal among {_EXPLAINED:,}, nearest changes included, the slowest"
        yield Figure(name, _MOST_EXPLAINED, max(explained))


def tables(sizes: Sequence[int], names: Sequence[str]) -> str:
    """Measure the scenarios of these names at these sizes: the rows, and which figures are reached."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [measure(SCENARIOS[name], size, folder, time.process_time) for name in names for size in sizes]
        command = _command_time(folder, max(sizes))
        reached = list(figures(rows, measure_change(_EXPLAINED, folder, time.process_time)))
    told = [_table(rows), _reached(reached)]
    if command is not None:
        told.append(f"the whole command `policydb query` on that store, its start included: {shown_time(command)}")
    return "\n\n".join(told)


def _command_time(folder: Path, size: int) -> float | None:
    """Seconds of wall clock that a user waits for `policydb query`; None where flat was not measured."""
    store = folder / f"flat-{size}.db"
    if not store.exists():
        return None
    request = SCENARIOS["flat"].request(size)
    asked = [f"--authorizer={each}" for each in request.authorizers]
    asked += [f"--attribute={name}={value}" for name, value in request.attributes.items()]
    found = []
    for _ in range(_STARTS):
        begun = time.perf_counter()
        command = [sys.executable, "-m", "policydb.cli", "query", "--store", str(store), *asked]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found.append(time.perf_counter() - begun)
        if done.stdout != "true\n":
            raise BenchError(f"the command answers {done.stdout!r} {done.stderr!r}")
    return median(found)


# --- tables -------------------------------------------------------------------------------------------------------


def _table(rows: Sequence[Row]) -> str:
    cells = []
    for each in rows:
        first, repeated = of_c_library(each.scenario, each.size)
        explained = "" if each.explained is None else shown_time(each.explained)
        ours = (shown_time(each.compiled) if each.compiled else "", shown_time(each.first), shown_time(each.repeated))
        theirs = ("" if first is None else shown_time(first), "" if repeated is None else shown_time(repeated))
        per = f"{each.repeated / each.size * 1e6:.3f}"
        cells.append((each.scenario, f"{each.size:,}", *ours, per, explained, *theirs))
    heads = ("scenario", "N", "compile", "first", "repeated", "us / N", "explain no", "C first", "C repeated")
    right = ("left", *["right"] * (len(heads) - 1))
    table: str = tabulate(cells, heads, tablefmt="github", disable_numparse=True, colalign=right)
    return table


def _reached(found: Sequence[Figure]) -> str:
    cells = [
        (each.name, shown_time(each.most), shown_time(each.measured), "yes" if each.reached else "NO") for each in found
    ]
    heads = ("figure", "to reach", "measured", "ok")
    table: str = tabulate(cells, heads, tablefmt="github", disable_numparse=True)
    return table
