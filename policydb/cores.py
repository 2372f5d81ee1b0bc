"""No core dumps of a process that handles keys: whoever reads a core reads them (core(5), prctl(2)).

A developer who wants one sets ISAKMPD_CORE_DUMPS=yes in the process's environment, which nobody else can.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

WANTED = "ISAKMPD_CORE_DUMPS"

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps() -> None:
    """From now on this process leaves no core, and no other process of its user can trace it or read its memory.

    The limit alone is not enough: a core that is piped to a program (core_pattern) is made whatever the limit is.
    """
    if os.environ.get(WANTED) == "yes":
        return
    with suppress(ImportError, OSError, ValueError):
        import resource  # not everywhere

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
