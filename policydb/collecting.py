"""The garbage collector kept away from work that makes many objects and no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing that is made here is garbage before the end: looking for some takes more time than the work itself.

    What is not needed any more should be gone at the end, lest the collector look at it then.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
