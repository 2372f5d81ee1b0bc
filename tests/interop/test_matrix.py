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
def test_row(bed: Bed, row: Scenario, begins: Begins, record_property: Callable[[str, object], None]) -> None:
    proof = run_row(bed, row, begins)
    record_property("row", name(row, begins))
    record_property("interop", proof)
