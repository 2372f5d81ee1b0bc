"""What the examples say about incoming negotiations: each gateway takes the connection that selections.json names."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from grammar.conf import parse_conf
from policydb.config import resolve
from policydb.connections import Configuration, Identity
from policydb.sections import Book
from policydb.selection import Incoming, select
from policydb.transforms import suite
from policydb.vocabulary import Kind

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SELECTIONS = sorted(EXAMPLES.glob("*/selections.json"))
CASES = [(path.parent, case) for path in SELECTIONS for case in json.loads(path.read_text())]


def _configuration(path: Path) -> Configuration:
    parsed = parse_conf(path.read_text(encoding="latin-1"), path.name)
    found = resolve((path.name, each) for each in parsed.bindings)
    assert (*parsed.diagnostics, *found.diagnostics) == ()
    return found.configuration


def _traffic(text: str) -> Identity:
    if "/" in text:
        return Identity("IPV4_ADDR_SUBNET", network=ip_network(text))
    return Identity("IPV4_ADDR", address=ip_address(text))


def _names(case: tuple[Path, dict[str, Any]]) -> str:
    return f"{case[0].name}/{case[1]['gateway']}-{case[1]['remote']}"


@pytest.mark.parametrize("case", CASES, ids=_names)
def test_a_gateway_takes_the_connection_that_the_example_names(case: tuple[Path, dict[str, Any]]) -> None:
    scenario, asked = case
    configuration = _configuration(scenario / asked["gateway"] / "isakmpd.conf")
    offer = suite(Book(()).open(asked["offer"], Kind.SUITE))
    assert offer is not None
    traffic = (_traffic(asked["local"]), _traffic(asked["remote"]))
    selection = select(configuration, Incoming(ip_address(asked["peer"]), traffic=traffic, suites=(offer,)))
    chosen = [each.name for each in selection.connections if each.chosen]
    assert chosen == ([asked["connection"]] if asked["connection"] else [])
    assert selection.found is bool(chosen)


def test_there_are_three_scenarios_with_both_outcomes() -> None:
    assert len({scenario for scenario, _ in CASES}) == 3
    assert {bool(case["connection"]) for _, case in CASES} == {True, False}


@pytest.mark.parametrize("scenario", ["site-to-site", "road-warrior", "hub-and-spokes"])
def test_an_ipsec_conf_stands_beside_each_isakmpd_conf(scenario: str) -> None:
    gateways = sorted((EXAMPLES / scenario).glob("*/isakmpd.conf"))
    assert gateways
    assert all(each.with_name("ipsec.conf").exists() for each in gateways)
