"""What decisions, compiling and handshakes cost on this machine: `make bench`. Prints tables; asserts nothing.

Each figure is the median of several rounds. A shared machine makes absolute times wander; the ratios beside them hold.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tabulate import tabulate

from daemon.ike import dh
from daemon.ike.registries import Group
from policydb.compiler import compile_paths
from policydb.request import Request
from policydb.snapshot import open_snapshot
from tests.bench import configuration
from tests.fuzz.engines import MESSAGES, MODERN, converse

ROUNDS = 3
SIZES = (10, 1_000, 10_000)
GROUPS = ("ECP_256", "ECP_384", "MODP_1024", "MODP_2048", "MODP_3072")
FACTS = {"app_domain": "IPsec policy", "esp_present": "yes", "esp_enc_alg": "aes", "pfs": "yes"}

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


def policy(assertions: int, cipher: str = "aes") -> str:
    """A root that trusts a group, and as many members of the group."""
    root = 'Authorizer: "POLICY"\nLicensees: "staff"\nConditions: app_domain == "IPsec policy";\n'
    members = (
        f'Authorizer: "staff"\nLicensees: "user{number}"\n'
        f'Conditions: esp_present == "yes" && esp_enc_alg == "{cipher if number == 1 else "aes"}" && pfs == "yes";\n'
        for number in range(assertions)
    )
    return "\n".join([root, *members])


def show(title: str, heads: list[str], rows: Iterable[Row]) -> None:
    """One table."""
    print(f"\n{title}\n\n{tabulate(list(rows), heads, floatfmt='.3g')}", flush=True)


def compile_row(folder: Path, size: int) -> Row:
    """A policy that is new to the store, one of whose assertions changed, and one that did not change."""
    path, numbers = folder / "bench.policy", itertools.count()

    def compile_into(name: str) -> None:
        compile_paths([path], folder / name, datetime.now(UTC))

    path.write_text(policy(size))
    new = median_seconds(lambda: compile_into(f"new{next(numbers)}.db"))
    compile_into("kept.db")
    none = median_seconds(lambda: compile_into("kept.db"))
    changed = []
    for number in range(ROUNDS):
        path.write_text(policy(size, f"aes{number}"))
        begun = time.perf_counter()
        compile_into("kept.db")
        changed.append(time.perf_counter() - begun)
    one = statistics.median(changed)
    for each in folder.iterdir():
        each.unlink()
    return [size, new * 1e3, one * 1e3, none * 1e3, new / one]


def decision_row(folder: Path, size: int) -> Row:
    """The whole command, a snapshot opened and asked once, asked again, and asked why not."""
    path, store = folder / "bench.policy", folder / f"decide{size}.db"
    path.write_text(policy(size))
    compile_paths([path], store, datetime.now(UTC))
    yes = Request((f"user{size // 2}",), FACTS)
    no = replace(yes, attributes={**FACTS, "esp_enc_alg": "3des"})

    def first() -> None:
        with open_snapshot(store) as snapshot:
            snapshot.allows(yes)

    facts = [part for name, value in FACTS.items() for part in ("--attribute", f"{name}={value}")]
    command = [str(Path(sys.executable).with_name("policydb")), "query", "--store", str(store)]
    argv = [*command, "--authorizer", yes.authorizers[0], *facts]
    shell = median_seconds(lambda: subprocess.run(argv, stdout=subprocess.DEVNULL, check=True))
    cold = median_seconds(first, 10)
    with open_snapshot(store) as snapshot:
        warm = median_seconds(lambda: snapshot.allows(yes), 2000)
        why = median_seconds(lambda: snapshot.explain(no), 5)
    return [size, shell * 1e3, cold * 1e3, warm * 1e6, why * 1e3, shell / cold]


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


def main() -> None:
    """All tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        show(
            "Compiling a policy into the store (ms)",
            ["assertions", "all new", "one changed", "none changed", "new/changed"],
            (compile_row(folder, size) for size in SIZES),
        )
        show(
            "A decision from the store",
            [
                "assertions",
                "policydb query, ms",
                "open and first, ms",
                "repeated, us",
                "explain, ms",
                "query/first",
            ],
            (decision_row(folder, size) for size in SIZES),
        )
        show(
            "isakmpd.conf: policydb check with start-up, and the store asked once",
            ["sections", "check, ms", "of which CPU, ms", "open and ask, ms"],
            [configuration.fifty_row(folder, median_seconds)],
        )
    show(
        "isakmpd.conf: an incoming negotiation",
        ["connections", "parse, s", "resolve, s", "peer and connection, us", "explain, ms"],
        (configuration.selection_row(size, median_seconds) for size in SIZES),
    )
    show(
        "Phase 1 + 2 with PFS, initiator and responder together on one core",
        ["group", "per second", "ms", "of which Diffie-Hellman, ms", "share"],
        map(handshake_row, GROUPS),
    )


if __name__ == "__main__":
    main()
