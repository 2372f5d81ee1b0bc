"""The command `bench`: what one question costs, step by step from the policy's text or from the store to the answer.

Times are CPU seconds of this process, medians of several runs, so that a busy machine changes them little.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TypeAlias

import click

from policydb.commands.support import YES, Ask, Unusable, default_store, octets, of_store, unreadable
from policydb.request import Request, RequestError
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.storefile import StoreError

Clock: TypeAlias = Callable[[], float]
"""Seconds, from any beginning: time.process_time, or what stands in for it in a test."""

_PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)  # generations of a benchmark need no true time
_LEAST = 0.02  # seconds that a round of repeated calls lasts at least


class BenchError(Exception):
    """A benchmark that measures nothing: an answer is wrong, or files cannot be compiled."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a question's way, in seconds."""

    name: str
    seconds: float


def question(ask: Ask, rounds: int, form: str) -> int:
    """Measure one question: each step from the policy's text, or from the store, to the answer."""
    request = _request(ask)
    with tempfile.TemporaryDirectory() as folder:
        try:
            if ask.policies:
                found = list(measure_question(ask.policies, request, Path(folder), time.process_time, rounds))
            else:
                store = Path(default_store(ask.store))
                found = list(measure_store(store, request, time.process_time, rounds))
        except OSError as problem:
            raise unreadable(str(problem.filename), problem) from None
        except StoreError as problem:
            raise of_store(problem) from None
        except (BenchError, RequestError) as problem:
            raise Unusable(str(problem)) from None
    if form == "json":
        click.echo(json.dumps([asdict(each) for each in found]))
    else:
        click.echo(_steps(found))
    return YES


def _request(ask: Ask) -> Request:
    try:
        return Request(tuple(map(octets, ask.authorizers)), ask.attributes, ask.values)
    except RequestError as problem:
        raise Unusable(str(problem), "--authorizer NAME says who asks") from None


# --- measuring ----------------------------------------------------------------------------------------------------


def measure_question(
    policies: Sequence[str], request: Request, folder: Path, clock: Clock, rounds: int
) -> Iterator[Step]:
    """A question's way from the files of a policy to its answer. Raises BenchError where they cannot be compiled."""
    from grammar.keynote import parse_policy  # what asks a store needs no parser

    texts = [Path(each).read_text(encoding="latin-1") for each in policies]
    yield Step("parse", once(lambda: [parse_policy(each, "policy") for each in texts], clock))
    store = folder / "question.db"
    yield Step("compile", once(lambda: compile_quietly(policies, store), clock))
    yield from measure_store(store, request, clock, rounds)


def measure_store(store: Path, request: Request, clock: Clock, rounds: int) -> Iterator[Step]:
    """A question's way from a compiled store to its answer."""
    opened: list[Snapshot] = []
    yield Step("load", once(lambda: opened.append(open_snapshot(store)), clock))
    with opened[0] as snapshot:
        yield Step("first decision", once(lambda: snapshot.decide(request), clock))
        yield Step("repeated decision", repeat(lambda: snapshot.decide(request), clock, rounds))
        yield Step("first explanation", once(lambda: snapshot.explain(request), clock))
        yield Step("repeated explanation", repeat(lambda: snapshot.explain(request), clock, rounds))


def repeat(call: Callable[[], object], clock: Clock, rounds: int = 5) -> float:
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


def once(call: Callable[[], object], clock: Clock) -> float:
    """Seconds of one call."""
    begun = clock()
    call()
    return clock() - begun


def compile_quietly(paths: Sequence[str], store: Path) -> None:
    """Compile files into a store. Raises BenchError where they are in error."""
    from policydb.compiling.compiler import compile_paths  # loads the parser

    compilation = compile_paths(paths, store, _PUBLISHED)
    if compilation.generation is None:
        worst = compilation.diagnostics[0]
        raise BenchError(f"{worst.source}:{worst.span.line}: {worst.message}")


# --- what is told -------------------------------------------------------------------------------------------------


def _steps(found: Sequence[Step]) -> str:
    from tabulate import tabulate

    cells = [(each.name, shown_time(each.seconds)) for each in found]
    table: str = tabulate(cells, ("step", "time"), tablefmt="simple", colalign=("left", "right"), disable_numparse=True)
    return table


def shown_time(seconds: float) -> str:
    """A time with three digits that count."""
    value, unit = seconds * 1e6, "us"
    if seconds >= 1:
        value, unit = seconds, "s"
    elif seconds >= 1e-3:
        value, unit = seconds * 1e3, "ms"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
