"""libreswan in the right side of a bed: pluto, steered by whack and addconn.

Debian's libreswan and strongSwan exclude each other, so libreswan is unpacked aside (install-peers.sh) and finds its
programs through a mount of its own. pluto has no ESP but the kernel's: without that, only its phase 1 completes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tests.interop.bed import LEFT, RIGHT, Bed, BedError, eventually, run
from tests.interop.settings import SECRET, Changes

HOME = Path(os.environ.get("INTEROP_PEERS", Path(__file__).resolve().parents[2] / ".peers")) / "libreswan"
PROGRAMS = HOME / "usr/libexec/ipsec"
LIBRARIES = {"LD_LIBRARY_PATH": f"{HOME}/usr/lib/x86_64-linux-gnu:{HOME}/lib/x86_64-linux-gnu"}

BASE: dict[str, str] = {
    "left": RIGHT.address,
    "leftid": "@right.example.org",
    "leftsubnet": RIGHT.network,
    "right": LEFT.address,
    "rightid": "@left.example.org",
    "rightsubnet": LEFT.network,
    "authby": "secret",
    "ikev2": "no",
    "ike": "aes128-sha2_256;modp2048",
    "esp": "aes128-sha2_256",
    "aggressive": "no",
    "pfs": "no",
    "leftupdown": "%disabled",
    "auto": "ignore",
    "/secrets": f': PSK "{SECRET}"',
}
"""The tags of conn `c`; `left` is libreswan's own side. `/secrets` is its ipsec.secrets, None takes a tag away."""

CA_NICKNAME = "Interop CA - Interop"
"""What NSS calls the CA of certificates.py."""

SETUP = "config setup\n\tprotostack=xfrm\n\tikev1-policy=accept\n"


class Libreswan:
    """A running pluto with one connection `c`; `impaired` is how it misbehaves from its start."""

    def __init__(self, bed: Bed, changes: Changes, pkcs12: bytes = b"", impaired: Sequence[str] = ()) -> None:
        self._bed = bed
        self.folder = bed.folder / "libreswan"
        for each in ("nss", "run/pluto", "ipsec.d"):
            (self.folder / each).mkdir(parents=True, exist_ok=True)
        told = {**BASE, **changes}
        (self.folder / "secrets").write_text(f"{told.pop('/secrets')}\n")
        tags = "".join(f"\t{tag}={value}\n" for tag, value in told.items() if value is not None)
        (self.folder / "ipsec.conf").write_text(f"{SETUP}conn c\n{tags}")
        self._nss = f"sql:{self.folder}/nss"
        run([f"{HOME}/usr/bin/certutil", "-N", "-d", self._nss, "--empty-password"], env=LIBRARIES)
        if pkcs12:
            (self.folder / "right.p12").write_bytes(pkcs12)
            tool = f"{HOME}/usr/bin/pk12util"
            run([tool, "-i", f"{self.folder}/right.p12", "-d", self._nss, "-W", ""], env=LIBRARIES)
            run([f"{HOME}/usr/bin/certutil", "-M", "-n", CA_NICKNAME, "-t", "CT,,", "-d", self._nss], env=LIBRARIES)
        self._impaired = impaired
        self._control = self.folder / "run/pluto/pluto.ctl"
        self.start()

    def start(self) -> None:
        """Start pluto, at first or again after it has been ended."""
        self._control.unlink(missing_ok=True)
        prepare = 'mount --bind "$0/run" /run && mount --bind "$1" /usr/libexec && shift && exec "$@"'
        argv = ["sh", "-c", prepare, str(self.folder), str(HOME / "usr/libexec"), *self._pluto()]
        self.process = self._bed.start(RIGHT, argv, self.folder / "pluto.log", LIBRARIES)
        eventually("pluto listens for whack", lambda: self._control.exists() or None, 30)
        eventually("pluto answers", lambda: "listening" in self.whack("--listen") or None, 30)
        self.impair(*self._impaired)
        self._tool("addconn", "--ctlsocket", str(self._control), "--config", f"{self.folder}/ipsec.conf", "c")

    def kill(self) -> None:
        """End pluto at once, so that nobody is told."""
        self.process.kill()
        self.process.wait()

    def _pluto(self) -> list[str]:
        folder = self.folder
        argv = [str(PROGRAMS / "pluto"), "--nofork", "--stderrlog", "--log-no-time", "--no-dnssec"]
        argv += ["--config", f"{folder}/ipsec.conf", "--nssdir", f"{folder}/nss", "--ipsecdir", f"{folder}/ipsec.d"]
        return [*argv, "--secretsfile", f"{folder}/secrets", "--rundir", f"{folder}/run/pluto"]

    def _tool(self, name: str, *arguments: str, check: bool = True, timeout: float = 60) -> str:
        return run([str(PROGRAMS / name), *arguments], check=check, env=LIBRARIES, timeout=timeout)

    def whack(self, *arguments: str, timeout: float = 60) -> str:
        """Run whack; what it prints. Its exit status says little and is not looked at."""
        return self._tool("whack", "--ctlsocket", str(self._control), *arguments, check=False, timeout=timeout)

    def log(self) -> str:
        """What pluto has logged so far."""
        return (self.folder / "pluto.log").read_text(errors="replace")

    def initiate(self, seconds: int = 15, child: str = "c") -> None:
        """Bring the connection up. Raises BedError with pluto's words where that fails."""
        self.whack("--initiate", "--name", child, "--asynchronous")
        try:
            eventually("pluto's tunnel", lambda: self.spis() or None, seconds, 0.1)
        except BedError as failure:
            raise BedError(f"libreswan could not initiate: {failure}\n{self.log()[-3000:]}") from failure

    def terminate(self) -> None:
        """Take the connection down, with DELETEs."""
        self.whack("--terminate", "--name", "c")

    def rekey(self, phase: int) -> None:
        """Not at once: pluto renews an IKEv1 SA when its lifetime says so, and whack cannot make it."""
        raise BedError(f"libreswan renews its SAs of phase {phase} by itself alone")

    def impair(self, *impairments: str) -> None:
        """Make it misbehave, `name` or `name:value` each. Raises BedError for one that it does not know."""
        for each in impairments:
            said = self.whack("--impair", each)
            if "unrecognized" in said or "ignored" in said:
                raise BedError(f"pluto has no impairment {each}: {said}")

    def unimpair(self) -> None:
        """Make it behave again."""
        self.whack("--impair", "none")

    def states(self) -> str:
        """Its states in its own words."""
        return self.whack("--showstates")

    def spis(self) -> frozenset[frozenset[str]]:
        """The pairs of SPIs of its tunnels, out of lines `#2: "c" esp.OUT@... esp.IN@...` of --showstates."""
        lines = re.findall(r'#\d+: "c"[^;\n]* (?:esp|ah)\..*', self.states())
        return frozenset(
            frozenset(each.zfill(8) for each in re.findall(r"(?:esp|ah)\.([0-9a-f]+)@", line)) for line in lines
        )


def version() -> str:
    """libreswan's name and version."""
    found = re.search(r"Libreswan (\d+\.\d+)", run([str(PROGRAMS / "pluto"), "--version"], env=LIBRARIES))
    return f"libreswan {found[1]}" if found else "libreswan"
