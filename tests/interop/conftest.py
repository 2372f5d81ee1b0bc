"""Beds for the tests against independent peers (`make interop`), and what their runs leave for docs/interop.md."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.bed import Bed
from tests.interop.record import FAILED
from tests.interop.strongswan import CHARON

TOOLS = ("ip", "swanctl", "tcpdump", "tshark", CHARON)

RESULTS = "INTEROP_RESULTS"
"""The environment names a file: what the tests recorded as `interop` is added to it, by the test's parameters."""


SHARE = "INTEROP_SHARE"
"""The environment says `0/4`: of what is selected, every fourth test from the first on. guest.py runs all shares."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep this process's share of what the marks have left."""
    number, _, count = os.environ.get(SHARE, "0/1").partition("/")
    kept = items[int(number) :: int(count)]
    config.hook.pytest_deselected(items=[each for each in items if each not in kept])
    items[:] = kept


@pytest.fixture(scope="session")
def equipped() -> None:
    """Say what is missing once, instead of failing everywhere."""
    if os.geteuid() != 0:
        pytest.exit("tests/interop makes network namespaces: run it as root", returncode=4)
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.exit(f"tests/interop misses {', '.join(missing)}: `make interop` installs them", returncode=4)


@pytest.fixture
def bed(equipped: None) -> Iterator[Bed]:
    """Two empty namespaces."""
    with Bed() as made:
        yield made


# --- results, which reach the process that writes them from all that test -----------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Gather results, with pytest-xdist in the controller alone."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(), "interop-results")


class _Recorder:
    """Adds each outcome to the file at once, so that a run that is broken off leaves what it has."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test's property `interop` is what proved the row of its property `row`; what fails is named so."""
        path = Path(os.environ.get(RESULTS, ""))
        properties = dict(report.user_properties)
        row = str(properties.get("row", report.nodeid))
        if path.name and report.failed:
            _add(path, row, FAILED)
        elif path.name and report.when == "call" and "interop" in properties:
            _add(path, row, str(properties["interop"]))


def _add(path: Path, row: str, outcome: str) -> None:
    """One more outcome; a row that failed once has failed."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if known.get(row) != FAILED:
        known[row] = outcome
        path.write_text(json.dumps(known, indent=1, sort_keys=True))
