"""strongSwan in one side of a bed: charon with its userspace ESP (kernel-libipsec), steered by swanctl.

kernel-libipsec takes only SAs that travel in UDP, and therefore always pretends to sit behind a NAT: whoever negotiates
with it has to speak RFC 3947. charon's pid file has a fixed place below /run, so each charon gets a /run of its own
inside the mount namespace that `ip netns exec` makes.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from tests.interop.bed import LEFT, RIGHT, Bed, BedError, eventually, run

CHARON = "/usr/lib/ipsec/charon"
PLUGINS = (
    "random nonce openssl aes des sha1 sha2 md5 hmac kdf gmp pem pkcs1 pkcs8 x509 pubkey constraints vici "
    "socket-default kernel-libipsec kernel-netlink updown"
)


@dataclass(frozen=True, slots=True)
class ChildSa:
    """An installed CHILD_SA as strongSwan tells it; SPIs as eight hex digits."""

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
    """A running charon on the right side, with one connection `t` and its child `c`."""

    def __init__(self, bed: Bed, ike: str, esp: str, secret: str) -> None:
        self._bed = bed
        self.folder = bed.folder / "strongswan"
        (self.folder / "swanctl").mkdir(parents=True)
        (self.folder / "run").mkdir()
        (self.folder / "swanctl" / "swanctl.conf").write_text(_swanctl_conf(ike, esp, secret))
        (self.folder / "strongswan.conf").write_text(self._strongswan_conf())
        self._env = {
            "STRONGSWAN_CONF": str(self.folder / "strongswan.conf"),
            "SWANCTL_DIR": str(self.folder / "swanctl"),
        }
        # The shell binds the private /run and then becomes charon: the pid that is ended is charon's.
        prepare = ["sh", "-c", 'mount --bind "$0/run" /run && exec "$1"', str(self.folder), CHARON]
        self.process = bed.start(RIGHT, prepare, self.folder / "charon.out", self._env)
        eventually("charon listens for swanctl", lambda: (self.folder / "vici.sock").exists() or None)
        self.swanctl("--load-all")

    def _strongswan_conf(self) -> str:
        return textwrap.dedent(f"""
            charon {{
              load = {PLUGINS}
              filelog {{ f {{
                path = {self.folder}/charon.log
                default = 1
                flush_line = yes
              }} }}
              plugins {{ vici {{ socket = unix://{self.folder}/vici.sock }} }}
            }}
            swanctl {{ load = pem pkcs1 pkcs8 x509 openssl random }}
        """)

    def swanctl(self, *arguments: str, check: bool = True) -> str:
        """Run swanctl against this charon."""
        argv = ["swanctl", *arguments, "--uri", f"unix://{self.folder}/vici.sock"]
        return run(self._bed.inside(RIGHT, argv), check=check, env=self._env)

    def log(self) -> str:
        """What charon has logged so far."""
        path = self.folder / "charon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def initiate(self, seconds: int = 15) -> None:
        """Bring the child up. Raises BedError with charon's words where that fails."""
        said = self.swanctl("--initiate", "--child", "c", "--timeout", str(seconds), check=False)
        if "initiate completed successfully" not in said:
            raise BedError(f"strongSwan could not initiate:\n{said}\n{self.log()[-3000:]}")

    def terminate(self) -> None:
        """Take the IKE_SA and its child down, with DELETEs."""
        self.swanctl("--terminate", "--ike", "t", "--timeout", "5")

    def sas(self) -> tuple[IkeSa, ...]:
        """The SAs it has now."""
        return tuple(_ike_sa(line) for line in self.swanctl("--list-sas", "--raw").splitlines() if "{t {" in line)


def _swanctl_conf(ike: str, esp: str, secret: str) -> str:
    return f"""
connections {{ t {{
  version = 1
  local_addrs = {RIGHT.address}
  remote_addrs = {LEFT.address}
  proposals = {ike}
  local {{
    auth = psk
    id = right.example.org
  }}
  remote {{
    auth = psk
    id = left.example.org
  }}
  children {{ c {{
    local_ts = {RIGHT.network}
    remote_ts = {LEFT.network}
    esp_proposals = {esp}
  }} }}
}} }}
secrets {{ ike-t {{ secret = "{secret}" }} }}
"""


def _value(text: str, key: str) -> str:
    found = re.search(rf"\b{key}=(\S+?)[ }}]", text)
    return found.group(1) if found else ""


def _ike_sa(line: str) -> IkeSa:
    head, _, children = line.partition("child-sas {")
    blocks = re.findall(r"c-\d+ \{(.*?)\}", children)
    return IkeSa(
        _value(head, "state"),
        _value(head, "initiator-spi"),
        _value(head, "responder-spi"),
        tuple(
            ChildSa(
                _value(block, "state"),
                _value(block, "spi-in").zfill(8),
                _value(block, "spi-out").zfill(8),
                _value(block, "encap") == "yes",
            )
            for block in blocks
        ),
    )
