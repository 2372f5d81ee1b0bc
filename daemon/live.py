"""The generation in force and the FIFO's changes on it: taken at once, applied together, gone at reload.

isakmpd(8): a change of [Phase 2]:Connections or Passive-connections schedules connection_reinit 5 seconds later, and
each further one starts the 5 seconds anew. Here a configuration is resolved before it is used, so every other change is
applied 5 seconds after the last one as well, together with connection_reinit where that is due anyway; `c name` applies
what is there first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from daemon.files import write_private
from daemon.ike.events import Command, Connect, Reinitialize
from daemon.ike.surroundings import Oracle, Secrets
from daemon.log import Log
from daemon.oracle import UNCHECKED, Loaded
from grammar.errors import headline
from grammar.nodes import Binding
from policydb.collecting import uncollected
from policydb.configuration.overlay import Change, ChangeError, Verb, WorkingCopy, to_json
from policydb.configuration.salvage import Salvaged, salvage
from policydb.folders import FileRefusedError, OwnFile

APPLY_SECONDS = 5.0
"""From the last change until it is applied."""

_WRITE_SECONDS = 0.5
"""From the last change until the overlay's file tells it."""

_FINDINGS_LOGGED = 20
"""More findings at once are told by the overlay's file only."""

_LISTS = frozenset({"connections", "passive-connections"})

_READ_LATER = {
    "loglevel": "it is read from the files, at the start and at a reload; D sets levels now",
    "logverbose": "it is read from the files, at the start and at a reload",
    "policy-file": "it is read from the files, at the start and at a reload",
}
"""Tags of [General] that a change cannot bring into force (isakmpd(8), init and reinit): a reload takes it away."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What is done with what the changes make.

    `configure` takes an oracle and keys into use, `command` goes to the protocol core, `defect` tells what should not
    have been raised.
    """

    configure: Callable[[Oracle, Secrets], None]
    command: Callable[[Command], None]
    defect: Callable[[str, BaseException], None]


class _Countdown:
    """Calls `act` so many seconds after the last start()."""

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        self._seconds = seconds
        self._act = act
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self.stop()
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._due)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _due(self) -> None:
        self._handle = None
        self._act()


