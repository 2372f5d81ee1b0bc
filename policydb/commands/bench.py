"""The command `bench`: what one question costs step by step, or what the scenarios cost and ought to."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import click

from policydb.commands.measuring import (
    BenchError,
    Row,
    Step,
    measure,
    measure_change,
    measure_question,
    measure_store,
    of_c_library,
)
from policydb.commands.scenarios import SCENARIOS
from policydb.commands.support import NO, YES, Ask, Unusable, default_store, octets, of_store, unreadable
from policydb.request import Request, RequestError
from policydb.storage.storefile import StoreError

_REPEATED = ("flat", "creds3")
_MANY = ("flat", "creds3", "chain")  # of N assertions, each compiled for the first time
_LINEAR = ("chain", "kofn", "flat1")
_MOST_REPEATED = 6e-6  # seconds; this and the following: issue 3
_MOST_EACH = 1e-6
_MOST_FIRST = 20e-3
_MOST_EXPLAINED = 150e-3
_MOST_COMPILED = ((10_000, 2.0), (100_000, 20.0))
_MOST_CHANGED = 60e-3
_LARGEST, _EXPLAINED = 100_000, 10_000
_FROM = 100  # below, what every decision costs is more than what its assertions cost
_STARTS = 5


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


def scenarios(sizes: Sequence[int], names: Sequence[str], form: str) -> int:
    """Measure the scenarios, and say which figures are reached; exit code 1 if one is not."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = list(_rows(sizes, names, Path(folder), quiet=form == "json"))
        except BenchError as problem:
            raise Unusable(str(problem)) from None
        command = _command_time(Path(folder), max(sizes))
        found = list(figures(rows, measure_change(_EXPLAINED, Path(folder), time.process_time)))
    if form == "json":
        click.echo(json.dumps({"rows": [asdict(each) for each in rows], "figures": [asdict(each) for each in found]}))
    else:
        click.echo(_table(rows))
        click.echo("")
        click.echo(_reached(found))
        if command is not None:
            click.echo(f"\nthe whole command `policydb query` on that store, its start included: {_shown(command)}")
    return YES if all(each.reached for each in found) else NO


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


def _rows(sizes: Sequence[int], names: Sequence[str], folder: Path, *, quiet: bool) -> Iterator[Row]:
    for name in names:
        for size in sizes:
            if not quiet:
                click.echo(f"{name} of {size:,} ...", err=True)
            yield measure(SCENARIOS[name], size, folder, time.process_time)


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
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
        found.append(time.perf_counter() - begun)
        if done.stdout != "true\n":
            raise BenchError(f"the command answers {done.stdout!r} {done.stderr!r}")
    return median(found)


def _request(ask: Ask) -> Request:
    try:
        return Request(tuple(map(octets, ask.authorizers)), ask.attributes, ask.values)
    except RequestError as problem:
        raise Unusable(str(problem), "--authorizer NAME says who asks") from None


# --- tables -------------------------------------------------------------------------------------------------------


def _table(rows: Sequence[Row]) -> str:
    from tabulate import tabulate  # only where there is a table

    cells = []
    for each in rows:
        first, repeated = of_c_library(each.scenario, each.size)
        explained = "" if each.explained is None else _shown(each.explained)
        ours = (_shown(each.compiled) if each.compiled else "", _shown(each.first), _shown(each.repeated))
        theirs = ("" if first is None else _shown(first), "" if repeated is None else _shown(repeated))
        per = f"{each.repeated / each.size * 1e6:.3f}"
        cells.append((each.scenario, f"{each.size:,}", *ours, per, explained, *theirs))
    heads = ("scenario", "N", "compile", "first", "repeated", "us / N", "explain no", "C first", "C repeated")
    right = ("left", *["right"] * (len(heads) - 1))
    table: str = tabulate(cells, heads, tablefmt="github", disable_numparse=True, colalign=right)
    return table


def _reached(found: Sequence[Figure]) -> str:
    from tabulate import tabulate

    cells = [(each.name, _shown(each.most), _shown(each.measured), "yes" if each.reached else "NO") for each in found]
    heads = ("figure", "to reach", "measured", "ok")
    table: str = tabulate(cells, heads, tablefmt="github", disable_numparse=True)
    return table


def _steps(found: Sequence[Step]) -> str:
    from tabulate import tabulate

    cells = [(each.name, _shown(each.seconds)) for each in found]
    table: str = tabulate(cells, ("step", "time"), tablefmt="simple", colalign=("left", "right"), disable_numparse=True)
    return table


def _shown(seconds: float) -> str:
    """A time with three digits that count."""
    value, unit = seconds * 1e6, "us"
    if seconds >= 1:
        value, unit = seconds, "s"
    elif seconds >= 1e-3:
        value, unit = seconds * 1e3, "ms"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
