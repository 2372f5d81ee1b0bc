"""What the examples say about incoming negotiations: each gateway takes the connection that selections.json names.

The same of both languages, in which each gateway is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from grammar.conf import parse_conf
from grammar.errors import Diagnostic
from grammar.nodes import Binding
from policydb.compiling.ipsec_sources import compile_ipsec
from policydb.configuration.config import resolve
from policydb.configuration.sections import Book
from policydb.configuration.selection import Incoming, select
from policydb.configuration.transforms import suite
from policydb.configuration.vocabulary import Kind
from policydb.connections import Configuration, Connection, Identity, IkeTransform, IpsecProtocol, Peer, Suite

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SELECTIONS = sorted(EXAMPLES.glob("*/selections.json"))
CASES = [(path.parent, case) for path in SELECTIONS for case in json.loads(path.read_text())]


GATEWAYS = sorted(path.parent for scenario in SELECTIONS for path in scenario.parent.glob("*/ipsec.conf"))
LANGUAGES = ("isakmpd.conf", "ipsec.conf")


def _no_include(name: str) -> str:
    raise FileNotFoundError(name)


def _bindings(path: Path) -> tuple[Sequence[Binding], Sequence[Diagnostic]]:
    text = path.read_text(encoding="latin-1")
    if path.name == "isakmpd.conf":
        parsed = parse_conf(text, path.name)
        return parsed.bindings, parsed.diagnostics
    compiled = compile_ipsec(text, path.name, _no_include, "host")
    return compiled.bindings[path.name], compiled.diagnostics


def _configuration(path: Path) -> Configuration:
    bindings, diagnostics = _bindings(path)
    found = resolve((path.name, each) for each in bindings)
    assert (*diagnostics, *found.diagnostics) == ()
    return found.configuration


def _traffic(text: str) -> Identity:
    if "/" in text:
        return Identity("IPV4_ADDR_SUBNET", network=ip_network(text))
    return Identity("IPV4_ADDR", address=ip_address(text))


def _names(case: tuple[Path, dict[str, Any]]) -> str:
    return f"{case[0].name}/{case[1]['gateway']}-{case[1]['remote']}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES, ids=_names)
def test_a_gateway_takes_the_connection_that_the_example_names(
    case: tuple[Path, dict[str, Any]], language: str
) -> None:
    scenario, asked = case
    configuration = _configuration(scenario / asked["gateway"] / language)
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


# --- one meaning --------------------------------------------------------------------------------------------------


def _anonymous(transforms: Sequence[IkeTransform]) -> tuple[IkeTransform, ...]:
    return tuple(replace(each, name="") for each in transforms)


def _protocol(protocol: IpsecProtocol) -> IpsecProtocol:
    transforms = tuple(replace(each, name="") for each in protocol.transforms)
    return replace(protocol, name="", transforms=transforms)


def _suite(each: Suite) -> Suite:
    return replace(each, name="", protocols=tuple(map(_protocol, each.protocols)))


def _meaning(configuration: Configuration) -> tuple[object, ...]:
    """All that a configuration says; what sections of transforms and suites are called is nobody's business."""
    peers: dict[str, Peer] = {
        name: replace(each, transforms=_anonymous(each.transforms)) for name, each in configuration.peers.items()
    }
    connections: dict[str, Connection] = {
        name: replace(each, suites=tuple(map(_suite, each.suites))) for name, each in configuration.connections.items()
    }
    return configuration.general, configuration.peers_by_address, peers, connections


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_both_languages_say_the_same_of_a_gateway(gateway: Path) -> None:
    one, other = (_meaning(_configuration(gateway / language)) for language in LANGUAGES)
    assert one == other


def test_every_gateway_of_the_three_scenarios_is_written_in_both_languages() -> None:
    asked = {scenario / case["gateway"] for scenario, case in CASES}
    assert {path.parent for scenario in SELECTIONS for path in scenario.parent.glob("*/isakmpd.conf")} == set(GATEWAYS)
    assert asked <= set(GATEWAYS)