class Live:
    """Takes changes and applies them, `seconds` after the last. `file` is the overlay's, there while it is one."""

    def __init__(self, loaded: Loaded, file: OwnFile, log: Log, uses: Uses, seconds: float = APPLY_SECONDS) -> None:
        self._file = file
        self._log = log
        self._uses = uses
        self._reinit = _Countdown(seconds, self._reinitialize)
        self._settle = _Countdown(seconds, self._apply)
        self._write = _Countdown(_WRITE_SECONDS, self._write_file)
        self._task: asyncio.Task[None] | None = None
        self._waiting: list[Command] = []
        self._working: WorkingCopy | None = None
        self.replace(loaded)

    # --- what holds now -------------------------------------------------------------------------------------------

    def value(self, section: str, tag: str) -> str | None:
        """What a tag stands for, changes included: no key, but its reference."""
        return self._copy.value(section, tag)

    def bindings(self) -> list[Binding]:
        """All bindings as a report may show them, changes included."""
        return self._copy.shown()

    @property
    def _copy(self) -> WorkingCopy:
        """The bindings, read when somebody first asks for one or changes one: there may be very many."""
        if self._working is None:
            with uncollected():
                self._working = WorkingCopy(self._loaded.oracle.generation, self._loaded.bindings())
        return self._working

    @property
    def oracle(self) -> Oracle:
        """What was last taken into use."""
        return self._oracle

    # --- events ---------------------------------------------------------------------------------------------------

    def replace(self, loaded: Loaded) -> None:
        """A generation takes the place of the one before and of all changes on it."""
        for each in (self._reinit, self._settle, self._write):
            each.stop()
        self._loaded = loaded
        self._oracle = loaded.oracle
        self._working = None
        self._dirty = False
        self._wants_reinit = False
        self._findings: tuple[str, ...] = ()
        self._remove_file()

    def close(self) -> None:
        """The daemon ends, and the changes with it."""
        if self._task is not None:
            self._task.cancel()
        self.replace(self._loaded)

    def change(self, change: Change) -> None:
        """Take one change; what cannot be done is said in the log."""
        try:
            self._copy.apply(change)
        except ChangeError as error:
            self._log.notice(str(error))
            return
        self._tell_if_idle(change)
        self._dirty = True
        self._write.start()
        lists = change.section.lower() == "phase 2" and change.tag.lower() in _LISTS
        if lists and change.verb is not Verb.RM:
            self._settle.stop()
            self._reinit.start()
        else:
            self._settle.start()

    def command(self, command: Command) -> None:
        """Pass a command on; one that brings a connection up comes after the changes made before it."""
        if self._task is None and not (self._dirty and isinstance(command, Connect)):
            self._uses.command(command)
            return
        self._waiting.append(command)
        self._apply()

    # --- applying -------------------------------------------------------------------------------------------------

    def _reinitialize(self) -> None:
        self._wants_reinit = True
        self._apply()

    def _apply(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._apply_all())

    async def _apply_all(self) -> None:
        """Until nothing is wanted that is not applied; commands that came meanwhile follow, in their order."""
        try:
            while self._dirty or self._wants_reinit:
                await self._apply_once()
                if not self._wants_reinit and not any(isinstance(each, Connect) for each in self._waiting):
                    break  # changes that came meanwhile have their own countdown
        except Exception as error:  # noqa: BLE001 - a defect of ours must not keep the commands from the core
            self._uses.defect("changes from the FIFO", error)
        finally:
            self._task = None
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self._uses.command(command)

    async def _apply_once(self) -> None:
        copy, before = self._copy, self._oracle.configuration
        reinit, self._wants_reinit, self._dirty = self._wants_reinit, False, False
        # Resolving takes as long as it takes; meanwhile the negotiations go on.
        found = await asyncio.to_thread(salvage, before, copy.bindings())
        if copy is not self._working:  # a reload came first
            return
        self._tell(found)
        self._tell_policy(before.general.use_keynote, found.configuration.general.use_keynote)
        self._oracle = self._loaded.changed(found.configuration)
        self._uses.configure(self._oracle, self._loaded.secrets.with_keys(copy.keys))
        if reinit:
            self._uses.command(Reinitialize())
        self._write_file()

    def _tell(self, found: Salvaged) -> None:
        lines = tuple(f"{headline(each)}{f' ({each.hint})' if each.hint else ''}" for each in found.findings)
        known = set(self._findings)
        new = [each for each in lines if each not in known]
        self._findings = lines
        for line in new[:_FINDINGS_LOGGED]:
            self._log.warning(line)
        if len(new) > _FINDINGS_LOGGED:
            self._log.notice(f"{len(new) - _FINDINGS_LOGGED} more findings: policydb overlay shows them")
        if found.kept and new:
            self._log.warning(f"FIFO changes: still as before: {_enumerated(found.kept)}")

    def _tell_if_idle(self, change: Change) -> None:
        """A change that will be kept and shown, and do nothing."""
        tag = change.tag.lower() if change.section.lower() == "general" else ""
        why = _READ_LATER.get(tag, "no policy was loaded" if tag == "use-keynote" and not self._loaded.checked else "")
        if why:
            self._log.notice(f"[General]:{change.tag} has no effect while isakmpd runs: {why}")

    def _tell_policy(self, before: bool, wanted: bool) -> None:
        """[General]:Use-Keynote decides at each question whether policy is asked, where one was loaded."""
        if self._loaded.checked and before != wanted:
            self._log.notice("policy checks are on again" if wanted else UNCHECKED)

    # --- the file -------------------------------------------------------------------------------------------------

    def _write_file(self) -> None:
        self._write.stop()
        overlay = self._copy.overlay(in_force=not self._dirty, findings=self._findings)
        try:
            write_private(self._file, json.dumps(to_json(overlay)) + "\n")
        except FileRefusedError as error:
            self._log.error(str(error))

    def _remove_file(self) -> None:
        with suppress(FileRefusedError):
            self._file.folder.remove(self._file.name)


def _enumerated(names: Sequence[str]) -> str:
    rest = len(names) - _FINDINGS_LOGGED
    return ", ".join(names[:_FINDINGS_LOGGED]) + (f" and {rest} more" if rest > 0 else "")
