"""All rows of the matrix."""

from __future__ import annotations

from tests.interop import libreswan_rows, strongswan_algorithms, strongswan_rows, xauth_rows
from tests.interop.scenario import Begins, Scenario

ROWS: tuple[Scenario, ...] = (
    *strongswan_rows.ROWS,
    *xauth_rows.ROWS,
    *strongswan_algorithms.ROWS,
    *libreswan_rows.ROWS,
)

CASES: tuple[tuple[Scenario, Begins], ...] = tuple((row, begins) for row in ROWS for begins in row.begins)
"""Each row once for each role in which we are in it."""


def name(row: Scenario, begins: Begins) -> str:
    """The test's name."""
    return f"{row.peer}-{row.name}-{begins}"
