"""The event loop around the protocol core: one turn per event, its outputs carried out in order, one timer.

Nothing that a turn does ends the daemon: an exception that should not be is one line in the log.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Protocol

from daemon.ike.events import (
    AllocateSpi,
    Captured,
    Command,
    DeleteSas,
    EngineReport,
    Installed,
    InstallSas,
    KernelFailed,
    KeyMaterial,
    LastUse,
    LastUsed,
    LogLine,
    MoveSas,
    Outcome,
    Output,
    Path,
    Record,
    Send,
    SendKeepalive,
    SpiAllocated,
    Upcall,
)
from daemon.ike.surroundings import Credentials, Oracle, Secrets
from daemon.kernel import Kernel, KernelError
from daemon.log import Log
from daemon.ratelimit import RateLimit
from policydb.negotiation import NegotiationRecord, Reason
from policydb.negotiation import Outcome as Ending

_BREATHER = 1.0
"""Seconds until the timer is served again after it failed, so that a defect cannot make the daemon spin."""


class Core(Protocol):
    """The verbs of daemon.ike.engine.Engine; `now` is monotonic seconds."""

    def receive_datagram(self, data: bytes, path: Path, now: float) -> list[Output]:
        """A datagram came in."""
        ...

    def handle_timer(self, now: float) -> list[Output]:
        """The deadline has passed."""
        ...

    def next_deadline(self) -> float | None:
        """When handle_timer wants to be called."""
        ...

    def upcall(self, event: Upcall, now: float) -> list[Output]:
        """The kernel says something unasked."""
        ...

    def result(self, token: int, outcome: Outcome, now: float) -> list[Output]:
        """The kernel's answer to an output that carried `token`."""
        ...

    def command(self, command: Command, now: float) -> list[Output]:
        """The operator wants something."""
        ...

    def reconfigure(
        self, oracle: Oracle, secrets: Secrets, now: float, credentials: Credentials | None = None
    ) -> list[Output]:
        """A new generation; at start the first one. `credentials` None: those in use stay."""
        ...

    def report(self, now: float) -> EngineReport:
        """What the core holds."""
        ...


class Transports(Protocol):
    """What the loop needs of daemon.udp.Transports."""

    def send(self, path: Path, data: bytes, *, priority: bool = False) -> None:
        """Send an IKE message."""
        ...

    def send_keepalive(self, path: Path) -> None:
        """Send a NAT-keepalive."""
        ...


class Recorder(Protocol):
    """What the loop needs of daemon.recorder.Recorder."""

    def append(self, record: NegotiationRecord) -> None:
        """Keep a record, without waiting for anything."""
        ...


@dataclass(slots=True)
class Surface:
    """What outputs are carried out on. `capture` and `key_log` are None where nobody asked, or after they failed."""

    log: Log
    transports: Transports
    kernel: Kernel
    recorder: Recorder
    capture: Callable[[Captured], None] | None = None
    key_log: Callable[[KeyMaterial], None] | None = None


