"""What the command line asks for, as one value, with the paths that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """isakmpd(8)'s options so far, and our own (docs/formats.md). Paths are None where the default holds."""

    confdir: Path = Path("/etc/isakmpd")
    rundir: Path = Path("/var/run")
    statedir: Path = Path("/var/lib/isakmpd")
    conf: Path | None = None
    fifo: Path | None = None
    commands_from_stdin: bool = False
    pid: Path | None = None
    report: Path | None = None
    capture: Path | None = None
    key_log: Path | None = None
    listen: tuple[str, ...] = ()
    ipv4: bool = False
    ipv6: bool = False
    ike_port: int = 500
    nat_port: int = 4500
    nat_traversal: bool = True
    foreground: bool = False
    passive: bool = False
    verbose: bool = False
    check_policy: bool = True
    kernel: str = "auto"
    debug: tuple[str, ...] = ()

    @property
    def conf_path(self) -> Path:
        """-c."""
        return self.conf or self.confdir / "isakmpd.conf"

    @property
    def store_path(self) -> Path:
        """Where policy and configuration are compiled into."""
        return self.statedir / "policy.db"

    @property
    def decision_log_path(self) -> Path:
        """Beside the store, where `policydb log` looks for it."""
        return self.statedir / "decisions.db"

    @property
    def overlay_path(self) -> Path:
        """Beside the store, where `policydb overlay` looks for it."""
        return self.statedir / "overlay.json"

    @property
    def capture_path(self) -> Path:
        """-l, or where -L and FIFO `p on` write."""
        return self.capture or self.rundir / "isakmpd.pcap"

    @property
    def fifo_path(self) -> Path | None:
        """-f; None means standard input."""
        return None if self.commands_from_stdin else self.fifo or self.rundir / "isakmpd.fifo"

    @property
    def pid_path(self) -> Path:
        """-i."""
        return self.pid or self.rundir / "isakmpd.pid"

    @property
    def report_path(self) -> Path:
        """-R."""
        return self.report or self.rundir / "isakmpd.report"

    @property
    def result_path(self) -> Path:
        """Where FIFO `S` and `C get` answer."""
        return self.rundir / "isakmpd.result"
