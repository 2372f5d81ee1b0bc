"""How much of a sweep is run: a part in `make test`, a tenth in `.ci/run`, all of it in `make faults`.

`make faults` sets FULL_SIZE=1; with SWEEP_SHARE=0.1, as `.ci/run` has it, it runs that share of each sweep, though
never less than `make test` does. What has several sizes is marked `full_size`, but for properties: hypothesis marks
those itself.
"""

from __future__ import annotations

import os

FULL = os.environ.get("FULL_SIZE") == "1"
SHARE = float(os.environ.get("SWEEP_SHARE", "1"))


def sized(part: int, whole: int) -> int:
    """`part` in `make test`, `whole` at full size; where `part` is the larger one, it is the step of a sweep."""
    if not FULL:
        return part
    return max(part, round(whole * SHARE)) if part <= whole else min(part, round(whole / SHARE))


def examples(whole: int) -> int:
    """How many examples a property is tried with: a quarter in `make test`."""
    return sized(max(10, whole // 4), whole)
