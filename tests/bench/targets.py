"""What configurations may cost, beside what they cost here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.bench.configuration import Compiled, Fifty, Loading, Selected

_ALL_S = {"isakmpd.conf": 4}
_ALL_OTHERS_S = 8.2
_ONE_MS = {"ipsec.conf, one rule with a list": 350}
_ONE_OTHERS_MS = 200
_RELOAD_S = {"isakmpd.conf": 0.5, "ipsec.conf, a rule each": 0.6}
_START_S = {"isakmpd.conf": 1.2, "ipsec.conf, a rule each": 1.5}
_STORE_MB = {"isakmpd.conf": 50, "ipsec.conf, a rule each": 50}
_BYTES_MB = {"isakmpd.conf": 31, "ipsec.conf, a rule each": 31}
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


def reached(
    fifty: Fifty, compiled: Iterable[Compiled], selected: Sequence[Selected], loading: Sequence[Loading]
) -> list[list[object]]:
    """A row a figure: its name, what is to be reached, time, CPU, and whether it is."""
    return [figure.row() for figure in (*_figures(fifty, list(compiled), max(selected)), *_of_daemon(loading))]


def _of_daemon(loading: Sequence[Loading]) -> Iterator[_Figure]:
    for row in loading:
        yield _Figure(f"{row.shape}: daemon reloads one changed", "s", _RELOAD_S[row.shape], row.changed_s)
    for row in loading:
        yield _Figure(f"{row.shape}: daemon starts on a store that has it", "s", _START_S[row.shape], row.start_s)
    for row in loading:
        yield _Figure(f"{row.shape}: store", "MB", _STORE_MB[row.shape], row.store_mb)
    for row in loading:
        yield _Figure(f"{row.shape}: bytes for a jailed process", "MB", _BYTES_MB[row.shape], row.handed_over_mb)


def _figures(fifty: Fifty, compiled: Sequence[Compiled], largest: Selected) -> Iterator[_Figure]:
    for each in compiled:
        most = _ALL_S.get(each.shape, _ALL_OTHERS_S)
        yield _Figure(f"{each.shape}: all compiled", "s", most, each.all_s, each.all_cpu_s)
    for each in compiled:
        most = _ONE_MS.get(each.shape, _ONE_OTHERS_MS)
        yield _Figure(f"{each.shape}: one changed", "ms", most, each.one_ms, each.one_cpu_ms)
    name = f"peer and connection found among {largest.connections:,}"
    yield _Figure(name, "us", _FOUND_US, largest.found_us)
    yield _Figure("store opened for one question", "ms", _ASK_MS, fifty.ask_ms)
    name = f"policydb check of {fifty.sections} sections, start-up included"
    yield _Figure(name, "ms", _CHECK_MS, fifty.check_ms, fifty.check_cpu_ms)
