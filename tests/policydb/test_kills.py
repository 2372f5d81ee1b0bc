"""kill -9 at any moment: no damage, and no generation lost that a command had said was published.

`make test` kills 16 processes, `make faults` 1,000.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import random
import sqlite3
from pathlib import Path

import pytest

import policydb as package
from policydb.storage import schema
from policydb.storage.history import list_generations
from tests.policydb.faults import assert_whole
from tests.policydb.kills import Ended, run, run_and_kill
from tests.policydb.old_stores import SCHEMAS, write_old_store
from tests.sizes import sized

KILLS = sized(16, 1_000)
OF_ONE = 8
"""Kills of one store, from its making or its migration on."""

CONF = Path(__file__).resolve().parents[2] / "examples" / "hub-and-spokes" / "hub" / "isakmpd.conf"


class Victim:
    """One store, what was said of it, and what it held when it was last looked at."""

    def __init__(self, folder: Path, chance: random.Random, *, older: bool) -> None:
        folder.mkdir()
        self.store = folder / "policy.db"
        self.acknowledged = 0
        self._chance = chance
        self._policy = folder / "site.policy"
        self._known: list[tuple[str, ...]] = []
        self._round = 0
        if older:
            write_old_store(self.store, SCHEMAS[-1])
            self.acknowledged = 2

    def command(self) -> list[str]:
        """What is to be done next: mostly a policy that was never there, with some assertions that were."""
        self._round += 1
        if self.acknowledged > 2 and self._chance.random() < 0.2:
            return ["rollback", str(self._chance.randint(1, self.acknowledged)), "--store", str(self.store)]
        new = [self._chance.random() < 0.3 for _ in range(60)]
        names = [f"k{self._round}-{number}" if each else f"k{number}" for number, each in enumerate(new)]
        self._policy.write_text("\n".join(f'Authorizer: "POLICY"\nLicensees: "{name}"\n' for name in names))
        return ["compile", str(self._policy), str(CONF), "--store", str(self.store)]

    def check(self, command: list[str], ended: Ended) -> None:
        """The store is whole, has all that was acknowledged, and holds unchanged what it held before."""
        version = self._version()
        if version < schema.VERSION:
            assert ended.acknowledged is None
            assert self._count_of_an_older_one(version) == self.acknowledged
            return
        self.acknowledged = max(self.acknowledged, ended.acknowledged or 0)
        assert assert_whole(self.store, asked=2) >= self.acknowledged
        held = [tuple(one.digest for one in each.sources) for each in list_generations(self.store)]
        assert held[: len(self._known)] == self._known
        if ended.acknowledged is not None and command[0] == "compile":
            assert held[ended.acknowledged - 1][0] == hashlib.sha256(self._policy.read_bytes()).hexdigest()
        self._known = held

    def _version(self) -> int:
        if not self.store.exists():
            return 0
        connection = sqlite3.connect(self.store)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.close()
        return int(version)

    def _count_of_an_older_one(self, version: int) -> int:
        """Generations of a store that was not made yet, or not brought up to date yet."""
        connection = sqlite3.connect(self.store)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        count = connection.execute("SELECT count(*) FROM generation").fetchone() if version else (0,)
        connection.close()
        assert (tables == (0,)) is (version == 0)
        return int(count[0])


@pytest.mark.full_size
@pytest.mark.timeout(3600)
def test_a_killed_command_damages_nothing_and_loses_no_acknowledged_generation(tmp_path: Path) -> None:
    for each in pkgutil.walk_packages(package.__path__, "policydb."):
        importlib.import_module(each.name)  # so that a forked process begins with its work
    chance = random.Random(4)
    first = Victim(tmp_path / "first", chance, older=False)
    command = first.command()
    first.check(command, run(command))
    command = first.command()
    unhindered = run(command)
    first.check(command, unhindered)
    assert (first.acknowledged, unhindered.killed) == (2, False)
    met = late = acknowledged = published = number = 0
    while met < KILLS:
        number += 1
        victim = Victim(tmp_path / f"{number}", chance, older=number % 3 == 0)
        for _ in range(min(OF_ONE, KILLS - met)):
            command = victim.command()
            ended = run_and_kill(command, chance, unhindered.effort)
            victim.check(command, ended)
            met += ended.killed
            late += not ended.killed
            acknowledged += ended.acknowledged is not None
        command = victim.command()
        victim.check(command, run(command))  # who comes next can go on
        published += assert_whole(victim.store)
    print(f"{met} killed, {late} had ended; {acknowledged} had acknowledged; {number} stores, {published} generations")
    assert acknowledged > KILLS // 20
