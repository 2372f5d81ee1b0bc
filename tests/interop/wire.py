"""What really went over the wire: tcpdump beside the daemons, tshark as an independent reader of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop.bed import LEFT, Bed, end, eventually, run

MAIN_MODE, QUICK_MODE, INFORMATIONAL = 2, 32, 5  # ISAKMP exchange types (RFC 2408 section 3.1, RFC 2409 appendix A)


class Capture:
    """tcpdump on the left side's veth, from construction until `stop`."""

    def __init__(self, bed: Bed, name: str = "wire.pcap") -> None:
        self.path = bed.folder / name
        log = bed.folder / f"{name}.log"
        argv = ["tcpdump", "-i", "e0", "-U", "--immediate-mode", "-Z", "root", "-w", str(self.path)]
        self._process: subprocess.Popen[bytes] = bed.start(LEFT, [*argv, "udp", "port", "500", "or", "4500"], log)
        eventually("tcpdump listens", lambda: "listening on" in log.read_text() or None)

    def stop(self) -> Path:
        """End the capture, give its last packets time to be written, and return the file."""
        time.sleep(0.1)
        end(self._process)
        return self.path


@dataclass(frozen=True, slots=True)
class Message:
    """One ISAKMP message as tshark reads it. `payloads` are the payload types in order, as far as it could look."""

    time: float
    initiator_cookie: str
    exchange: int
    encrypted: bool
    payloads: tuple[int, ...]
    malformed: bool


FIELDS = (
    "frame.time_epoch",
    "isakmp.ispi",
    "isakmp.exchangetype",
    "isakmp.flags",
    "isakmp.typepayload",
    "_ws.malformed",
)


def tshark(path: Path, arguments: Sequence[str], key_lines: Sequence[str] = ()) -> str:
    """Run tshark over a capture; `key_lines` are lines of Wireshark's ikev1_decryption_table."""
    tables = [part for line in key_lines for part in ("-o", f"uat:ikev1_decryption_table:{line}")]
    return run(["tshark", "-n", "-r", str(path), *tables, *arguments], timeout=60)


def messages(path: Path, key_lines: Sequence[str] = ()) -> list[Message]:
    """The ISAKMP messages of a capture, decrypted where the key lines fit."""
    fields = [part for field in FIELDS for part in ("-e", field)]
    text = tshark(path, ["-Y", "isakmp.exchangetype", "-T", "fields", "-E", "separator=|", *fields], key_lines)
    return [_message(line) for line in text.splitlines() if line.count("|") == len(FIELDS) - 1]


def _message(line: str) -> Message:
    when, cookie, exchange, flags, payloads, malformed = line.split("|")
    return Message(
        float(when),
        cookie,
        int(exchange),
        bool(int(flags, 16) & 1),
        tuple(int(each) for each in payloads.split(",") if each),
        bool(malformed),
    )


def handshake_seconds(found: Sequence[Message]) -> dict[str, float]:
    """By initiator cookie: from the first main mode message to the last quick mode message."""
    times: dict[str, list[float]] = {}
    for each in found:
        if each.exchange in (MAIN_MODE, QUICK_MODE):
            times.setdefault(each.initiator_cookie, []).append(each.time)
    return {cookie: max(moments) - min(moments) for cookie, moments in times.items()}
