"""What the daemon asks of a kernel, as a Protocol, and the kernel in memory: it keeps SAs and protects no traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from daemon.ike.events import SecurityAssociation

LOWEST_SPI = 0x100
"""1 to 255 are reserved by IANA (RFC 4303 section 2.1)."""

LARVAL_SECONDS = 165
"""How long an allocated SPI is kept for its SA: more than Exchange-max-time's default of 120.

Linux does the same for net.core.xfrm_acq_expires seconds. Without an end, failed negotiations would pile up.
"""

SaKey: TypeAlias = tuple[str, str, int]
"""(protocol, destination, SPI): what identifies an SA (RFC 4301 section 4.1)."""


class KernelError(Exception):
    """The kernel could not; the text is its own word for why."""


class Kernel(Protocol):
    """IPsec SAs and flows of this host. Each call returns when it is done."""

    async def allocate_spi(self, protocol: str, local: str, remote: str) -> int:
        """An unused inbound SPI, at least 0x100, for traffic from `remote` to `local`. Raises KernelError."""
        ...

    async def install(self, sas: Sequence[SecurityAssociation]) -> None:
        """Install all of these and their flows, or none. Raises KernelError."""
        ...

    async def delete(self, sas: Iterable[SaKey]) -> None:
        """Remove SAs, and the flows that no other SA needs. Never fails: gone is gone."""
        ...

    async def move(self, moves: Iterable[tuple[SaKey, SecurityAssociation]]) -> None:
        """Change addresses and UDP ports of SAs, each known by its old key. Never fails: gone is gone."""
        ...

    async def last_use(self, sas: Iterable[SaKey]) -> float | None:
        """Seconds since a packet last came in over one of these; None: none did. Raises KernelError."""
        ...

    def close(self) -> None:
        """Let go of the kernel; what is installed stays."""
        ...


class MemoryKernel:
    """SAs in a dictionary. `random` gives unpredictable octets, `clock` monotonic seconds."""

    def __init__(self, random: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        self._random = random
        self._clock = clock
        self._larval: dict[SaKey, float] = {}
        self._sas: dict[SaKey, SecurityAssociation] = {}

    async def allocate_spi(self, protocol: str, local: str, remote: str) -> int:  # noqa: ARG002 - see Kernel
        """A random SPI that neither an SA nor a larval one has."""
        now = self._clock()
        self._larval = {key: ends for key, ends in self._larval.items() if ends > now}
        while True:
            spi = int.from_bytes(self._random(4), "big")
            key = (protocol, local, spi)
            if spi >= LOWEST_SPI and key not in self._larval and key not in self._sas:
                self._larval[key] = now + LARVAL_SECONDS
                return spi

    async def install(self, sas: Sequence[SecurityAssociation]) -> None:
        """Keep these SAs; refused where one is there already, twice among them or has a reserved SPI."""
        keys = [_key(each) for each in sas]
        for position, key in enumerate(keys):
            if key in self._sas or key in keys[:position]:
                raise KernelError(f"{key[0]} SA {key[2]:08x} to {key[1]} exists")
            if not LOWEST_SPI <= key[2] <= 0xFFFFFFFF:
                raise KernelError(f"{key[0]} SPI {key[2]:08x} is reserved")
        for key, each in zip(keys, sas, strict=True):
            self._larval.pop(key, None)
            self._sas[key] = each

    async def delete(self, sas: Iterable[SaKey]) -> None:
        """Forget these, larval or installed."""
        for key in sas:
            self._larval.pop(key, None)
            self._sas.pop(key, None)

    async def move(self, moves: Iterable[tuple[SaKey, SecurityAssociation]]) -> None:
        """Keep them under their new keys."""
        for key, sa in moves:
            if self._sas.pop(key, None) is not None:
                self._sas[_key(sa)] = sa

    async def last_use(self, sas: Iterable[SaKey]) -> float | None:  # noqa: ARG002 - see Kernel
        """No traffic moves here."""
        return None

    def close(self) -> None:
        """Nothing is held."""

    def dump(self) -> tuple[SecurityAssociation, ...]:
        """Everything installed, in the order of installation."""
        return tuple(self._sas.values())


def _key(sa: SecurityAssociation) -> SaKey:
    return (sa.protocol, sa.destination, sa.spi)
