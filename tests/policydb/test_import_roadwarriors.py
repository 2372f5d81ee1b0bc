"""XAUTH, hybrid mode and mode-config of other daemons: what has an equal is carried, and means the same afterwards."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from policydb.compiling.compiler import check_paths
from policydb.connections import Configuration, Peer
from policydb.importers.conversion import Imported, Kind, Text, convert
from policydb.importers.ledger import Outcome
from tests.policydb.command_line import Run
from tests.policydb.importers.test_conversion import configuration, write

SWANCTL = """\
connections {
  road {
    ADDRESS
    MORE
    LOCAL
    REMOTE
    children { net { LOCAL_TS
      REMOTE_TS } }
  }
}
secrets {
  ike-1 { secret = "mekmitasdigoat" }
  xauth-bob { id = bob
    secret = "of bob" }
  USERS
}
POOLS
"""
DN = '"C=SE, CN=gateway"'


def swanctl(**parts: str) -> Imported:
    names = ("ADDRESS", "MORE", "LOCAL_TS", "REMOTE_TS", "LOCAL", "REMOTE", "USERS", "POOLS")
    text = SWANCTL
    for each in names:
        text = text.replace(each, parts.get(each.lower(), ""))
    return convert(Kind.SWANCTL, Text("f", text))


def left(imported: Imported) -> dict[str, str]:
    return {each.setting: each.reason for each in imported.entries if each.outcome is Outcome.LEFT}


def peer_of(found: Configuration) -> Peer:
    """The one that was written; there is a built-in one beside it."""
    (peer,) = [each for name, each in found.peers.items() if name.startswith("peer-")]
    return peer


def methods(found: Configuration) -> set[str]:
    return {each.authentication for each in peer_of(found).transforms}


def warnings(imported: Imported, folder: Path) -> set[str]:
    """Codes of what the compiler says of the two files; there must be no error."""
    write(imported, folder)
    findings = check_paths([folder])
    assert not findings.has_errors
    return {each.code for each in findings.diagnostics}


CLIENT = {
    "address": "remote_addrs = 192.0.2.9",
    "local": "local { auth = psk }\n local-2 { auth = xauth\n xauth_id = bob }",
    "remote": "remote { auth = psk\n id = gw.example.org }",
    "local_ts": "local_ts = dynamic",
    "remote_ts": "remote_ts = 10.2.0.0/16",
}
SERVER = {
    "local": "local { auth = psk\n id = gw.example.org }",
    "remote": "remote { auth = psk\n id = road@example.org }\n remote-2 { auth = xauth }",
    "local_ts": "local_ts = 10.2.0.0/16",
    "remote_ts": "remote_ts = dynamic",
    "more": "pools = p",
    "pools": "pools { p { addrs = 10.77.9.1/32\n dns = 10.77.2.53 } }",
}


def test_a_client_of_strongswan_proves_its_user_and_asks_for_its_address(tmp_path: Path) -> None:
    imported = swanctl(**CLIENT, more="vips = 0.0.0.0")
    assert left(imported) == {}
    found = configuration(imported)
    peer, (tunnel,) = peer_of(found), found.connections.values()
    assert methods(found) == {"XAUTH_INIT_PRE_SHARED"}
    assert (peer.user, set(peer.flags)) == ("bob", {"ikecfg"})
    assert peer.password is not None
    assert "XAUTH-Password=         of bob\n" in imported.configuration
    assert tunnel.local_identity is not None
    assert tunnel.local_identity.unspecified
    asked = found.mode_config["fqdn/gw.example.org"]
    assert (asked.push, asked.attributes) == (False, ("Address", "Nameserver"))
    assert warnings(imported, tmp_path) <= {"CF109"}


def test_a_client_that_is_pushed_to_waits(tmp_path: Path) -> None:
    imported = swanctl(**CLIENT, more="vips = 0.0.0.0\n pull = no")
    peer = peer_of(configuration(imported))
    assert (left(imported), set(peer.flags)) == ({}, set())
    assert warnings(imported, tmp_path) <= {"CF109"}


def test_a_gateway_of_strongswan_has_its_users_and_gives_the_one_address(tmp_path: Path) -> None:
    imported = swanctl(**SERVER)
    assert left(imported) == {}
    found = configuration(imported)
    assert methods(found) == {"XAUTH_INIT_PRE_SHARED"}
    assert set(found.users) == {"bob"}
    given = found.mode_config["ufqdn/road@example.org"]
    assert given.values == {"Address": IPv4Address("10.77.9.1"), "Nameserver": IPv4Address("10.77.2.53")}
    (tunnel,) = found.connections.values()
    assert tunnel.remote_identity is not None
    assert tunnel.remote_identity.address == IPv4Address("10.77.9.1")
    assert warnings(imported, tmp_path) == set()


def test_the_policy_of_a_gateway_wants_the_key_and_a_user(policydb: Run) -> None:
    write(swanctl(**SERVER), Path())
    names = {
        "app_domain": "IPsec policy",
        "esp_present": "yes",
        "esp_encapsulation": "tunnel",
        "esp_enc_alg": "aes",
        "esp_key_length": "256",
        "esp_auth_alg": "hmac-sha2-256",
        "pfs": "no",
        "remote_id": "road@example.org",
        "local_filter_addr_lower": "010.002.000.000",
        "local_filter_addr_upper": "010.002.255.255",
        "remote_filter_addr_lower": "010.077.009.001",
        "remote_filter_addr_upper": "010.077.009.001",
        **dict.fromkeys(("local_filter_proto", "local_filter_port"), "0"),
        **dict.fromkeys(("remote_filter_proto", "remote_filter_port"), "0"),
    }

    def answer(*asking: str, **changes: str) -> int:
        told = [f"--attribute={name}={value}" for name, value in (names | changes).items()]
        return policydb("query", "--policy", "isakmpd.policy", *(f"--authorizer={each}" for each in asking), *told)[0]

    key = "passphrase:mekmitasdigoat"
    assert answer(key, "user:bob") == 0
    assert answer(key) == answer("user:bob") == answer(key, "user:eve") == 1
    assert answer(key, "user:bob", remote_filter_addr_lower="010.077.009.000") == 1


def test_hybrid_mode_of_both_sides(tmp_path: Path) -> None:
    client = swanctl(
        **CLIENT
        | {
            "local": "local { auth = xauth\n xauth_id = bob }",
            "remote": f"remote {{ auth = pubkey\n id = {DN} }}",
        },
        more="vips = 0.0.0.0",
    )
    assert left(client) == {"secrets.ike-1": "no connection that was carried uses this secret"} | {
        "secrets.ike-1.secret": "no connection that was carried uses this secret"
    }
    assert methods(configuration(client)) == {"HYBRID_INIT_RSA"}
    assert "asn1_dn//c=se/cn=gateway" in configuration(client).mode_config
    assert 'Licensees: "DN:/C=SE/CN=gateway"' in client.policy
    assert warnings(client, tmp_path) <= {"CF106", "CF109"}
    gateway = swanctl(
        **SERVER | {"local": "local { auth = pubkey\n id = gw.example.org }", "remote": "remote { auth = xauth }"}
    )
    assert methods(configuration(gateway)) == {"HYBRID_INIT_RSA"}
    assert "xauth/bob" in configuration(gateway).mode_config
    assert 'Licensees: "user:bob"\n' in gateway.policy
    assert "remote_id" not in gateway.policy


@pytest.mark.parametrize(
    ("changes", "setting", "why"),
    [
        ({"pools": "pools { p { addrs = 10.77.9.0/24 } }"}, "connections.road.pools", "no pools"),
        ({"pools": "pools { p { addrs = 10.77.9.1-10.77.9.5 } }"}, "connections.road.pools", "no pools"),
        ({"pools": ""}, "connections.road", "no one section"),
        ({"users": 'eap-x { id = "a b"\n secret = x }'}, "secrets.eap-x", "no user of the name"),
        ({"users": 'eap-x { id = eve\n secret = " x" }'}, "secrets.eap-x", "begins or ends"),
        ({"users": "ntlm-x { id = eve\n secret = x }"}, "secrets.ntlm-x", "only the secrets"),
        ({"local": SERVER["local"] + "\n local-2 { auth = xauth\n xauth_id = bob }"}, "connections.road", "one side"),
        ({"remote": SERVER["remote"] + "\n remote-3 { auth = xauth }"}, "connections.road", "several rounds"),
        ({"remote": "remote { auth = xauth }"}, "connections.road", "the other side a certificate"),
        ({"remote": SERVER["remote"].replace("auth = xauth", "auth = xauth-radius")}, "connections.road", "no server"),
    ],
)
def test_what_has_no_equal_is_left_with_its_reason(changes: dict[str, str], setting: str, why: str) -> None:
    parts = SERVER | {"address": "remote_addrs = 192.0.2.9"} | changes
    assert why in left(swanctl(**parts))[setting]


def test_a_client_without_a_password_is_left() -> None:
    assert (
        "no password" in left(swanctl(**CLIENT | {"local": CLIENT["local"].replace("bob", "eve")}))["connections.road"]
    )


# --- libreswan --------------------------------------------------------------------------------------------------------

LIBRESWAN = """\
conn a
\tikev2=no
\tauthby=secret
\tleft=192.0.2.1
\tright=192.0.2.9
\trightid=@gw.example.org
\trightsubnet=10.2.0.0/16
\tauto=add
"""
KEYS = '%any 192.0.2.9 : PSK "mekmitasdigoat"\n@bob : XAUTH "of bob"\n'


def libreswan(lines: str, keys: str = KEYS, base: str = LIBRESWAN) -> Imported:
    return convert(Kind.LIBRESWAN, Text("f", base + "".join(f"\t{each}\n" for each in lines.split())), Text("s", keys))


def test_a_client_of_libreswan(tmp_path: Path) -> None:
    imported = libreswan(
        "leftxauthclient=yes leftusername=bob rightxauthserver=yes leftmodecfgclient=yes modecfgpull=yes"
    )
    assert left(imported) == {}
    found = configuration(imported)
    peer, (tunnel,) = peer_of(found), found.connections.values()
    assert methods(found) == {"XAUTH_INIT_PRE_SHARED"}
    assert (peer.user, set(peer.flags)) == ("bob", {"ikecfg"})
    assert tunnel.local_identity is not None
    assert tunnel.local_identity.unspecified
    assert warnings(imported, tmp_path) <= {"CF109"}


def test_a_gateway_of_libreswan_keeps_its_users_elsewhere_and_that_is_said() -> None:
    base = LIBRESWAN.replace("rightsubnet", "leftsubnet")
    lines = "leftxauthserver=yes rightxauthclient=yes leftmodecfgserver=yes rightmodecfgclient=yes modecfgpull=yes"
    imported = libreswan(f"{lines} rightaddresspool=10.77.9.1-10.77.9.1 modecfgdns=10.77.2.53", base=base)
    assert set(left(imported)) == {"conn a.leftxauthserver", "conn a.rightxauthclient", "@bob"}
    found = configuration(imported)
    assert methods(found) == {"XAUTH_INIT_PRE_SHARED"}
    assert found.mode_config["fqdn/gw.example.org"].values["Address"] == IPv4Address("10.77.9.1")
    pooled = libreswan(f"{lines} rightaddresspool=10.77.9.1-10.77.9.9", base=base)
    assert "no pools" in left(pooled)["conn a.rightaddresspool"]


def test_no_user_and_no_mode_config_ask_for_nothing() -> None:
    imported = libreswan("leftxauthclient=no rightxauthserver=no leftmodecfgclient=no", KEYS.splitlines()[0] + "\n")
    assert left(imported) == {}
    assert methods(configuration(imported)) == {"PRE_SHARED"}


# --- racoon -----------------------------------------------------------------------------------------------------------

RACOON = """\
remote 192.0.2.9 {
  exchange_mode main;
  EXTRA
  proposal { encryption_algorithm aes 128; hash_algorithm sha1; authentication_method METHOD; dh_group 14; }
}
sainfo address 10.1.0.0/16 any address 10.2.0.0/16 any {
  pfs_group 14; encryption_algorithm aes 128; authentication_algorithm hmac_sha1; compression_algorithm deflate;
}
"""


def racoon(method: str, extra: str = "") -> Imported:
    text = RACOON.replace("METHOD", method).replace("EXTRA", extra)
    return convert(Kind.RACOON, Text("f", text), Text("k", "192.0.2.9 mekmitasdigoat\nbob of-bob\n"))


BY_DN = 'peers_identifier asn1dn "C=SE, CN=gateway";'


@pytest.mark.parametrize(
    ("method", "extra", "expected"),
    [
        ("xauth_psk_client", "", "XAUTH_INIT_PRE_SHARED"),
        ("xauth_rsa_client", BY_DN, "XAUTH_INIT_RSA"),
        ("hybrid_rsa_client", BY_DN, "HYBRID_INIT_RSA"),
    ],
)
def test_a_client_of_racoon(method: str, extra: str, expected: str) -> None:
    imported = racoon(method, f'xauth_login "bob"; {extra}')
    assert {each for each in left(imported) if each != "192.0.2.9"} == set()
    found = configuration(imported)
    assert methods(found) == {expected}
    assert peer_of(found).user == "bob"


def test_what_racoon_keeps_elsewhere_is_said() -> None:
    served = racoon("xauth_psk_server")
    assert "XAUTH-users" in left(served)["remote 192.0.2.9.proposal.authentication_method"]
    assert methods(configuration(served)) == {"XAUTH_INIT_PRE_SHARED"}
    for method in ("hybrid_rsa_server", "gssapi_krb"):
        assert configuration(racoon(method)).connections == {}
    assert "no password" in left(racoon("xauth_psk_client", 'xauth_login "eve";'))["remote 192.0.2.9"]
    assert "ask for no user" in left(racoon("pre_shared_key", 'xauth_login "bob";'))["remote 192.0.2.9.xauth_login"]
