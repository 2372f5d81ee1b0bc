"""What all tests share: the place of the source tree, and hypothesis without a clock or dice."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.sizes import examples

# One code, one verdict: "house" tries the same examples each time, `pytest --hypothesis-profile=search` new ones. A
# shared machine makes single examples slow for reasons of its own. A failure prints how to repeat it.
settings.register_profile(
    "search",
    settings.get_profile("default"),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=examples(100),
)
settings.register_profile("house", settings.get_profile("search"), derandomize=True, database=None)
settings.load_profile("house")


def pytest_collection_finish() -> None:
    """Nine thousand tests stay till the end; looking at them in every full collection took a tenth of all the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parents[1]
