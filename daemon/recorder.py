"""The decision log's writer: a thread of its own, so that no handshake waits for a disk or for another process.

Records wait in order, a bounded number of them. What the log does not take is tried again while there is room to wait;
what is lost is counted, and said once for each spell in which the log fails.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread

from policydb.negotiation import NegotiationRecord
from policydb.records.decisionlog import DecisionLog, LogError, Row, row_of

MOST_WAITING = 500
"""Records that wait for the log at most; what comes then is lost."""

_AT_ONCE = 100
"""Records written in one transaction at most."""

RETRY_SECONDS = 0.5
"""From a failure to the next attempt."""

BUSY_SECONDS = 0.25
"""How long one attempt waits for another process, so that the thread can be told to end."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the records: written, waiting, lost; `problem` is why the log takes none now, "" if it does."""

    written: int = 0
    waiting: int = 0
    lost: int = 0
    problem: str = ""


class Recorder:
    """Takes records at once and writes them soon. `say` is told, in the thread, what the daemon's log should tell."""

    def __init__(self, log: DecisionLog, say: Callable[[str], None]) -> None:
        self._log = log
        self._say = say
        self._changed = Condition()
        self._waiting: deque[NegotiationRecord] = deque()
        self._rows: list[Row] = []
        self._tally = Tally()
        self._lost_in_spell = 0
        self._ends_at: float | None = None
        self._thread = Thread(target=self._run, name="decision log", daemon=True)
        self._thread.start()

    def append(self, record: NegotiationRecord) -> None:
        """Keep a record, soon."""
        with self._changed:
            if len(self._waiting) + len(self._rows) < MOST_WAITING:
                self._waiting.append(record)
                self._changed.notify()
                return
            self._lost_in_spell += 1
            first = self._lost_in_spell == 1
            problem = self._tally.problem
        if first:
            self._say(f"decision log: {MOST_WAITING} records wait, the next are lost: {problem or 'too many at once'}")

    def tally(self) -> Tally:
        """What became of the records so far."""
        with self._changed:
            told = self._tally
            return Tally(
                told.written, len(self._waiting) + len(self._rows), told.lost + self._lost_in_spell, told.problem
            )

    def finish(self, seconds: float) -> None:
        """Write what waits, for so long at most, and end; what could not be written is said."""
        with self._changed:
            if self._ends_at is not None:
                return
            self._ends_at = time.monotonic() + seconds
            self._changed.notify()
        self._thread.join(seconds + BUSY_SECONDS)
        left = self.tally()
        if left.waiting:
            self._say(f"decision log: {_records(left.waiting)} could not be written: {left.problem or 'no time'}")
        if not self._thread.is_alive():
            self._log.close()

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._take():
            try:
                self._log.append_all(self._rows)
            except LogError as problem:
                self._failed(str(problem))
            except Exception as defect:  # noqa: BLE001 - as in daemon.loop: a defect of ours must not end the log
                self._failed(f"internal error: {type(defect).__name__}: {defect}; while records were written")
            else:
                self._succeeded()

    def _take(self) -> bool:
        """Wait for something to write, unless there is something yet; False where it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._rows or self._waiting or self._ends_at is not None)
            if self._ends_at is not None and (time.monotonic() > self._ends_at or not (self._rows or self._waiting)):
                return False
            some = [] if self._rows else [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
        rows = [row for each in some if (row := self._row(each)) is not None]
        with self._changed:
            self._rows += rows
            self._lost_in_spell += len(some) - len(rows)
        return True

    def _row(self, record: NegotiationRecord) -> Row | None:
        """A record as the log takes it; None for one that it cannot be told, which must not keep the others waiting."""
        try:
            return row_of(record)
        except Exception as defect:  # noqa: BLE001 - a defect of ours; the records behind it are not to blame
            self._say(f"internal error: {type(defect).__name__}: {defect}; while a record was written")
            return None

    def _failed(self, problem: str) -> None:
        with self._changed:
            begins = not self._tally.problem
            told = self._tally
            self._tally = Tally(told.written, 0, told.lost, problem)
        if begins:
            self._say(f"{problem}; records wait until it can be written")
        with self._changed:
            ending = self._changed.wait_for(lambda: self._ends_at is not None, RETRY_SECONDS)
        if ending:
            time.sleep(RETRY_SECONDS / 10)

    def _succeeded(self) -> None:
        with self._changed:
            told, lost = self._tally, self._lost_in_spell
            self._tally = Tally(told.written + len(self._rows), 0, told.lost + lost)
            self._rows, self._lost_in_spell = [], 0
        if told.problem or lost:
            self._say(f"decision log: written again, {_records(lost)} lost")


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count or 'no'} records"
