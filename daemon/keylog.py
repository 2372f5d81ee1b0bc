"""--keylog: phase 1 encryption keys in the form of Wireshark's ikev1_decryption_table. Who reads it can decrypt IKE."""

from __future__ import annotations

import os

from daemon.files import open_for_append, write_all
from daemon.ike.events import KeyMaterial
from policydb.folders import OwnFile


class KeyLog:
    """Appends `ICOOKIE,KEY` lines, hex without quotes, to a file of mode 0600. Raises FileRefusedError when made."""

    def __init__(self, file: OwnFile) -> None:
        self._file = file
        self._descriptor = open_for_append(file)

    def add(self, material: KeyMaterial) -> None:
        """One line, on disk before this returns to the caller. Raises OSError."""
        line = f"{material.initiator_cookie.hex()},{material.encryption_key.hex()}\n"
        write_all(self._descriptor, line.encode("ascii"))

    def reopen(self) -> None:
        """Go on in the file that has the name now: the old one may have been moved away. Raises FileRefusedError."""
        before, self._descriptor = self._descriptor, open_for_append(self._file)
        os.close(before)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
