"""What the tests of the command line share: one command, run in this process in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Run: TypeAlias = Callable[..., tuple[int, str, str]]
"""Command-line arguments -> exit code, standard output, standard error."""