class Loop:
    """Gives events to the core and carries its outputs out, strictly in the order in which they were made.

    Time is the event loop's own, monotonic seconds. Must be made and used inside the running event loop.
    """

    def __init__(self, core: Core, surface: Surface) -> None:
        self._core = core
        self._surface = surface
        self._log = surface.log
        self._lines = RateLimit()
        self._records = RateLimit(first=50)
        self._outputs: asyncio.Queue[tuple[Output, str | None]] = asyncio.Queue()
        self._timer: asyncio.TimerHandle | None = None
        self._summary: asyncio.TimerHandle | None = None
        self._events = asyncio.get_running_loop()
        self._worker = self._events.create_task(self._carry_out_all())

    # --- events in ------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, path: Path) -> None:
        """A datagram from the transports."""
        what = f"a datagram of {len(data)} octets from {path.remote}"
        self._turn(what, lambda now: self._core.receive_datagram(data, path, now), path.remote.address)

    def upcall(self, event: Upcall) -> None:
        """An event from the kernel."""
        self._turn(f"upcall {event}", lambda now: self._core.upcall(event, now))

    def command(self, command: Command) -> None:
        """A command from the operator."""
        self._turn(f"command {command}", lambda now: self._core.command(command, now))

    def reconfigure(self, oracle: Oracle, secrets: Secrets, credentials: Credentials | None = None) -> None:
        """Use a new generation from now on; `credentials` None: those in use stay."""
        what = f"generation {oracle.generation}"
        self._turn(what, lambda now: self._core.reconfigure(oracle, secrets, now, credentials))

    def report(self) -> EngineReport:
        """What the core holds now."""
        return self._core.report(self._events.time())

    async def settle(self, seconds: float) -> None:
        """Wait, at most so long, until everything that the core wanted has been carried out."""
        try:
            await asyncio.wait_for(self._outputs.join(), seconds)
        except TimeoutError:
            self._log.error(f"loop: {self._outputs.qsize()} outputs were not carried out")

    def defect(self, what: str, error: BaseException) -> None:
        """Report an exception that should not be: one line, and the traceback for those who debug."""
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{FilePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        self._log.error(f"internal error: {type(error).__name__} at {where}: {error}; while handling {what}")
        for line in "".join(traceback.format_exception(error)).splitlines():
            self._log.debug("Misc", 10, line)

    def stop(self) -> None:
        """No more timers and no more outputs; what was held back is summed up."""
        self._worker.cancel()
        for handle in (self._timer, self._summary):
            if handle is not None:
                handle.cancel()
        self._summarize(float("inf"))

    # --- one turn -------------------------------------------------------------------------------------------------

    def _turn(self, what: str, verb: Callable[[float], Sequence[Output]], source: str | None = None) -> None:
        try:
            outputs = verb(self._events.time())
        except Exception as error:  # noqa: BLE001 - a defect of ours must not end everybody's tunnels
            self.defect(what, error)
            return
        finally:
            self._arm(self._core.next_deadline())
        for output in outputs:
            self._outputs.put_nowait((output, source))

    def _arm(self, deadline: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._events.call_at(deadline, self._timer_due) if deadline is not None else None

    def _timer_due(self) -> None:
        self._turn("a timer", self._core.handle_timer)
        deadline = self._core.next_deadline()
        now = self._events.time()
        if deadline is not None and deadline <= now:
            # The core must not want the same instant again: a defect, or a handler that failed.
            self._arm(now + _BREATHER)

    # --- outputs --------------------------------------------------------------------------------------------------

    async def _carry_out_all(self) -> None:
        while True:
            output, source = await self._outputs.get()
            try:
                await self._carry_out(output, source)
            except Exception as error:  # noqa: BLE001 - as in _turn; a full disk ends here as well
                self.defect(f"output {type(output).__name__}", error)
            finally:
                self._outputs.task_done()

    async def _carry_out(self, output: Output, source: str | None) -> None:
        match output:
            case Send():
                self._surface.transports.send(output.path, output.data, priority=output.priority)
            case SendKeepalive():
                self._surface.transports.send_keepalive(output.path)
            case AllocateSpi() | InstallSas() | LastUse():
                outcome = await self._ask_kernel(output)
                self._turn(f"{outcome}", lambda now: self._core.result(output.token, outcome, now), source)
            case DeleteSas():
                await self._surface.kernel.delete(output.sas)
            case MoveSas():
                await self._surface.kernel.move(output.moves)
            case LogLine():
                self._write(output, source)
            case Record():
                self._keep(output.record, source)
            case Captured():
                self._append(output)
            case KeyMaterial():
                self._append(output)

    async def _ask_kernel(self, output: AllocateSpi | InstallSas | LastUse) -> Outcome:
        try:
            if isinstance(output, AllocateSpi):
                spi = await self._surface.kernel.allocate_spi(output.protocol, output.local, output.remote)
                return SpiAllocated(spi, output.protocol, output.local)
            if isinstance(output, LastUse):
                return LastUsed(await self._surface.kernel.last_use(output.sas))
            await self._surface.kernel.install(output.sas)
        except KernelError as error:
            return KernelFailed(str(error))
        return Installed()

    def _append(self, output: Captured | KeyMaterial) -> None:
        """A file that cannot be written any more is given up, with one line instead of one per message."""
        surface = self._surface
        try:
            if isinstance(output, Captured) and surface.capture is not None:
                surface.capture(output)
            elif isinstance(output, KeyMaterial) and surface.key_log is not None:
                surface.key_log(output)
        except OSError as error:
            name = "packet capture" if isinstance(output, Captured) else "key log"
            self._log.error(f"{name} stopped: {error.strerror}")
            if isinstance(output, Captured):
                surface.capture = None
            else:
                surface.key_log = None

    # --- what a flood of datagrams must not fill ------------------------------------------------------------------

    def _write(self, line: LogLine, source: str | None) -> None:
        """Ordinary lines that a peer's datagram caused are limited; debug lines and successes are not."""
        if source is not None and line.level == 0 and not line.verbose and not self._admits(self._lines, source):
            return
        self._log.line(line)

    def _keep(self, record: NegotiationRecord, source: str | None) -> None:
        """Failures that anybody can cause are limited, or they would push what matters out of the log's ring."""
        anybody = record.outcome is not Ending.ACCEPTED and record.reason is not Reason.POLICY
        if source is not None and anybody and not self._admits(self._records, source):
            return
        self._surface.recorder.append(record)
        self._log.debug("Plcy", 10, f"decision log: a record, {record.outcome.value}")

    def _admits(self, limit: RateLimit, source: str) -> bool:
        now = self._events.time()
        admitted = limit.admits(source, now)
        if self._summary is None:
            self._arm_summary()
        return admitted

    def _arm_summary(self) -> None:
        deadlines = [each for each in (self._lines.next_deadline(), self._records.next_deadline()) if each is not None]
        self._summary = self._events.call_at(min(deadlines), self._summary_due) if deadlines else None

    def _summary_due(self) -> None:
        self._summarize(self._events.time())
        self._arm_summary()

    def _summarize(self, now: float) -> None:
        for each in self._lines.due(now):
            self._log.notice(f"{each.count} more messages about {each.source} not shown")
        for each in self._records.due(now):
            self._log.notice(f"{each.count} more failures of {each.source} not kept in the decision log")
