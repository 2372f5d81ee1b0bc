"""Two gateways on this machine: one tunnel, one refusal by policy, one disagreement about algorithms.

Runs the commands `isakmpd` and `policydb` of the virtual environment it is started in, as a user would, on copies of
the files beside it. Needs no root and no network, only loopback addresses; takes a few seconds. Exit code 0: all three
ended as this text says. 1: one did not; the daemons' last words are shown.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
COMMANDS = Path(sys.executable).parent
LOOPBACK = "127.77.0."  # as the files say
PORT, NAT_PORT, CLAIM_PORT = 5500, 5501, 5502
PATIENCE = 60  # seconds until something that should have happened counts as failed
PRINTERS = "10.1.9.0/24"  # where the old printer stands
WIDTH = 100

T = TypeVar("T")


class DemoError(Exception):
    """The demo did not go as its text says."""


# --- talking to the reader ----------------------------------------------------------------------------------------


def coloured(text: str, code: str) -> str:
    """The text in a colour, on a terminal whose user wants colours."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\033[{code}m{text}\033[0m" if wanted else text


def title(text: str) -> None:
    print(f"\n{coloured(text, '1')}\n{coloured('-' * len(text), '1')}\n", flush=True)


def say(text: str) -> None:
    """A paragraph."""
    print(textwrap.fill(" ".join(text.split()), WIDTH) + "\n", flush=True)


def typed(command: str) -> None:
    """A command, as the reader would type it."""
    print(coloured(f"    $ {command}", "36"), flush=True)


def shown(text: str) -> None:
    """What a command printed."""
    print(textwrap.indent(text.rstrip(), "    ") + "\n", flush=True)


def side_by_side(left: str, right: str) -> str:
    """Two texts in two columns."""
    pairs = list(zip_longest(left.splitlines(), right.splitlines(), fillvalue=""))
    width = max(len(one) for one, _ in pairs) + 4
    return "\n".join(f"{one:<{width}}{other}".rstrip() for one, other in pairs)


# --- the gateways -------------------------------------------------------------------------------------------------


def eventually(what: str, ask: Callable[[], T | None]) -> T:
    """Ask until there is an answer."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise DemoError(f"waited {PATIENCE} s in vain: {what}")


def run(*argv: str) -> str:
    """What a command of ours prints. `policydb` answers 0 for yes and 1 for no; anything else is an error."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603
    if done.returncode not in {0, 1}:
        raise DemoError(f"{shlex.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Gateway:
    """One isakmpd in the foreground, with its own folder and address; ended by its pid."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._fifo = folder / "isakmpd.fifo"
        argv = [str(COMMANDS / "isakmpd"), "-d", "-v", "-p", str(PORT), "-N", str(NAT_PORT), "--kernel", "memory"]
        # Started in the folder above, so that what it prints names the files as the reader knows them.
        argv += ["--listen", address, *(f"--{each}={folder.name}" for each in ("confdir", "rundir", "statedir"))]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                argv, cwd=folder.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def ready(self) -> bool:
        """Whether it reads commands. Raises DemoError where it has ended instead."""
        if self._process.poll() is not None:
            raise DemoError(f"{self.name} ended at its start")
        try:
            os.close(os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def command(self, line: str) -> None:
        """Write one line to the command FIFO."""
        try:
            descriptor = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as problem:
            raise DemoError(f"{self.name} no longer reads commands: {problem.strerror}") from problem
        with os.fdopen(descriptor, "w") as fifo:
            fifo.write(f"{line}\n")

    def table(self) -> str:
        """The security associations: FIFO command `S`, answered in the result file."""
        result = self.folder / "isakmpd.result"
        result.unlink(missing_ok=True)
        self.command("S")
        eventually(f"{self.name} answers S", result.exists)
        return result.read_text()

    def policydb(self, *arguments: str) -> str:
        """Ask policydb about this gateway's store and decision log."""
        return run(str(COMMANDS / "policydb"), *arguments, "--log", str(self.folder / "decisions.db"))

    def records(self) -> list[dict[str, Any]]:
        """The decision log, newest first."""
        if not (self.folder / "decisions.db").exists():
            return []
        records: list[dict[str, Any]] = json.loads(self.policydb("log", "--format", "json"))
        return records

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-15:])

    def stop(self) -> int:
        """SIGTERM, and SIGKILL if that is not enough; the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode


def own_loopback(stack: ExitStack) -> str:
    """A loopback network for this run alone: the one of the files, or another if something else uses it.

    The first socket stays bound until the stack closes, so that two demos never take the same.
    """
    for number in range(256):
        network = f"127.77.{number}."
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind((f"{network}1", CLAIM_PORT))
            for host, port in ((1, PORT), (1, NAT_PORT), (2, PORT), (2, NAT_PORT)):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind((f"{network}{host}", port))
        except OSError:
            claim.close()
            continue
        stack.enter_context(claim)
        return network
    raise DemoError(f"every loopback network 127.77.* is in use on UDP port {PORT}")


def copy_files(source: Path, target: Path, network: str) -> None:
    """A gateway's files, readable by their owner alone: isakmpd uses no others, for they hold a secret."""
    target.mkdir(mode=0o700)
    for path in source.iterdir():
        copy = target / path.name
        copy.touch(mode=0o600)
        copy.write_text(path.read_text().replace(LOOPBACK, network))


