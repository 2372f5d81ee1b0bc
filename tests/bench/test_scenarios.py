"""The six scenarios: each size has the assertions and the answer that its name promises, and all are measured."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from policydb.commands.bench import repeat
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.checker import Checker
from policydb.keynote.explain import explain
from policydb.storage.history import list_generations
from tests.bench.evaluators import Row, figures, measure, measure_change, of_c_library, tables
from tests.bench.scenarios import SCENARIOS

ASSERTIONS = {"flat": 20, "miss": 20, "flat1": 1, "creds3": 20, "chain": 20, "kofn": 1}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_what_it_says(name: str) -> None:
    scenario = SCENARIOS[name]
    assembly = assemble(files=[Text("p", scenario.policy(20))])
    assert (len(assembly.assertions), assembly.ignored) == (ASSERTIONS[name], [])
    checker = Checker(assembly.graph())
    assert checker.decide(scenario.request(20)) == ("true" if scenario.allowed else "false")
    refused = scenario.request(20, esp_enc_alg="des")
    assert checker.decide(refused) == "false"
    assert explain(checker.graph, refused, checker).nearest
    assert len(scenario.request(20).attributes) == 10


def test_every_scenario_at_every_size_has_the_c_librarys_figure_or_none() -> None:
    first, repeated = of_c_library("creds3", 10)
    assert first == pytest.approx(24.1e-6)
    assert repeated == pytest.approx(5e-6)
    assert of_c_library("kofn", 100_000) == (None, None)
    assert of_c_library("flat", 77) == (None, None)


def test_repeating_takes_the_median_of_what_the_clock_says() -> None:
    ticks = count(0.0, 1.0)
    assert repeat(lambda: None, lambda: next(ticks)) == 1.0


def test_a_row_holds_what_was_measured(tmp_path: Path) -> None:
    ticks = count(0.0, 1.0)
    row = measure(SCENARIOS["kofn"], 10, tmp_path, lambda: next(ticks))
    assert row == Row("kofn", 10, compiled=1.0, first=1.0, repeated=1.0, explained=1.0)


def test_a_figure_is_reached_by_the_slowest_row_or_not_at_all() -> None:
    fast = [Row("creds3", 100_000, 0, 1e-3, 2e-6, None), Row("chain", 1000, 0, 1.0, 900e-6, None)]
    assert [each.reached for each in figures(fast)] == [True, True, True]
    slow = Row("flat", 10, 0, 1e-3, 7e-6, None)
    assert [each.reached for each in figures([*fast, slow])] == [False, True, True]
    explained = Row("miss", 10_000, 0, 0, 1e-6, 0.2)
    assert [each.reached for each in figures([explained])] == [False]


def test_compiling_is_held_against_its_own_figures() -> None:
    rows = [Row("flat", 10_000, 1.9, 0, 0, None), Row("chain", 10_000, 2.1, 0, 0, None)]
    told = {each.name: each.reached for each in figures(rows, changed=0.05)}
    assert told["compile 10,000 distinct assertions, the slowest"] is False
    assert told["one changed assertion of 10,000, recompiled and published"] is True


def test_one_changed_assertion_is_compiled_and_published(tmp_path: Path) -> None:
    ticks = count(0.0, 1.0)
    assert measure_change(10, tmp_path, lambda: next(ticks)) is None
    measure(SCENARIOS["flat"], 10, tmp_path, lambda: next(ticks))
    assert measure_change(10, tmp_path, lambda: next(ticks)) == 1.0
    assert len(list_generations(tmp_path / "flat-10.db")) == 6


def test_all_is_measured_and_what_is_reached_is_said() -> None:
    told = tables((10, 100), ("flat", "chain"))
    assert "| flat       |  10 |" in told
    assert "repeated decision, creds3 and flat" in told
    assert "the whole command `policydb query`" in told
