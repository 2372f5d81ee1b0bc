"""daemon/keylog.py: lines for Wireshark's ikev1_decryption_table, in a file for its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from daemon.ike.events import KeyMaterial
from daemon.keylog import KeyLog
from policydb.folders import FileRefusedError, own_file


def test_a_line_is_cookie_comma_key_in_hex_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    log = KeyLog(own_file(path))
    log.add(KeyMaterial(bytes.fromhex("2083f0f3e53a9d53"), bytes.fromhex("79e9371778a0c298533af85f26c757e2")))
    assert path.read_text() == "2083f0f3e53a9d53,79e9371778a0c298533af85f26c757e2\n"
    log.close()
    again = KeyLog(own_file(path))
    again.add(KeyMaterial(bytes(8), bytes(24)))
    again.close()
    assert len(path.read_text().splitlines()) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_key_goes_where_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("open", "link"):
        with pytest.raises(FileRefusedError):
            KeyLog(own_file(tmp_path / name))
    assert not (tmp_path / "elsewhere").exists()
