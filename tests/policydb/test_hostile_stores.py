"""A store that nobody's program wrote ends in one line and exit code 2, or answers: no traceback, and an end.

`make test` tries some, drawn by lot, `make faults` all of them.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import random
import shutil
import signal
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

import policydb as package
from policydb.cli import run
from policydb.compiling.compiler import compile_paths
from policydb.records.decisionlog import DecisionLog
from tests.policydb.hostile_stores import Hostile, every, make
from tests.policydb.records.samples import REFUSED
from tests.policydb.stores import NOON
from tests.sizes import sized

PATIENCE = 60
"""Seconds after which what does not end is killed; none of it takes one on a quiet machine."""

SOME = sized(24, 600)
"""Of some 1,200: a run at full size takes every second one."""

POLICY = """Authorizer: "POLICY"
Licensees: "alice" || 2-of("bob", "carol", "dave")
Conditions: colour == "red" && @size <= 5 -> "true";

Local-Constants: K = "dave"
Authorizer: "POLICY"
Licensees: K && "erin"
Conditions: true;

Authorizer: "POLICY"
Conditions: app == "open";
"""
CONF = Path(__file__).resolve().parents[2] / "examples" / "hub-and-spokes" / "hub" / "isakmpd.conf"

VERBS = (
    ("query", "--authorizer", "alice", "--attribute", "colour=red", "--attribute", "size=4"),
    ("explain", "--authorizer", "bob", "--authorizer", "carol", "--attribute", "colour=blue"),
    ("explain", "--peer", "192.0.2.1"),
    ("explain", "--record", "1", "--log", "decisions.db"),
    ("query", "--batch", "batch.jsonl"),
    ("generations",),
    ("diff", "1", "2"),
    ("rollback", "1"),
    ("compile", "next.policy", "isakmpd.conf"),
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two generations with all that a store may hold, and the files beside it that the verbs want."""
    for each in pkgutil.walk_packages(package.__path__, "policydb."):
        importlib.import_module(each.name)  # so that a forked process begins with its work
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "isakmpd.conf").write_bytes(CONF.read_bytes())
    (folder / "next.policy").write_text(POLICY + '\nAuthorizer: "POLICY"\nLicensees: "frank"\n')
    (folder / "batch.jsonl").write_text('{"authorizers": ["alice"], "attributes": [["colour", "red"]]}\n')
    with DecisionLog(folder / "decisions.db") as log:
        log.append(replace(REFUSED, generation=1))
    (folder / "site.policy").write_text(POLICY)
    path = folder / "good.db"
    for text in (POLICY, POLICY.replace("red", "green")):
        (folder / "site.policy").write_text(text)
        assert compile_paths([folder / "site.policy", folder / "isakmpd.conf"], path, NOON).published
    return path


def outcomes(good: Path, hostile: Hostile) -> list[tuple[int, str, str]]:
    """What each verb did with a copy of the store: exit code, output, errors. What does not end is killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        try:
            os.chdir(good.parent)
            os.environ["POLICYDB_STORE"] = "policy.db"
            with os.fdopen(writing, "w") as told:
                make(hostile, good, Path("spoilt.db"))
                for verb in VERBS:
                    for left in Path().glob("policy.db*"):
                        left.unlink()
                    shutil.copy("spoilt.db", "policy.db")
                    out, err = io.StringIO(), io.StringIO()
                    with redirect_stdout(out), redirect_stderr(err):
                        code = run(verb)
                    print(json.dumps((code, out.getvalue(), err.getvalue())), file=told, flush=True)
        except BaseException:  # noqa: BLE001 - the child must end here, whatever happened
            traceback.print_exc(file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        found = [tuple(json.loads(line)) for line in told]
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, -signal.SIGALRM}, hostile.name
    return found


def wrong(found: list[tuple[int, str, str]]) -> list[str]:
    """What is wrong with how the verbs ended."""
    faults = []
    for number, verb in enumerate(VERBS):
        if number >= len(found):
            faults.append(f"{' '.join(verb)}: did not end")
            break
        code, out, err = found[number]
        lines = [line for line in err.splitlines() if not line.startswith("hint: ")]
        errors = [line for line in lines if line.startswith("error: ")]
        if code not in {0, 1, 2, 3} or "internal error" in err or "Traceback" in err:
            faults.append(f"{' '.join(verb)}: {code} {err}")
        elif code == 2 and verb[0] != "compile" and (len(errors) != 1 or lines != errors or out):
            faults.append(f"{' '.join(verb)}: not one line: {err}{out}")
        elif code == 1 and not out:
            faults.append(f"{' '.join(verb)}: a silent no")
        told = [text for text in (out, err) if not all(each.isprintable() or each in "\n\t" for each in text)]
        faults += [f"{' '.join(verb)}: {text!r} reaches the terminal" for text in told]
    return faults


@pytest.mark.full_size
@pytest.mark.timeout(3600)
def test_a_store_that_nobody_wrote_ends_in_one_line(good: Path) -> None:
    kinds = every(good)
    chosen = random.Random(9).sample(kinds, SOME)
    faults = {each.name: found for each in chosen if (found := wrong(outcomes(good, each)))}
    print(f"{len(chosen)} of {len(kinds)} hostile stores, {len(VERBS)} verbs each")
    assert faults == {}


def test_the_good_store_serves_every_verb(good: Path) -> None:
    found = outcomes(good, Hostile("none", lambda _: None))
    assert [code for code, _, _ in found] == [1, 1, 0, 1, 0, 0, 1, 0, 0]
    assert wrong(found) == []
