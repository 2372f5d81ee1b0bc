"""Doubts that need all peers and connections: who can never answer, and what can never be started."""

from __future__ import annotations

import pytest

from grammar.errors import Severity
from tests.policydb.confs import altered, findings, read, shown, with_lines

_SECOND = ("[second]", "Phase=2", "ISAKMP-peer=east", "Configuration=quick", "Local-ID=here")


def _two(*lines: str) -> str:
    text = with_lines(*_SECOND, *lines)
    return text.replace("Connections=link", "Connections=link,second")


def test_the_second_of_two_connections_for_the_same_traffic_is_told_with_the_first() -> None:
    text = _two("Remote-ID=there")
    read(text)
    (warning,) = findings(text, Severity.WARNING)
    assert shown(text, warning) == ("CF110", "second")
    first = text[: text.index("[link]")].count("\n") + 1
    assert f"[link], which comes first (line {first} of isakmpd.conf)" in warning.message


@pytest.mark.parametrize("lines", [("Remote-ID=here",), ("Remote-ID=there", "Flags=Active-only")])
def test_other_traffic_or_another_direction_is_no_tie(lines: tuple[str, ...]) -> None:
    assert findings(_two(*lines), Severity.WARNING) == []


def test_identities_tie_by_what_they_say_not_by_the_name_of_their_section() -> None:
    text = _two("Remote-ID=again", "[again]", "ID-type=IPV4_ADDR_SUBNET", "Network=10.1.0.0", "Netmask=255.255.0.0")
    assert [each.code for each in findings(text, Severity.WARNING)] == ["CF110"]


_ONE_HOST = ("[host]", "ID-type=IPV4_ADDR", "Address=10.1.0.5")
_ITS_NETWORK = ("[net]", "ID-type=IPV4_ADDR_SUBNET", "Network=10.1.0.5", "Netmask=255.255.255.255")


@pytest.mark.parametrize(("one", "other"), [("host", "net"), ("net", "host")])
def test_a_host_ties_with_its_network_of_32_bits(one: str, other: str) -> None:
    text = _two(f"Remote-ID={other}", *_ONE_HOST, *_ITS_NETWORK).replace("Remote-ID=there", f"Remote-ID={one}")
    assert [each.code for each in findings(text, Severity.WARNING) if each.code == "CF110"] == ["CF110"]
    widened = text.replace("Netmask=255.255.255.255", "Netmask=255.255.255.254").replace("10.1.0.5\nN", "10.1.0.4\nN")
    assert [each.code for each in findings(widened, Severity.WARNING) if each.code == "CF110"] == []


@pytest.mark.parametrize("phase_1", ["", "192.0.2.2=east\n"])
def test_a_peer_that_phase_1_does_not_name_never_answers(phase_1: str) -> None:
    text = altered(("192.0.2.1=east\n", phase_1))
    (warning,) = findings(text, Severity.WARNING)
    assert shown(text, warning) == ("CF111", "east")
    assert warning.hint == "add 192.0.2.1=east to [Phase 1], or Flags=Active-only to [link]"


def test_a_peer_that_the_default_names_is_reached_and_one_that_only_starts_need_not_be() -> None:
    assert findings(altered(("192.0.2.1=east", "Default=east")), Severity.WARNING) == []
    active = altered(("192.0.2.1=east\n", ""), ("[link]\n", "[link]\nFlags=Active-only\n"))
    assert findings(active, Severity.WARNING) == []


def test_a_connection_to_a_peer_without_address_cannot_be_started() -> None:
    text = altered(("Address=192.0.2.1\nConfiguration", "Configuration"))
    (warning,) = findings(text, Severity.WARNING)
    assert shown(text, warning) == ("CF112", "east")
    assert findings(text.replace("Connections=link", "Passive-connections=link"), Severity.WARNING) == []


def test_any_offers_nothing() -> None:
    text = with_lines("[AES-SHA2-256-GRP14]", "HASH_ALGORITHM=ANY")
    assert [each.code for each in findings(text, Severity.WARNING)] == ["CF112"]
    two = text.replace("Transforms=AES-SHA2-256-GRP14", "Transforms=AES-SHA2-256-GRP14,AES-SHA2-512-GRP14")
    assert findings(two, Severity.WARNING) == []


def test_suites_that_are_offered_together_agree_on_the_group() -> None:
    both = "Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE,QM-ESP-AES-SHA2-256-SUITE"
    text = altered(("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", both))
    (error,) = findings(text)
    assert shown(text, error) == ("CF210", "quick")
    assert "MODP_2048, none" in error.message
    assert findings(text.replace("Connections=link", "Passive-connections=link")) == []


def test_repeating_for_longer_than_an_exchange_lasts_is_told() -> None:
    text = with_lines("[east]", "Retransmit-tries=35")
    (warning,) = findings(text, Severity.WARNING)
    assert shown(text, warning) == ("CF113", "east")
    assert "130 s" in warning.message
    assert findings(with_lines("[east]", "Retransmit-tries=30"), Severity.WARNING) == []
    (warning,) = findings(with_lines("[east]", "Retransmits=9"), Severity.WARNING)
    assert "160 s" in warning.message
    assert "lower Retransmits," in warning.hint
    assert findings(altered(("Retransmits=5", "Exchange-max-time=20")), Severity.WARNING) == []
