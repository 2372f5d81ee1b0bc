"""Mutated files, compiled into a store: findings, never a traceback, and after a failure the old generation in force.

`make test` compiles 48, `make faults` 1,000.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from policydb.connections import Configuration
from policydb.request import Request
from policydb.storage.history import list_generations
from policydb.storage.snapshot import open_snapshot
from tests.policydb.command_line import Run
from tests.policydb.faults import assert_whole
from tests.policydb.mutations import mutated
from tests.sizes import sized

MUTATIONS = sized(48, 1_000)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SIDES = sorted({each.parent for each in EXAMPLES.glob("*/*/*.conf")})
BATCHES = 8

Answers: TypeAlias = tuple[list[str], Configuration]


def files_of(side: Path) -> list[Path]:
    """The files of one gateway; both languages say the same, so one of them at a time is compiled beside the policy."""
    return sorted(each for each in side.iterdir() if each.suffix in {".conf", ".policy"})


def answers(questions: Sequence[Request]) -> Answers:
    """What the store says to the example's questions, and its configuration."""
    with open_snapshot("policy.db") as snapshot:
        return [snapshot.decide(each) for each in questions], snapshot.configuration


def questions_of(side: Path) -> list[Request]:
    lines = (side.parent / "questions.jsonl").read_text().splitlines()
    asked = [json.loads(each) for each in lines]
    return [Request(tuple(each["authorizers"]), dict(each.get("attributes", []))) for each in asked]


@pytest.mark.full_size
@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_after_every_mutation_a_whole_generation_is_in_force(policydb: Run, batch: int) -> None:
    failed = 0
    for seed in range(batch, MUTATIONS, BATCHES):
        failed += mutate_and_compile(policydb, seed)
    assert assert_whole(Path("policy.db"), asked=3) > 1
    print(f"{failed} of {len(range(batch, MUTATIONS, BATCHES))} mutations were refused")
    assert failed > 0


def mutate_and_compile(policydb: Run, seed: int) -> bool:
    """One gateway's files as they are, then with mistakes in one of them; whether these were refused."""
    chance = random.Random(seed)
    side = chance.choice(SIDES)
    good, questions = files_of(side), questions_of(side)
    names = [f"{number}-{each.name}" for number, each in enumerate(good)]
    for name, each in zip(names, good, strict=True):
        write(name, each.read_bytes())
    assert policydb("compile", *names)[0] == 0
    before, known, beside = answers(questions), list_generations("policy.db"), listing()

    victim = chance.randrange(len(good))
    text = mutated(good[victim].read_text("latin-1"), chance)
    write(names[victim], text.encode("latin-1"))
    code, out, err = policydb("compile", *names)
    assert "Traceback" not in out + err
    assert code in {0, 2}, f"seed {seed}"
    assert listing() == beside
    generations = list_generations("policy.db")
    assert generations[: len(known)] == known
    if code == 2:
        assert generations == known, f"seed {seed}"
        assert answers(questions) == before, f"seed {seed}"
        assert f"nothing published; generation {known[-1].number} stays in force" in err
        assert not out
    else:
        assert len(generations) - len(known) in {0, 1}
        assert answers(questions)[1] is not None
    return code == 2


def write(name: str, octets: bytes) -> None:
    path = Path(name)
    path.write_bytes(octets)
    path.chmod(0o600)


def listing() -> set[str]:
    """The files there are, but for what SQLite leaves beside a store that somebody has read."""
    return {each.name for each in Path().iterdir()} - {"policy.db-shm", "policy.db-wal"}
