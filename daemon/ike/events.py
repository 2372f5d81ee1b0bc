"""What goes in and out of the protocol core: the loop carries outputs out in order and feeds answers back.

Times are seconds on a monotonic clock unless a name says wall. Addresses are text, as the socket layer gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from policydb.connections import Identity
from policydb.negotiation import NegotiationRecord


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address in text (no zone) and a UDP port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Path:
    """Where a datagram travels. `encapsulated`: on the NAT-T port, behind the four zero octets of RFC 3948.

    The shell adds and removes those octets; the core never sees them.
    """

    local: Endpoint
    remote: Endpoint
    encapsulated: bool = False


# --- outputs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """Put `data` on the wire. `priority`: before anything queued (DELETEs at shutdown)."""

    path: Path
    data: bytes
    priority: bool = False


@dataclass(frozen=True, slots=True)
class SendKeepalive:
    """One octet 0xFF without the non-ESP marker (RFC 3948 section 2.3)."""

    path: Path


@dataclass(frozen=True, slots=True)
class AllocateSpi:
    """Ask the kernel for an inbound SPI; `token` comes back with Engine.result and a SpiAllocated or KernelFailed."""

    token: int
    protocol: str
    local: str
    remote: str


@dataclass(frozen=True, slots=True)
class SecurityAssociation:
    """One direction of an IPsec SA as a kernel takes it.

    `protocol` ESP or AH; algorithm names are isakmpd.conf's (AES, HMAC_SHA2_256), "" for none; keys are raw;
    `encapsulation` TUNNEL or TRANSPORT; `udp_ports` (source, destination) where ESP travels in UDP; lifetimes in
    seconds and kilobytes, None for none; `replay_window` in packets, above zero. `nat_original`: in transport mode
    through a NAT the peer's address behind it, from which checksums are computed (RFC 3948 section 3.1.2); else "".
    `acquire`: the sequence number of the kernel's Acquire that this answers.
    """

    spi: int
    protocol: str
    source: str
    destination: str
    source_selector: Identity
    destination_selector: Identity
    encapsulation: str
    encryption: str
    encryption_key: bytes
    authentication: str
    authentication_key: bytes
    replay_window: int
    soft_seconds: int | None
    hard_seconds: int | None
    hard_kilobytes: int | None
    udp_ports: tuple[int, int] | None
    inbound: bool
    connection: str
    soft_kilobytes: int | None = None
    nat_original: str = ""
    acquire: int | None = None

    def __repr__(self) -> str:
        way = "in" if self.inbound else "out"
        return f"<SecurityAssociation {self.protocol} {way} spi {self.spi:08x} {self.source} -> {self.destination}>"


@dataclass(frozen=True, slots=True)
class InstallSas:
    """Install these SAs (both directions, all protocols) and their flows; answered with Installed or KernelFailed."""

    token: int
    sas: tuple[SecurityAssociation, ...]


@dataclass(frozen=True, slots=True)
class DeleteSas:
    """Remove SAs by (protocol, destination, spi) and the flows that no other SA needs. Never fails: gone is gone."""

    sas: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class MoveSas:
    """The peer is elsewhere now: each SA under its old key (protocol, destination, SPI), and as it is from now on.

    Keys, counters and replay windows go on. Never fails: gone is gone.
    """

    moves: tuple[tuple[tuple[str, str, int], SecurityAssociation], ...]


@dataclass(frozen=True, slots=True)
class LastUse:
    """Ask when traffic last came in over any of these inbound SAs; answered with LastUsed or KernelFailed."""

    token: int
    sas: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A negotiation ended: for the decision log."""

    record: NegotiationRecord


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for the log: `category` and `level` as isakmpd's -D; level 0 is an ordinary message, always shown.

    `verbose`: shown only with -v. Never holds a key or a pre-shared secret.
    """

    category: str
    level: int
    text: str
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Captured:
    """A message in the clear, for -L: `data` has its ENC flag cleared; `outbound` says which way it went."""

    path: Path
    data: bytes
    outbound: bool


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """What Wireshark's ikev1_decryption_table wants: initiator cookie and encryption key. Only for --keylog."""

    initiator_cookie: bytes
    encryption_key: bytes


Output: TypeAlias = (
    Send
    | SendKeepalive
    | AllocateSpi
    | InstallSas
    | DeleteSas
    | MoveSas
    | LastUse
    | Record
    | LogLine
    | Captured
    | KeyMaterial
)


