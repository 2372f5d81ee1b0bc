"""daemon/cli.py: the options of isakmpd(8), and exit code 1 for wrong usage (docs/formats.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon import cli
from daemon.options import Options


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """What would have been served."""
    served: list[Options] = []

    def serve(options: Options) -> int:
        served.append(options)
        return 0

    monkeypatch.setattr(cli, "serve", serve)
    return served


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_without_options_everything_is_where_the_manual_says(asked: list[Options]) -> None:
    assert run() == 0
    (options,) = asked
    assert options.conf_path == Path("/etc/isakmpd/isakmpd.conf")
    assert options.fifo_path == Path("/var/run/isakmpd.fifo")
    assert options.pid_path == Path("/var/run/isakmpd.pid")
    assert options.report_path == Path("/var/run/isakmpd.report")
    assert options.result_path == Path("/var/run/isakmpd.result")
    assert (options.ike_port, options.nat_port, options.nat_traversal) == (500, 4500, True)
    assert (options.check_policy, options.foreground, options.verbose, options.capture) == (True, False, False, None)
    assert options.kernel == "auto"


def test_three_folders_move_everything(asked: list[Options]) -> None:
    run("--confdir", "/c", "--rundir", "/r", "--statedir", "/s", "-L")
    (options,) = asked
    assert options.conf_path == Path("/c/isakmpd.conf")
    assert options.fifo_path == Path("/r/isakmpd.fifo")
    assert options.capture == Path("/r/isakmpd.pcap")
    assert options.store_path == Path("/s/policy.db")
    assert options.decision_log_path == Path("/s/decisions.db")


def test_short_options_can_be_joined_as_getopt_allows(asked: list[Options]) -> None:
    run("-dvKSTn", "-D9=80", "-DA=1", "-p5500", "-N", "5501", "-f", "-", "--listen", "::1", "--listen", "127.0.0.1")
    (options,) = asked
    assert options.foreground
    assert options.verbose
    assert options.passive
    assert not options.check_policy
    assert not options.nat_traversal
    assert options.kernel == "memory"
    assert options.debug == ("9=80", "A=1")
    assert (options.ike_port, options.nat_port) == (5500, 5501)
    assert options.fifo_path is None
    assert options.listen == ("::1", "127.0.0.1")


def test_a_capture_file_of_ones_own_wins(asked: list[Options]) -> None:
    run("-L", "-l", "/r/own.pcap")
    assert asked[0].capture == Path("/r/own.pcap")


@pytest.mark.parametrize(
    "arguments",
    [
        ("operand",),
        ("-x",),
        ("-a",),
        ("-p", "0"),
        ("-p", "65536"),
        ("-p", "isakmp"),
        ("-p", "4500"),
        ("--listen", "localhost"),
        ("--kernel", "xfrm"),
        ("-c",),
    ],
)
def test_wrong_usage_is_exit_code_1_and_nothing_starts(
    arguments: tuple[str, ...], asked: list[Options], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    assert asked == []
    assert "Usage: isakmpd" in capsys.readouterr().err


def test_help_names_every_option(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for option in "46cdDfiKLlnNpRSTv":
        assert f"  -{option}" in shown
    assert asked == []
