"""daemon/files.py: the permission rule of isakmpd(8) and how private files are written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from daemon.files import check_secrecy, open_for_append, write_private
from policydb.folders import FileRefusedError, own_file


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "isakmpd.conf"
    path.write_text("x")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_for_its_owner_alone_is_accepted(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    check_secrecy(secret, os.getuid())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o620, 0o601, 0o602, 0o644, 0o660])
def test_any_bit_for_others_is_refused_with_the_command_that_mends_it(secret: Path, mode: int) -> None:
    secret.chmod(mode)
    with pytest.raises(FileRefusedError) as refusal:
        check_secrecy(secret, os.getuid())
    assert f"check_file_secrecy_fd: not loading {secret} - too open permissions" in str(refusal.value)
    assert f"chmod 600 {secret}" in str(refusal.value)


def test_a_file_of_somebody_else_is_refused(secret: Path) -> None:
    stranger = os.getuid() + 1
    if os.getuid() == 0:
        os.chown(secret, 12345, -1)  # the owner root is always accepted
    with pytest.raises(FileRefusedError, match="file owner is not process user"):
        check_secrecy(secret, stranger)


def test_a_directory_or_fifo_in_the_place_of_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(FileRefusedError, match="not a regular file"):
            check_secrecy(path, os.getuid())


def test_a_missing_file_is_not_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_secrecy(tmp_path / "none", os.getuid())


def test_a_new_private_file_has_mode_0600_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(own_file(tmp_path / "result"), "text\n")
        os.close(open_for_append(own_file(tmp_path / "log")))
    finally:
        os.umask(before)
    for name in ("result", "log"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_result_is_rewritten_whole_and_does_not_follow_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    result = tmp_path / "result"
    result.symlink_to(victim)
    write_private(own_file(result), "answer\n")
    assert victim.read_text() == "precious"
    write_private(own_file(result), "")
    assert result.read_text() == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["result", "victim"]


def test_nothing_is_appended_through_a_link_or_to_a_file_that_others_may_read(tmp_path: Path, secret: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(secret)
    twin = tmp_path / "twin"
    twin.hardlink_to(secret)
    readable = tmp_path / "readable"
    readable.write_text("")
    readable.chmod(0o644)
    for path in (link, twin, readable, tmp_path):
        with pytest.raises(FileRefusedError):
            open_for_append(own_file(path))
