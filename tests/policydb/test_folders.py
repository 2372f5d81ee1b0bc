"""policydb/folders.py: which folders and files are ours, and that nothing else is followed, written or waited for."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from policydb import folders
from policydb.folders import FileRefusedError, Folder, own_file

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "ours"
    path.mkdir(mode=0o755)
    return path


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("precious")
    return path


# --- folders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o711, 0o1777, 0o1775])
def test_a_folder_is_used_in_which_nobody_else_can_touch_our_files(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with Folder(folder) as opened:
        assert opened.is_shared is (mode == 0o1777)


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
def test_a_folder_that_others_may_write_to_is_refused_with_what_mends_it(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(FileRefusedError) as refusal:
        Folder(folder)
    assert refusal.value.message == f"{folder} can be written to by others"
    assert refusal.value.remedy == f"chmod go-w {folder}"


@as_root
def test_a_group_of_others_is_others(folder: Path) -> None:
    os.chown(folder, 0, NOBODY)
    folder.chmod(0o775)
    with pytest.raises(FileRefusedError, match="can be written to by others"):
        Folder(folder)


def test_a_group_that_holds_the_owner_alone_is_nobody_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian and Fedora give each user one, with a umask of 002."""
    folder.chmod(0o775)
    owners = (folder.stat().st_uid, folder.stat().st_gid)
    monkeypatch.setattr(folders, "_is_alone", lambda uid, gid: (uid, gid) == owners)
    Folder(folder).close()
    monkeypatch.setattr(folders, "_is_alone", lambda _uid, _gid: False)
    with pytest.raises(FileRefusedError):
        Folder(folder)


@as_root
def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    os.chown(folder, NOBODY, -1)
    with pytest.raises(FileRefusedError) as refusal:
        Folder(folder)
    assert refusal.value.remedy == f"chown 0 {folder}"


def test_links_above_a_folder_are_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(folder)
    (tmp_path / "deep").symlink_to(tmp_path)
    for path in (tmp_path / "run", tmp_path / "deep" / "ours", tmp_path / "deep" / "run"):
        own = own_file(path / "file")
        own.folder.replace("file", b"text")
        assert (folder / "file").read_bytes() == b"text"


def test_a_folder_stays_the_same_whatever_becomes_of_its_path(folder: Path, tmp_path: Path) -> None:
    with Folder(folder) as opened:
        folder.rename(tmp_path / "moved")
        (tmp_path / "trap").mkdir()
        folder.symlink_to(tmp_path / "trap")
        opened.replace("file", b"text")
    assert (tmp_path / "moved" / "file").read_bytes() == b"text"
    assert not list((tmp_path / "trap").iterdir())


# --- files in them ------------------------------------------------------------------------------------------------


def _link(path: Path, precious: Path) -> None:
    path.symlink_to(precious)


def _dangling(path: Path, precious: Path) -> None:
    path.symlink_to(precious.with_name("nowhere"))


def _hard_link(path: Path, precious: Path) -> None:
    path.hardlink_to(precious)


def _fifo(path: Path, precious: Path) -> None:
    os.mkfifo(path, 0o600)


def _folder(path: Path, precious: Path) -> None:
    path.mkdir()


def _device(path: Path, precious: Path) -> None:
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))


def _open_to_all(path: Path, precious: Path) -> None:
    path.write_text("")
    path.chmod(0o666)


def _of_nobody(path: Path, precious: Path) -> None:
    path.write_text("")
    os.chown(path, NOBODY, -1)
    path.chmod(0o600)


TRAPS = [
    *(_link, _dangling, _hard_link, _fifo, _folder, _open_to_all),
    *(pytest.param(each, marks=as_root) for each in (_device, _of_nobody)),
]


@pytest.mark.parametrize("set_trap", TRAPS)
def test_what_is_no_file_of_ours_is_neither_opened_nor_followed(
    folder: Path, precious: Path, set_trap: Callable[[Path, Path], None]
) -> None:
    set_trap(folder / "file", precious)
    before = (folder / "file").lstat()
    with Folder(folder) as opened:
        for use in (opened.check, opened.create, opened.open_or_create):
            with pytest.raises(FileRefusedError):
                use("file")
    assert os.path.samestat(before, (folder / "file").lstat())
    assert precious.read_text() == "precious"
    assert not precious.with_name("nowhere").exists()


@pytest.mark.parametrize("set_trap", [_link, _dangling, _hard_link, _fifo, _open_to_all])
def test_what_is_written_anew_takes_the_place_of_whatever_was_there(
    folder: Path, precious: Path, set_trap: Callable[[Path, Path], None]
) -> None:
    set_trap(folder / "file", precious)
    with Folder(folder) as opened:
        opened.replace("file", b"text")
        assert opened.check("file") is not None
    assert (folder / "file").read_bytes() == b"text"
    assert stat.S_IMODE((folder / "file").lstat().st_mode) == 0o600
    assert precious.read_text() == "precious"
    assert [each.name for each in folder.iterdir()] == ["file"]


def test_a_file_of_ours_makes_room_for_a_new_one(folder: Path) -> None:
    """Whoever has the old one open cannot write into the new one."""
    (folder / "file").write_text("old")
    with (folder / "file").open("r+") as old, Folder(folder) as opened:
        os.close(opened.create("file", 0o644))
        old.write("evil")
        old.flush()
        assert (folder / "file").read_text() == ""
        os.close(opened.open_or_create("file"))


def test_only_the_known_file_is_removed(folder: Path) -> None:
    with Folder(folder) as opened, (folder / "file").open("w") as known:
        status = os.fstat(known.fileno())
        (folder / "file").unlink()
        (folder / "file").write_text("another")
        opened.remove("file", status)
        assert (folder / "file").exists()
        opened.remove("file")
        opened.remove("file")
        assert not (folder / "file").exists()
