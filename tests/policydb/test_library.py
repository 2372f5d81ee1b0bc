"""The engine inside other programs: policies of texts, stores with credentials, shared by threads."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from policydb import Request, RequestError, open_snapshot, read_policy, with_credentials
from policydb.storage.snapshot import Snapshot
from tests.bench.scenarios import ATTRIBUTES, SCENARIOS
from tests.policydb.stores import assertion, publish, source

THREADS = 8
ALICE = 'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red";\n'


def test_a_policy_decides_and_explains() -> None:
    policy = read_policy(ALICE)
    red = Request(("alice",), {"colour": "red"})
    assert (policy.decide(red), policy.allows(red), policy.explain(red).allowed) == ("true", True, True)
    assert not policy.allows(Request(("alice",), {"colour": "blue"}))
    assert (policy.generation, policy.ignored) == (0, ())


def test_what_does_not_count_is_told_and_the_rest_counts() -> None:
    policy = read_policy(ALICE, 'Authorizer: "POLICY\n', credentials=['Authorizer: "alice"\nLicensees: "bob"\n'])
    assert [each.place.source for each in policy.ignored] == ["policy 2", "credential 1"]
    assert policy.allows(Request(("alice",), {"colour": "red"}))
    assert not policy.allows(Request(("bob",), {"colour": "red"}))


def test_a_session_stands_on_a_store_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    publish(tmp_path / "s.db", source("a", assertion("POLICY", "alice")))
    with open_snapshot(tmp_path / "s.db") as snapshot:
        session = with_credentials(snapshot, ["rubbish"])
        assert (session.generation, session.allows(Request(("alice",)))) == (1, True)
        assert len(session.ignored) == 1
        assert not snapshot.ignored()


def test_a_request_in_error_raises_its_error() -> None:
    with pytest.raises(RequestError):
        read_policy(ALICE).decide(Request(("rsa-base64:!!!!",)))


# --- threads ------------------------------------------------------------------------------------------------------


def crowd(work: Callable[[random.Random], None]) -> None:
    """Runs `work` in eight threads that begin together; what one raises is raised here."""
    together = Barrier(THREADS)

    def one(number: int) -> None:
        together.wait()
        work(random.Random(number))

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(one, number) for number in range(THREADS)]:
            done.result()


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """200 keys below 20 groups, of which every other one is POLICY's; two assertions in two files each."""
    groups = [assertion("POLICY", f"g{number}") for number in range(0, 20, 2)]
    keys = [assertion(f"g{number % 20}", f"k{number}") for number in range(200)]
    joint = assertion("POLICY", ("of", 2, *(f"j{number}" for number in range(50))))
    publish(tmp_path / "s.db", source("a", *groups, *keys, joint), source("b", *groups[:2], *keys[:2]))
    return open_snapshot(tmp_path / "s.db")


@pytest.mark.parametrize("cold", range(5))
def test_threads_share_a_snapshot(snapshot: Snapshot, cold: int) -> None:
    def ask(order: random.Random) -> None:
        for _ in range(150):
            number = order.randrange(250)
            wanted = number < 200 and number % 2 == 0
            request = Request((f"k{number}",))
            assert snapshot.allows(request) is wanted
            if order.random() < 0.1:
                decision = snapshot.explain(request)
                assert (decision.allowed, bool(decision.nearest)) == (wanted, not wanted)
            one, two = order.randrange(50), order.randrange(50)
            assert snapshot.allows(Request((f"j{one}", f"j{two}"))) is (one != two)
            assert len(snapshot.authorized_by("POLICY")) == 13

    with snapshot:
        crowd(ask)


def test_threads_share_a_policy() -> None:
    policy = read_policy(*(SCENARIOS[name].policy(60) for name in ("chain", "creds3", "kofn")))

    def ask(order: random.Random) -> None:
        for _ in range(60):
            wanted = order.random() < 0.5
            request = Request(("me",), {**ATTRIBUTES, "esp_enc_alg": "aes" if wanted else f"x{order.random()}"})
            assert policy.allows(request) is wanted
            assert policy.explain(request).allowed is wanted

    crowd(ask)
