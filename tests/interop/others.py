"""What is tried beside the matrix: programs that are no peers in its sense. Rows are scenario, what, result's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from daemon.ike.algorithms.dh import GROUPS
from tests.interop.bed import run


@dataclass(frozen=True, slots=True)
class Others:
    """A table of the document."""

    heading: str
    rows: tuple[tuple[str, str, str], ...]


PHASE_1 = "every cipher, hash and way of authentication, in main and aggressive mode"
PHASE_2 = "every ESP cipher with every authentication, and every AH, in tunnel and transport mode"


def _itself() -> Iterator[tuple[str, str, str]]:
    for each in sorted(GROUPS):
        yield f"phase 1, {each}", PHASE_1, f"itself-phase-1-{each}"
    yield "phase 2, no PFS", PHASE_2, "itself-phase-2-None"
    for each in sorted(GROUPS):
        yield f"phase 2, {each}", PHASE_2, f"itself-phase-2-{each}"


LOGIN = "aggressive mode, a group's pre-shared key, a user by XAUTH, an address by mode-config"

TABLES = (
    Others(
        "vpnc",
        (
            ("login", f"{LOGIN}; ESP", "vpnc-none"),
            ("login with NAT-T", f"{LOGIN}; ESP in UDP", "vpnc-natt"),
        ),
    ),
    Others(
        "ike-scan",
        (
            ("main mode", "a proposal that we take is answered with it", "ike-scan-main"),
            ("no proposal", "DES is answered with NO-PROPOSAL-CHOSEN", "ike-scan-refused"),
            ("IKEv2", "a request of version 2 gets no handshake and leaves nothing", "ike-scan-v2"),
            ("psk-crack", "HASH_R of aggressive mode, with SHA-1 and MD5", "psk-crack"),
        ),
    ),
    Others(
        "This daemon with itself",
        tuple(_itself()),
    ),
)


def _vpnc() -> str:
    found = re.search(r"vpnc version (\d+\.\d+\.\d+)", run(["vpnc", "--version"]))
    return f"vpnc {found[1]}" if found else "vpnc"


def _ike_scan() -> str:
    found = re.search(r"ike-scan (\d+\.\d+(\.\d+)?)", run(["ike-scan", "--version"]))
    return f"ike-scan {found[1]}" if found else "ike-scan"


VERSIONS: tuple[Callable[[], str], ...] = (_vpnc, _ike_scan)
