"""The command FIFO: made with mode 0600, read without blocking, one command per line (isakmpd(8))."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress

from policydb.folders import FileRefusedError, OwnFile

LINE_LIMIT = 8192
"""Octets; a longer line is no command and is dropped."""

_READ_SIZE = 16384
"""Octets read in one turn, some hundred lines: between them, negotiations have theirs."""


class FifoError(Exception):
    """The FIFO cannot be made or opened."""


class LineBuffer:
    """Octets in, whole lines out, as latin-1 text without their newline and without a carriage return before it."""

    def __init__(self) -> None:
        self._pending = b""
        self._skipping = False
        self.dropped = 0
        """Lines that were longer than LINE_LIMIT."""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        *whole, rest = data.split(b"\n")
        lines = [line for each in whole if (line := self._complete(each)) is not None]
        self._extend(rest)
        return lines

    def finish(self) -> list[str]:
        """The writer has gone: what it left without a newline counts as a line."""
        line = self._complete(b"")
        return [line] if line else []

    def _extend(self, data: bytes) -> None:
        self._pending += data
        if len(self._pending) > LINE_LIMIT:
            self._pending = b""
            self.dropped += not self._skipping
            self._skipping = True

    def _complete(self, data: bytes) -> str | None:
        self._extend(data)
        line, skipped = self._pending, self._skipping
        self._pending, self._skipping = b"", False
        return None if skipped else line.removesuffix(b"\r").decode("latin-1")


class CommandInput:
    """Lines of a FIFO (`file`) or of standard input (`file` None), each given to `handle`.

    `complain` is told, in one line, of what could not be read. Raises FifoError when made: an existing FIFO that
    nobody reads is replaced, anything else in its place is refused.
    """

    def __init__(self, file: OwnFile | None, handle: Callable[[str], None], complain: Callable[[str], None]) -> None:
        self._file = file
        self._handle = handle
        self._complain = complain
        self._buffer = LineBuffer()
        self._made: os.stat_result | None = None
        self._descriptor = sys.stdin.fileno() if file is None else self._make(file)

    def start(self) -> None:
        """Begin to read; must be called inside the running event loop."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(self._descriptor, self._readable)
        except PermissionError:
            # Standard input is a regular file: never "readable" to epoll, and never blocks.
            while self._descriptor >= 0:
                self._readable()

    def close(self) -> None:
        """Stop reading and remove the FIFO, unless another daemon has put its own there."""
        self._release()
        if self._file is not None and self._made is not None:
            with suppress(FileRefusedError):
                self._file.folder.remove(self._file.name, self._made)

    def _make(self, file: OwnFile) -> int:
        folder = file.folder
        try:
            there = folder.status(file.name)
            if there is not None:
                if not stat.S_ISFIFO(there.st_mode):
                    raise FifoError(f"{file} exists and is no FIFO; remove it or choose another with -f")
                if _is_read(file):
                    raise FifoError(f"{file} is read by another process; end that or choose another with -f")
                folder.remove(file.name)
            folder.make_fifo(file.name)
            descriptor = folder.open_existing(file.name, os.O_RDONLY)
        except FileRefusedError as refusal:
            raise FifoError(str(refusal)) from refusal
        self._made = os.fstat(descriptor)
        if stat.S_ISFIFO(self._made.st_mode) and self._made.st_uid == os.geteuid():
            return descriptor
        os.close(descriptor)
        raise FifoError(f"{file} was replaced while it was made")

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._complain(f"ui: cannot read commands: {error.strerror}")
            self._release()
            return
        before = self._buffer.dropped
        lines = self._buffer.feed(data) if data else self._buffer.finish()
        if self._buffer.dropped > before:
            self._complain(f"ui: command line longer than {LINE_LIMIT} octets ignored")
        if not data:
            self._reopen()
        for each in lines:
            self._handle(each)

    def _reopen(self) -> None:
        """The last writer has closed: read on from the next one; standard input is over.

        The new descriptor is opened before the old one goes, so that the pipe and what a quick writer has put into
        it meanwhile live on.
        """
        if self._file is None:
            self._release()
            return
        try:
            descriptor = self._file.folder.open_existing(self._file.name, os.O_RDONLY)
        except FileRefusedError as refusal:
            self._complain(f"ui: {refusal}; no more commands are read")
            self._release()
            return
        self._release()
        self._descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._readable)

    def _release(self) -> None:
        if self._descriptor < 0:
            return
        with suppress(RuntimeError):  # no loop: closed before it began or after it ended
            asyncio.get_running_loop().remove_reader(self._descriptor)
        if self._file is not None:
            os.close(self._descriptor)
        self._descriptor = -1


def _is_read(file: OwnFile) -> bool:
    """Whether somebody reads a FIFO: only then can it be opened for writing alone (fifo(7))."""
    try:
        os.close(file.folder.open_existing(file.name, os.O_WRONLY))
    except FileRefusedError:
        return False
    return True
