"""What the engine costs, in steps that people wait for: one question put to one policy, or the six scenarios.

Times are CPU seconds of this process, medians of several runs, so that a busy machine changes them little. Clocks are
the caller's: `clock` is time.process_time or what stands in for it in a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TypeAlias

from policydb.commands.scenarios import SCENARIOS, Scenario
from policydb.request import Request
from policydb.storage.snapshot import Snapshot, open_snapshot

Clock: TypeAlias = Callable[[], float]
"""Seconds, from any beginning."""

SIZES = (10, 100, 1_000, 10_000, 100_000)

_PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)  # generations of a benchmark need no true time
_ROUNDS = 5
_LEAST = 0.02  # seconds that a round of repeated decisions lasts at least
_CHANGED = "esp_enc_alg"  # set otherwise, every assertion of a scenario refuses
_EXPLAINED = 10_000  # the largest size whose refusals are explained

_C_LIBRARY: Mapping[str, tuple[tuple[float | None, float | None], ...]] = {
    "flat": ((18.9, 2.9), (110.4, 39.4), (2_420, 967.1), (153_050, 32_860), (None, None)),
    "miss": ((33.8, 15.5), (238.1, 161.6), (3_940, 2_070), (526_510, 305_980), (None, None)),
    "flat1": ((18.3, 3.6), (87.2, 45.1), (3_340, 3_020), (274_190, 268_120), (48_480_000, 47_760_000)),
    "creds3": ((24.1, 5.0), (87.5, 5.5), (1_310, 19.7), (268_140, 368), (499_000_000, 75_500)),
    "chain": ((36.6, 15.8), (247.2, 165.6), (3_310, 2_030), (370_150, 98_280), (None, None)),
    # From 10,000 on the list is longer than the C library's parser can take, and its answer is wrong.
    "kofn": ((19.0, 3.5), (116.0, 64.3), (6_100, 5_700), (None, None), (None, None)),
}


def of_c_library(scenario: str, size: int) -> tuple[float | None, float | None]:
    """What the C library takes for a first and for a repeated query, in seconds; None: no answer in two minutes."""
    if size not in SIZES:
        return None, None
    first, repeated = _C_LIBRARY[scenario][SIZES.index(size)]
    return (None if first is None else first / 1e6), (None if repeated is None else repeated / 1e6)


class BenchError(Exception):
    """A benchmark that measures nothing: an answer is wrong, or files cannot be compiled."""


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario at one size; seconds. `explained` None: refusals of this size are not explained."""

    scenario: str
    size: int
    compiled: float
    first: float
    repeated: float
    explained: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a question's way, in seconds."""

    name: str
    seconds: float


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
        found.append(_once(lambda: _compile([str(policy)], store), clock))
    return median(found)


def repeat(call: Callable[[], object], clock: Clock, rounds: int = _ROUNDS) -> float:
    """Seconds of one call among many: the median of rounds, each long enough for the clock."""
    call()
    begun = clock()
    call()
    once = clock() - begun
    count = max(1, min(10_000, int(_LEAST / once) if once > 0 else 10_000))
    found = []
    for _ in range(rounds):
        begun = clock()
        for _ in range(count):
            call()
        found.append((clock() - begun) / count)
    return median(found)


def measure_question(
    policies: Sequence[str], request: Request, folder: Path, clock: Clock, rounds: int
) -> Iterator[Step]:
    """A question's way from the files of a policy to its answer. Raises BenchError where they cannot be compiled."""
    from grammar.keynote import parse_policy  # what asks a store needs no parser

    texts = [Path(each).read_text(encoding="latin-1") for each in policies]
    yield Step("parse", _once(lambda: [parse_policy(each, "policy") for each in texts], clock))
    store = folder / "question.db"
    yield Step("compile", _once(lambda: _compile(policies, store), clock))
    yield from measure_store(store, request, clock, rounds)


def measure_store(store: Path, request: Request, clock: Clock, rounds: int) -> Iterator[Step]:
    """A question's way from a compiled store to its answer."""
    opened: list[Snapshot] = []
    yield Step("load", _once(lambda: opened.append(open_snapshot(store)), clock))
    with opened[0] as snapshot:
        yield Step("first decision", _once(lambda: snapshot.decide(request), clock))
        yield Step("repeated decision", repeat(lambda: snapshot.decide(request), clock, rounds))
        yield Step("first explanation", _once(lambda: snapshot.explain(request), clock))
        yield Step("repeated explanation", repeat(lambda: snapshot.explain(request), clock, rounds))


def _once(call: Callable[[], object], clock: Clock) -> float:
    begun = clock()
    call()
    return clock() - begun


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
    return _once(lambda: _compile([str(policy)], store), clock), store


def _compile(paths: Sequence[str], store: Path) -> None:
    from policydb.compiling.compiler import compile_paths  # loads the parser

    compilation = compile_paths(paths, store, _PUBLISHED)
    if compilation.generation is None:
        worst = compilation.diagnostics[0]
        raise BenchError(f"{worst.source}:{worst.span.line}: {worst.message}")
