"""What one peer's credentials say counts in its own session and nowhere else, in whatever order sessions are asked.

Sessions share the snapshot below them with its decoded assertions, and compiled shapes. Each answer is held against a
graph that is made anew for it, of the policy and of that session's credentials alone.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from grammar.keynote import parse_assertion
from policydb.graph import CompiledAssertion
from policydb.keynote.checker import Checker
from policydb.keynote.conditions import compile_assertion
from policydb.keynote.explain import explain
from policydb.keynote.memory import MemoryGraph
from policydb.keynote.session import Session
from policydb.request import Request
from policydb.storage.snapshot import open_snapshot
from tests.policydb.stores import publish, source
from tests.sizes import sized

RUNS, PIECES = sized(20, 300), 4
QUESTIONS = 60
PEERS = ("alice", "bob", "carol", "dave")
VALUES = ("1", "2", "3")
POLICY = (
    'Authorizer: "POLICY"\nLicensees: "boss"\nConditions: app_domain == "IPsec policy";\n',
    'Authorizer: "POLICY"\nLicensees: 2-of("alice", "bob", "chief")\n',
    'Authorizer: "boss"\nLicensees: "deputy"\nConditions: place == "1";\n',
)


def compiled(text: str, name: str) -> CompiledAssertion:
    return compile_assertion(parse_assertion(text, name), name)


def some_credential(dice: random.Random) -> CompiledAssertion:
    """One of few shapes, with constants and names of few: two peers often have the same text, or nearly."""
    author = dice.choice(("boss", "deputy", "chief", "POLICY", *PEERS))
    licensee = dice.choice((*PEERS, "deputy", "chief", "boss"))
    attribute, sign, value = dice.choice(("place", "time")), dice.choice(("==", "!=")), dice.choice(VALUES)
    conditions = dice.choice(("", f'Conditions: {attribute} {sign} "{value}";\n', f"Conditions: @place > {value};\n"))
    text = f'Authorizer: "{author}"\nLicensees: "{licensee}"\n{conditions}'
    return compiled(text, f"credential {dice.randrange(3)} of the peer")


def some_request(dice: random.Random) -> Request:
    attributes = {"app_domain": "IPsec policy", "place": dice.choice(VALUES), "time": dice.choice(VALUES)}
    return Request(tuple(dice.sample(PEERS, dice.choice((1, 1, 2)))), attributes)


@pytest.mark.full_size
@pytest.mark.parametrize("piece", range(PIECES))
def test_no_session_hears_what_another_one_learnt(piece: int, tmp_path: Path) -> None:
    answers: Counter[bool] = Counter()
    for seed in range(piece, RUNS, PIECES):
        answers.update(ask_around(seed, tmp_path / f"{seed}.db"))
    assert min(answers[True], answers[False]) > sum(answers.values()) / 10


def ask_around(seed: int, path: Path) -> Iterator[bool]:
    """Every answer of some sessions, each held against a graph of its own."""
    dice = random.Random(seed)
    policy = [compiled(text, "isakmpd.policy") for text in POLICY]
    publish(path, source("isakmpd.policy", *policy))
    with open_snapshot(path) as first:
        snapshots = [(first, policy)]
        publish(path, source("isakmpd.policy", *policy[:2]))
        with open_snapshot(path) as second:
            snapshots.append((second, policy[:2]))
            sessions = []
            for _ in range(6):
                snapshot, below = dice.choice(snapshots)
                learnt = [some_credential(dice) for _ in range(dice.randrange(4))]
                sessions.append((snapshot.session(learnt), [*below, *learnt]))
                more = [some_credential(dice)]
                sessions.append((sessions[-1][0].session(more), [*below, *learnt, *more]))
            sessions += [(snapshot.session(()), below) for snapshot, below in snapshots]
            for _ in range(QUESTIONS):
                session, whole = dice.choice(sessions)
                request = some_request(dice)
                graph = MemoryGraph(whole)
                checker = Checker(graph)
                expected = checker.decide(request) == request.values[-1]
                assert session.allows(request) is expected
                assert session.explain(request).allowed is expected
                assert explain(graph, request, checker).allowed is expected
                yield expected


def test_a_session_of_the_session_leaves_the_first_one_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "policy.db"
    publish(path, source("isakmpd.policy", compiled(POLICY[0], "isakmpd.policy")))
    request = Request(("alice",), {"app_domain": "IPsec policy"})
    named = [compiled('Authorizer: "boss"\nLicensees: "alice"\n', "a credential")]
    with open_snapshot(path) as snapshot:
        bob = snapshot.session([compiled('Authorizer: "boss"\nLicensees: "bob"\n', "a credential")])
        both = bob.session(named)
        assert isinstance(both, Session)
        answers = [each.allows(request) for each in (snapshot, bob, both, bob, snapshot)]
        assert answers == [False, False, True, False, False]
        assert [each.delegates_to("alice") for each in (snapshot, bob, both)] == [False, False, True]
