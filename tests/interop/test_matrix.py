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


@pytest.mark.usefixtures("equipped")
@pytest.mark.parametrize(("row", "begins"), PARAMETERS)
def test_row(row: Scenario, begins: Begins, record_property: Callable[[str, object], None]) -> None:
    record_property("row", name(row, begins))
    with Bed(row.natted(begins)) as bed:
        record_property("interop", run_row(bed, row, begins))
