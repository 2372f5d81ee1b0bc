"""vpnc in the right side of a bed: a client of Cisco's kind, with ESP of its own in user space over a TUN device.

It logs in in aggressive mode with a group's name and key, proves its user by XAUTH, asks for an address by mode-config
and offers one tunnel from that address to everywhere.
"""

from __future__ import annotations

from tests.interop.bed import LEFT, RIGHT, Bed, eventually
from tests.interop.settings import SECRET, Changes

PROGRAM = "/usr/sbin/vpnc"

BASE: dict[str, str] = {
    "IPSec gateway": LEFT.address,
    "IPSec ID": "travellers",
    "IPSec secret": SECRET,
    "Xauth username": "bob",
    "Xauth password": "a-password-of-bobs",
    "IKE DH Group": "dh2",
    "Perfect Forward Secrecy": "nopfs",
    "NAT Traversal Mode": "natt",
    "Local Port": "0",
}
"""The lines of its configuration; None takes one away."""

_SCRIPT = """#!/bin/sh
env | grep -E '^(INTERNAL_|reason=)' | sort >> "{told}"
if [ "$reason" = connect ]; then
    ip link set "$TUNDEV" up mtu 1300
    ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
    ip route replace {network} dev "$TUNDEV"
    echo up >> "{told}"
fi
"""


class Vpnc:
    """A running vpnc."""

    def __init__(self, bed: Bed, changes: Changes | None = None) -> None:
        self.folder = bed.folder / "vpnc"
        self.folder.mkdir(exist_ok=True)
        self._told = self.folder / "told"
        self._log = self.folder / "vpnc.log"
        script = self.folder / "script"
        script.write_text(_SCRIPT.format(told=self._told, network=LEFT.network))
        script.chmod(0o700)
        lines = {**BASE, "Script": str(script), "Pidfile": str(self.folder / "pid"), **(changes or {})}
        conf = self.folder / "vpnc.conf"
        conf.touch(mode=0o600)
        conf.write_text("".join(f"{name} {value}\n" for name, value in lines.items() if value is not None))
        self.process = bed.start(RIGHT, [PROGRAM, "--no-detach", "--debug", "1", str(conf)], self._log)

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def given(self) -> dict[str, str]:
        """What mode-config gave it, in the words of its script, once its device is up."""
        eventually("vpnc is connected", lambda: "\nup\n" in self._said() or None, 20, 0.05)
        return dict(line.split("=", 1) for line in self._said().splitlines() if "=" in line)

    def _said(self) -> str:
        return self._told.read_text() if self._told.exists() else ""

    def ended(self) -> int:
        """Its exit status, once it has given up."""
        eventually("vpnc gives up", lambda: self.process.poll() is not None or None, 60)
        return self.process.returncode
