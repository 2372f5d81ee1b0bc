"""What is converted compiles: settings that are legal there, in any combination, give files without errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grammar.errors import Severity
from policydb.compiling.compiler import check_paths
from policydb.importers.conversion import Kind, Text, convert

LINES = {
    Kind.SWANCTL: (
        ("", "version = 1", "version = 0", "version = 1\naggressive = yes"),
        ("", "local_addrs = 192.0.2.1", "local_addrs = 2001:db8::1", "local_addrs = %any"),
        ("", "remote_addrs = 192.0.2.2", "remote_addrs = 2001:db8::9", "remote_addrs = %any", "remote_addrs = gw.test"),
        ("", "proposals = aes256-sha256-modp2048", "proposals = aes128-sha1-modp1024,3des-md5-modp768"),
        ("", "rekey_time = 4h", "rekey_time = 100d", "reauth_time = 3h\nrekey_time = 0"),
        (
            "local { auth = psk }\nremote { auth = psk\nid = peer }",
            "local { auth = psk\nid = a@b }\nremote { auth = psk }",
        ),
        ("children { net {",),
        ("", "local_ts = 10.1.0.0/16", "local_ts = 10.1.0.0/16, 2001:db8:1::/48", "local_ts = dynamic"),
        (
            "",
            "remote_ts = 10.2.0.0/16",
            "remote_ts = 10.2.0.0/16, 2001:db8:2::/48",
            "remote_ts = 2001:db8:2::/48[tcp/80]",
        ),
        (
            "",
            "esp_proposals = aes256-sha256",
            "esp_proposals = aes128gcm16-modp2048, aes256-sha1-modp1536, aes128-sha1",
        ),
        ("", "mode = transport"),
        ("", "start_action = start", "start_action = trap"),
        ("", "rekey_time = 1h", "life_time = 2d", "replay_window = 64"),
        ("} }",),
    ),
    Kind.LIBRESWAN: (
        ("  left=192.0.2.1", "  left=%defaultroute", "  left=2001:db8::1"),
        ("  right=192.0.2.2", "  right=2001:db8::2", "  right=%any"),
        ("", "  leftid=@west", "  rightid=@east\n  leftid=a@b"),
        ("", "  leftsubnet=10.1.0.0/16", "  leftsubnets=10.1.0.0/16,2001:db8:1::/48", "  leftsubnet=2001:db8:1::/48"),
        ("", "  rightsubnet=10.2.0.0/16", "  rightsubnets={10.2.0.0/16 2001:db8:2::/48}", "  rightsubnet=10.3.0.0/16"),
        ("", "  ike=aes256-sha2;dh14", "  ike=aes-sha1;modp1024,3des-md5;modp1536"),
        (
            "",
            "  esp=aes256-sha2",
            "  esp=aes_gcm256-null;dh19,aes-sha1;dh14",
            "  phase2alg=aes128-sha1;modp1536,aes256-sha1",
        ),
        ("", "  pfs=no", "  type=transport"),
        ("", "  auto=start", "  auto=add"),
        (
            "",
            "  ikelifetime=100h",
            "  salifetime=30s",
            "  aggressive=yes",
            "  leftprotoport=17/1701\n  rightprotoport=17/%any",
        ),
    ),
    Kind.RACOON: (
        ("remote 192.0.2.2 {", "remote 2001:db8::2 {", "remote anonymous {"),
        ("exchange_mode main;", "exchange_mode aggressive;"),
        ("", 'my_identifier fqdn "a.b";', "my_identifier address;"),
        ("", 'peers_identifier fqdn "e";', "peers_identifier address 192.0.2.2;"),
        ("", "lifetime time 10 sec;", "passive on;"),
        (
            "proposal { encryption_algorithm aes 256; hash_algorithm sha256; dh_group 14;",
            "proposal { encryption_algorithm 3des; hash_algorithm md5; dh_group 1;",
        ),
        ("authentication_method pre_shared_key; } }",),
        (
            "sainfo address 10.1.0.0/16 any address 10.2.0.0/16 any {",
            "sainfo address 2001:db8::/32 any address 10.2.0.0/16 any {",
            "sainfo address 10.1.0.0/16[22] tcp address 10.2.0.1/32[any] tcp {",
        ),
        ("", "pfs_group 2;", "pfs_group modp2048;"),
        ("encryption_algorithm aes, 3des;", "encryption_algorithm blowfish 448, cast128;"),
        ("authentication_algorithm hmac_sha256, hmac_md5;", "authentication_algorithm hmac_sha512;"),
        (
            "lifetime time 20 sec; compression_algorithm deflate; }",
            "lifetime time 3 day; compression_algorithm deflate; }",
        ),
    ),
}
"""Lines that may stand in each place, by kind."""

AROUND = {
    Kind.SWANCTL: ("connections { a {\n{}\n} }\nsecrets { ike { secret = x } }\n", None),
    Kind.LIBRESWAN: ("conn a\n  ikev2=no\n  authby=secret\n{}\n", ": PSK x\n"),
    Kind.RACOON: ("{}\n", "192.0.2.2 x\n2001:db8::2 x\na.b x\ne x\n"),
}
"""The file, and its secrets."""


@pytest.mark.parametrize("kind", Kind)
@given(st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_combination_of_settings_is_left_or_compiles(kind: Kind, tmp_path: Path, data: st.DataObject) -> None:
    around, secrets = AROUND[kind]
    chosen = "\n".join(data.draw(st.sampled_from(each)) for each in LINES[kind])
    text = around.replace("{}", chosen)
    imported = convert(kind, Text("other", text), Text("secrets", secrets) if secrets else None)
    for name, written in (("isakmpd.conf", imported.configuration), ("isakmpd.policy", imported.policy)):
        path = tmp_path / name
        path.write_text(written, encoding="latin-1")
        path.chmod(0o600)
    errors = [each for each in check_paths([tmp_path]).diagnostics if each.severity is Severity.ERROR]
    assert errors == []
