"""What decisions, configurations and handshakes cost on this machine. Prints tables; asserts nothing.

`python -m tests.bench configurations` prints one part alone.

Each figure is the median of several rounds. A shared machine makes absolute times wander; the ratios beside them hold.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

from daemon.ike.algorithms import dh, selftest
from daemon.ike.registries import Group
from tests.bench import configuration, evaluators
from tests.bench.scenarios import SCENARIOS
from tests.bench.targets import reached
from tests.fuzz.engines import MESSAGES, MODERN, converse

ROUNDS = 3
SIZES = (10, 1_000, 10_000)
CONNECTIONS = 10_000
GROUPS = ("ECP_256", "ECP_384", "MODP_1024", "MODP_2048", "MODP_3072")
"""Groups of whole handshakes; MODP_1024 is group 2, which `cryptography` would take 30 ms an exchange for."""

Row = list[object]


def median_seconds(what: Callable[[], object], times: int = 1) -> float:
    """The median over the rounds of one call's time, each round making `times` calls."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            what()
        rounds.append((time.perf_counter() - begun) / times)
    return statistics.median(rounds)


def show(title: str, heads: list[str], rows: Iterable[Sequence[object]]) -> None:
    """One table."""
    print(f"\n{title}\n\n{tabulate(list(rows), heads, floatfmt='.3g')}", flush=True)


def handshake_row(group: str) -> Row:
    """Phase 1 and 2 with PFS, both engines in this process, and the share of it that is Diffie-Hellman."""
    seconds = median_seconds(lambda: converse(MESSAGES, replace(MODERN, group=group)), 10)
    crypto = 2 * median_seconds(lambda: both_sides(Group.from_text(group)), 10)
    return [group, 1 / seconds, seconds * 1e3, crypto * 1e3, crypto / seconds]


def both_sides(group: Group) -> None:
    """One exchange of public values, at both ends."""
    one, other = dh.generate(group, os.urandom), dh.generate(group, os.urandom)
    one.shared(other.public)
    other.shared(one.public)


def exchange_row(group: Group) -> Row:
    """One side of an exchange of public values: our pair, and the secret from the peer's value."""
    other = dh.generate(group, os.urandom).public
    made = median_seconds(lambda: dh.generate(group, os.urandom), 5)
    found = median_seconds(lambda: dh.generate(group, os.urandom).shared(other), 5) - made
    return [f"{group} ({int(group)})", made * 1e3, found * 1e3]


def configurations() -> None:
    """What configurations cost, and whether that is what was asked for."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fifty = configuration.fifty_row(folder, median_seconds)
        show(
            "isakmpd.conf: policydb check with start-up, and the store asked once",
            ["sections", "check, ms", "of which CPU, ms", "open and ask, ms"],
            [fifty],
        )
        compiled = [configuration.compile_row(shape, CONNECTIONS, folder) for shape in configuration.SHAPES]
        show(
            f"{CONNECTIONS:,} connections: compiling all of them, then another network for one",
            ["", "all, s", "of which CPU, s", "one, ms", "CPU, ms", "one by the command, ms", "CPU, ms"],
            compiled,
        )
        show(
            "policydb explain --peer with start-up",
            ["connections", "time, ms", "of which CPU, ms"],
            [configuration.explain_row(size, folder) for size in (10, CONNECTIONS)],
        )
        loading = [configuration.daemon_row(shape, CONNECTIONS, folder) for shape in configuration.LOADED]
        show(
            f"isakmpd reading {CONNECTIONS:,} connections that the store has; seconds of CPU",
            ["", "start", "reload, same", "reload, one changed", "from bytes", "store, MB", "bytes, MB"],
            loading,
        )
    selected = [configuration.selection_row(size, median_seconds) for size in SIZES]
    show(
        "isakmpd.conf: an incoming negotiation",
        ["connections", "parse, s", "resolve, s", "peer and connection, us", "explain, ms"],
        selected,
    )
    show(
        "Configurations: what is to be reached; CPU decides where it was measured, as others may be at work here",
        ["figure", "to reach", "time", "of which CPU", "ok"],
        reached(fifty, compiled, selected, loading),
    )


def handshakes() -> None:
    """What the protocol costs."""
    show(
        "Phase 1 + 2 with PFS, initiator and responder together on one core",
        ["group", "per second", "ms", "of which Diffie-Hellman, ms", "share"],
        map(handshake_row, GROUPS),
    )
    show("Diffie-Hellman, one side", ["group", "pair, ms", "secret, ms"], map(exchange_row, sorted(dh.GROUPS)))
    self_test = median_seconds(selftest.run)
    show("Self-test at start-up", ["algorithms", "ms"], [[len(selftest.run()), self_test * 1e3]])


def decisions() -> None:
    """What compiling policies, deciding and explaining cost, and whether that is what was asked for."""
    print(evaluators.tables(evaluators.SIZES, tuple(SCENARIOS)))


PARTS = {"decisions": decisions, "configurations": configurations, "handshakes": handshakes}


if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