# --- answers to tokens, and events from the kernel ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpiAllocated:
    """The kernel's answer to AllocateSpi, and what was asked for: so an SPI that comes too late can be given back."""

    spi: int
    protocol: str = ""
    local: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """The kernel's answer to InstallSas."""


@dataclass(frozen=True, slots=True)
class KernelFailed:
    """The kernel could not; `text` is its own word for why."""

    text: str


@dataclass(frozen=True, slots=True)
class LastUsed:
    """The kernel's answer to LastUse: seconds since the last packet, None: there was none."""

    seconds: float | None


Outcome: TypeAlias = SpiAllocated | Installed | LastUsed | KernelFailed


@dataclass(frozen=True, slots=True)
class Expired:
    """The kernel says an SA reached its soft (`hard` False) or hard lifetime; `octets`: what it carried, if known."""

    protocol: str
    destination: str
    spi: int
    hard: bool
    octets: int | None = None


@dataclass(frozen=True, slots=True)
class PeerMoved:
    """An authenticated ESP packet of this inbound SA came from another address or port (Linux: XFRM_MSG_MAPPING)."""

    protocol: str
    destination: str
    spi: int
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class Acquire:
    """The kernel has traffic for a flow and no SA. `sequence` is its own number for that.

    `local` and `remote` are the ends of the tunnel, `local` "" where the flow leaves it open; the selectors are the
    flow's. Identities are of phase 1, with isakmpd's prefixes (`fqdn/gate.example.org`), "" where the flow has none.
    """

    sequence: int
    local: str
    remote: str
    local_selector: Identity
    remote_selector: Identity
    local_identity: str = ""
    remote_identity: str = ""


Upcall: TypeAlias = Expired | PeerMoved | Acquire


# --- commands (FIFO, control socket, signals) ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connect:
    """FIFO `c name`: bring the named connection up."""

    name: str


@dataclass(frozen=True, slots=True)
class TearDown:
    """FIFO `t [main|quick] name` (by connection, peer name or peer address) and `T` (name None: all phase 2)."""

    name: str | None
    phase: int = 2


@dataclass(frozen=True, slots=True)
class Shutdown:
    """SIGTERM, FIFO `Q`: DELETE for all phase 2, then all phase 1 SAs, unless [General]:Delete-SAs says no."""


@dataclass(frozen=True, slots=True)
class SetMode:
    """FIFO `M`: passive, nothing is initiated; active, the next check of the connections brings them up."""

    passive: bool


@dataclass(frozen=True, slots=True)
class DeleteSa:
    """FIFO `d`: the SA with both cookies and this message ID; None is the phase 1 SA itself. `line` is as typed."""

    cookies: bytes
    message_id: int | None
    line: str


@dataclass(frozen=True, slots=True)
class Reinitialize:
    """connection_reinit: connections that `t` has stopped may come up again, and all are checked now."""


@dataclass(frozen=True, slots=True)
class SetCapture:
    """FIFO `p`: whether Captured outputs are wanted from now on."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class ListenOn:
    """Other addresses are listened on from now on, these alone; an unspecified one stands for all of its family."""

    addresses: tuple[str, ...]


Command: TypeAlias = Connect | TearDown | Shutdown | SetMode | DeleteSa | Reinitialize | SetCapture | ListenOn


# --- the engine's report, for FIFO `S`, isakmpd.report and the demo -----------------------------------------------


@dataclass(frozen=True, slots=True)
class SaReport:
    """One SA as FIFO `S` shows it (docs/formats.md); times in seconds from now, cookies and SPIs as hex.

    `user` is whom XAUTH has proved at the other end, `received` what mode-config gave us.
    """

    name: str
    phase: int
    role: str
    source: str
    destination: str
    ready: bool
    flags: int
    lifetime_seconds: int | None
    lifetime_kilobytes: int | None
    soft_timeout: int | None
    hard_timeout: int | None
    initiator_cookie: str
    responder_cookie: str
    spis: tuple[str, ...]
    protocol: str
    transform: tuple[tuple[str, str], ...]
    local_id: str
    remote_id: str
    local_filter: str
    remote_filter: str
    user: str = ""
    received: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ExchangeReport:
    """One exchange under way."""

    name: str
    type: str
    role: str
    step: int
    peer: str
    message_id: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Everything the engine holds, as values; `dynamic` are the sections of on-demand connections with their tags."""

    generation: int
    sas: tuple[SaReport, ...]
    exchanges: tuple[ExchangeReport, ...]
    timers: int
    dynamic: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
