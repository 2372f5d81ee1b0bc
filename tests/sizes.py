"""How much of a sweep is run: a part of it in `make test`, the whole in `make faults`, which sets FULL_SIZE=1.

What has two sizes is marked `full_size`, but for properties: hypothesis marks those itself.
"""

from __future__ import annotations

import os

FULL = os.environ.get("FULL_SIZE") == "1"


def sized(part: int, whole: int) -> int:
    """`part` in `make test`, `whole` at full size."""
    return whole if FULL else part


def examples(whole: int) -> int:
    """How many examples a property is tried with: a quarter in `make test`."""
    return sized(max(10, whole // 4), whole)
