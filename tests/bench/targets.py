"""What configurations may cost, beside what they cost here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.bench.configuration import Compiled, Fifty, Selected

_ALL_S = 10
_ONE_MS = 200
_FOUND_US = 100
_ASK_MS = 10
_CHECK_MS = 300


class _Figure(NamedTuple):
    """A figure in its unit. `cpu` None: it was measured by the clock alone."""

    name: str
    unit: str
    most: float
    time: float
    cpu: float | None = None

    def row(self) -> list[object]:
        """Its row in the table."""
        counted = self.time if self.cpu is None else self.cpu
        shown = ["" if each is None else self._shown(each) for each in (self.most, self.time, self.cpu)]
        return [self.name, f"< {shown[0]}", *shown[1:], "yes" if counted < self.most else "NO"]

    def _shown(self, value: float) -> str:
        return f"{value:,.0f} {self.unit}" if value >= 100 else f"{value:.3g} {self.unit}"


def reached(fifty: Fifty, compiled: Iterable[Compiled], selected: Sequence[Selected]) -> list[list[object]]:
    """A row a figure: its name, what is to be reached, time, CPU, and whether it is."""
    return [each.row() for each in _figures(fifty, list(compiled), max(selected))]


def _figures(fifty: Fifty, compiled: Sequence[Compiled], largest: Selected) -> Iterator[_Figure]:
    for each in compiled:
        yield _Figure(f"{each.shape}: all compiled", "s", _ALL_S, each.all_s, each.all_cpu_s)
    for each in compiled:
        yield _Figure(f"{each.shape}: one changed", "ms", _ONE_MS, each.one_ms, each.one_cpu_ms)
    name = f"peer and connection found among {largest.connections:,}"
    yield _Figure(name, "us", _FOUND_US, largest.found_us)
    yield _Figure("store opened for one question", "ms", _ASK_MS, fifty.ask_ms)
    name = f"policydb check of {fifty.sections} sections, start-up included"
    yield _Figure(name, "ms", _CHECK_MS, fifty.check_ms, fifty.check_cpu_ms)
