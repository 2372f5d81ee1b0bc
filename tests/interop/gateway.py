"""isakmpd in the left side of a bed: its files, the process, its FIFO, and what it reports."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.interop.bed import LEFT, Bed, end, eventually, run
from tests.interop.with_table import serve

COMMANDS = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class ReportedSa:
    """One SA of FIFO `S`: its phase, whether it is READY (flag bit 0), cookies or SPIs as they stand."""

    name: str
    phase: int
    ready: bool
    spis: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class InstalledSa:
    """One SA of our kernel's table (with_table.py); keys as hexadecimal digits."""

    spi: int
    protocol: str
    source: str
    destination: str
    source_selector: str
    destination_selector: str
    encapsulation: str
    encryption: str
    encryption_key: str
    authentication: str
    authentication_key: str
    udp_ports: tuple[int, int] | None
    inbound: bool
    connection: str


class Isakmpd:
    """A running isakmpd as root on ports 500 and 4500."""

    def __init__(
        self,
        bed: Bed,
        conf: str,
        policy: str,
        options: Sequence[str] = (),
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self.bed = bed
        self.folder = bed.folder / "isakmpd"
        for name, octets in {"isakmpd.conf": conf.encode(), "isakmpd.policy": policy.encode(), **files}.items():
            path = self.folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(octets)
        self.fifo = self.folder / "isakmpd.fifo"
        self.log_file = self.folder / "isakmpd.log"
        self.keylog = self.folder / "keys"
        self.capture = self.folder / "isakmpd.pcap"
        self._table = self.folder / "sas.json"
        self._options = options
        self.start()

    def start(self) -> None:
        """Start it, at first or again after it has been killed."""
        folder = str(self.folder)
        argv = ["-d", "-v", "-L", "--kernel", "memory", "--keylog", str(self.keylog), *self._options]
        argv += ["--confdir", folder, "--rundir", folder, "--statedir", folder, "--listen", self.bed.address(LEFT)]
        self.process = self.bed.fork(LEFT, serve, str(self._table), str(self.log_file), argv)
        eventually("isakmpd opens its FIFO", self._ready, 30)

    def _ready(self) -> bool | None:
        if not self.process.is_alive():
            raise AssertionError(f"isakmpd ended at its start:\n{self.log()}")
        try:
            os.close(os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return None
        return True

    def log(self) -> str:
        """What it has logged so far."""
        return self.log_file.read_text(errors="replace")

    def command(self, line: str) -> None:
        """Write one line to the FIFO."""
        descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def sas(self) -> tuple[ReportedSa, ...]:
        """What FIFO `S` writes to the result file."""
        result = self.folder / "isakmpd.result"
        result.unlink(missing_ok=True)
        self.command("S")
        eventually("isakmpd answers S", lambda: result.exists() or None)
        return tuple(_reported(block) for block in result.read_text().split("\n\n") if block.strip())

    def ready_sas(self) -> tuple[ReportedSa, ...]:
        """The phase 2 SAs that are installed."""
        return tuple(each for each in self.sas() if each.phase == 2 and each.ready)

    def installed(self) -> tuple[InstalledSa, ...]:
        """Our kernel's table; nothing where there is no daemon yet."""
        if not self._table.exists():
            return ()
        rows: list[dict[str, Any]] = json.loads(self._table.read_text())
        return tuple(InstalledSa(**{**row, "udp_ports": row["udp_ports"] and tuple(row["udp_ports"])}) for row in rows)

    def report(self) -> str:
        """The report of SIGUSR1."""
        path = self.folder / "isakmpd.report"
        path.unlink(missing_ok=True)
        os.kill(self.process.pid or 0, signal.SIGUSR1)
        return eventually("isakmpd reports", lambda: path.read_text() if path.exists() else None)

    def exchanges(self) -> int:
        """How many exchanges are under way."""
        found = re.search(r"^Exchange list: (\d+)$", self.report(), re.MULTILINE)
        if found is None:
            raise AssertionError("not a report")
        return int(found[1])

    def stop(self) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        return end(self.process)

    def kill(self) -> None:
        """End it at once, so that nobody is told."""
        self.process.kill()
        self.process.join()
        for each in (self.fifo, self._table):
            each.unlink()

    def records(self) -> list[dict[str, Any]]:
        """The decision log, newest first, by the command that people use."""
        log = str(self.folder / "decisions.db")
        records: list[dict[str, Any]] = json.loads(
            run([str(COMMANDS / "policydb"), "log", "--log", log, "--format", "json"])
        )
        return records


def _reported(block: str) -> ReportedSa:
    name = re.search(r"SA name: (\S+) \(Phase (\d)", block)
    flags = re.search(r"Flags 0x([0-9a-f]{8})", block)
    if name is None or flags is None:
        raise AssertionError(f"not an SA as FIFO S shows it:\n{block}")
    spis = frozenset(each.zfill(8) for each in re.findall(r"SPI \d: (?:0x)?([0-9a-f]+)", block))
    return ReportedSa(name.group(1), int(name.group(2)), bool(int(flags.group(1), 16) & 1), spis, block)
