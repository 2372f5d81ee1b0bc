"""strongSwan in the right side of a bed: charon, steered by swanctl.

On a kernel without ESP it brings its own (kernel-libipsec), which takes only SAs that travel in UDP and therefore
always pretends to sit behind a NAT: whoever negotiates with it has to speak RFC 3947. charon's pid file has a fixed
place below /run, so each charon gets a /run of its own inside the mount namespace that `ip netns exec` makes.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.interop.bed import LEFT, RIGHT, Bed, BedError, eventually, run
from tests.interop.settings import SECRET, Changes

CHARON = "/usr/lib/ipsec/charon"
PLUGINS = (
    "random nonce openssl aes des blowfish sha1 sha2 md5 hmac xcbc kdf gmp gcm ctr ccm pem pkcs1 pkcs8 x509 pubkey "
    "constraints revocation vici socket-default {kernel} kernel-netlink updown resolve attr xauth-generic unity"
)

BASE: dict[str, str] = {
    "version": "1",
    "local_addrs": RIGHT.address,
    "remote_addrs": LEFT.address,
    "proposals": "aes128-sha256-modp2048",
    "local.auth": "psk",
    "local.id": "right.example.org",
    "remote.auth": "psk",
    "remote.id": "left.example.org",
    "children.c.local_ts": RIGHT.network,
    "children.c.remote_ts": LEFT.network,
    "children.c.esp_proposals": "aes128-sha256",
    "/secrets.ike-t.secret": f'"{SECRET}"',
}
"""swanctl.conf: keys are paths below connections.t, or from the top where they begin with a slash."""

CHARON_BASE: dict[str, str] = {"filelog.f.default": "1", "filelog.f.flush_line": "yes"}


@dataclass(frozen=True, slots=True)
class ChildSa:
    """An installed CHILD_SA as strongSwan tells it; SPIs as eight hex digits."""

    name: str
    state: str
    spi_in: str
    spi_out: str
    encapsulated: bool


@dataclass(frozen=True, slots=True)
class IkeSa:
    """An IKE_SA as strongSwan tells it."""

    state: str
    initiator_cookie: str
    responder_cookie: str
    children: tuple[ChildSa, ...]


class StrongSwan:
    """A running charon with one connection `t`. Keys of `changes` that begin with `charon.` are strongswan.conf's."""

    def __init__(
        self,
        bed: Bed,
        changes: Changes,
        *,
        kernel_esp: bool = False,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self._bed = bed
        self.folder = bed.folder / "strongswan"
        for each in ("x509", "x509ca", "x509crl", "private", "pubkey"):
            (self.folder / "swanctl" / each).mkdir(parents=True, exist_ok=True)
        (self.folder / "run").mkdir(exist_ok=True)
        for name, octets in files.items():
            (self.folder / "swanctl" / name).write_bytes(octets)
        connection = {key: value for key, value in changes.items() if not key.startswith("charon.")}
        charon = {key.removeprefix("charon."): value for key, value in changes.items() if key.startswith("charon.")}
        (self.folder / "swanctl" / "swanctl.conf").write_text(swanctl_conf(connection))
        (self.folder / "strongswan.conf").write_text(self._strongswan_conf(charon, kernel_esp))
        self._env = {
            "STRONGSWAN_CONF": str(self.folder / "strongswan.conf"),
            "SWANCTL_DIR": str(self.folder / "swanctl"),
        }
        self.start()

    def start(self) -> None:
        """Start charon, at first or again after it has been ended."""
        (self.folder / "vici.sock").unlink(missing_ok=True)
        # The shell binds the private /run and then becomes charon: the pid that is ended is charon's.
        prepare = ["sh", "-c", 'mount --bind "$0/run" /run && exec "$1"', str(self.folder), CHARON]
        self.process = self._bed.start(RIGHT, prepare, self.folder / "charon.out", self._env)
        eventually("charon listens for swanctl", self._listens, 30)
        self.swanctl("--load-all")

    def _listens(self) -> bool | None:
        """The socket is there some time before anybody listens at it."""
        with socket.socket(socket.AF_UNIX) as caller:
            return caller.connect_ex(str(self.folder / "vici.sock")) == 0 or None

    def kill(self) -> None:
        """End charon at once, so that nobody is told; a new one must find no trace of it."""
        self.process.kill()
        self.process.wait()

    def _strongswan_conf(self, changes: Changes, kernel_esp: bool) -> str:
        own = {
            "load": PLUGINS.format(kernel="" if kernel_esp else "kernel-libipsec"),
            "filelog.f.path": f"{self.folder}/charon.log",
            "plugins.vici.socket": f"unix://{self.folder}/vici.sock",
        }
        tree = _tree({**CHARON_BASE, **own, **changes})
        return _block({"charon": tree, "swanctl": {"load": "pem pkcs1 pkcs8 x509 openssl random pubkey"}})

    def swanctl(self, *arguments: str, check: bool = True) -> str:
        """Run swanctl against this charon."""
        argv = ["swanctl", *arguments, "--uri", f"unix://{self.folder}/vici.sock"]
        return run(argv, check=check, env=self._env, timeout=60)

    def log(self) -> str:
        """What charon has logged so far."""
        path = self.folder / "charon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def initiate(self, seconds: int = 15, child: str = "c") -> None:
        """Bring a child up. Raises BedError with charon's words where that fails."""
        said = self.swanctl("--initiate", "--child", child, "--timeout", str(seconds), check=False)
        if "initiate completed successfully" not in said:
            raise BedError(f"strongSwan could not initiate:\n{said}\n{self.log()[-3000:]}")

    def terminate(self) -> None:
        """Take the IKE_SA and its children down, with DELETEs."""
        self.swanctl("--terminate", "--ike", "t", "--timeout", "5", check=False)

    def rekey(self, phase: int) -> None:
        """Renew the IKE_SA, or the child."""
        self.swanctl("--rekey", *(("--ike", "t") if phase == 1 else ("--child", "c")))

    def sas(self) -> tuple[IkeSa, ...]:
        """The SAs it has now."""
        return tuple(_ike_sa(line) for line in self.swanctl("--list-sas", "--raw").splitlines() if "{t {" in line)

    def spis(self) -> frozenset[frozenset[str]]:
        """The pairs of SPIs of all CHILD_SAs that are in place."""
        children = [child for sa in self.sas() if sa.state == "ESTABLISHED" for child in sa.children]
        return frozenset(frozenset({each.spi_in, each.spi_out}) for each in children if each.state == "INSTALLED")


def version() -> str:
    """strongSwan's name and version."""
    found = re.search(r"strongSwan (\d+\.\d+\.\d+) swanctl", run(["swanctl", "--help"], check=False))
    return f"strongSwan {found[1]}" if found else "strongSwan"


def swanctl_conf(changes: Changes) -> str:
    """The base with its changes, as a file."""
    flat = {
        key.removeprefix("/") if key.startswith("/") else f"connections.t.{key}": value
        for key, value in {**BASE, **changes}.items()
    }
    return _block(_tree(flat))


def _tree(flat: Changes) -> dict[str, Any]:
    """Dotted keys as nested sections; what is None is left out."""
    root: dict[str, Any] = {}
    for key, value in flat.items():
        if value is None:
            continue
        *sections, name = key.split(".")
        place = root
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return root


def _block(tree: Mapping[str, Any]) -> str:
    return "".join(
        f"{key} {{\n{_block(value)}}}\n" if isinstance(value, dict) else f"{key} = {value}\n"
        for key, value in tree.items()
    )


def _value(text: str, key: str) -> str:
    found = re.search(rf"\b{key}=(\S+?)[ }}]", text)
    return found.group(1) if found else ""


def _ike_sa(line: str) -> IkeSa:
    head, _, children = line.partition("child-sas {")
    blocks = re.findall(r"(\w+)-\d+ \{(.*?)\}", children)
    return IkeSa(
        _value(head, "state"),
        _value(head, "initiator-spi"),
        _value(head, "responder-spi"),
        tuple(
            ChildSa(
                name,
                _value(block, "state"),
                _value(block, "spi-in").zfill(8),
                _value(block, "spi-out").zfill(8),
                _value(block, "encap") == "yes",
            )
            for name, block in blocks
        ),
    )
