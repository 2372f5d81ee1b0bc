"""isakmpd as always, but its in-memory kernel writes its SAs to a file.

The file holds keys, as hexadecimal digits, so that the tests can hold them against what the peer has.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import daemon.service
from daemon.cli import main
from daemon.ike.events import SecurityAssociation
from daemon.kernel import MemoryKernel, SaKey


def as_json(sa: SecurityAssociation) -> dict[str, object]:
    """What a peer must have, too."""
    return {
        "spi": sa.spi,
        "protocol": sa.protocol,
        "source": sa.source,
        "destination": sa.destination,
        "source_selector": str(sa.source_selector),
        "destination_selector": str(sa.destination_selector),
        "encapsulation": sa.encapsulation,
        "encryption": sa.encryption,
        "encryption_key": sa.encryption_key.hex(),
        "authentication": sa.authentication,
        "authentication_key": sa.authentication_key.hex(),
        "udp_ports": sa.udp_ports,
        "inbound": sa.inbound,
        "connection": sa.connection,
    }


class Table(MemoryKernel):
    """The in-memory kernel; after each change the file is replaced as a whole."""

    def __init__(self, path: Path, random: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        super().__init__(random, clock)
        self._path = path
        self._write()

    async def install(self, sas: Sequence[SecurityAssociation]) -> None:
        await super().install(sas)
        self._write()

    async def delete(self, sas: Iterable[SaKey]) -> None:
        await super().delete(sas)
        self._write()

    def _write(self) -> None:
        new = self._path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps([as_json(each) for each in self.dump()]))
        os.replace(new, self._path)  # noqa: PTH105 - one step, so that no reader sees half a table


def serve(table: str, log: str, arguments: Sequence[str]) -> None:
    """Be isakmpd until it ends; what it writes to standard error goes to a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    setattr(daemon.service, "MemoryKernel", lambda random, clock: Table(Path(table), random, clock))  # noqa: B010
    main(arguments)
