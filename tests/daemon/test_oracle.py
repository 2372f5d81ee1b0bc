"""daemon/oracle.py: files to an oracle, the oracle of -K, and the one with FIFO changes."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.oracle import AcceptAll, Loaded, LoadError, Overlaid, Sources, compile_sources, open_loaded
from policydb.configuration.sealing import secret_reference
from policydb.connections import Configuration
from policydb.decision import to_json
from policydb.request import Request

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
    return open_loaded(sources, compile_sources(sources, NOW))


def test_policy_and_configuration_come_into_force_together(sources: Sources) -> None:
    loaded = load(sources)
    assert loaded.checked
    assert not loaded.oracle.allows(QUESTION)
    assert loaded.oracle.configuration.general.schedule.tries == 5
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
    assert loaded.oracle.configuration.general.schedule.tries == 5


def test_without_policy_traffic_of_no_connection_is_nobodys_to_allow(sources: Sources) -> None:
    unchecked = load(replace(sources, check_policy=False))
    assert not unchecked.oracle.configuration.general.use_keynote
    assert not unchecked.changed(Configuration()).configuration.general.use_keynote


@pytest.mark.parametrize(("value", "checked"), [("yes", True), ("no", False)])
def test_use_keynote_no_alone_switches_policy_off(sources: Sources, value: str, checked: bool) -> None:
    sources.conf.write_text(f"[General]\nUse-Keynote={value}\n")
    assert load(sources).checked is checked


@pytest.mark.parametrize("value", ["", "No", "NO", "off", "YES", "true", "1", "yes please"])
def test_use_keynote_that_is_neither_yes_nor_no_publishes_nothing(sources: Sources, value: str) -> None:
    load(sources)
    published = sources.store.read_bytes()
    sources.conf.write_text(f"[General]\nUse-Keynote={value}\n")
    with pytest.raises(LoadError) as refusal:
        compile_sources(sources, NOW)
    assert any("Use-Keynote cannot be" in line for line in refusal.value.lines)
    assert sources.store.read_bytes() == published


def test_a_missing_configuration_is_no_error(sources: Sources) -> None:
    sources.conf.unlink()
    assert not load(sources).bindings()


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
    compiled = refusal.value.compiled
    secrets = compiled.secrets
    assert secrets.preshared_key(secret_reference("east")) == b"mekmitasdigoat"
    assert open_loaded(sources, compiled).oracle.generation == 1


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


# --- ipsec.conf ---------------------------------------------------------------------------------------------------

RULE = 'ike esp from 10.1.0.1 to 192.0.2.2 quick enc aes-256 group modp2048 psk "of the rules"\n'
PEER = "peer-192.0.2.2"
TUNNEL = "from-10.1.0.1-to-192.0.2.2"


def asking(address: str) -> Request:
    """Whether the peer of RULE may have its connection, from this address of its own behind the tunnel."""
    digest = hashlib.sha1(b"of the rules", usedforsecurity=False).hexdigest()
    ours, theirs = "010.001.000.001", address
    attributes = {
        "app_domain": "IPsec policy",
        "doi": "ipsec",
        "remote_negotiation_address": "192.000.002.002",
        "esp_present": "yes",
        "ah_present": "no",
        "comp_present": "no",
        "esp_enc_alg": "aes",
        "esp_key_length": "256",
        "esp_auth_alg": "hmac-sha2-256",
        "esp_encapsulation": "tunnel",
        "pfs": "yes",
        "esp_group_desc": "14",
        **dict.fromkeys(("local_filter_addr_lower", "local_filter_addr_upper"), ours),
        **dict.fromkeys(("remote_filter_addr_lower", "remote_filter_addr_upper"), theirs),
        **dict.fromkeys(("local_filter_proto", "remote_filter_proto", "local_filter_port", "remote_filter_port"), "0"),
    }
    return Request((f"passphrase-sha1-hex:{digest}",), attributes, ("false", "true"))


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


@pytest.fixture
def rules_alone(tmp_path: Path) -> Sources:
    write(tmp_path / "ipsec.conf", RULE)
    return Sources(tmp_path / "isakmpd.conf", tmp_path, tmp_path / "policy.db", os.geteuid())


def test_an_ipsec_conf_alone_gives_connections_keys_and_the_policy_for_just_these(rules_alone: Sources) -> None:
    loaded = load(rules_alone)
    assert loaded.checked
    assert list(loaded.oracle.configuration.connections) == [TUNNEL]
    assert loaded.secrets.preshared_key(secret_reference(PEER)) == b"of the rules"
    assert loaded.oracle.allows(asking("192.000.002.002"))
    assert not loaded.oracle.allows(asking("192.000.002.003"))


def test_no_file_holds_the_key_of_a_rule(rules_alone: Sources) -> None:
    load(rules_alone)
    assert [path.name for path in rules_alone.confdir.iterdir() if b"of the rules" in path.read_bytes()] == [
        "ipsec.conf"
    ]


def test_what_rules_set_has_force_and_what_else_a_section_says_stays(sources: Sources) -> None:
    write(sources.rules, RULE)
    write(sources.conf, f"[{PEER}]\nPhase=1\nAuthentication=of the sections\nAddress=192.0.2.9\nPort=5500\n")
    loaded = load(sources)
    peer = loaded.oracle.configuration.peers[PEER]
    assert (str(peer.address), peer.port) == ("192.0.2.2", 5500)
    assert loaded.secrets.preshared_key(secret_reference(PEER)) == b"of the rules"


def test_connections_of_both_files_are_listed(sources: Sources) -> None:
    write(sources.rules, RULE + RULE.replace("10.1.0.1", "10.1.0.2"))
    own = f"[Phase 2]\nConnections=own\n[own]\nPhase=2\nISAKMP-peer={PEER}\nConfiguration=phase2-{TUNNEL}\n"
    write(sources.conf, own)
    assert list(load(sources).oracle.configuration.connections) == [
        "own",
        TUNNEL,
        TUNNEL.replace("10.1.0.1", "10.1.0.2"),
    ]


def test_a_policy_beside_an_ipsec_conf_allows_what_it_allows_besides(sources: Sources) -> None:
    write(sources.rules, RULE)
    oracle = load(sources).oracle
    assert oracle.allows(asking("192.000.002.002"))
    assert not oracle.allows(asking("192.000.002.003"))
    write(sources.confdir / "isakmpd.policy", 'Authorizer: "POLICY"\nConditions: esp_present == "yes";\n')
    assert load(sources).oracle.allows(asking("192.000.002.003"))


def test_a_policy_that_is_named_must_be_there_also_beside_an_ipsec_conf(sources: Sources) -> None:
    write(sources.rules, RULE)
    write(sources.conf, f"[General]\nPolicy-file={sources.confdir}/gone.policy\n")
    with pytest.raises(LoadError, match=r"no policy file .*/gone\.policy"):
        compile_sources(sources, NOW)


def test_without_policy_checks_rules_give_connections_and_all_is_accepted(rules_alone: Sources) -> None:
    loaded = load(replace(rules_alone, check_policy=False))
    assert not loaded.checked
    assert list(loaded.oracle.configuration.connections) == [TUNNEL]
    assert loaded.oracle.allows(asking("192.000.002.003"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_rules_that_others_may_read_are_refused_with_the_command_that_mends_them(
    rules_alone: Sources, mode: int
) -> None:
    rules_alone.rules.chmod(mode)
    with pytest.raises(LoadError, match=f"(?s)too open permissions.*chmod 600 {rules_alone.rules}"):
        compile_sources(rules_alone, NOW)
    assert not rules_alone.store.exists()


def test_an_included_file_is_held_to_the_same_rule(rules_alone: Sources) -> None:
    inner = rules_alone.confdir / "inner"
    write(inner, RULE)
    write(rules_alone.rules, f'include "{inner}"\n')
    loaded = load(rules_alone)
    assert loaded.secrets.preshared_key(secret_reference(PEER)) == b"of the rules"
    inner.chmod(0o644)
    with pytest.raises(LoadError, match=f"(?s)not loading {inner} - too open permissions"):
        compile_sources(rules_alone, NOW)


def test_an_included_file_that_is_missing_is_said_with_its_place(rules_alone: Sources) -> None:
    write(rules_alone.rules, f'{RULE}include "{rules_alone.confdir}/gone"\n')
    with pytest.raises(LoadError) as refusal:
        compile_sources(rules_alone, NOW)
    text = "\n".join(refusal.value.lines)
    assert re.search(rf"{rules_alone.rules}:2:\d+: error\[IP\d+\]: failed to include file .*/gone\n", text)
    assert "No such file or directory" in text


def test_an_error_in_a_rule_publishes_nothing_and_shows_no_key(rules_alone: Sources) -> None:
    load(rules_alone)
    write(rules_alone.rules, RULE + RULE.replace("aes-256", "rot13"))
    with pytest.raises(LoadError) as refusal:
        compile_sources(rules_alone, NOW)
    text = "\n".join(refusal.value.lines)
    assert "ipsec.conf:2:" in text
    assert "rot13 not a valid transform" in text
    assert "of the rules" not in text
    assert refusal.value.compiled is not None
    assert open_loaded(rules_alone, refusal.value.compiled).oracle.generation == 1
