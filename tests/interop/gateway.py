"""isakmpd in the left side of a bed: its files, the process, its FIFO, and what it reports."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.interop.bed import LEFT, RIGHT, Bed, end, eventually, run

COMMANDS = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class ReportedSa:
    """One SA of FIFO `S`: its phase, whether it is READY (flag bit 0), cookies or SPIs as they stand."""

    name: str
    phase: int
    ready: bool
    spis: frozenset[str]
    text: str


class Isakmpd:
    """A running isakmpd as root on ports 500 and 4500, with one connection `t`."""

    def __init__(
        self, bed: Bed, transform: str, suite: str, secret: str, condition: str = 'esp_present == "yes"'
    ) -> None:
        self._bed = bed
        self.folder = bed.folder / "isakmpd"
        self.folder.mkdir()
        for name, text in (
            ("isakmpd.conf", _conf(transform, suite, secret)),
            ("isakmpd.policy", _policy(secret, condition)),
        ):
            path = self.folder / name
            path.touch(mode=0o600)
            path.write_text(text)
        self.fifo = self.folder / "isakmpd.fifo"
        self.log_file = self.folder / "isakmpd.log"
        self.keylog = self.folder / "keys"
        self.capture = self.folder / "isakmpd.pcap"
        folder = str(self.folder)
        argv = [str(COMMANDS / "isakmpd"), "-d", "-v", "-L", "--kernel", "memory", "--keylog", str(self.keylog)]
        argv += ["--confdir", folder, "--rundir", folder, "--statedir", folder, "--listen", LEFT.address]
        self.process = bed.start(LEFT, argv, self.log_file)
        eventually("isakmpd opens its FIFO", self._ready)

    def _ready(self) -> bool | None:
        if self.process.poll() is not None:
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

    def stop(self) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        return end(self.process, signal.SIGTERM)

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


def _policy(secret: str, condition: str) -> str:
    principal = f"passphrase-sha1-hex:{hashlib.sha1(secret.encode()).hexdigest()}"
    return f'Authorizer: "POLICY"\nLicensees: "{principal}"\nConditions: app_domain == "IPsec policy" && {condition};\n'


def _network(name: str, cidr: str) -> str:
    network = cidr.partition("/")[0]
    return f"[{name}]\nID-type=IPV4_ADDR_SUBNET\nNetwork={network}\nNetmask=255.255.255.0\n"


def _conf(transform: str, suite: str, secret: str) -> str:
    return f"""
[Phase 1]
{RIGHT.address}=peer

[Phase 2]
Passive-connections=t

[peer]
Phase=1
Address={RIGHT.address}
ID=left
Remote-ID=right
Authentication={secret}
Configuration=phase-1

[left]
ID-type=FQDN
Name=left.example.org

[right]
ID-type=FQDN
Name=right.example.org

[phase-1]
EXCHANGE_TYPE=ID_PROT
Transforms={transform}

[t]
Phase=2
ISAKMP-peer=peer
Configuration=phase-2
Local-ID=left-network
Remote-ID=right-network

[phase-2]
EXCHANGE_TYPE=QUICK_MODE
Suites={suite}

{_network("left-network", LEFT.network)}
{_network("right-network", RIGHT.network)}
"""
