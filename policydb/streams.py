"""The standard streams of a command: there even where the shell closed them, and quiet once they cannot be written.

What goes to a terminal passes a Terminal: texts of others (policies, configurations, records) may hold what moves a
cursor, sets a title or turns the order of the line. Into files and pipes everything goes as it is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TextIO

# The colours that we write ourselves: bold, one of eight, and back.
_COLOUR = re.compile(r"(\x1b\[(?:0|1|3[0-7])m)")


class Terminal(TextIOWrapper):
    """A text stream that writes lines, printable characters and colours, and a dot for whatever else there is."""

    def write(self, text: str) -> int:
        """Write the text made harmless; the length is that of what was given."""
        super().write(harmless(text))
        return len(text)


def harmless(text: str) -> str:
    """A text as a terminal may get it: newlines and tabs stay, what else is not printable or steers is a dot."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    parts = _COLOUR.split(text)
    parts[::2] = [_plain(part) for part in parts[::2]]
    return "".join(parts)


def _plain(text: str) -> str:
    return "".join([each if each.isprintable() or each in "\n\t" else "." for each in text])


@contextmanager
def unguarded(stream: TextIO) -> Iterator[TextIO]:
    """The stream for what we draw ourselves and have to move the cursor for."""
    if not isinstance(stream, Terminal):
        yield stream
        return
    with os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding) as bare:
        yield bare


def guard_terminals() -> None:
    """From now on standard output and standard error write only what is harmless, where they are terminals."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper) and not isinstance(stream, Terminal) and stream.isatty():
            encoding = stream.encoding
            guarded = Terminal(stream.detach(), encoding=encoding, errors="backslashreplace", line_buffering=True)
            setattr(sys, name, guarded)


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
