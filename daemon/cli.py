"""The command `isakmpd`: its options (isakmpd(8), docs/formats.md) turned into Options, and the exit code.

Exit codes: 0 after a shutdown, 1 for wrong usage and where the daemon cannot start, 2 for unusable files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from daemon.log import Log, stderr_log, syslog_log
from daemon.options import Options
from daemon.process import MixedInstallationError, check_packages
from policydb.cores import forbid_core_dumps
from policydb.folders import FileRefusedError
from policydb.streams import guard_terminals, open_closed

KERNELS = ("auto", "memory")

_FOREGROUND = "isakmpd: this version runs in the foreground only; without -d it logs to syslog"
_FILE = click.Path(dir_okay=False, path_type=Path)
_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_PORT = click.IntRange(1, 65535)

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _address(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for each in given:
        try:
            ip_address(each)
        except ValueError:
            raise click.BadParameter(f"{each} is no IPv4 or IPv6 address") from None
    return tuple(str(ip_address(each)) for each in given)


# In the order of isakmpd(8), then those of our own. An option that could not be honoured yet is not here.
_OPTIONS = (
    click.option("-4", "ipv4", is_flag=True, help="Use IPv4 only (with -6: both)."),
    click.option("-6", "ipv6", is_flag=True, help="Use IPv6 only (with -4: both)."),
    click.option("-c", "conf", type=_FILE, help="Configuration; a missing file is no error.  [CONFDIR/isakmpd.conf]"),
    click.option("-d", "foreground", is_flag=True, help="Log to standard error instead of syslog."),
    click.option("-D", "debug", multiple=True, metavar="CLASS=LEVEL", help="Debug level of a class, 0-10, or all, A."),
    click.option("-f", "fifo", type=_FILE, help="Command FIFO; - is standard input.  [RUNDIR/isakmpd.fifo]"),
    click.option("-i", "pid", type=_FILE, help="Pid file.  [RUNDIR/isakmpd.pid]"),
    click.option("-K", "unchecked", is_flag=True, help="Do not read the policy: accept all that passes other checks."),
    click.option("-L", "capturing", is_flag=True, help="Capture decrypted IKE messages to RUNDIR/isakmpd.pcap."),
    click.option("-l", "capture", type=_FILE, help="The same, to this file."),
    click.option("-n", "no_kernel", is_flag=True, help="Negotiate, but never touch the kernel."),
    click.option("-N", "nat_port", type=_PORT, default=4500, show_default=True, help="UDP port of NAT traversal."),
    click.option("-p", "ike_port", type=_PORT, default=500, show_default=True, help="UDP port of IKE."),
    click.option("-R", "report", type=_FILE, help="Report file of SIGUSR1.  [RUNDIR/isakmpd.report]"),
    click.option(
        "-S", "passive", is_flag=True, help="Start passive: answer, initiate nothing until M active; no DELETE."
    ),
    click.option("-T", "no_nat_traversal", is_flag=True, help="Switch NAT traversal off."),
    click.option("-v", "verbose", is_flag=True, help="Log every completed phase 1 and quick mode."),
    click.option("--confdir", type=_DIRECTORY, default=Path("/etc/isakmpd"), show_default=True, help="Configuration."),
    click.option("--rundir", type=_DIRECTORY, default=Path("/var/run"), show_default=True, help="FIFO, pid, results."),
    click.option(
        "--statedir", type=_DIRECTORY, default=Path("/var/lib/isakmpd"), show_default=True, help="Store, decision log."
    ),
    click.option(
        "--listen", multiple=True, metavar="ADDRESS", callback=_address, help="Listen there alone; may be repeated."
    ),
    click.option(
        "--kernel", type=click.Choice(KERNELS), default="auto", show_default=True, help="Where IPsec SAs are installed."
    ),
    click.option("--keylog", "key_log", type=_FILE, help="Write IKE keys for Wireshark's ikev1_decryption_table."),
)


def _all_options(function: _Function) -> _Function:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@_all_options
def command(**given: Any) -> int:  # noqa: ANN401 - click's values, each of its option's type
    """IKE daemon: negotiates IPsec security associations and asks policy about each of them.

    Reads isakmpd.conf, ipsec.conf and isakmpd.policy in CONFDIR. With an ipsec.conf the other two may be missing: its
    rules are a policy as well.

    Commands are read from the FIFO: C D M Q R S T c d p r t, see isakmpd(8).
    """
    return serve(_options(given))


def _options(given: dict[str, Any]) -> Options:
    capturing, no_kernel = given.pop("capturing"), given.pop("no_kernel")
    stdin = given["fifo"] == Path("-")
    options = Options(
        check_policy=not given.pop("unchecked"),
        nat_traversal=not given.pop("no_nat_traversal"),
        commands_from_stdin=stdin,
        **given,
    )
    if options.nat_traversal and options.ike_port == options.nat_port:
        raise click.UsageError("-p and -N must be different ports")
    if capturing and options.capture is None:
        options = replace(options, capture=options.capture_path)
    return replace(options, kernel="memory") if no_kernel else options


def serve(options: Options) -> int:
    """Run the daemon until it has been told to end; the exit code."""
    log = (stderr_log if options.foreground else syslog_log)(verbose=options.verbose)
    if not options.foreground:
        click.echo(_FOREGROUND, err=True)
    changed, wrong = log.levels.change_all(options.debug)
    for line in (*changed, *wrong):
        log.notice(line)
    try:
        check_packages()
        return _run(options, log)
    except (MixedInstallationError, FileRefusedError) as error:
        log.fatal(f"isakmpd: {error}")
        return 1


def _run(options: Options, log: Log) -> int:
    # Imported here: --help and wrong usage need none of it.
    import asyncio

    from daemon.fifo import FifoError
    from daemon.ike.algorithms.selftest import SelfTestError
    from daemon.oracle import LoadError
    from daemon.service import Service
    from daemon.udp import TransportError
    from policydb.records.decisionlog import LogError

    async def service() -> None:
        await Service(options, log).run()

    try:
        asyncio.run(service())
    except LoadError:
        log.fatal("isakmpd: not started: the files above cannot be used")
        return 2
    except (SelfTestError, FifoError, TransportError, LogError) as error:
        log.fatal(f"isakmpd: {error}")
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    forbid_core_dumps()
    open_closed()
    guard_terminals()
    try:
        sys.exit(command.main(args=arguments, prog_name="isakmpd", standalone_mode=False))
    except click.ClickException as problem:
        if isinstance(problem, click.UsageError) and problem.ctx is None:
            problem.ctx = click.Context(command, info_name="isakmpd")  # so that the usage is shown whatever is wrong
        problem.show()
        sys.exit(1)
    except click.Abort:
        sys.exit(1)
