"""Beds for the tests against independent peers: they need root and Debian's strongSwan (`make interop`)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.interop.bed import Bed
from tests.interop.strongswan import CHARON

TOOLS = ("ip", "swanctl", "tcpdump", "tshark", CHARON)


@pytest.fixture(scope="session", autouse=True)
def equipped() -> None:
    """Say what is missing once, instead of failing everywhere."""
    if os.geteuid() != 0:
        pytest.exit("tests/interop makes network namespaces: run it as root", returncode=4)
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.exit(f"tests/interop misses {', '.join(missing)}: `make interop` installs them", returncode=4)


@pytest.fixture
def bed() -> Iterator[Bed]:
    """Two empty namespaces."""
    with Bed() as made:
        yield made
