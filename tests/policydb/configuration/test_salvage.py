"""FIFO changes that do not hang together leave what they touch as it was, and nothing else."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from policydb.configuration.config import resolve
from policydb.configuration.overlay import SOURCE, Change, Verb, WorkingCopy
from policydb.configuration.salvage import Salvaged, salvage
from policydb.connections import Configuration
from tests.policydb.confs import WHOLE, bindings, read, with_lines

OTHER = (
    "[other]", "Phase=2", "ISAKMP-peer=far", "Configuration=quick2",
    "[quick2]", "EXCHANGE_TYPE=QUICK_MODE", "Suites=QM-ESP-AES-SHA2-256-SUITE",
    "[far]", "Phase=1", "Address=192.0.2.9", "Configuration=main2", "Authentication=x", "Remote-ID=you",
    "[main2]", "EXCHANGE_TYPE=ID_PROT", "Transforms=AES-SHA2-256-GRP14",
)  # fmt: skip
"""Sections that have nothing to do with those of WHOLE."""


def after(*changes: Change, text: str = WHOLE) -> Salvaged:
    working = WorkingCopy(1, bindings(text))
    for each in changes:
        working.apply(each)
    return salvage(read(text), working.bindings())


def put(section: str, tag: str, value: str) -> Change:
    return Change(Verb.SET, section, tag, value, force=True)


def test_changes_that_hang_together_are_what_resolving_makes_of_them() -> None:
    found = after(put("east", "Address", "192.0.2.77"), put("General", "Retransmits", "9"))
    assert found.kept == ()
    assert found.configuration.general.schedule.tries == 9
    assert found.configuration.peers["east"].address == ip_address("192.0.2.77")
    changed = WHOLE.replace("Address=192.0.2.1\nConf", "Address=192.0.2.77\nConf").replace("=5", "=9")
    assert found.configuration == resolve(bindings(changed)).configuration


@pytest.mark.parametrize(
    "change",
    [
        put("east", "Address", "nonsense"),
        put("main", "Transforms", "AES-SHA2-256-GRP14,no-such"),
        put("me", "ID-type", "nonsense"),
        Change(Verb.RMS, "main"),
        Change(Verb.RM, "east", "Phase"),
    ],
)
def test_a_peer_that_cannot_be_used_stays_as_it_was_with_its_connections(change: Change) -> None:
    text = with_lines(*OTHER)
    before = read(text)
    found = after(change, put("far", "Address", "192.0.2.10"), text=text)
    assert found.configuration.peers["east"] == before.peers["east"]
    assert found.configuration.connections["link"] == before.connections["link"]
    assert found.configuration.peers_by_address == before.peers_by_address
    assert found.configuration.peers["far"].address == ip_address("192.0.2.10")
    assert found.configuration.connections["other"].peer == "far"
    assert {"peer east", "connection link"} <= set(found.kept)
    assert any(each.severity == "error" for each in found.findings)


@pytest.mark.parametrize("change", [put("here", "Network", "nonsense"), Change(Verb.RMS, "quick")])
def test_a_connection_that_cannot_be_used_stays_as_it_was_and_its_peer_follows_the_changes(change: Change) -> None:
    found = after(change, put("east", "Address", "192.0.2.77"))
    assert found.configuration.connections["link"] == read(WHOLE).connections["link"]
    assert found.configuration.peers["east"].address == ip_address("192.0.2.77")
    assert found.kept == ("connection link",)


def test_what_is_new_and_incomplete_is_left_out() -> None:
    found = after(put("new", "Phase", "1"), put("new", "Configuration", "none"), put("Phase 1", "192.0.2.5", "new"))
    assert "new" not in found.configuration.peers
    assert found.configuration.peers_by_address == read(WHOLE).peers_by_address
    assert found.configuration.peers["east"] == read(WHOLE).peers["east"]


def test_what_is_removed_is_gone_even_where_something_else_names_it() -> None:
    found = after(Change(Verb.RMS, "link"))
    assert found.configuration.connections == {}
    found = after(Change(Verb.RMS, "east"))
    assert "east" not in found.configuration.peers
    assert found.configuration.connections == {}
    assert found.configuration.peers_by_address == {}
    assert found.kept == ()


def test_an_address_leads_where_it_did_while_what_it_names_is_missing_and_nowhere_once_it_is_removed() -> None:
    before = read(WHOLE).peers_by_address
    assert after(put("Phase 1", "192.0.2.1", "no-such")).configuration.peers_by_address == before
    found = after(put("Phase 1", "192.0.2.2", "no-such"), Change(Verb.RM, "Phase 1", "192.0.2.1"))
    assert found.configuration.peers_by_address == {}
    text = WHOLE.replace("192.0.2.1=east", "2001:DB8:0::1=east")
    found = after(put("Phase 1", "2001:db8:0::1", "no-such"), text=text)
    assert found.configuration.peers_by_address == {ip_address("2001:db8::1"): "east"}


def test_a_connection_that_is_kept_and_listed_no_more_is_not_brought_up() -> None:
    found = after(put("here", "Network", "nonsense"), Change(Verb.RM, "Phase 2", "Connections"))
    kept = found.configuration.connections["link"]
    assert (kept.initiates, kept.answers) == (False, False)


def test_a_wrong_general_stays_as_it_was() -> None:
    found = after(put("General", "Retransmits", "many"), put("General", "Check-interval", "7"))
    assert found.configuration.general == read(WHOLE).general
    assert found.kept == ("[General]",)


def test_warnings_are_told_about_changes_alone() -> None:
    found = after(put("link", "PF-Tag", "x"), text=with_lines("[lonely]", "Phase=3"))
    assert {each.source for each in found.findings} == {SOURCE}


def test_from_nothing_to_a_whole_configuration_and_back() -> None:
    working = WorkingCopy(1, [])
    configuration = Configuration()
    for _, each in bindings(WHOLE):
        working.apply(Change(Verb.SET, each.section, each.tag, each.value))
        configuration = salvage(configuration, working.bindings()).configuration
    assert configuration == read(WHOLE)
    for section in ("link", "east", "phase 1", "phase 2", "general"):
        working.apply(Change(Verb.RMS, section))
        configuration = salvage(configuration, working.bindings()).configuration
    assert (dict(configuration.connections), dict(configuration.peers_by_address)) == ({}, {})
