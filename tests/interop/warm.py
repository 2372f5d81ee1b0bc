"""What every isakmpd of the tests loads and builds at its first start, done once in the process that it is forked from.

Parsers are built from their grammars and modules are compiled; in a User-mode Linux guest that is most of a start.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from daemon.oracle import Sources, compile_sources, open_loaded
from tests.interop.settings import isakmpd_conf, policy, psk_licensee


def warm() -> None:
    """Compile a configuration and its policy, and open what comes of it."""
    with tempfile.TemporaryDirectory(prefix="isakmpd-warm-") as name:
        folder = Path(name)
        for file, text in (
            ("isakmpd.conf", isakmpd_conf({})),
            ("isakmpd.policy", policy([psk_licensee()], 'esp_present == "yes"')),
        ):
            (folder / file).touch(mode=0o600)
            (folder / file).write_text(text)
        sources = Sources(folder / "isakmpd.conf", folder, folder / "policy.db", os.getuid())
        open_loaded(sources, compile_sources(sources, datetime.now(UTC)))


warm()
