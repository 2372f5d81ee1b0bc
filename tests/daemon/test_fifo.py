"""daemon/fifo.py: lines whatever the pieces, a limit, and a FIFO that outlives its writers (isakmpd(8))."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.fifo import LINE_LIMIT, CommandInput, FifoError, LineBuffer
from policydb.folders import own_file


@given(st.binary(max_size=200), st.lists(st.integers(1, 20)))
def test_lines_do_not_depend_on_how_they_were_cut_into_reads(data: bytes, sizes: list[int]) -> None:
    buffer, position, lines = LineBuffer(), 0, []
    for size in [*sizes, len(data)]:
        lines += buffer.feed(data[position : position + size])
        position += size
    lines += buffer.finish()
    expected = [each.removesuffix(b"\r").decode("latin-1") for each in data.split(b"\n")]
    assert lines == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize("piece", [1, 1000, 3 * LINE_LIMIT])
def test_a_line_beyond_the_limit_is_dropped_alone(piece: int) -> None:
    buffer, lines = LineBuffer(), []
    data = b"S\n" + b"x" * (2 * LINE_LIMIT) + b"\nR\n" + b"y" * LINE_LIMIT + b"\n"
    for start in range(0, len(data), piece):
        lines += buffer.feed(data[start : start + piece])
    assert lines == ["S", "R", "y" * LINE_LIMIT]
    assert buffer.dropped == 1


def serve(path: Path, write: Callable[[], object], count: int) -> tuple[list[str], list[str]]:
    """Run a FIFO until `count` lines have come; `write` runs in a thread. The lines, and the complaints."""
    lines: list[str] = []
    complaints: list[str] = []

    async def work() -> None:
        commands = CommandInput(own_file(path), lines.append, complaints.append)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        commands.start()
        await asyncio.to_thread(write)
        while len(lines) < count:
            await asyncio.sleep(0.005)
        commands.close()

    asyncio.run(asyncio.wait_for(work(), 60))
    return lines, complaints


def test_one_writer_after_the_other_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.fifo"

    def write() -> None:
        for number in range(50):
            path.write_text(f"c {number}\n")

    assert serve(path, write, 50) == ([f"c {number}" for number in range(50)], [])
    assert not path.exists()


def test_a_line_without_newline_counts_when_its_writer_goes(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.fifo"

    def write() -> None:
        path.write_text("S")
        path.write_text("R\n")

    lines, _ = serve(path, write, 1)
    # The second writer may come before the first one's end was seen; then both wrote one line.
    assert lines in (["S"], ["S", "R"], ["SR"])


def test_an_overlong_line_is_complained_about(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.fifo"
    lines, complaints = serve(path, lambda: path.write_bytes(b"x" * 100_000 + b"\nS\n"), 1)
    assert lines == ["S"]
    assert len(complaints) == 1


def test_an_existing_fifo_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.fifo"
    os.mkfifo(path, 0o644)
    lines, _ = serve(path, lambda: path.write_text("S\n"), 1)
    assert lines == ["S"]


def test_anything_else_in_its_place_is_refused_and_left_alone(tmp_path: Path) -> None:
    regular = tmp_path / "regular"
    regular.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(regular)
    for path in (regular, link, tmp_path):
        with pytest.raises(FifoError, match="is no FIFO"):
            CommandInput(own_file(path), print, print)
    assert regular.read_text() == "precious"


def test_a_fifo_that_another_daemon_has_put_there_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.fifo"
    first = CommandInput(own_file(path), print, print)
    path.unlink()
    second = CommandInput(own_file(path), print, print)
    first.close()
    assert path.exists()
    second.close()
    assert not path.exists()


def test_a_fifo_that_somebody_reads_is_left_to_him(tmp_path: Path) -> None:
    path = tmp_path / "isakmpd.fifo"
    first = CommandInput(own_file(path), print, print)
    with pytest.raises(FifoError, match="is read by another process"):
        CommandInput(own_file(path), print, print)
    assert path.exists()
    first.close()