def start(stack: ExitStack) -> tuple[Gateway, Gateway]:
    """Both gateways, running; they and their files are gone when the stack closes."""
    folder = Path(tempfile.mkdtemp(prefix="first-light-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    network = own_loopback(stack)
    gateways = []
    for name, host in (("East", 1), ("West", 2)):
        own = folder / name.lower()
        copy_files(HERE / name.lower(), own, network)
        gateway = Gateway(name, f"{network}{host}", own)
        stack.callback(gateway.stop)
        gateways.append(gateway)
    return gateways[0], gateways[1]


# --- the three acts -----------------------------------------------------------------------------------------------


def introduction() -> None:
    title("Two offices, two gateways")
    say("""East's office has the network 10.1.0.0/16, West's has 10.2.0.0/16. What goes from one to the other is to
        travel encrypted. Their gateways agree on how by IKE, the Internet Key Exchange, in two phases. Phase 1: who are
        you, and how do we protect our own talk? Phase 2: which traffic gets a tunnel, with which algorithms? What phase
        2 settles is a pair of security associations (SAs), one for each direction.""")
    say("""Here both gateways run on this machine, each with its own isakmpd, its own configuration (whom do I know,
        what do I offer) and its own policy (what do I allow).""")


def a_tunnel(east: Gateway, west: Gateway) -> None:
    """East asks for a tunnel that West's policy allows. Raises DemoError if it does not come up."""
    title("1. A tunnel that both want")
    say("""We tell East's isakmpd, through its command FIFO, to bring up the connection "offices". West decides by its
        policy whether East may have it.""")
    typed("echo 'c offices' > isakmpd.fifo")
    east.command("c offices")

    def tables() -> tuple[str, str] | None:
        both = (east.table(), west.table())
        return both if all("(Phase 2)" in table and "SPI 1" in table for table in both) else None

    ours, theirs = eventually("both gateways have the tunnel", tables)
    typed("echo S > isakmpd.fifo; cat isakmpd.result")
    print()
    shown(side_by_side(f"East\n\n{ours}", f"West\n\n{theirs}"))
    say("""Both tables show the same: one SA of phase 1 with the same pair of cookies, one pair of phase 2. A packet's
        SPI tells the receiver which SA it belongs to; the two SPIs are the same on both sides, for what one sends the
        other receives.""")


def refused_by_policy(east: Gateway, west: Gateway) -> None:
    """East asks for a tunnel that West's policy refuses. Raises DemoError if West accepts it."""
    title("2. A tunnel that policy refuses")
    say("""An old printer in East's office knows no cipher but 3DES. East is willing and offers that. West's policy file
        says what West allows, so West refuses; and West can say exactly why.""")
    typed("echo 'c printer' > isakmpd.fifo")
    east.command("c printer")
    record = eventually("West decides about the printer", lambda: newest(west, remote_filter=PRINTERS))
    if (record["outcome"], record["reason"]) != ("refused", "policy"):
        raise DemoError(f"expected: West refuses the printer by its policy; it was {record['outcome']}")
    number = str(record["number"])
    typed(f"policydb explain --record {number}")
    print()
    shown(west.policydb("explain", "--record", number, "--store", str(west.folder / "policy.db")))
    [question] = record["questions"]
    [change] = question["decision"]["nearest"][0]["changes"]
    if (change["attribute"], change["from"], change["to"]) != ("esp_enc_alg", "3des", "aes"):
        raise DemoError(f"the nearest change was expected to be 3des -> aes, not {change}")
    say("""The policy was asked with what the printer offered. One comparison failed, at the file and line shown, and
        the nearest change that would have been allowed is one word: AES in the place of 3DES. East was only told "no
        proposal chosen"; that is all the protocol says.""")


def no_transform(east: Gateway, west: Gateway) -> None:
    """East offers phase 1 what West does not have. Raises DemoError if West accepts it."""
    title("3. A peer that offers something else")
    say("""The connection "museum" goes to West as it was long ago: already phase 1 offers only old algorithms. That is
        no matter of policy yet. Nothing that East offers is in West's configuration.""")
    typed("echo 'c museum' > isakmpd.fifo")
    east.command("c museum")
    record = eventually("West finds no transform", lambda: newest(west, reason="no-transform-matched"))
    number = str(record["number"])
    typed(f"policydb log {number}")
    print()
    shown(west.policydb("log", number))
    if not any(pair["differences"] for pair in record["comparisons"]):
        raise DemoError("the record does not say what differs")
    say("What was offered stands against what is configured, attribute by attribute.")


def goodbye(east: Gateway, west: Gateway) -> None:
    """East ends and tells West so. Raises DemoError if it does not end cleanly, or West keeps anything."""
    title("The end")
    if east.stop() != 0:
        raise DemoError("East did not end cleanly")
    eventually("West has removed what East deleted", lambda: not west.table().strip())
    if west.stop() != 0:
        raise DemoError("West did not end cleanly")
    say("""East was stopped and told West so; West's table is empty now. All three went as they should. The files are in
        examples/first-light: change west/isakmpd.policy, and run this again.""")


def newest(gateway: Gateway, **wanted: str) -> dict[str, Any] | None:
    """The newest record of the decision log with these values."""
    found = (each for each in gateway.records() if all(each[key] == value for key, value in wanted.items()))
    return next(found, None)


def main() -> int:
    """The demo; its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with ExitStack() as stack:
        gateways: tuple[Gateway, ...] = ()
        try:
            introduction()
            east, west = gateways = start(stack)
            for each in gateways:
                eventually(f"{each.name} reads commands", each.ready)
            a_tunnel(east, west)
            refused_by_policy(east, west)
            no_transform(east, west)
            goodbye(east, west)
        except (DemoError, OSError, subprocess.TimeoutExpired) as problem:
            print(f"\n{coloured('the demo failed', '31')}: {problem}", file=sys.stderr)
            for each in gateways:
                print(f"\n{each.name}'s last words:\n{each.last_words()}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
