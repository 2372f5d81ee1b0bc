"""What is particular to racoon.conf(5) and psk.txt."""

from __future__ import annotations

import pytest

from policydb.importers.conversion import Imported, Kind, Text, convert
from policydb.importers.ledger import Outcome

REMOTE = """\
remote 192.0.2.9 {
  exchange_mode main;
  EXTRA
  proposal { encryption_algorithm aes 128; hash_algorithm sha1; authentication_method pre_shared_key; dh_group 14; }
}
"""
SAINFO = """\
sainfo address 10.1.0.0/16 any address 10.2.0.0/16 any {
  pfs_group 14; encryption_algorithm aes 128; authentication_algorithm hmac_sha1; compression_algorithm deflate;
}
"""
KEYS = "192.0.2.9 mekmitasdigoat\n192.0.2.8 another\n"


def racoon(text: str, keys: str | None = KEYS) -> Imported:
    return convert(Kind.RACOON, Text("f", text), Text("k", keys) if keys else None)


def reasons(imported: Imported) -> dict[str, str]:
    return {
        each.setting: each.reason for each in imported.entries if each.outcome is Outcome.LEFT and each.source == "f"
    }


def plain(extra: str = "") -> str:
    return REMOTE.replace("EXTRA", extra)


def test_a_remote_and_its_sainfo_are_carried_whole() -> None:
    imported = racoon(plain() + SAINFO)
    assert reasons(imported) == {}
    assert "Authentication=         mekmitasdigoat\n" in imported.configuration
    assert "QM-ESP-AES-128-SHA-PFS-GRP14-SUITE" in imported.configuration


@pytest.mark.parametrize(
    ("extra", "left"),
    [
        ("nat_traversal on; doi ipsec_doi;", set()),
        ("generate_policy off;", set()),
        ("generate_policy on;", {"remote 192.0.2.9.generate_policy"}),
        ('script "/x" phase1_up;', {"remote 192.0.2.9.script"}),
        ("lifetime byte 10 MB;", {"remote 192.0.2.9.lifetime"}),
        ("nonsense;", {"remote 192.0.2.9.nonsense"}),
    ],
)
def test_a_statement_is_left_or_not_needed(extra: str, left: set[str]) -> None:
    assert set(reasons(racoon(plain(extra) + SAINFO))) == left


@pytest.mark.parametrize(
    "extra", ['my_identifier keyid "f";', "exchange_mode base;", "peers_identifier fqdn a; peers_identifier fqdn b;"]
)
def test_a_remote_that_cannot_be_said_is_left_with_its_sainfo(extra: str) -> None:
    imported = racoon(plain(extra) + SAINFO)
    assert {each.outcome for each in imported.entries if each.source == "f"} == {Outcome.LEFT}


def test_without_its_keys_nothing_is_carried() -> None:
    imported = racoon('path pre_shared_key "/k";' + plain() + SAINFO, None)
    assert "--secrets" in reasons(imported)["path"]
    assert "no pre-shared key" in reasons(imported)["remote 192.0.2.9"]


def test_of_several_remotes_none_is_guessed() -> None:
    two = plain() + plain().replace("192.0.2.9", "192.0.2.8")
    assert (
        "SPD" in reasons(racoon(two + SAINFO))["remote 192.0.2.9"]
        or "no sainfo" in reasons(racoon(two + SAINFO))["remote 192.0.2.9"]
    )
    named = (
        plain("ph1id 1;")
        + plain("ph1id 2;").replace("192.0.2.9", "192.0.2.8")
        + SAINFO.replace("pfs_group", "remoteid 2; pfs_group")
    )
    imported = racoon(named)
    assert "192.0.2.8=" in imported.configuration
    assert "192.0.2.9" not in imported.configuration
    assert "no tunnel" in reasons(imported)["remote 192.0.2.9"]


def test_a_remote_inherits() -> None:
    text = (
        plain()
        + "remote 192.0.2.8 inherit 192.0.2.9 { ph1id 7; dpd_delay 20; }"
        + SAINFO.replace("pfs_group", "remoteid 7; pfs_group")
    )
    imported = racoon(text)
    assert "AES-128-SHA-GRP14" in imported.configuration
    assert "Authentication=         another\n" in imported.configuration
    assert "DPD-check-interval=     20" in imported.configuration
    assert "remote 192.0.2.9.exchange_mode" not in reasons(imported)
    circle = racoon("remote 1.1.1.1 inherit 2.2.2.2 { } remote 2.2.2.2 inherit 1.1.1.1 { }")
    assert {each.outcome for each in circle.entries if each.source == "f"} == {Outcome.LEFT}


@pytest.mark.parametrize(
    "ends",
    [
        "anonymous",
        "address 10.1.0.0/16 any address 10.2.0.0/16 any from fqdn x",
        "fqdn a fqdn b",
        "address 10.1.0.0/16 any",
        "address 10.1.0.0/16[80] any address 10.2.0.0/16 any",
    ],
)
def test_a_sainfo_without_two_networks_is_left(ends: str) -> None:
    imported = racoon(plain() + SAINFO.replace("address 10.1.0.0/16 any address 10.2.0.0/16 any", ends))
    assert f"sainfo {ends}" in reasons(imported)
    assert "[tunnel-" not in imported.configuration


def test_ports_and_protocols_of_a_sainfo() -> None:
    text = SAINFO.replace("10.1.0.0/16 any", "10.1.0.0/16[80] tcp").replace("10.2.0.0/16 any", "10.2.0.0/16 [any] tcp")
    imported = racoon(plain() + text)
    assert 'local_filter_proto == "tcp" && local_filter_port == "80"' in imported.policy
    assert 'remote_filter_proto == "tcp" && remote_filter_port == "0"' in imported.policy
