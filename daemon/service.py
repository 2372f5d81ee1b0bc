"""The daemon as a whole: puts the parts together, acts on signals and commands, and takes it all down again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from weakref import WeakSet

from daemon.capture import Capture
from daemon.commands import CommandError, execute, without_keys
from daemon.fifo import CommandInput
from daemon.files import write_private
from daemon.ike.algorithms import selftest
from daemon.ike.engine import Engine
from daemon.ike.events import Command, ListenOn, SetCapture, Shutdown
from daemon.ike.surroundings import Credentials, Oracle, Secrets, Settings, Surroundings
from daemon.intake import Intake
from daemon.kernel import MemoryKernel
from daemon.keylog import KeyLog
from daemon.live import Live, Uses
from daemon.log import Levels, Log
from daemon.loop import Loop, Surface
from daemon.options import Options
from daemon.oracle import UNCHECKED, Loaded, LoadError, Sources, compile_sources, load_at_start, open_loaded
from daemon.places import Places
from daemon.process import PidFile
from daemon.recorder import BUSY_SECONDS, Recorder
from daemon.report import report_lines, sa_text
from daemon.udp import Ports, TransportError, Transports, wildcards
from policydb.configuration.overlay import Change
from policydb.connections import General
from policydb.folders import FileRefusedError
from policydb.records.decisionlog import DecisionLog
from policydb.storage.snapshot import Snapshot
from policydb.storage.storefile import fold_log

SETTLE_SECONDS = 1.0
"""How long a shutdown waits for outputs, and then again half of it for full sockets."""


class Service:
    """One running daemon; `run` returns when it has been told to end. Implements commands.Actions."""

    def __init__(self, options: Options, log: Log) -> None:
        self._options = options
        self._log = log
        self._sources = Sources(
            conf=options.conf_path,
            confdir=options.confdir,
            store=options.store_path,
            uid=os.geteuid(),
            check_policy=options.check_policy,
        )
        self._transports = Transports(log)
        self._end = asyncio.Event()
        self._reload_wanted = asyncio.Event()
        self._loaded: Loaded
        self._snapshots: WeakSet[Snapshot] = WeakSet()
        self._events: asyncio.AbstractEventLoop
        self._loop: Loop
        self._intake: Intake
        self._live: Live
        self._surface: Surface
        self._places: Places
        self._recorder: Recorder
        self._capture: Capture | None = None
        self._key_log: KeyLog | None = None

    async def run(self) -> None:
        """Start, serve until a signal or `Q`, shut down.

        Raises LoadError (files), SelfTestError, FileRefusedError, FifoError, TransportError, LogError where it cannot
        start.
        """
        self._events = asyncio.get_running_loop()
        self._handle_signals()
        with ExitStack() as held:
            self._start(held)
            asyncio.get_running_loop().set_exception_handler(self._unexpected)
            reloader = asyncio.create_task(self._reload_when_wanted())
            await self._end.wait()
            reloader.cancel()
            await self._shut_down()
        self._log.notice("isakmpd: exit")

    # --- start and end --------------------------------------------------------------------------------------------

    def _start(self, held: ExitStack) -> None:
        selftest.run()
        options = self._options
        self._places = Places(options.rundir, options.statedir)
        held.callback(self._places.close)
        held.callback(self._close_store)
        self._use(load_at_start(self._sources, datetime.now(UTC), self._log))
        self._apply()
        held.callback(self._transports.close)
        self._transports.open(self._addresses(self._loaded.oracle.configuration.general), self._ports)
        fifo = options.fifo_path
        commands = CommandInput(self._places.file(fifo) if fifo else None, self._execute, self._log.notice)
        held.callback(commands.close)
        held.callback(PidFile(self._places.file(options.pid_path)).remove)
        self._loop = Loop(self._core(), self._make_surface(held))
        held.callback(self._loop.stop)
        uses = Uses(self._configure, self._loop.command, self._loop.defect)
        self._live = Live(self._loaded, self._places.file(options.overlay_path), self._log, uses)
        held.callback(self._live.close)
        self._loop.reconfigure(self._loaded.oracle, self._loaded.secrets)
        self._intake = Intake(self._loop.receive, self._known, self._log)
        held.callback(self._intake.stop)
        self._transports.start(self._intake.take)
        commands.start()
        listening = ", ".join(map(str, self._transports.endpoints()))
        self._log.notice(f"isakmpd: started, generation {self._loaded.oracle.generation}, listening on {listening}")

    def _known(self, address: str) -> bool:
        """Whether an address has a section of its own."""
        return ip_address(address) in self._loaded.oracle.configuration.peers_by_address

    def _core(self) -> Engine:
        options = self._options
        settings = Settings(
            ike_port=options.ike_port,
            nat_port=options.nat_port,
            nat_traversal=options.nat_traversal,
            key_log=options.key_log is not None,
            capture=options.capture is not None,
            passive=options.passive,
        )
        surroundings = Surroundings(os.urandom, lambda: datetime.now(UTC), self._transports.local_address)
        return Engine(self._loaded.oracle, self._loaded.secrets, settings, surroundings, self._loaded.credentials)

    def _make_surface(self, held: ExitStack) -> Surface:
        options = self._options
        kernel = MemoryKernel(os.urandom, time.monotonic)
        held.callback(kernel.close)
        self._recorder = Recorder(DecisionLog(options.decision_log_path, wait=BUSY_SECONDS), self._say_from_thread)
        held.callback(self._recorder.finish, 0)
        surface = self._surface = Surface(self._log, self._transports, kernel, self._recorder)
        held.callback(self._close_capture)
        if options.capture is not None:
            self._capture = Capture(self._places.file(options.capture), time.time)
            surface.capture = self._capture.add
        if options.key_log is not None:
            self._key_log = key_log = KeyLog(self._places.file(options.key_log))
            held.callback(key_log.close)
            surface.key_log = key_log.add
            self._log.notice(f"writing IKE keys to {options.key_log}: whoever can read it can decrypt IKE")
        self._log.notice(
            f"kernel: {'none is used yet, so ' if options.kernel == 'auto' else ''}"
            "SAs are kept in memory and NO TRAFFIC IS PROTECTED"
        )
        return surface

    async def _shut_down(self) -> None:
        self._log.notice("isakmpd: shutting down...")
        self._transports.stop()
        self._intake.stop()
        self._loop.command(Shutdown())
        await self._loop.settle(SETTLE_SECONDS)
        await self._transports.flush(SETTLE_SECONDS / 2)
        await asyncio.to_thread(self._recorder.finish, SETTLE_SECONDS)

    def _say_from_thread(self, text: str) -> None:
        """A line for the log by another thread; after the end nobody is there to write it."""
        with suppress(RuntimeError):
            self._events.call_soon_threadsafe(self._log.error, text)

    def _use(self, loaded: Loaded) -> None:
        """Take a generation as the newest. Exchanges keep the one that they began with, and close none."""
        self._loaded = loaded
        if loaded.snapshot is not None:
            self._snapshots.add(loaded.snapshot)

    def _close_store(self) -> None:
        for each in list(self._snapshots):
            each.close()
        fold_log(self._sources.store)

    @property
    def _ports(self) -> Ports:
        return Ports(self._options.ike_port, self._options.nat_port if self._options.nat_traversal else None)

    def _addresses(self, general: General) -> tuple[str, ...]:
        """--listen, else [General]:Listen-on, else everywhere; of the families of -4 and -6."""
        options = self._options
        families = wildcards(ipv4=options.ipv4, ipv6=options.ipv6)
        chosen = options.listen or tuple(each for each in general.listen_on if self._is_address(each))
        if not options.listen and not general.listen_on:
            return families
        versions = {ip_address(each).version for each in families}
        return tuple(each for each in chosen if ip_address(each).version in versions)

    def _is_address(self, text: str) -> bool:
        try:
            ip_address(text)
        except ValueError:
            self._log.notice(f"[General]:Listen-on: {text} ignored: names of interfaces are not understood yet")
            return False
        return True

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What a callback outside a turn raised; without this, asyncio would print a traceback."""
        error = context.get("exception") or RuntimeError(context.get("message"))
        self._loop.defect("a command or signal", error)

    # --- signals --------------------------------------------------------------------------------------------------

    def _handle_signals(self) -> None:
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGHUP: self.reload,
            signal.SIGUSR1: self._write_report,
            signal.SIGTERM: self.shut_down,
        }
        if self._options.foreground:
            handlers[signal.SIGINT] = self.shut_down
        for number, handler in handlers.items():
            asyncio.get_running_loop().add_signal_handler(number, handler)

    # --- reload ---------------------------------------------------------------------------------------------------

    async def _reload_when_wanted(self) -> None:
        """One reload at a time; what is wanted meanwhile is one more after it."""
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            try:
                await self._reload()
            except Exception as error:  # noqa: BLE001 - as in Loop: the generation in force goes on
                self._loop.defect("a reload", error)

    async def _reload(self) -> None:
        self._log.notice("isakmpd: reinitializing daemon")
        self._reopen_files()
        try:
            # Compiling and resolving take as long as they take; meanwhile the negotiations go on.
            compiled = await asyncio.to_thread(compile_sources, self._sources, datetime.now(UTC))
            loaded = await asyncio.to_thread(open_loaded, self._sources, compiled, self._loaded)
        except LoadError as error:
            for line in error.lines:
                self._log.error(line)
            self._log.error(f"reload refused: generation {self._loaded.oracle.generation} stays in force")
            return
        for line in compiled.lines:
            self._log.warning(line)
        self._use(loaded)
        self._live.replace(loaded)
        self._apply()
        self._configure(loaded.oracle, loaded.secrets, loaded.credentials)
        self._log.notice(f"isakmpd: generation {loaded.oracle.generation} is in force")

    def _reopen_files(self) -> None:
        """Whoever moves capture or key log away tells us so by a reload."""
        for each in (self._capture, self._key_log):
            try:
                if each is not None:
                    each.reopen()
            except FileRefusedError as error:
                self._log.error(str(error))

    def _configure(self, oracle: Oracle, secrets: Secrets, credentials: Credentials | None = None) -> None:
        """Use a configuration from now on: its addresses first, so that what it begins leaves from there."""
        try:
            moved = self._transports.open(self._addresses(oracle.configuration.general), self._ports)
        except TransportError as error:
            self._log.error(f"{error}; listening as before")
        else:
            if moved:
                endpoints = self._transports.endpoints()
                self._log.notice(f"isakmpd: now listening on {', '.join(map(str, endpoints))}")
                self._loop.command(ListenOn(tuple({each.address: None for each in endpoints})))
                asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._transports.release)
        self._loop.reconfigure(oracle, secrets, credentials)

    def _apply(self) -> None:
        """[General]:Loglevel and Logverbose, at start and after each reload; they only ever add to -D and -v."""
        if not self._loaded.checked:
            self._log.notice(UNCHECKED)
        general = self._loaded.oracle.configuration.general
        changed, wrong = self._log.levels.change_all(general.log_levels)
        for line in (*changed, *(f"init: {each}" for each in wrong)):
            self._log.notice(line)
        self._log.verbose = self._log.verbose or general.verbose

    # --- commands.Actions -----------------------------------------------------------------------------------------

    @property
    def levels(self) -> Levels:
        """The debug levels."""
        return self._log.levels

    def note(self, text: str) -> None:
        """Answer with a line in the log."""
        self._log.notice(text)

    def command(self, command: Command) -> None:
        """Hand a command to the protocol core, after the changes that it needs."""
        self._live.command(command)

    def change(self, change: Change) -> None:
        """FIFO `C set`, `add`, `rmv`, `rm`, `rms`."""
        self._live.change(change)

    def start_capture(self, path: str | None) -> None:
        """FIFO `p on`; a path must lie below the run directory, as isakmpd(8) says."""
        chosen = Path(path) if path else self._options.capture_path
        if path and self._options.rundir.resolve() not in chosen.resolve().parents:
            raise CommandError(f"ui_packetlog: {path} does not lie below {self._options.rundir}")
        try:
            capture = Capture(self._places.file(chosen), time.time)
        except FileRefusedError as error:
            raise CommandError(f"ui_packetlog: {error}") from error
        self._close_capture()
        self._capture = capture
        self._surface.capture = capture.add
        self._loop.command(SetCapture(wanted=True))

    def stop_capture(self) -> None:
        """FIFO `p off`."""
        self._loop.command(SetCapture(wanted=False))
        self._close_capture()

    def _close_capture(self) -> None:
        self._surface.capture = None
        if self._capture is not None:
            self._capture.close()
            self._capture = None

    def shut_down(self) -> None:
        """Begin to end; a second time changes nothing."""
        self._end.set()

    def reload(self) -> None:
        """Read everything again, soon."""
        self._reload_wanted.set()

    def report_to_log(self) -> None:
        """FIFO `r`."""
        for line in self._report():
            self._log.report(line)

    def write_sas(self) -> None:
        """FIFO `S`."""
        self._write(self._options.result_path, sa_text(self._loop.report().sas))

    def write_value(self, section: str, tag: str) -> None:
        """FIFO `C get`."""
        value = self._live.value(section, tag)
        self._write(self._options.result_path, "" if value is None else f"{value}\n")

    def _execute(self, line: str) -> None:
        if self._log.levels.of("UI"):
            self._log.debug("UI", 10, f'ui_handle_command: "{without_keys(line)}"')
        execute(line, self)

    def _write_report(self) -> None:
        self._write(self._options.report_path, "".join(f"{line}\n" for line in self._report()))

    def _report(self) -> list[str]:
        configuration = self._live.oracle.configuration
        return list(
            report_lines(
                self._loop.report(),
                self._transports.endpoints(),
                configuration.connections.values(),
                self._live.bindings(),
                self._recorder.tally(),
            )
        )

    def _write(self, path: Path, text: str) -> None:
        try:
            write_private(self._places.file(path), text)
        except FileRefusedError as error:
            self._log.error(str(error))
