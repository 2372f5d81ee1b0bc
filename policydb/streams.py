"""The standard streams of a command: there even where the shell closed them, and quiet once they cannot be written."""

from __future__ import annotations

import os
import sys


def open_closed() -> None:
    """Put /dev/null in the place of each standard stream that is closed (`>&-`), which Python shows as None.

    Else the next file that is opened gets its descriptor.
    """
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            mode = "r" if flags == os.O_RDONLY else "w"
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode))


def discard_output() -> None:
    """Let what waits to be written go to /dev/null: it would fail once more when Python ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
