"""The matrix: every scenario of matrix.py, in every role."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.interop.bed import Bed
from tests.interop.matrix import CASES, name
from tests.interop.runner import run_row
from tests.interop.scenario import Begins, Scenario

PARAMETERS = [
    pytest.param(row, begins, id=name(row, begins), marks=[pytest.mark.kernel] if row.kernel else [])
    for row, begins in CASES
]


@pytest.mark.parametrize(("row", "begins"), PARAMETERS)
def test_row(
    request: pytest.FixtureRequest, row: Scenario, begins: Begins, record_property: Callable[[str, object], None]
) -> None:
    bed: Bed = request.getfixturevalue("bed_with_nat" if row.nat else "bed")
    proof = run_row(bed, row, begins)
    record_property("row", name(row, begins))
    record_property("interop", proof)
