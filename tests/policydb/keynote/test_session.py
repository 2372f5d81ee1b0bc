"""A stored generation with what one peer's credentials say on top: who is let in, who not, and what explain shows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from policydb.compiling.compiler import compile_paths
from policydb.decision import AssertionStatus
from policydb.graph import CompiledAssertion
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.session import delegates
from policydb.request import Request
from policydb.storage.snapshot import Snapshot, open_snapshot

POLICY = """\
Authorizer: "POLICY"
Licensees: "DN:/CN=My CA"
Conditions: app_domain == "IPsec policy";

Authorizer: "POLICY"
Licensees: "sub1"

Authorizer: "sub1"
Licensees: "friend"

Authorizer: "POLICY"
Conditions: open == "yes";
"""
ASKS = Request(("DN:/CN=host",), {"app_domain": "IPsec policy"})


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    path = tmp_path / "isakmpd.policy"
    path.write_text(POLICY)
    assert not [
        each
        for each in compile_paths([str(path)], tmp_path / "db", datetime(2026, 1, 1, tzinfo=UTC)).diagnostics
        if each.severity == "error"
    ]
    return open_snapshot(tmp_path / "db")


def link(issuer: str, holder: str, source: str = "certificate of /CN=host") -> CompiledAssertion:
    text = f'Authorizer: "{issuer}"\nLicensees: "{holder}"\n'
    (found,) = assemble(files=[Text(source, text)]).assertions
    return found


def test_assertions_of_a_session_count_in_it_and_nowhere_else(snapshot: Snapshot) -> None:
    session = snapshot.session([link("DN:/CN=My CA", "DN:/CN=host")])
    assert session.allows(ASKS)
    assert not snapshot.allows(ASKS)
    assert not snapshot.session([link("DN:/CN=Other CA", "DN:/CN=host")]).allows(ASKS)


def test_a_session_without_assertions_is_the_generation(snapshot: Snapshot) -> None:
    assert snapshot.session([]) is snapshot
    session = snapshot.session([link("a", "b")])
    assert session.session([]) is session
    assert (session.generation, session.configuration) == (snapshot.generation, snapshot.configuration)


def test_more_assertions_are_added(snapshot: Snapshot) -> None:
    first = snapshot.session([link("DN:/CN=My CA", "DN:/CN=Sub")])
    assert not first.allows(ASKS)
    assert first.session([link("DN:/CN=Sub", "DN:/CN=host")]).allows(ASKS)


def test_explain_tells_where_an_assertion_of_the_session_came_from(snapshot: Snapshot) -> None:
    session = snapshot.session([link("DN:/CN=My CA", "DN:/CN=host")])
    decision = session.explain(ASKS)
    assert decision.allowed
    told = {each.place.source.rpartition("/")[2]: each.status for each in decision.assertions}
    assert told["CN=host"] is AssertionStatus.USED
    refused = session.explain(Request(ASKS.authorizers, {"app_domain": "other"}))
    assert not refused.allowed
    assert {each.place.source for each in refused.assertions} >= {"certificate of /CN=host"}


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ("DN:/CN=My CA", True),
        ("friend", True),  # through sub1
        ("sub1", True),
        ("stranger", False),
        ("DN:/CN=host", False),
    ],
)
def test_whom_policy_names(snapshot: Snapshot, principal: str, named: bool) -> None:
    """An assertion that licenses everybody names nobody."""
    assert snapshot.delegates_to(principal) is named


def test_whom_policy_and_session_name_together(snapshot: Snapshot) -> None:
    session = snapshot.session([link("friend", "key"), link("key", "other"), link("other", "key"), link("x", "y")])
    assert session.delegates_to("other")
    assert not session.delegates_to("y")
    assert not delegates(snapshot, "key")
