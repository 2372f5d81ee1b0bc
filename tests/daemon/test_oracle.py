"""daemon/oracle.py: files to an oracle, the oracle of -K, and the one with FIFO changes."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.oracle import AcceptAll, Loaded, LoadError, Overlaid, Sources, compile_sources, open_loaded
from policydb.connections import Configuration
from policydb.decision import to_json
from policydb.request import Request
from policydb.sealing import secret_reference

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUESTION = Request(("passphrase-sha1-hex:" + 40 * "a",), {"app_domain": "IPsec policy"}, ("false", "true"))

CONF = "[General]\nRetransmits=5\n[east]\nAuthentication=mekmitasdigoat\n"
NOBODY = 'Authorizer: "POLICY"\nConditions: false;\n'


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    for name, text in (("isakmpd.conf", CONF), ("isakmpd.policy", NOBODY)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return Sources(tmp_path / "isakmpd.conf", tmp_path, tmp_path / "policy.db", os.geteuid())


def load(sources: Sources) -> Loaded:
    return open_loaded(sources, compile_sources(sources, NOW).secrets)


def test_policy_and_configuration_come_into_force_together(sources: Sources) -> None:
    loaded = load(sources)
    assert loaded.checked
    assert not loaded.oracle.allows(QUESTION)
    assert loaded.oracle.configuration.general.retransmits == 5
    assert loaded.secrets.preshared_key(secret_reference("east")) == b"mekmitasdigoat"


def test_the_store_holds_no_key(sources: Sources) -> None:
    loaded = load(sources)
    assert "mekmitasdigoat" not in repr(loaded)
    for path in sources.store.parent.glob("policy.db*"):
        assert b"mekmitasdigoat" not in path.read_bytes()


def test_without_policy_all_is_accepted_and_the_answer_says_that_nobody_was_asked(sources: Sources) -> None:
    unchecked = Sources(sources.conf, sources.confdir, sources.store, sources.uid, check_policy=False)
    loaded = load(unchecked)
    assert isinstance(loaded.oracle, AcceptAll)
    assert not loaded.checked
    assert loaded.oracle.allows(QUESTION)
    decision = loaded.oracle.explain(QUESTION)
    assert (decision.value, decision.allowed, decision.generation) == ("true", True, loaded.oracle.generation)
    assert "policy checks are off" in to_json(decision)["ignored"][0]["reason"]
    assert loaded.oracle.configuration.general.retransmits == 5


@pytest.mark.parametrize(("value", "checked"), [("yes", True), ("yes please", True), ("no", False), ("", False)])
def test_use_keynote_that_does_not_start_with_yes_switches_policy_off(
    sources: Sources, value: str, checked: bool
) -> None:
    sources.conf.write_text(f"[General]\nUse-Keynote={value}\n")
    assert load(sources).checked is checked


def test_a_missing_configuration_is_no_error(sources: Sources) -> None:
    sources.conf.unlink()
    assert load(sources).bindings == ()


def test_a_missing_policy_leaves_nothing_to_go_on_with(sources: Sources) -> None:
    (sources.confdir / "isakmpd.policy").unlink()
    with pytest.raises(LoadError, match="no policy file") as refusal:
        compile_sources(sources, NOW)
    assert refusal.value.compiled is None
    assert not sources.store.exists()


def test_an_error_publishes_nothing_and_still_tells_the_keys(sources: Sources) -> None:
    load(sources)
    (sources.confdir / "isakmpd.policy").write_text("Authorizer POLICY\n")
    with pytest.raises(LoadError) as refusal:
        compile_sources(sources, NOW)
    assert refusal.value.compiled is not None
    secrets = refusal.value.compiled.secrets
    assert secrets.preshared_key(secret_reference("east")) == b"mekmitasdigoat"
    assert open_loaded(sources, secrets).oracle.generation == 1


def test_no_error_shows_a_key(sources: Sources) -> None:
    sources.conf.write_text("[east]\nAuthentication=0xmekmi\n Authentication\\\n=mekmi\n[]\nAuthentication = mekmi\n")
    with pytest.raises(LoadError) as refusal:
        compile_sources(sources, NOW)
    assert "mekmi" not in "".join(refusal.value.lines)


def test_a_store_that_is_none_is_said(sources: Sources) -> None:
    sources.store.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(LoadError, match=r"policy\.db"):
        compile_sources(sources, NOW)


def test_keys_that_came_otherwise_are_laid_over_those_of_the_file(sources: Sources) -> None:
    secrets = load(sources).secrets
    both = secrets.with_keys({secret_reference("east"): b"other", secret_reference("west"): b"new"})
    assert both.preshared_key(secret_reference("east")) == b"other"
    assert both.preshared_key(secret_reference("west")) == b"new"
    assert secrets.preshared_key(secret_reference("east")) == b"mekmitasdigoat"


def test_an_overlaid_oracle_keeps_its_policy_and_has_another_configuration(sources: Sources) -> None:
    oracle = load(sources).oracle
    overlaid = Overlaid(oracle, Configuration())
    assert overlaid.configuration == Configuration()
    assert overlaid.generation == oracle.generation
    assert overlaid.allows(QUESTION) is oracle.allows(QUESTION) is False
    assert overlaid.explain(QUESTION).value == oracle.explain(QUESTION).value
